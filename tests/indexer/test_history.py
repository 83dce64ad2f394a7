"""Whatever happens to the files between runs, the library ends as one that sees them for the first time."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from bowerbird.media.sandbox import DecoderPool
from indexer.doctor import examine
from tests.indexer.workshop import Workshop

names = st.builds(
    "{}{}{}".format,
    st.sampled_from(["a/", "b/", "a/in/", "b/in/"]),
    st.sampled_from("xyz"),
    st.sampled_from([".png", ".png", ".txt"]),
)
contents = st.integers(0, 3)


class History(RuleBasedStateMachine):
    """Two roots, ``a`` and ``b``; a few names and contents, so that copies, chains and swaps are common."""

    template: Path
    pool: DecoderPool

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.workshop = Workshop(self.folder, self.template, self.pool)
        self.roots = [self.workshop.media / "a", self.workshop.media / "b"]
        for root in self.roots:
            root.mkdir()
        self.numbers = itertools.count()
        self.library_has_roots = False

    def teardown(self) -> None:
        self.workshop.library.close()
        shutil.rmtree(self.folder)

    def files(self) -> list[Path]:
        return sorted(path for path in self.workshop.media.rglob("*") if path.is_file())

    @rule(name=names, content=contents)
    def write(self, name: str, content: int) -> None:
        if name.endswith(".txt"):
            self.workshop.text(name, "" if content == 3 else f"Note number {content}.")
        elif content == 3:
            self.workshop.broken(name)
        else:
            self.workshop.picture(name, content)

    @precondition(lambda self: self.files())
    @rule(data=st.data(), name=names)
    def move(self, data: st.DataObject, name: str) -> None:
        target = self.workshop.media / name
        target.parent.mkdir(exist_ok=True)
        data.draw(st.sampled_from(self.files())).rename(target)

    @precondition(lambda self: self.files())
    @rule(data=st.data(), name=names, as_link=st.booleans())
    def copy(self, data: st.DataObject, name: str, as_link: bool) -> None:
        source, target = data.draw(st.sampled_from(self.files())), self.workshop.media / name
        target.parent.mkdir(exist_ok=True)
        if source == target:
            return
        target.unlink(missing_ok=True)
        if as_link:
            os.link(source, target)
        else:
            self.workshop.tick(Path(shutil.copyfile(source, target)))

    @precondition(lambda self: len(self.files()) > 1)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        first, second = data.draw(st.permutations(self.files()))[:2]
        first.rename(self.folder / "aside")
        second.rename(first)
        (self.folder / "aside").rename(second)

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        self.workshop.tick(data.draw(st.sampled_from(self.files())))

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.files())).unlink()

    @rule(one=st.sampled_from("ab"))
    def exchange_folders(self, one: str) -> None:
        """The subfolder of one root becomes that of the other."""
        mine, other = (self.workshop.media / root / "in" for root in (one, "b" if one == "a" else "a"))
        if mine.exists() and not other.exists():
            mine.rename(other)

    @precondition(lambda self: self.library_has_roots)  # or the part becomes a root, as in no library made anew
    @rule(part=st.sampled_from(["a", "b", "a/in"]))
    def index_a_part(self, part: str) -> None:
        if (self.workshop.media / part).exists():
            self.workshop.index(self.workshop.media / part)

    @rule(retry_failed=st.booleans())
    def index(self, retry_failed: bool) -> None:
        report = self.workshop.index(*self.roots, retry_failed=retry_failed)
        self.library_has_roots = True
        assert report.seen == len(self.files())
        fresh = self.workshop.fresh(f"fresh {next(self.numbers)}")
        anew = self.workshop.index(*self.roots, library=fresh)
        assert self.workshop.alive() == self.workshop.alive(fresh)
        assert set(report.failed) == set(anew.failed)
        again = self.workshop.index(*self.roots)
        assert (again.indexed, again.moved, again.removed) == (0, 0, 0)
        assert self.workshop.encoded == 0
        assert self.workshop.decoded == []
        assert examine(self.workshop.library).well
        fresh.close()

    @rule()
    def examine(self) -> None:
        found = examine(self.workshop.library)
        assert (found.faults, found.repaired) == ([], [])


def test_history(template, pool):
    History.template, History.pool = template, pool
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
