"""Queries that arrive together are encoded together; one that comes alone waits for nobody.

While one batch is being encoded the next gathers, and sets out as soon as the encoder is free. So the batch is as large
as the load makes it, with no clock to set: continuous batching, as in Orca (G.-I. Yu and others, 2022), of one step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from api.http.pools import Pool

T = TypeVar("T")


class Batcher(Generic[T]):
    """Gathers what several requests ask for at once, for a call that takes them together."""

    def __init__(
        self, call: Callable[[Sequence[T]], None], *, most: int = 32, on_batch: Callable[[int], None] = lambda _: None
    ) -> None:
        """``on_batch`` is told the size of each batch, in the event loop."""
        self._call = call
        self._on_batch = on_batch
        self._most = most
        self._pool = Pool("batch", 1, 4096)
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def put(self, item: T) -> None:
        """Return when a batch with this item has been through. Raises what the call raised for it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                wanted = [(item, done) for item, done in batch if not done.done()]  # the others have gone
                await self._one(wanted)
        finally:
            self._running = None

    async def _one(self, batch: Sequence[tuple[T, asyncio.Future[None]]]) -> None:
        if not batch:
            return
        self._on_batch(len(batch))
        try:
            await self._pool.run(self._call, [item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:  # one bad item is not to spoil the others
                for each in batch:
                    await self._one([each])
                return
            self._settle(batch, error)
        else:
            self._settle(batch, None)

    def _settle(self, batch: Sequence[tuple[T, asyncio.Future[None]]], error: Exception | None) -> None:
        for _, done in batch:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def close(self) -> None:
        """Take nothing more."""
        self._pool.close()
