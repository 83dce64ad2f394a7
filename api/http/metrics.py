"""What Prometheus is told: requests, queries, the encoder's batches, pools, jobs, the process.

Labels hold what this program calls things, never what somebody sent: whatever anybody asks for, the series stay few.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.status import size_of

if TYPE_CHECKING:
    from api.http.state import State

OTHER = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCHES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The counters of one server, in a registry of its own: two servers in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "bowerbird_requests", "Requests that were answered.", ("route", "method", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "bowerbird_request_seconds",
            "Time until an answer began.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge("bowerbird_requests_in_flight", "Requests under way.", registry=self._registry)
        self.searches = Counter(
            "bowerbird_searches", "Queries that were answered.", ("matched",), registry=self._registry
        )
        self.answers = Counter(
            "bowerbird_answers", "Questions, by what became of them.", ("outcome",), registry=self._registry
        )
        self.batches = Histogram(
            "bowerbird_encoder_batch_size", "Queries encoded together.", buckets=_BATCHES, registry=self._registry
        )
        ProcessCollector(registry=self._registry)

    def observe(self, state: State) -> None:
        """Tell of this server's parts as well, as they are whenever somebody asks."""
        self._registry.register(_Parts(state))

    def searched(self, *, matched: bool) -> None:
        """Note that a query was answered."""
        self.searches.labels("yes" if matched else "no").inc()

    def answered(self, outcome: Literal["supported", "unsupported", "declined", "failed"]) -> None:
        """Note what became of a question."""
        self.answers.labels(outcome).inc()

    def text(self) -> bytes:
        """Everything in Prometheus's text format. Looks into the library: not for the event loop."""
        return generate_latest(self._registry)


class _Parts(Collector):
    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering does not look into the library."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One value for each pool, and of the library and its jobs."""
        state = self._state
        busy = GaugeMetricFamily("bowerbird_pool_busy", "Calls that run in a pool or wait for it.", labels=("pool",))
        for pool in state.pools.all:
            busy.add_metric((pool.name,), pool.busy)
        yield busy
        running = sum(job.state == "running" for job in state.jobs.all())
        yield GaugeMetricFamily("bowerbird_jobs_running", "Index and re-encode jobs under way.", running)
        yield GaugeMetricFamily("bowerbird_library_bytes", "Size of the library's folder.", size_of(state.library))


class Measured:
    """A middleware that counts and times what passes it."""

    def __init__(self, app: ASGIApp, metrics: Callable[[], Metrics]) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        metrics, began = self._metrics(), time.perf_counter()
        status = "none"  # of a client that hung up first

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                metrics.seconds.labels(_route(scope), _method(scope)).observe(time.perf_counter() - began)
            await send(message)

        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, noticed)
        finally:
            metrics.in_flight.dec()
            metrics.requests.labels(_route(scope), _method(scope), status).inc()


def _route(scope: Mapping[str, object]) -> str:
    """The template of the route that was taken: ``/v1/assets/{asset_id}``."""
    return str(getattr(scope.get("route"), "path", OTHER))


def _method(scope: Mapping[str, object]) -> str:
    return str(scope["method"]) if scope["method"] in _METHODS else OTHER
