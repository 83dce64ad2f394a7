"""What every `ChangeLog` must do, and an in-memory one that does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from bowerbird.ports import ChangeLog
from bowerbird.types import ChangeBatch, Ids


def no_ids() -> Ids:
    return np.empty(0, dtype=np.int64)


def batch_of(
    seq: int, dimension: int, added: dict[int, NDArray[np.float16]] | None = None, removed: Iterable[int] = ()
) -> ChangeBatch:
    """A batch that adds ``added`` and drops ``removed``."""
    added = added or {}
    vectors = np.array(list(added.values()), dtype=np.float16).reshape(len(added), dimension)
    ids, gone = np.array(list(added), dtype=np.int64), np.array(list(removed), dtype=np.int64)
    return ChangeBatch(seq, ids, vectors, gone)


def unit_vectors(n: int, dimension: int, seed: int = 0) -> NDArray[np.float16]:
    """``n`` unit vectors, float16, evenly spread."""
    vectors = np.random.default_rng(seed).normal(size=(n, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


class FakeChangeLog:
    """A change log in memory, with the writing side that SQL has elsewhere."""

    def __init__(self, dimension: int, *, batch_size: int = 1000) -> None:
        self.dimension = dimension
        self.batch_size = batch_size
        self._lines: list[tuple[int, int, NDArray[np.float16] | None]] = []  # seq, id, and its vector unless removed
        self._live: dict[int, NDArray[np.float16]] = {}
        self._head = 0
        self._last_id = 0

    def head(self) -> int:
        return self._head

    def since(self, seq: int) -> Iterator[ChangeBatch]:
        lines = [line for line in self._lines if line[0] > seq]
        for start in range(0, len(lines), self.batch_size):
            run = lines[start : start + self.batch_size]
            last = {id_: vector for _, id_, vector in run}
            added = {id_: vector for id_, vector in last.items() if vector is not None}
            yield batch_of(run[-1][0], self.dimension, added, [id_ for id_ in last if id_ not in added])

    def live(self) -> Iterator[ChangeBatch]:
        head, live = self._head, dict(sorted(self._live.items()))
        ids = list(live)
        for start in range(0, max(len(ids), 1), self.batch_size):
            run = ids[start : start + self.batch_size]
            yield batch_of(head, self.dimension, {id_: live[id_] for id_ in run})

    def vectors(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        there = sorted(self._live.keys() & set(ids.tolist()))
        found = batch_of(self._head, self.dimension, {id_: self._live[id_] for id_ in there})
        return found.ids, found.vectors

    # --- the writing side ---

    def add(self, vectors: NDArray[np.float16]) -> list[int]:
        """Add vectors under new ids, as the catalogue does."""
        ids = range(self._last_id + 1, self._last_id + 1 + len(vectors))
        for id_, vector in zip(ids, vectors, strict=True):
            self.put(id_, vector)
        return list(ids)

    def put(self, id_: int, vector: NDArray[np.float16]) -> None:
        """Add or replace one vector under a chosen id."""
        self._write(self._head + 1, id_, vector)

    def remove(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            self._write(self._head + 1, id_, None)

    def write_elsewhere(self, lines: int = 1) -> None:
        """Write lines that belong to another view."""
        self._head += lines

    def play(self, batch: ChangeBatch) -> None:
        """Write what a batch says, every line of it at the batch's own seq."""
        for id_ in batch.removed.tolist():
            self._write(batch.seq, id_, None)
        for id_, vector in zip(batch.ids.tolist(), batch.vectors, strict=True):
            self._write(batch.seq, id_, vector)
        self._head = batch.seq

    def _write(self, seq: int, id_: int, vector: NDArray[np.float16] | None) -> None:
        self._head = seq
        self._last_id = max(self._last_id, id_)
        self._lines.append((seq, id_, vector))
        if vector is None:
            self._live.pop(id_, None)
        else:
            self._live[id_] = vector


class WrittenLog(Protocol):
    """A change log and the hand that writes it, as `ChangeLogContract` needs them; `FakeChangeLog` is one."""

    dimension: int
    batch_size: int
    """No batch may hold more changes than this. Make it small: the suite writes a few times as many lines."""

    def head(self) -> int: ...
    def since(self, seq: int) -> Iterator[ChangeBatch]: ...
    def live(self) -> Iterator[ChangeBatch]: ...
    def vectors(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]: ...
    def add(self, vectors: NDArray[np.float16]) -> list[int]:
        """Commit new embeddings of this view and return their ids, in order."""
        ...

    def remove(self, ids: Iterable[int]) -> None:
        """Commit the removal of embeddings of this view."""
        ...

    def write_elsewhere(self) -> None:
        """Commit a change that belongs to another view: another kind, or another space."""
        ...


Model = dict[int, bytes]
"""Vectors by id, as bytes: they must come back bit for bit."""


def played(model: Model, batches: Iterable[ChangeBatch]) -> Model:
    """``model`` after ``batches``."""
    model = dict(model)
    for batch in batches:
        for id_ in batch.removed.tolist():
            model.pop(id_, None)
        model.update({id_: vector.tobytes() for id_, vector in zip(batch.ids.tolist(), batch.vectors, strict=True)})
    return model


class ChangeLogContract:
    """Derive a test class from this and override the fixture ``written``."""

    @pytest.fixture
    def written(self) -> WrittenLog:
        """An empty log of dimension 4 or more, not written to by anyone else."""
        raise NotImplementedError

    @pytest.fixture
    def log(self, written: WrittenLog) -> ChangeLog:
        return written

    @pytest.fixture
    def model(self, written: WrittenLog) -> Model:
        """Write a history of several batches with everything in it; returns what is live at the end."""
        size = written.batch_size
        vectors = unit_vectors(3 * size + 1, written.dimension)
        ids = written.add(vectors)
        written.write_elsewhere()
        written.remove(ids[::3])
        more = unit_vectors(2, written.dimension, seed=1)
        added = written.add(more)
        written.remove(added[:1])  # added and removed again within a few lines
        written.write_elsewhere()
        model = {id_: vector.tobytes() for id_, vector in zip(ids, vectors, strict=True)}
        for id_ in ids[::3]:
            del model[id_]
        model[added[1]] = more[1].tobytes()
        return model

    def test_an_empty_log_has_nothing_to_say_but_says_it_well(self, log: ChangeLog, written: WrittenLog) -> None:
        assert log.head() == 0
        assert list(log.since(0)) == []
        (batch,) = log.live()
        assert batch.seq == 0
        assert batch.ids.shape == batch.removed.shape == (0,)
        assert batch.vectors.shape == (0, written.dimension)

    def test_batches_are_typed_netted_and_bounded(self, log: ChangeLog, written: WrittenLog, model: Model) -> None:
        for batch in [*log.since(0), *log.live()]:
            assert (batch.ids.dtype, batch.removed.dtype, batch.vectors.dtype) == (np.int64, np.int64, np.float16)
            assert batch.vectors.shape == (len(batch.ids), written.dimension)
            named = [*batch.ids.tolist(), *batch.removed.tolist()]
            assert len(named) == len(set(named)) <= written.batch_size

    def test_the_log_played_from_the_start_gives_what_is_live(self, log: ChangeLog, model: Model) -> None:
        assert played({}, log.since(0)) == model
        assert played({}, log.live()) == model

    def test_a_reader_may_stop_after_any_batch_and_go_on_from_its_seq(self, log: ChangeLog, model: Model) -> None:
        batches = list(log.since(0))
        assert len(batches) > 3
        for stop in range(len(batches)):
            so_far = played({}, batches[: stop + 1])
            assert played(so_far, log.since(batches[stop].seq)) == model

    def test_a_reader_may_start_from_the_live_vectors_and_go_on_from_their_seq(
        self, log: ChangeLog, written: WrittenLog, model: Model
    ) -> None:
        batches = list(log.live())
        (new,) = written.add(unit_vectors(1, written.dimension, seed=2))
        gone = next(iter(model))
        written.remove([gone])
        after = played(played({}, batches), log.since(batches[0].seq))
        assert after.keys() == (model.keys() - {gone}) | {new}

    def test_seq_ascends_and_never_passes_the_head(self, log: ChangeLog, model: Model) -> None:
        seqs = [batch.seq for batch in log.since(0)]
        assert seqs == sorted(set(seqs))
        assert seqs[0] > 0
        assert seqs[-1] <= log.head()
        assert list(log.since(log.head())) == []

    def test_lines_of_other_views_raise_the_head_and_show_nowhere_else(
        self, log: ChangeLog, written: WrittenLog
    ) -> None:
        written.write_elsewhere()
        assert log.head() > 0
        assert all(not len(batch.ids) and not len(batch.removed) for batch in log.since(0))
        assert played({}, log.live()) == {}

    def test_live_batches_are_of_one_moment_with_ids_ascending(
        self, log: ChangeLog, written: WrittenLog, model: Model
    ) -> None:
        head, live = log.head(), log.live()
        batches = [next(live)]
        written.add(unit_vectors(1, written.dimension, seed=3))
        written.remove(list(model)[-1:])
        batches += live
        assert len(batches) > 1
        assert {batch.seq for batch in batches} == {head}
        ids = np.concatenate([batch.ids for batch in batches])
        assert ids.tolist() == sorted(model)
        assert all(not len(batch.removed) for batch in batches)
        assert log.head() > head

    def test_what_is_removed_is_named_even_where_it_was_added_before_the_reader_began(
        self, log: ChangeLog, written: WrittenLog
    ) -> None:
        (kept, gone) = written.add(unit_vectors(2, written.dimension))
        seq = log.head()
        written.remove([gone])
        (batch,) = log.since(seq)
        assert (batch.ids.tolist(), batch.removed.tolist()) == ([], [gone])
        assert kept in played({}, log.live())

    def test_vectors_are_fetched_by_id_bit_for_bit(self, log: ChangeLog, written: WrittenLog, model: Model) -> None:
        asked = np.array(
            [*reversed(model), next(iter(model)), 10**9], dtype=np.int64
        )  # backwards, one twice, one not there
        ids, vectors = log.vectors(asked)
        assert (ids.dtype, vectors.dtype) == (np.int64, np.float16)
        assert {id_: vector.tobytes() for id_, vector in zip(ids.tolist(), vectors, strict=True)} == model
        assert ids.tolist() == sorted(model)

    def test_fetching_nothing_gives_nothing(self, log: ChangeLog, written: WrittenLog, model: Model) -> None:
        for asked in (no_ids(), np.array([10**9])):
            ids, vectors = log.vectors(asked)
            assert (ids.shape, vectors.shape) == ((0,), (0, written.dimension))

    def test_what_was_removed_for_good_is_not_fetched(self, log: ChangeLog, written: WrittenLog, model: Model) -> None:
        gone = next(iter(model))
        written.remove([gone])
        ids, _ = log.vectors(np.array(sorted(model)))
        assert ids.tolist() == sorted(model.keys() - {gone})
