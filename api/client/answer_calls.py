"""Questions to the server: a whole answer, or what comes on the way to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.client.answers import box_of
from api.client.problems import ServerUnreachable, error_told
from api.client.transport import Transport, said_of
from bowerbird.answers import About, Answer, Citation, Cited, Claim, Ended, Event, Exhibit, Retrieved, Said, Turn
from bowerbird.errors import UsageError
from bowerbird.types import AssetKind, SegmentKind

_QUIET_S = 120.0
"""For which a stream may say nothing before it counts as broken; the server speaks up more often."""


class AnswerCalls:
    """Methods of `BowerbirdClient`."""

    _http: Transport

    def answer(
        self,
        question: str,
        *,
        image: bytes | Path | str | None = None,
        about: About | None = None,
        thread: Sequence[Turn] = (),
        answerer: str | None = None,
    ) -> Answer:
        """The whole answer to a question, as `answering` comes to it."""
        with closing(
            self.answering(question, image=image, about=about, thread=thread, answerer=answerer)  # type: ignore[type-var]
        ) as events:
            for event in events:
                if isinstance(event, Ended):
                    return event.answer
        raise AssertionError("an answer without an end")

    def answering(
        self,
        question: str,
        *,
        image: bytes | Path | str | None = None,
        about: About | None = None,
        thread: Sequence[Turn] = (),
        answerer: str | None = None,
    ) -> Iterator[Event]:
        """What comes on the way to the answer, as it comes; closing the iterator ends the work.

        ``about`` names the one moment that is the evidence, ``thread`` is the conversation so far, oldest first, of at
        most 20 turns; ``answerer`` may be ``extractive`` or the server's own. Raises `EndpointFailed` where the model
        that the server asks gave no answer, and `ServerUnreachable` where the server breaks off.
        """
        asked = {
            "question": question,
            "about": None if about is None else said_of(asdict(about)),
            "thread": [asdict(turn) for turn in thread],
            "answerer": answerer,
            "stream": True,
        }
        given: dict[str, Any] = {"json": said_of(asked)}
        if image is not None:
            # In a part of its own, since base64 would make it a third larger.
            body = (None, json.dumps(said_of(asked)), "application/json")
            given = {"files": {"question": body, "image": ("image", picture_of(image))}}
        trouble = None
        with closing(self._http.events("/v1/answer", _QUIET_S, "POST", **given)) as events:  # type: ignore[type-var]
            for name, said in events:
                if name == "problem":
                    trouble = self._http.made(error_told, said)
                elif name == "answer":
                    yield self._http.made(_ended, said)
                    return
                elif (make := _READ.get(name)) is not None:  # what a newer server adds is passed over
                    yield self._http.made(make, said)
        raise trouble or ServerUnreachable("the server broke off before the answer was complete: ask again")


def picture_of(image: bytes | Path | str) -> bytes:
    """An encoded picture, or what the file of this path holds. Raises `UsageError` where it cannot be read."""
    if isinstance(image, bytes):
        return image
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise UsageError(f"{image} cannot be read: {error.strerror}; name a picture") from None


def answer_of(said: Mapping[str, Any]) -> Answer:
    """An answer."""
    return Answer(
        text=said["answer"],
        supported=said["supported"],
        citations=tuple(citation_of(each) for each in said["citations"]),
        claims=tuple(Claim(each["text"], tuple(each["citations"])) for each in said.get("claims", ())),
        answerer=said.get("answerer", ""),
        complete=said.get("complete", True),
        took_ms=said.get("took_ms", 0.0),
    )


def citation_of(said: Mapping[str, Any]) -> Citation:
    """A moment that bears out what was said."""
    return Citation(**_place(said), quote=said["quote"])


def exhibit_of(said: Mapping[str, Any]) -> Exhibit:
    """A moment that an answer is made from."""
    return Exhibit(
        **_place(said),
        number=said["number"],
        text=said["text"],
        relevance=said["relevance"],
        taken_at=said.get("taken_at"),
        place=said.get("place"),
    )


def _place(said: Mapping[str, Any]) -> dict[str, Any]:
    plain = ("segment_id", "asset_id", "path", "start_s", "end_s", "page")
    return {
        **{name: said[name] for name in plain},
        "kind": AssetKind(said["kind"]),
        "segment_kind": SegmentKind(said["segment_kind"]),
        "box": box_of(said["box"]),
    }


def _ended(said: Mapping[str, Any]) -> Ended:
    return Ended(answer_of(said), said.get("trouble"))


_READ: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "evidence": lambda said: Retrieved(tuple(exhibit_of(each) for each in said["moments"])),
    "text": lambda said: Said(said["text"]),
    "citation": lambda said: Cited(said["number"], citation_of(said)),
}
