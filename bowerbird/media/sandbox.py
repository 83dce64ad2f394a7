"""The pool of child processes in which every file is decoded.

A child that dies, hangs or outgrows its memory costs one file, and a new one takes over. A file is blamed for a child's
death only where the child was fresh or the same happens again in a fresh one: an earlier file may have left the heap in
pieces. One thread waits on each child, so children work on while the caller's thread encodes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from bowerbird.errors import DecodeFailed
from bowerbird.media.registry import PICTURES
from bowerbird.media.worker import Job, Worker, WorkerLost
from bowerbird.settings import DecodeSettings
from bowerbird.types import Decoded, PictureSpec

_AHEAD = 16
"""Requests in flight for each child: enough that none idles while the caller encodes a batch."""
_RETIRE_AFTER = 2_000
"""Files, after which a child makes way for a new one, so that what libraries leak stays bounded."""


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One file to decode; ``tag`` comes back untouched."""

    path: Path
    spec: PictureSpec | None
    tag: Any = None


@dataclass(frozen=True, slots=True)
class DecodeOutcome:
    """What became of a request: exactly one of ``decoded`` and ``error`` is given."""

    request: DecodeRequest
    decoded: Decoded | None
    error: DecodeFailed | None


class DecoderPool:
    """Decodes files in child processes within ``limits``. A context manager; safe to use from several threads.

    Children start with the first file. ``formats`` names the table they choose their decoders from, ``module:NAME``.
    """

    def __init__(self, limits: DecodeSettings, *, formats: str = "bowerbird.media.registry:FORMATS") -> None:
        self._limits = limits
        self._formats = formats
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="decode")
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._closed = False

    def decode(self, requests: Iterable[DecodeRequest]) -> Iterator[DecodeOutcome]:
        """One outcome for every request, in the order in which they are done.

        Lazy: ``requests`` is advanced in the caller's thread, and only while a bounded number is in flight. An iterator
        that is given up takes its unstarted work along. Raises BowerbirdError where no child can be started at all.
        """
        source = iter(requests)
        done: SimpleQueue[Future[DecodeOutcome]] = SimpleQueue()
        in_flight: set[Future[DecodeOutcome]] = set()
        exhausted = False
        try:
            while True:
                if not exhausted and len(in_flight) < _AHEAD * self._limits.workers:
                    try:
                        request = next(source)
                    except StopIteration:
                        exhausted = True
                    else:
                        future = self._threads.submit(self._outcome, request)
                        in_flight.add(future)
                        future.add_done_callback(done.put)
                        if done.empty():
                            continue
                if not in_flight:
                    return
                future = done.get()
                in_flight.remove(future)
                yield future.result()
        finally:
            for future in in_flight:
                future.cancel()

    def decode_one(self, path: Path, spec: PictureSpec | None) -> Decoded:
        """Decode one file. Raises `DecodeFailed` where it cannot be read."""
        return self._threads.submit(self._decode, Job(path, spec)).result()

    def decode_bytes(self, data: bytes, spec: PictureSpec | None) -> Decoded:
        """Decode an encoded picture that is no file, whatever its format. Raises `DecodeFailed` as a file would."""
        return self._threads.submit(self._decode, Job(data, spec, PICTURES.name)).result()

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

    def _outcome(self, request: DecodeRequest) -> DecodeOutcome:
        try:
            return DecodeOutcome(request, self._decode(Job(request.path, request.spec)), None)
        except DecodeFailed as error:
            return DecodeOutcome(request, None, error)

    def _decode(self, job: Job) -> Decoded:
        worker = self._take()
        try:
            return self._put_to(worker, job)
        except WorkerLost as lost:
            if self._closed:
                raise RuntimeError("the pool was closed") from None
            if not (lost.retry and worker.served > 1):
                raise
        return self._put_to(self._start(), job)

    def _put_to(self, worker: Worker, job: Job) -> Decoded:
        try:
            return worker.decode(job)
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
