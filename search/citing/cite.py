"""What an answerer says, held to what it was shown: only that can be cited, and what cites nothing is marked.

Text is passed on as it comes. Held back are spaces, what may be a marker, and the one or two characters that may become
a link or a tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bowerbird.answers import Answer, Citation, Cited, Claim, Exhibit, Said
from bowerbird.types import PICTURED, AssetKind, Box, SegmentKind
from search.citing.claims import RUN, ClaimReader
from search.citing.inert import Inert, Printable, inert
from search.citing.markers import Marker, Markers
from search.citing.quote import Testimony

__all__ = ["UNSUPPORTED", "Cited", "Citing", "Said"]

UNSUPPORTED = "[unsupported]"
MOST_BOXES = 16
"""Parts of one exhibit that an answer may point at. Beyond, the exhibit is cited as a whole."""
MOST_QUOTATIONS = 4
"""Of a claim that are looked for in what it cites, the last ones."""
MOST_SPACE = 64
"""Characters of space in a row, so that nothing is pushed out of sight."""


class Citing:
    """Reads what comes of an answerer, which is trusted in nothing, and makes an `Answer` of it.

    A claim is supported where it cites an exhibit. One that quotes several sentences in a row is so only where they
    stand in what it cites, since there is no telling otherwise which of them the citation is for.
    """

    def __init__(self, exhibits: Sequence[Exhibit]) -> None:
        self.began = False
        """Whether anything has been said."""
        self._exhibits = {exhibit.number: exhibit for exhibit in exhibits}
        self._testimonies: dict[int, Testimony] = {}
        self._numbers: dict[tuple[int, Box | None], int] = {}
        """Of the citations, by the exhibit's number and the box in its picture."""
        self._boxes: Counter[int] = Counter()
        """How many parts of each exhibit are cited."""
        self._citations: list[Citation] = []
        self._claims: list[Claim] = []
        self._said: list[str] = []

        self._printable, self._markers, self._inert = Printable(), Markers(), Inert()
        self._reader = ClaimReader()
        self._claim: list[str] = []
        """The present claim, as far as it has come."""
        self._cited: dict[int, int] = {}
        """What it cites: exhibits by the numbers of citations."""
        self._space = ""
        """What stands between what has come and what is to come."""
        self._dropped = False
        """Whether a marker was left out there."""
        self._after_marker = False
        self._begun = ""
        """The first letter of a word, as long as it is open whether a sentence begins with it."""
        self._written = False
        """Whether anything has come that is no space."""
        self._ready: list[str] = []
        """What can be passed on."""

    def take(self, piece: str) -> Iterator[Said | Cited]:
        """What can be passed on by now."""
        for token in self._markers.take(self._printable.take(piece)):
            yield from self._read(token)
        yield from self._pass_on()

    def finish(self) -> Iterator[Said | Cited]:
        """The rest."""
        for token in self._markers.finish():
            yield from self._read(token)
        self._read_begun()
        self._end_claim()
        yield from self._pass_on()
        yield from self._said_now(self._inert.finish())

    def answer(self, answerer: str, *, complete: bool, took_ms: float) -> Answer:
        """The whole, once it is finished. ``answerer`` is the spec of what spoke."""
        return Answer(
            text="".join(self._said),
            supported=bool(self._claims) and all(claim.citations for claim in self._claims),
            citations=tuple(self._citations),
            claims=tuple(self._claims),
            answerer=answerer,
            complete=complete,
            took_ms=took_ms,
        )

    def _read(self, token: str | Marker) -> Iterator[Said | Cited]:
        if isinstance(token, str):
            *runs, last = RUN.findall(self._begun + token)
            self._begun = ""
            for run in runs:
                self._read_run(run)
            if self._reader.hangs_on(self._space, last):
                self._begun = last
            else:
                self._read_run(last)
            return
        self._read_begun()
        if known := [self._exhibits[number] for number in token.numbers if number in self._exhibits]:
            if "\n" in self._space:
                self._end_claim()  # at the head of a line it is for that line
            for exhibit in known:
                yield from self._cite(exhibit, token.box)
            self._after_marker, self._dropped = True, False
        else:
            self._dropped = True

    def _read_begun(self) -> None:
        begun, self._begun = self._begun, ""
        if begun:
            self._read_run(begun)

    def _read_run(self, run: str) -> None:
        if run.isspace():
            for char in run:
                if char == "\n" or not (self._dropped and self._space):
                    self._space = _short(self._space + char)
            return
        if self._dropped and run in _LEANS:
            self._space = ""
        after = self._space or (" " if self._after_marker else "")
        if self._reader.ends_before(after if run[0].isalnum() else self._space, run):
            self._end_claim()
        self._reader.read(after, run)
        self._claim += [self._space, run]
        self._write(run)
        self._after_marker = self._dropped = False

    def _write(self, text: str) -> None:
        self._ready += [self._space, text] if self._written else [text]
        self._space, self._written = "", True

    def _cite(self, exhibit: Exhibit, pointed_at: Box | None) -> Iterator[Said | Cited]:
        box = _in_whole_picture(exhibit, pointed_at)
        if box and (exhibit.number, box) not in self._numbers:
            self._boxes[exhibit.number] += 1
            if self._boxes[exhibit.number] > MOST_BOXES:
                box = None
        bearer, quote = self._borne(exhibit, self._quote(exhibit))
        key = bearer.number, box
        if key not in self._numbers:
            self._numbers[key] = number = len(self._citations) + 1
            self._citations.append(_citation(bearer, box or bearer.box, quote))
            yield from self._pass_on()
            yield Cited(number, self._citations[-1])
        self._cited[self._numbers[key]] = exhibit.number
        self._write(f"[{self._numbers[key]}]")

    def _quote(self, exhibit: Exhibit) -> str | None:
        testimony = self._testimony(exhibit.number)
        for quotation in reversed(self._reader.quotations[-MOST_QUOTATIONS:]):
            if stands := testimony.as_it_stands(quotation):
                return stands
        return testimony.nearest("".join(self._claim))

    def _borne(self, exhibit: Exhibit, quote: str | None) -> tuple[Exhibit, str | None]:
        """The moment of the same file that bears the most of what is quoted from ``exhibit``, around which it may only
        stand: a citation opens where its quote is said. Where none bears any of it, ``exhibit`` with words of its own.
        """
        if quote is None:
            return exhibit, None
        others = (each for each in self._exhibits.values() if each.asset_id == exhibit.asset_id)
        bearer = max((exhibit, *others), key=lambda each: self._testimony(each.number).bears(quote))
        if self._testimony(bearer.number).bears(quote):
            return bearer, quote
        return exhibit, self._testimony(exhibit.number).nearest("".join(self._claim), own=True)

    def _end_claim(self) -> None:
        text = "".join(self._claim).strip()
        if any(char.isalnum() for char in text):
            borne_out = bool(self._cited) and all(map(self._is_borne_out, self._reader.longer_quotations()))
            self._claims.append(Claim(inert(text), tuple(self._cited) if borne_out else ()))
            if not borne_out:
                self._ready.append(f" {UNSUPPORTED}")
                self._space = self._space or " "
        self._reader.end(self._space)
        self._claim, self._cited = [], {}

    def _is_borne_out(self, quotation: str) -> bool:
        cited = dict.fromkeys(self._cited.values())
        return any(self._testimony(number).as_it_stands(quotation) for number in cited)

    def _testimony(self, number: int) -> Testimony:
        if number not in self._testimonies:
            self._testimonies[number] = Testimony(self._exhibits[number])
        return self._testimonies[number]

    def _pass_on(self) -> Iterator[Said]:
        ready, self._ready = "".join(self._ready), []
        yield from self._said_now(self._inert.take(ready))

    def _said_now(self, text: str) -> Iterator[Said]:
        if text:
            self.began = True
            self._said.append(text)
            yield Said(text)


def _short(space: str) -> str:
    """At most `MOST_SPACE` characters, a line's end among them if there was any."""
    if len(space) <= MOST_SPACE:
        return space
    kept = space[:MOST_SPACE]
    return kept if "\n" in kept or "\n" not in space else kept[:-1] + "\n"


def _in_whole_picture(exhibit: Exhibit, box: Box | None) -> Box | None:
    """``box`` in the asset's picture, since that of a region is shown alone; None where it is no part of a picture."""
    pictured = exhibit.segment_kind in PICTURED or exhibit.kind is AssetKind.IMAGE
    if box is None or not pictured or not _lies_within(box):
        return None
    whole = exhibit.box if exhibit.segment_kind is SegmentKind.REGION else None
    if whole is None:
        return box
    x, y = whole.x + box.x * whole.width, whole.y + box.y * whole.height
    return Box(*(round(each, 6) for each in (x, y, box.width * whole.width, box.height * whole.height)))


def _lies_within(box: Box) -> bool:
    return (
        min(box.width, box.height) > 0
        and min(box.x, box.y) >= 0
        and max(box.x + box.width, box.y + box.height) <= 1 + _ROUNDING
    )


def _citation(exhibit: Exhibit, box: Box | None, quote: str | None) -> Citation:
    return Citation(
        segment_id=exhibit.segment_id,
        asset_id=exhibit.asset_id,
        path=exhibit.path,
        kind=exhibit.kind,
        segment_kind=exhibit.segment_kind,
        start_s=exhibit.start_s,
        end_s=exhibit.end_s,
        page=exhibit.page,
        box=box,
        quote=quote,
    )


_ROUNDING = 1e-6
_LEANS = ".,;:!?…)。，、！？；："
"""What no space stands before, left by a marker or not."""
