"""Requests together in one call; a lone one waits for nobody; one bad item spoils no other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from api.http.batching import Batcher
from api.http.pools import Pool


def test_a_lone_item_goes_at_once_and_the_rest_together():
    calls: list[list[int]] = []
    first, go_on = threading.Event(), threading.Event()

    def call(items):
        calls.append(list(items))
        first.set()
        assert go_on.wait(60)

    async def run():
        batcher: Batcher[int] = Batcher(call, most=3)
        alone = asyncio.create_task(batcher.put(0))
        await asyncio.to_thread(first.wait, 60)
        assert calls == [[0]]
        others = [asyncio.create_task(batcher.put(n)) for n in range(1, 6)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(alone, *others)
        batcher.close()

    asyncio.run(run())
    assert calls == [[0], [1, 2, 3], [4, 5]]


def test_one_that_fails_fails_alone():
    def call(items):
        if 3 in items:
            raise ValueError("three")

    async def run():
        batcher: Batcher[int] = Batcher(call)
        done = await asyncio.gather(*(batcher.put(n) for n in range(6)), return_exceptions=True)
        batcher.close()
        return done

    done = asyncio.run(run())
    assert [type(each) for each in done] == [type(None)] * 3 + [ValueError] + [type(None)] * 2


def test_whoever_hangs_up_is_not_encoded_for():
    calls: list[list[int]] = []
    first, go_on = threading.Event(), threading.Event()

    def call(items):
        calls.append(list(items))
        first.set()
        assert go_on.wait(60)

    async def run():
        batcher: Batcher[int] = Batcher(call)
        alone = asyncio.create_task(batcher.put(0))
        await asyncio.to_thread(first.wait, 60)
        gone, stays = asyncio.create_task(batcher.put(1)), asyncio.create_task(batcher.put(2))
        await asyncio.sleep(0)
        gone.cancel()
        go_on.set()
        await asyncio.gather(alone, stays)
        with pytest.raises(asyncio.CancelledError):
            await gone
        batcher.close()

    asyncio.run(run())
    assert calls == [[0], [2]]


def test_a_call_whose_caller_has_gone_leaves_the_line():
    begun: list[int] = []
    first, go_on = threading.Event(), threading.Event()

    def call(number):
        begun.append(number)
        first.set()
        assert go_on.wait(60)
        return number

    async def run():
        pool = Pool("test", 1, 8)
        running = asyncio.create_task(pool.run(call, 0))
        await asyncio.to_thread(first.wait, 60)
        waiting = [asyncio.create_task(pool.run(call, n)) for n in (1, 2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        go_on.set()
        assert await running == 0
        assert await waiting[1] == 2
        await asyncio.sleep(0)
        assert pool.busy == 0
        pool.close()

    asyncio.run(run())
    assert begun == [0, 2]
