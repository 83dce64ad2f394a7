"""What catalogued assets show, seen once more for another encoder: in the files themselves, else in their thumbnails.

The parts of a file are told apart by the step that made them and their number, as when it was indexed, and must lie
where they lay then: a decoder that reads the file otherwise by now gives nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bowerbird.media.registry import PICTURES, formats
from bowerbird.media.sandbox import DecodeRequest
from bowerbird.moments import Moment, PictureSpec, Wanted
from bowerbird.store.catalog.locations import Copy
from bowerbird.store.catalog.vacancies import Pictured, Showing
from bowerbird.store.thumbnails import Thumbnails
from bowerbird.types import AssetKind, SegmentKind, Vectors
from indexer.derive import Reading, Tools
from indexer.encode import Prepared
from indexer.identify import Todo, changed_since, sha256_of
from indexer.recipe import REGIONS, SPEECH, Recipe
from indexer.roots import is_offline
from indexer.scan import ScannedFile, file_stat

NO_TOOLS = Tools(None, None)
_GRIDS = (4, 9)


@dataclass(slots=True, eq=False)
class Look:
    """One file on its way through the decoder: an asset's own, or the thumbnail of one of its moments."""

    showing: Showing
    file: ScannedFile
    reading: Reading
    expected: Mapping[tuple[str, int], Pictured]
    """What is to be seen in it, by step and number."""
    thumbnail: bool = False

    @property
    def prepared(self) -> Prepared:
        """What has been made of it; there once it has been opened."""
        assert self.reading.file is not None
        return self.reading.file

    def take(self, part: Moment) -> Iterator[tuple[str, Moment]]:
        """The parts as `EncodeStage` is to have them: with pixels if they are expected, else to be counted only."""
        counts = {step: len(made.moments) for step, made in self.prepared.made.items()}
        for step, moment in self.reading.take(part):
            wanted = (step, counts[step]) in self.expected
            counts[step] += 1
            yield step, replace(moment, text=None, pixels=moment.pixels if wanted else None)

    def seen(self, space_id: int) -> dict[int, Vectors]:
        """The vectors that have been made, by the ids of the segments that they are of."""
        found = {}
        for (step, ordinal), pictured in self.expected.items():
            made = self.prepared.made.get(step)
            vector = made.vectors.get(space_id, {}).get(ordinal) if made else None
            if made and vector is not None and (self.thumbnail or made.moments[ordinal] == pictured.moment):
                found[pictured.segment_id] = vector
        return found


def original(showing: Showing, copies: Sequence[Copy]) -> ScannedFile | str:
    """A file that still holds the asset, or why there is none."""
    reason = "is no longer catalogued"
    for copy in copies:
        if is_offline(copy.root):
            reason = "is offline: plug its drive in and run this again"
            continue
        file = ScannedFile(copy.root, copy.path, copy.stat)
        if not changed_since(file):
            return file
        reason = "is gone: run `bowerbird index`"
        try:
            if file.absolute.is_file():
                reason = "has changed: run `bowerbird index`"
                if sha256_of(file.absolute) == showing.hash:  # touched
                    return replace(file, stat=file_stat(file.absolute.stat()))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
    return reason


def looks_at(showing: Showing, file: ScannedFile, spec: PictureSpec) -> Iterator[DecodeRequest]:
    """What to decode of an asset's own file, tagged with a `Look`; nearly always a file is read in one way only.

    Where some of its vectors come from thumbnails, all are made anew.
    """
    expected = [each for each in showing.pictured if each.vacant or showing.mark is not None]
    boxes = {each.moment.box for each in showing.pictured if each.moment.kind is SegmentKind.REGION}
    for step in sorted({each.stage for each in showing.pictured} - {REGIONS}):
        name = step.partition(":")[2]
        if name not in formats():
            continue
        tiled = formats()[name].kind is AssetKind.IMAGE and len(boxes) in _GRIDS
        mine = {
            (each.stage, each.ordinal): each
            for each in expected
            if each.stage == step or (each.stage == REGIONS and tiled)
        }
        if mine:
            look = Look(showing, file, _reading(showing, file, step), mine)
            regions = len(boxes) if any(stage == REGIONS for stage, _ in mine) else 0
            yield DecodeRequest(file.absolute, Wanted(spec, regions), look, name)


def looks_at_thumbnails(
    showing: Showing, file: ScannedFile, thumbnails: Thumbnails, spec: PictureSpec
) -> Iterator[DecodeRequest]:
    """What to decode instead of a file that cannot be read; ``file`` tells where it lay. Tiles have no thumbnails."""
    step = f"decode:{PICTURES.name}"
    for each in showing.pictured:
        path = thumbnails.path(showing.hash, each.ordinal)
        if each.vacant and each.stage != REGIONS and path.is_file():
            look = Look(showing, file, _reading(showing, file, step), {(step, 0): each}, thumbnail=True)
            yield DecodeRequest(path, Wanted(spec), look, PICTURES.name)


def _reading(showing: Showing, file: ScannedFile, step: str) -> Reading:
    """Only the steps that yield moments with pixels are taken; speech is named so that it is not counted with them."""
    recipe = Recipe(step, {step: "", REGIONS: "", SPEECH: ""}, attempt="")
    return Reading(Todo(file, showing.hash, recipe, frozenset({step, REGIONS})), 1)
