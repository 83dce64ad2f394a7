"""The pool of child processes in which every file is decoded.

A child that dies, hangs or outgrows its memory costs one file, and a new one takes over. A file is blamed for a child's
death only where the child was fresh or the same happens again in a fresh one: an earlier file may have left the heap in
pieces. One thread waits on each child, so children work on while the caller's thread encodes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bowerbird.errors import DecodeFailed
from bowerbird.media.registry import HEIF, PICTURES
from bowerbird.media.worker import Job, Worker, WorkerLost
from bowerbird.moments import Decoded, Heard, Moment, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetInfo

_AHEAD = 16
"""Requests in flight for each child: enough that none idles while the caller encodes a batch."""
_MOST_WAITING = 48 << 20
"""Bytes of parts that wait for the caller, whatever the number of children: a few pictures with their tiles."""
_SMALL = 1_000
_LOOK_UP_S = 0.5
_AVIF = (b"avif", b"avis")
_RETIRE_AFTER = 2_000
"""Files, after which a child makes way for a new one, so that what libraries leak stays bounded."""


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One file to decode by the format named ``decoder``, or by its own name; ``tag`` comes back untouched."""

    path: Path
    wanted: Wanted
    tag: Any = None
    decoder: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file has been opened. Where this comes a second time, what came before is void: another child begins anew."""

    request: DecodeRequest
    info: AssetInfo


@dataclass(frozen=True, slots=True)
class Part:
    """The next part of a file that has been opened."""

    request: DecodeRequest
    part: Moment | Heard


@dataclass(frozen=True, slots=True)
class Closed:
    """A file is through: wholly where ``error`` is None, and else not at all."""

    request: DecodeRequest
    error: DecodeFailed | None


Event = Opened | Part | Closed


class _GivenUp(Exception):
    """Nobody takes events any more."""


class DecoderPool:
    """Decodes files in child processes within ``limits``. A context manager; safe to use from several threads.

    Children start with the first file. ``formats`` names the table they choose their decoders from, or the function
    that returns it, ``module:NAME``.
    """

    def __init__(self, limits: DecodeSettings, *, formats: str = "bowerbird.media.registry:formats") -> None:
        self._limits = limits
        self._formats = formats
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="decode")
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._closed = False

    def decode(self, requests: Iterable[DecodeRequest]) -> Iterator[Event]:
        """For every request at most one `Opened` (but see there), its parts in order, and `Closed` at the end; those of
        several files mixed.

        Lazy: ``requests`` is advanced in the caller's thread, and only while a bounded number is in flight; children
        wait while the caller is busy. An iterator that is given up takes its unfinished work along. Raises
        BowerbirdError where no child can be started at all.
        """
        source = iter(requests)
        stream = _Stream(_MOST_WAITING)
        submitted: deque[Future[None]] = deque()
        open_files = 0
        exhausted = False
        try:
            while True:
                while not exhausted and open_files < _AHEAD * self._limits.workers and stream.empty():
                    try:
                        request = next(source)
                    except StopIteration:
                        exhausted = True
                    else:
                        open_files += 1
                        submitted.append(self._threads.submit(self._run, request, stream))
                if not open_files:
                    return
                event = stream.get()
                if isinstance(event, Closed):
                    open_files -= 1
                    while submitted and submitted[0].done():
                        submitted.popleft()
                yield event
        finally:
            stream.give_up()
            for future in submitted:
                future.cancel()

    def decode_one(self, path: Path, wanted: Wanted, *, decoder: str | None = None) -> Decoded:
        """Decode one file, with all its parts in a list. Raises `DecodeFailed` where it cannot be read."""
        return self._threads.submit(self._whole, Job(path, wanted, decoder)).result()

    def decode_bytes(self, data: bytes, wanted: Wanted) -> Decoded:
        """Decode an encoded picture that is no file, whatever its format. Raises `DecodeFailed` as a file would."""
        decoder = HEIF if data[4:8] == b"ftyp" and data[8:12] not in _AVIF else PICTURES
        return self._threads.submit(self._whole, Job(data, wanted, decoder.name)).result()

    def close(self) -> None:
        """End the children, whatever they are at. A pool that is closed decodes no more."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, set()
            for worker in workers:
                worker.kill()
        self._threads.shutdown(cancel_futures=True)  # each thread sees its child's end at once
        for worker in self._idle:
            worker.close()
        self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, request: DecodeRequest, stream: _Stream) -> None:
        error: DecodeFailed | None = None
        try:
            with closing(self._decode(Job(request.path, request.wanted, request.decoder))) as items:
                try:
                    for item in items:
                        stream.put(Opened(request, item) if isinstance(item, AssetInfo) else Part(request, item))
                except DecodeFailed as failed:
                    error = failed
            stream.put(Closed(request, error))
        except _GivenUp:
            pass
        except BaseException as crash:  # it belongs to whoever waits for events
            stream.crash(crash)

    def _whole(self, job: Job) -> Decoded:
        items: list[AssetInfo | Moment | Heard] = []
        for item in self._decode(job):
            if isinstance(item, AssetInfo):
                items.clear()  # another child begins anew
            items.append(item)
        info, *parts = items
        assert isinstance(info, AssetInfo)
        return Decoded(info, [part for part in parts if not isinstance(part, AssetInfo)])

    def _decode(self, job: Job) -> Generator[AssetInfo | Moment | Heard]:
        worker = self._take()
        try:
            yield from self._put_to(worker, job)
        except WorkerLost as lost:
            if self._closed:
                raise RuntimeError("the pool was closed") from None
            if not (lost.retry and worker.served > 1):
                raise
            again = True
        else:
            again = False
        if again:  # outside the handler, so that what the second child does is no consequence of the first
            yield from self._put_to(self._start(), job)

    def _put_to(self, worker: Worker, job: Job) -> Generator[AssetInfo | Moment | Heard]:
        try:
            yield from worker.decode(job)
        finally:
            with self._lock:
                keep = worker.usable and worker.served < _RETIRE_AFTER and not self._closed
                if keep:
                    self._idle.append(worker)
                else:
                    self._workers.discard(worker)
            if not keep:
                worker.close()

    def _take(self) -> Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._start()

    def _start(self) -> Worker:
        worker = Worker(self._limits, self._formats)
        with self._lock:
            if not self._closed:
                self._workers.add(worker)
                return worker
        worker.close()
        raise RuntimeError("the pool was closed")


class _Stream:
    """Events from the threads that wait on children to the one that takes them; threads wait where it is full."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._events: deque[Event | BaseException] = deque()
        self._changed = threading.Condition()
        self._given_up = False

    def put(self, event: Event | BaseException) -> None:
        """Raises `_GivenUp` where nobody takes events any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._given_up or self._bytes < self._most_bytes)
            if self._given_up:
                raise _GivenUp
            self._events.append(event)
            self._bytes += _weight(event)
            self._changed.notify_all()

    def crash(self, error: BaseException) -> None:
        """Have `get` raise it."""
        with suppress(_GivenUp):
            self.put(error)

    def get(self) -> Event:
        """The next event; waits for it."""
        with self._changed:
            while not self._events:
                self._changed.wait(_LOOK_UP_S)  # so that Ctrl-C is not kept waiting
            event = self._events.popleft()
            self._bytes -= _weight(event)
            self._changed.notify_all()
        if isinstance(event, BaseException):
            raise event
        return event

    def empty(self) -> bool:
        """Whether `get` would wait."""
        return not self._events

    def give_up(self) -> None:
        """Take no more."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()


def _weight(event: Event | BaseException) -> int:
    """About how many bytes it holds."""
    if not isinstance(event, Part):
        return _SMALL
    if isinstance(event.part, Heard):
        return _SMALL + event.part.sound.nbytes
    arrays = (event.part.pixels, event.part.detail)
    return _SMALL + sum(each.nbytes for each in arrays if each is not None) + 2 * len(event.part.text or "")
