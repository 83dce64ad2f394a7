"""A library of one view: a folder, a change log in memory, and keepers that share neither threads nor memory."""

from collections.abc import Iterable
from pathlib import Path

from bowerbird.store.views.keeper import EXACT_UP_TO, ViewKeeper
from bowerbird.types import ChangeBatch, SegmentKind, Space, SpaceName, SpaceState, ViewKey
from tests.contracts.change_log import FakeChangeLog


class MarksInMemory:
    def __init__(self) -> None:
        self.marks: dict[ViewKey, str] = {}

    def get(self, key: ViewKey) -> str:
        return self.marks.get(key, "")

    def set(self, key: ViewKey, mark: str) -> None:
        self.marks[key] = mark


class Library:
    """``keeper`` makes a new one each time, as a process that starts would."""

    kind = SegmentKind.IMAGE

    def __init__(self, folder: Path, dimension: int = 8, *, exact_up_to: int = EXACT_UP_TO) -> None:
        self.exact_up_to = exact_up_to
        self.folder = folder / "views"
        self.marks = MarksInMemory()
        self.log = FakeChangeLog(dimension)
        self.space = Space(3, SpaceName.JOINT, "fake", "f" * 64, dimension, SpaceState.ACTIVE)
        self.place = self.folder / "3-image"

    def keeper(self) -> ViewKeeper:
        return ViewKeeper(self.folder, lambda key: self.log, marks=self.marks, exact_up_to=self.exact_up_to)

    def play(self, batches: Iterable[ChangeBatch]) -> None:
        for batch in batches:
            self.log.play(batch)
