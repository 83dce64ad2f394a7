"""The parent's end of one child: start it, put a file to it, watch it, end it.

Children are plain interpreters started with ``subprocess``, not by ``multiprocessing``, whose spawn and forkserver
import the user's ``__main__`` again: that runs a script without a guard twice and fails in a notebook, and Bowerbird is
a library too. A child starts in ``/`` with ``-P``, so nothing in the current folder can pose as a module; it loads
``bowerbird`` from where its parent's lies, and looks where else the parent could import from only after its own path.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil

import bowerbird
from bowerbird.errors import BowerbirdError, DecodeFailed
from bowerbird.media.parcel import unpack_info, unpack_part
from bowerbird.media.protocol import (
    Wire,
    WireClosed,
    WireError,
    shared_memory,
    write_at_start,
)
from bowerbird.moments import Heard, Moment, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetInfo, SegmentKind

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.05
"""How often a child at work is looked at. A file that takes less costs no look."""
_START_WITHIN_S = 60.0
_MAX_NAME = 16_384
_MOST_PARTS = 200_000
_MOST_TEXT = 64 << 20
"""Bytes of text in one file: the parent holds them until the file is through."""
_MOST_MINUTES = 24 * 60
"""For each minute that a recording lasts it may take the time of one file: some films take as long as they run."""
_PARTS_IN_A_FILES_TIME = 20
"""As many pages or frames may together take the time of one file more."""

_BOOT = """
import json, sys
from importlib.util import module_from_spec, spec_from_file_location
given = json.loads(sys.argv[1])
sys.path += [entry for entry in given.pop("path") if entry not in sys.path]
spec = spec_from_file_location("bowerbird", given.pop("package"))
sys.modules["bowerbird"] = package = module_from_spec(spec)
spec.loader.exec_module(package)
from bowerbird.media.child import main
main(given)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One file, or the bytes of one; ``decoder`` None: chosen by the file's name."""

    source: Path | bytes
    wanted: Wanted
    decoder: str | None = None


class WorkerLost(DecodeFailed):
    """The file took the child with it. ``retry``: an earlier file may be to blame."""

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.retry = retry


class Worker:
    """One child process. Not for several threads at once, but for `kill`.

    It must be made in a thread that outlives it: Linux ends a child with the *thread* that started it.
    """

    def __init__(self, limits: DecodeSettings, formats: str) -> None:
        """Start the child and wait until it answers. Raises BowerbirdError where it does not."""
        self._limits = limits
        self._memory = shared_memory()
        self._inbox = shared_memory()
        ours, theirs = socket.socketpair()
        ours.settimeout(_LOOK_EVERY_S)
        self._wire = Wire(ours)
        self._printed, printed = os.pipe()
        os.set_blocking(self._printed, False)
        os.set_blocking(printed, False)  # a child that prints more than the pipe holds loses it rather than waits
        self.served = 0
        self.usable = True
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, self._setup(theirs.fileno(), formats)],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=(theirs.fileno(), self._memory, self._inbox),
                cwd="/",
                env={**_harmless(os.environ), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the parent alone
            )
        except OSError as error:
            self._release()
            raise BowerbirdError(f"cannot start a decoder process: {error}; free some memory and try again") from None
        finally:
            theirs.close()
            os.close(printed)
        self._await_ready()

    def _setup(self, wire: int, formats: str) -> str:
        return json.dumps(
            {
                "package": str(Path(bowerbird.__file__).resolve()),
                "path": [str(Path(entry).absolute()) for entry in sys.path if entry],
                "parent": os.getpid(),
                "wire": wire,
                "memory": self._memory,
                "formats": formats,
                **self._limits.model_dump(exclude={"workers"}),
            }
        )

    def _await_ready(self) -> None:
        self._deadline = time.monotonic() + _START_WITHIN_S
        self._next_look = self._deadline
        try:
            ready = "ready" in self._wire.receive(self._check)
        except (WireError, WorkerLost):
            ready = False
        if not ready:
            self.kill()
            said = self.printed().strip().splitlines()
            self.close()
            raise BowerbirdError(
                f"a decoder process does not start ({said[-1] if said else 'it says nothing'}); reinstall Bowerbird"
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def decode(self, job: Job) -> Generator[AssetInfo | Moment | Heard]:
        """Have the child decode one file: what it is, then its parts, one by one as they are asked for.

        Raises `DecodeFailed` where the file is bad and the child is well, `WorkerLost` where the child is lost and
        no longer `usable`; nor is it where the iterator is given up.
        """
        self.served += 1
        self.usable = False
        request = self._request(job)
        self._left_s = self._limits.timeout_s
        self._start_clock()
        try:
            self._wire.send(request)
            yield from self._receive(job.wanted)
        except WorkerLost:
            raise
        except DecodeFailed:
            self.usable = True
            raise
        except WireError as error:
            raise self._loss(error) from None
        else:
            self.usable = True
        finally:
            if isinstance(job.source, bytes):
                os.ftruncate(self._inbox, 0)
            if said := self.printed():
                log.debug("decoder process %d printed: %s", self.pid, said)

    def _request(self, job: Job) -> dict[str, Any]:
        if isinstance(job.source, bytes):
            write_at_start(self._inbox, job.source)
            name = f"/dev/fd/{self._inbox}".encode()
        else:
            name = os.fsencode(job.source.absolute())
        if len(name) > _MAX_NAME:
            raise DecodeFailed("the file's name is too long")
        return {"decode": base64.b64encode(name).decode(), "decoder": job.decoder, "wanted": asdict(job.wanted)}

    def _receive(self, wanted: Wanted) -> Generator[AssetInfo | Moment | Heard]:
        info: AssetInfo | None = None
        text_budget = min(_MOST_TEXT, self._limits.max_memory_mb << 20)
        for number in count(1):
            answer = self._wire.receive(self._check)
            self._stop_clock()
            if "failed" in answer:
                raise DecodeFailed(str(answer["failed"])[:300], stage=str(answer.get("stage", "decode"))[:40])
            if info is None:
                info = unpack_info(answer.get("info"))
                minutes = min((info.duration_s or 0) / 60, _MOST_MINUTES)
                self._left_s += self._limits.timeout_s * minutes
                yield info
            if answer.get("part") is not None:
                part = unpack_part(answer["part"], self._memory, wanted, text_budget)
                if isinstance(part, Moment) and part.text is not None:
                    text_budget -= len(part.text.encode())
                if isinstance(part, Heard) or part.kind is not SegmentKind.TEXT:
                    self._left_s += self._limits.timeout_s / _PARTS_IN_A_FILES_TIME
                yield part
            if answer.get("last") is not False:
                return
            if number > _MOST_PARTS:
                raise WireError("more parts than any file has")
            self._start_clock()
            self._wire.send({"next": True})

    def _start_clock(self) -> None:
        """The child's time runs only while it works: how long the parent takes over a part is not its fault."""
        self._asked = time.monotonic()
        self._deadline = self._asked + min(self._left_s, self._limits.timeout_s)
        self._next_look = self._asked + _LOOK_EVERY_S

    def _stop_clock(self) -> None:
        self._check()  # a child that answers at once, again and again, is looked at too
        self._left_s -= time.monotonic() - self._asked

    def _check(self) -> None:
        """Hold the child to the clock at every turn, and to its memory every so often."""
        now = time.monotonic()
        if now > self._deadline:
            raise WorkerLost(
                f"took longer than {self._limits.timeout_s:g} s; raise decode.timeout_s in library.toml", retry=False
            )
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY_S
        try:
            resident = psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return  # it has just died, and the wire will say so
        if resident > self._limits.max_memory_mb << 20:
            raise WorkerLost(
                f"needs more than {self._limits.max_memory_mb} MB; raise decode.max_memory_mb in library.toml",
                retry=True,
            )

    def _loss(self, error: WireError) -> WorkerLost:
        if not isinstance(error, WireClosed):
            return WorkerLost(f"the decoder misbehaved on it ({error})", retry=True)
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return WorkerLost("the decoder misbehaved on it (it closed the wire)", retry=True)
        how = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return WorkerLost(f"the decoder crashed on it ({how})", retry=True)

    def printed(self) -> str:
        """What the child and its libraries printed since last asked, at most 64 KB."""
        try:
            return os.read(self._printed, 1 << 16).decode("utf-8", "replace")
        except BlockingIOError:
            return ""

    def kill(self) -> None:
        """End the child now; safe from any thread, and more than once."""
        self._process.kill()

    def close(self) -> None:
        """End the child and give back what it held."""
        self.kill()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # stuck in the kernel, say on a dead network drive; it dies when that lets go
            log.warning("decoder process %d does not end yet", self.pid)
        self._release()

    def _release(self) -> None:
        self._wire.close()
        for descriptor in (self._printed, self._memory, self._inbox):
            os.close(descriptor)


_SECRET = re.compile(r"^BOWERBIRD_|KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)


def _harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without keys and passwords: a file that takes over its decoder finds none there."""
    return {name: value for name, value in environment.items() if not _SECRET.search(name)}
