"""Questions and answers as JSON: what HTTP takes and streams, and what scripts rely on.

>>> question_from_json({"question": "who pays?", "about": {"segment_id": 7}}).about
About(segment_id=7, asset_id=None, at_s=None, page=None)
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import astuple
from typing import Any

from bowerbird.answers import About, Answer, Citation, Exhibit, Question, Turn
from bowerbird.errors import QueryError
from bowerbird.types import Box
from search.answer import MOST_TURNS
from search.parse import LARGEST, MOST_BYTES, MOST_CHARACTERS

FIELDS = ("question", "thread", "image_base64", "about")
ABOUT = ("segment_id", "asset_id", "at_s", "page")
TURN = ("question", "answer")

_ASSET = re.compile("[0-9a-f]{64}")
_LAST_PAGE = (1 << 31) - 1


def question_from_json(said: object, more: Collection[str] = ()) -> Question:
    """The question that ``said`` asks; fields in ``more`` are for the caller to read.

    Raises `QueryError`, which names the field, where one is not known here or holds something else than it should.
    """
    fields = _object(said, "the body", (*FIELDS, *more))
    text = _text(fields, "question")
    if not text.strip():
        raise QueryError("there is no question: say what you want to know, as the field 'question'")
    thread = fields.get("thread", [])
    if not isinstance(thread, list | tuple):
        raise _unfit("thread", "a list of turns, each with its question and its answer")
    if len(thread) > MOST_TURNS:
        raise QueryError(f"a thread of {len(thread):,} turns is over the limit of {MOST_TURNS}: send the newest alone")
    return Question(text, about=_about(fields), image=_image(fields), thread=tuple(_turn(each) for each in thread))


def answer_to_json(answer: Answer, question: str) -> dict[str, Any]:
    """The answer in plain dicts, lists, texts and numbers; ``question`` is what it shall say was asked."""
    return {
        "question": question,
        "answer": answer.text,
        "supported": answer.supported,
        "citations": [citation_to_json(each, number) for number, each in enumerate(answer.citations, 1)],
        "claims": [
            {"text": claim.text, "citations": list(claim.citations), "supported": bool(claim.citations)}
            for claim in answer.claims
        ],
        "answerer": answer.answerer,
        "complete": answer.complete,
        "took_ms": answer.took_ms,
    }


def citation_to_json(citation: Citation, number: int) -> dict[str, Any]:
    """One citation, which the answer's text calls ``[number]``."""
    return {"number": number, **_place(citation), "quote": citation.quote}


def exhibit_to_json(exhibit: Exhibit) -> dict[str, Any]:
    """A moment that an answer is made from, without its picture, which has an address of its own."""
    return {
        "number": exhibit.number,
        **_place(exhibit),
        "text": exhibit.text,
        "relevance": exhibit.relevance,
        "taken_at": exhibit.taken_at,
        "place": exhibit.place,
    }


def _place(moment: Citation | Exhibit) -> dict[str, Any]:
    return {
        "segment_id": moment.segment_id,
        "asset_id": moment.asset_id,
        "path": moment.path,
        "kind": moment.kind.value,
        "segment_kind": moment.segment_kind.value,
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "page": moment.page,
        "box": _listed(moment.box),
    }


def _listed(box: Box | None) -> list[float] | None:
    return None if box is None else list(astuple(box))


def _about(fields: Mapping[str, Any]) -> About | None:
    if "about" not in fields:
        return None
    said = _object(fields["about"], "the field 'about'", ABOUT)
    segment_id, asset_id = said.get("segment_id"), said.get("asset_id")
    at_s, page = said.get("at_s"), said.get("page")
    if (segment_id is None) == (asset_id is None):
        raise QueryError("the field 'about' must name a segment_id or an asset_id, one of the two: say which moment")
    if segment_id is not None and (at_s is not None or page is not None):
        raise QueryError("the field 'about' names a segment, which has its own time and page: leave out at_s and page")
    if at_s is not None and page is not None:
        raise QueryError("the field 'about' names a time and a page, and no moment has both: leave one out")
    if segment_id is not None and not _is_whole(segment_id, LARGEST):
        raise _unfit("about.segment_id", "the number of a segment, as hits have it")
    if asset_id is not None and not (isinstance(asset_id, str) and _ASSET.fullmatch(asset_id)):
        raise _unfit("about.asset_id", "the id of an asset, 64 hexadecimal digits")
    if at_s is not None and not (isinstance(at_s, int | float) and not isinstance(at_s, bool) and 0 <= at_s <= LARGEST):
        raise _unfit("about.at_s", "a time in seconds from the beginning")
    if page is not None and not (_is_whole(page, _LAST_PAGE) and page >= 1):
        raise _unfit("about.page", "the number of a page, from 1")
    return About(segment_id, asset_id, None if at_s is None else float(at_s), page)


def _turn(said: object) -> Turn:
    turn = _object(said, "a turn of the thread", TURN)
    answer = turn.get("answer", "")
    if not isinstance(answer, str):
        raise _unfit("thread.answer", "a text")
    # It was written here, and may be longer than what people may send: refused, it would end the conversation.
    return Turn(_text(turn, "question", "thread.question"), answer[:MOST_CHARACTERS])


def _object(said: object, what: str, known: Collection[str]) -> Mapping[str, Any]:
    """Its fields, null ones left out: they are as if they had not been named."""
    if not isinstance(said, dict):
        raise QueryError(f"{what} must be a JSON object with the fields {', '.join(known)}")
    for name in said:
        if name not in known:
            raise QueryError(
                f"{what}: the field {str(name)[:40]!r} is not known here; leave it out. Fields: {', '.join(known)}"
            )
    return {name: value for name, value in said.items() if value is not None}


def _text(fields: Mapping[str, Any], name: str, called: str | None = None) -> str:
    said = fields.get(name, "")
    if not isinstance(said, str):
        raise _unfit(called or name, "a text")
    if len(said) > MOST_CHARACTERS:
        raise QueryError(
            f"the field {called or name!r} has {len(said):,} characters, over the limit of {MOST_CHARACTERS:,}: "
            "shorten it"
        )
    return said


def _is_whole(said: object, largest: int) -> bool:
    """A whole number that databases can hold; neither true nor false, which Python takes for numbers."""
    return isinstance(said, int) and not isinstance(said, bool) and abs(said) <= largest


def _image(fields: Mapping[str, Any]) -> bytes | None:
    said = fields.get("image_base64")
    if said is None:
        return None
    if not isinstance(said, str):
        raise _unfit("image_base64", "an encoded picture (JPEG, PNG …) in base64")
    if len(said) > 4 * MOST_BYTES / 3 + 4:
        raise QueryError(f"the question's picture is larger than {MOST_BYTES >> 20} MB; shrink the picture")
    try:
        data = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters that are not ASCII
        raise _unfit("image_base64", "an encoded picture (JPEG, PNG …) in base64") from None
    if not data:
        raise QueryError("the picture is empty: send one in JPEG, PNG …")
    return data


def _unfit(name: str, what: str) -> QueryError:
    return QueryError(f"the question's field {name!r} must be {what}: correct it, or leave it out")
