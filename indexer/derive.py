"""Third stage: one file's parts, as the sandbox gives them, become what each step of its recipe makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bowerbird.media.sandbox import DecodeRequest
from bowerbird.moments import NOTHING, Heard, Moment
from bowerbird.ports import TextReader, Transcriber
from bowerbird.types import AssetInfo, SegmentKind
from indexer.encode import Prepared
from indexer.identify import Todo
from indexer.listen import Listener
from indexer.read_words import WordReader
from indexer.recipe import REGIONS, SPEECH, THUMBNAIL, WORDS, Recipes
from indexer.segment import segment

Yield = tuple[str, Moment]
"""A step, and a moment that it made."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What steps are taken with; None where a step is switched off."""

    reader: TextReader | None
    transcriber: Transcriber | None


@dataclass(slots=True, eq=False)
class Reading:
    """A file while its parts come in, and those of the subtitles beside it."""

    todo: Todo
    pending: int
    """How many of its files are not through yet."""
    file: Prepared | None = None
    words: WordReader | None = None
    listener: Listener | None = None
    ordinals: Counter[str] = field(default_factory=Counter)
    subtitles: dict[int, list[Moment]] = field(default_factory=dict)
    """By number of the file that they lie in."""
    lost: bool = False
    """Whether the file itself could not be read."""

    @property
    def is_mute(self) -> bool:
        """Whether subtitles were asked for in vain: not one of them has a word in it."""
        asked = SPEECH in self.todo.missing and bool(self.todo.file.sidecars) and not self.todo.hear
        return asked and not any(self.subtitles.values())

    def begin(self, info: AssetInfo, tools: Tools) -> None:
        """The file has been opened; what came before from it is void."""
        self.file = Prepared(self.todo, info)
        self.words = None if tools.reader is None else WordReader(tools.reader)
        self.listener = None if tools.transcriber is None else Listener(tools.transcriber)
        self.ordinals.clear()

    def take(self, part: Moment | Heard) -> Iterator[Yield]:
        """What is made of the next part of the file."""
        steps = self.todo.missing
        if isinstance(part, Heard):
            if self.listener is not None:
                yield from _of(SPEECH, self.listener.take(part))
            return
        if part.thumbnail is not None and THUMBNAIL in steps:
            assert self.file is not None
            self.file.thumbnails[self.ordinals[self.todo.recipe.decode]] = part.thumbnail
        step = self._step(part)
        for piece in segment([part]):
            self.ordinals[step] += 1
            if step in steps:
                yield step, piece
        if self.words is not None and WORDS in steps:
            yield from _of(WORDS, self.words.take(part))

    def finish(self) -> Iterator[Yield]:
        """What the end of the file brings to light."""
        if self.words is not None and WORDS in self.todo.missing:
            yield from _of(WORDS, self.words.finish())
        if SPEECH in self.todo.missing:
            if self.listener is not None:
                yield from _of(SPEECH, self.listener.finish())
            for _, moments in sorted(self.subtitles.items()):
                yield from _of(SPEECH, moments)

    def _step(self, moment: Moment) -> str:
        if moment.kind is SegmentKind.REGION:
            return REGIONS
        if moment.kind is SegmentKind.SPEECH and SPEECH in self.todo.recipe.keys:
            return SPEECH
        return self.todo.recipe.decode


def requests(todo: Todo, recipes: Recipes) -> Iterator[DecodeRequest]:
    """What the sandbox is asked for: the file, and the subtitles beside it; tagged with one `Reading` and a number."""
    subtitles = todo.file.sidecars if SPEECH in todo.missing and not todo.hear else ()
    reading = Reading(todo, 1 + len(subtitles))
    wanted = recipes.wanted(todo.recipe, todo.missing, hear=todo.hear)
    decoder = todo.recipe.decode.partition(":")[2]
    yield DecodeRequest(todo.file.absolute, wanted, (reading, 0), decoder)
    for number, name in enumerate(subtitles, 1):
        yield DecodeRequest(todo.file.absolute.with_name(name), NOTHING, (reading, number), "subtitles")


def _of(step: str, moments: Iterable[Moment]) -> Iterator[Yield]:
    return ((step, moment) for moment in moments)
