"""What routes need: one of everything for each server, made with it and closed with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from api.http.allowance import Allowance
from api.http.batching import Batcher
from api.http.metrics import Metrics
from api.http.pools import Pools
from api.http.searchers import Searchers
from api.jobs import Jobs
from api.originals import Originals
from api.renditions import Renditions
from bowerbird.queries import Query
from bowerbird.wiring import Library
from search.service import Search


@dataclass(slots=True)
class State:
    """The parts behind the routes."""

    library: Library
    search: Search
    jobs: Jobs
    originals: Originals
    renditions: Renditions
    pools: Pools
    texts: Batcher[Query]
    """Through which the texts of queries are encoded together, before each is searched for by itself."""
    searchers: Searchers
    """What answers queries."""
    metrics: Metrics
    allowance: Allowance
    """What each caller may ask of a model elsewhere."""
    keyless: bool
    """Whether whoever reaches this server may do everything: it listens to this machine alone."""
    ready: bool = field(default=False)
    """Whether models and views have been loaded."""
    trouble: str | None = None
    """Why they could not be."""

    @classmethod
    def of(cls, library: Library, *, keyless: bool) -> State:
        """Everything for this library, which the caller closes."""
        search, settings = Search(library), library.settings
        # With processes, threads only wait for them: twice as many keep each one's next query at hand.
        pools = Pools(2 * settings.serve.searchers or os.cpu_count() or 1, settings.decode.workers)
        metrics = Metrics()
        state = cls(
            library=library,
            search=search,
            jobs=Jobs(library),
            originals=Originals(library),
            renditions=Renditions(library),
            pools=pools,
            texts=Batcher(search.prepare, on_batch=metrics.batches.observe),
            searchers=Searchers(search, pools.search, settings.serve.searchers),
            metrics=metrics,
            allowance=Allowance(settings.answer.per_minute),
            keyless=keyless,
        )
        metrics.observe(state)
        return state

    def close(self) -> None:
        """End jobs and threads."""
        self.jobs.close()
        self.texts.close()
        self.searchers.close()
        self.pools.close()
