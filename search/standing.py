"""What the catalogue says of vectors, kept from one query to the next for as long as it can say nothing else.

Which vectors there are, and whose, changes only with a line in the change log. While the log ends where it did, a
server need not ask for it again: with many queries a second that is a good part of what they cost. A media type that
a newer version of the program reads otherwise counts from the next line on.
"""

from __future__ import annotations

from collections.abc import Sequence

from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.segments import Owned
from bowerbird.types import SegmentKind

MOST_KEPT = 100_000
"""Vectors whose owners are kept: 20 MB."""


class Standing:
    """The kinds of vectors and their owners, as the change log has them whose last line is ``head``.

    Safe to share between threads, for transactions that see the same head.
    """

    def __init__(self, head: int) -> None:
        self.head = head
        self._kinds: dict[int, Sequence[SegmentKind]] = {}
        self._owners: dict[int, Owned] = {}

    def kinds(self, tx: Transaction, space_id: int) -> Sequence[SegmentKind]:
        """As `Segments.kinds` has them."""
        if (known := self._kinds.get(space_id)) is None:
            known = self._kinds[space_id] = tx.segments.kinds(space_id)
        return known

    def placed(self, tx: Transaction, embedding_ids: Sequence[int]) -> dict[int, Owned]:
        """As `Segments.placed` has them, no filter applied."""
        known = {id_: owner for id_ in embedding_ids if (owner := self._owners.get(id_)) is not None}
        if len(known) < len(embedding_ids):
            found = tx.segments.placed([id_ for id_ in embedding_ids if id_ not in known])
            known |= found
            if len(self._owners) + len(found) > MOST_KEPT:
                self._owners.clear()
            self._owners.update(found)
        return known
