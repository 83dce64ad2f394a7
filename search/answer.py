"""Last stage: a question is answered from what was retrieved for it, as it comes, and every claim is held to that.

>>> from search import ask, open_search                            # doctest: +SKIP
>>> with open_search("~/library") as search:                       # doctest: +SKIP
...     print(ask(search, "what did they decide about the budget?").text)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from bowerbird.answers import Answer, Ended, Event, Question, Retrieved
from bowerbird.errors import EndpointFailed, QueryError
from bowerbird.ports import Answerer
from search.citing.cite import Citing
from search.exhibit_pictures import PictureOf
from search.exhibits import exhibits_for
from search.parse import MOST_CHARACTERS
from search.question_picture import with_own_picture
from search.service import Search

__all__ = ["MOST_TURNS", "Ended", "Event", "Retrieved", "answer", "ask"]

MOST_TURNS = 20
"""Of a conversation that are gone on with: the newest."""


def answer(
    search: Search, question: Question, answerer: Answerer | None = None, picture_of: PictureOf | None = None
) -> Iterator[Event]:
    """Answer ``question`` from the library, event by event: what was retrieved, text as it comes, citations, the whole.

    ``answerer``: None for the one that the library's settings name. ``picture_of`` makes the pictures that a model is
    shown; None: thumbnails. Closing the iterator ends the work.

    Raises `QueryError` where there is no question, or what it is about is not in the library; `EndpointFailed` where
    the endpoint gave nothing at all; and what `Search.run` raises.
    """
    started = time.perf_counter()
    question = with_own_picture(search.library.decoders, _checked(question))
    answerer = answerer or search.library.answerer()
    exhibits = exhibits_for(search, question, answerer, picture_of)
    yield Retrieved(tuple(exhibits))
    citing = Citing(exhibits)
    trouble = None
    if exhibits:
        with closing(answerer.answer(question, exhibits)) as pieces:  # type: ignore[type-var]
            try:
                for piece in pieces:
                    yield from citing.take(piece)
            except EndpointFailed as error:
                if not citing.began:
                    raise
                trouble = str(error)
    yield from citing.finish()
    took_ms = round(1000 * (time.perf_counter() - started), 2)
    yield Ended(citing.answer(answerer.spec, complete=trouble is None, took_ms=took_ms), trouble)


def ask(
    search: Search, question: Question | str, answerer: Answerer | None = None, picture_of: PictureOf | None = None
) -> Answer:
    """The whole answer at once: as `answer`."""
    asked = Question(question) if isinstance(question, str) else question
    for event in answer(search, asked, answerer, picture_of):
        if isinstance(event, Ended):
            return event.answer
    raise AssertionError("an answer without an end")


def _checked(question: Question) -> Question:
    text = question.text.strip()
    if not text:
        raise QueryError("there is no question: say what you want to know")
    if len(text) > MOST_CHARACTERS:
        raise QueryError(f"the question has more than {MOST_CHARACTERS:,} characters: ask a shorter one")
    return replace(question, text=text, thread=question.thread[-MOST_TURNS:])
