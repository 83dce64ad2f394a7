"""`ExactView`: plain NumPy, every score computed. The oracle that every other view is held to."""

from __future__ import annotations

import threading

import numpy as np

from bowerbird.store.views.arguments import check_batch, checked_queries
from bowerbird.store.views.scoring import best, contenders, inner_products, slack
from bowerbird.types import ChangeBatch, Ids, Vectors


class ExactView:
    """Ids and a float32 matrix in memory, ids ascending. Scores are exact as `scoring` defines them."""

    exact = True

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._writing = threading.Lock()
        # Replaced as one tuple, never changed in place: a search reads it once and sees whole batches.
        self._state = (0, np.empty(0, dtype=np.int64), np.empty((0, dimension), dtype=np.float32))

    @property
    def seq(self) -> int:
        """The last line of the change log that is applied."""
        return self._state[0]

    def __len__(self) -> int:
        return len(self._state[1])

    def apply(self, batch: ChangeBatch) -> None:
        """Add, replace and remove; a batch older than `seq` is already in and is passed over.

        Raises ValueError where the batch's dimension is not the view's, or a vector is not finite.
        """
        check_batch(batch, self.dimension)
        with self._writing:
            seq, ids, matrix = self._state
            if batch.seq < seq:
                return
            kept = ~np.isin(ids, np.concatenate([batch.ids, batch.removed]))
            ids = np.concatenate([ids[kept], batch.ids])
            matrix = np.concatenate([matrix[kept], batch.vectors.astype(np.float32)])
            order = np.argsort(ids)
            self._state = (batch.seq, ids[order], matrix[order])

    def search(self, queries: Vectors, k: int, *, within: Ids | None = None) -> tuple[Vectors, Ids]:
        """The ``k`` best of each query, as the port says; raises ValueError for queries of another dimension."""
        queries = checked_queries(queries, k, self.dimension)
        _, ids, matrix = self._state
        if within is not None:
            admitted = np.isin(ids, within)
            ids, matrix = ids[admitted], matrix[admitted]
        scores = np.empty((len(queries), k), dtype=np.float32)
        found = np.empty((len(queries), k), dtype=np.int64)
        margins = slack(queries)
        for row, query in enumerate(queries):
            candidates = contenders(matrix @ query, k, margins[row])
            scores[row], found[row] = best(inner_products(query, matrix[candidates]), ids[candidates], k)
        return scores, found

    def sample(self, n: int, *, seed: int = 0) -> Vectors:
        """At most ``n`` of the vectors, each as likely as another, in ascending order of id."""
        matrix = self._state[2]
        chosen = np.random.default_rng(seed).choice(len(matrix), size=min(n, len(matrix)), replace=False)
        return matrix[np.sort(chosen)]
