"""How a view follows its change log: made from it, caught up with it, and held against what is live."""

from __future__ import annotations

from itertools import chain

import numpy as np

from bowerbird.ports import ChangeLog
from bowerbird.store.views.arguments import check_batch
from bowerbird.store.views.block import Block
from bowerbird.store.views.faiss_view import FaissView
from bowerbird.types import ChangeBatch

_ATTEMPTS = 5
"""How often `faults` looks for a moment at which nobody writes."""


def from_log(changes: ChangeLog, dimension: int) -> FaissView:
    """A view of all that is live, in one block in memory."""
    batches = []
    for batch in changes.live():
        check_batch(batch, dimension)
        batches.append(batch)
    block = Block.of(dimension, np.concatenate([batch.ids for batch in batches]), (batch.vectors for batch in batches))
    return FaissView(block, batches[0].seq)


def more_than(changes: ChangeLog, most: int) -> bool:
    """Whether more than ``most`` vectors are live; reads no further than it must."""
    count = 0
    return any((count := count + len(batch.ids)) > most for batch in changes.live())


def catch_up(view: FaissView, changes: ChangeLog, head: int) -> None:
    """Apply what came after the view's own line, up to ``head`` at least."""
    if view.seq >= head:
        return
    for batch in changes.since(view.seq):
        view.apply(batch)
    if view.seq < head:
        # The last lines were other views': remember that they were looked at.
        nothing = np.empty(0, dtype=np.int64)
        view.apply(ChangeBatch(head, nothing, np.empty((0, view.dimension), dtype=np.float16), nothing))


def faults(view: FaissView, changes: ChangeLog) -> list[str]:
    """How the view, once caught up, differs from what is live in SQL."""
    for _ in range(_ATTEMPTS):
        catch_up(view, changes, changes.head())
        live = changes.live()
        first = next(live)
        if first.seq == view.seq:
            break
    else:
        return ["could not be compared, as the library is being written to: run it again later"]
    missing = altered = present = 0
    for batch in chain([first], live):
        held, other = view.compared(batch)
        missing += len(batch.ids) - held
        altered += other
        present += held
    extra = len(view) - present
    counts = {"is missing {} vectors": missing, "holds {} that are not in SQL": extra, "{} differ from SQL": altered}
    return [words.format(count) for words, count in counts.items() if count]
