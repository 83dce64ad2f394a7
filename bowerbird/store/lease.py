"""Holding a lease: renewed by a thread while it is held, and taken over at once from a process that died."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bowerbird.errors import BowerbirdError, LibraryBusy
from bowerbird.store.catalog import Catalog, Transaction

_SECONDS = 60.0


@contextmanager
def held(catalog: Catalog, name: str, doing: str) -> Iterator[None]:
    """Hold the lease ``name`` for the length of the ``with`` block.

    Raises `LibraryBusy`, saying that another process is ``doing``, where somebody else holds it.
    """
    me = owner()
    with catalog.write() as tx:
        check_free(tx, name, doing)
        tx.leases.take(name, me, _SECONDS)
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(catalog, name, me, done), name=f"lease {name}", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        done.set()
        renewer.join()
        with suppress(BowerbirdError):  # it runs out by itself, and what ended the work is worth more
            _release(catalog, name, me)


def check_free(tx: Transaction, name: str, doing: str) -> None:
    """Raises `LibraryBusy`, saying who is ``doing`` it, where the lease ``name`` is held, be it by this process."""
    other = tx.leases.holder(name)
    if other == owner():
        raise LibraryBusy(f"this process is already {doing}; wait until it is done")
    if other is not None and not _died(other):
        host, pid = other.split(":")[:2]
        raise LibraryBusy(f"process {pid} on {host} is {doing}; wait until it is done, or end it")


def works_on(tx: Transaction, name: str, other: str) -> bool:
    """Whether ``other``, an `owner`, holds the lease ``name`` and lives."""
    return tx.leases.holder(name) == other and not _died(other)


def owner(pid: int | None = None) -> str:
    """This process, or another of this machine, named so that a later one with its number cannot be taken for it."""
    pid = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}:{pid}:{_started(pid)}"


def _died(other: str) -> bool:
    """True where the holder was a process of this machine that is no more; of other machines one cannot know."""
    host, pid, started = other.split(":")
    if host != socket.gethostname():
        return False
    try:
        # A killed process whose parent does not ask after it stays in the list, but works no more.
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE or _started(int(pid)) != started
    except (psutil.NoSuchProcess, OSError):
        return True


def _started(pid: int) -> str:
    """When a process started, by a clock that nobody sets; where there is none, by the one on the wall."""
    if Path("/proc/self/stat").exists():
        said = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return said.rpartition(")")[2].split()[19]  # field 22 of proc(5): ticks since the system started
    return f"{psutil.Process(pid).create_time():.2f}"


def _release(catalog: Catalog, name: str, me: str) -> None:
    with catalog.write() as tx:
        if tx.leases.holder(name) == me:
            tx.leases.release(name)


def _renew(catalog: Catalog, name: str, me: str, done: threading.Event) -> None:
    while not done.wait(_SECONDS / 4):
        try:
            with catalog.write() as tx:
                if tx.leases.holder(name) not in (me, None):
                    return  # this machine slept so long that somebody else took over
                tx.leases.take(name, me, _SECONDS)
        except BowerbirdError:  # a full disk or a long writer: the work itself will run into it and report it
            continue
