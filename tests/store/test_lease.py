"""Leases: one process at a time, and a dead one does not keep the living waiting."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa

from bowerbird.errors import LibraryBusy, StorageFull
from bowerbird.store import lease as leases
from bowerbird.store.catalog import Catalog
from bowerbird.store.lease import held, owner
from bowerbird.store.tables import lease

Holder = Callable[[], subprocess.Popen]

_HOLD = """
import sys
from bowerbird.store.catalog import Catalog
from bowerbird.store.lease import held

with held(Catalog(sys.argv[1]), "index", "indexing"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(catalog: Catalog, url: sa.URL) -> Iterator[Holder]:
    """Starts processes that hold the lease ``index`` until their input ends."""
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        call = [sys.executable, "-c", _HOLD, url.render_as_string(hide_password=False)]
        process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def take(catalog: Catalog, owner: str, seconds: float = 60, name: str = "index") -> None:
    with catalog.write() as tx:
        tx.leases.take(name, owner, seconds)


def holder_of(catalog: Catalog, name: str = "index") -> str | None:
    with catalog.read() as tx:
        return tx.leases.holder(name)


def test_a_living_process_keeps_others_out_and_is_named(catalog: Catalog, holder: Holder) -> None:
    other = holder()
    with (
        pytest.raises(LibraryBusy, match=f"process {other.pid} on .* is working; wait"),
        held(catalog, "index", "working"),
    ):
        pass
    with held(catalog, "views", "saving"):
        assert holder_of(catalog, "views") == owner()
    other.communicate()
    with held(catalog, "index", "working"):
        assert holder_of(catalog) == owner()


def test_a_killed_process_is_taken_over_from_at_once(catalog: Catalog, holder: Holder) -> None:
    other = holder()
    other.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, but still in the list of processes
    with held(catalog, "index", "working"):
        assert holder_of(catalog) == owner()
    other.wait()


def test_a_stopped_process_is_alive(catalog: Catalog, holder: Holder) -> None:
    other = holder()
    other.send_signal(signal.SIGSTOP)
    with pytest.raises(LibraryBusy), held(catalog, "index", "working"):
        pass


def test_a_later_process_with_the_same_number_is_another(catalog: Catalog) -> None:
    host, pid, _ = owner().split(":")
    take(catalog, f"{host}:{pid}:1")
    with held(catalog, "index", "working"):
        assert holder_of(catalog) == owner()


def test_a_number_that_no_process_has_is_dead(catalog: Catalog) -> None:
    take(catalog, f"{socket.gethostname()}:{2**22 + 1}:1")
    with held(catalog, "index", "working"):
        assert holder_of(catalog) == owner()


def test_another_machine_is_believed_until_its_time_is_up(catalog: Catalog) -> None:
    take(catalog, "elsewhere:1:1")
    with pytest.raises(LibraryBusy, match="process 1 on elsewhere is working"), held(catalog, "index", "working"):
        pass
    take(catalog, "elsewhere:1:1", seconds=-1)
    with held(catalog, "index", "working"):
        assert holder_of(catalog) == owner()


def test_a_process_does_not_do_twice_at_once_what_may_be_done_once(catalog: Catalog) -> None:
    with held(catalog, "index", "working"):
        with pytest.raises(LibraryBusy, match="this process is already working"), held(catalog, "index", "working"):
            pass
        assert holder_of(catalog) == owner(), "who was refused takes nothing away"


def test_an_error_gives_the_lease_back_and_passes(catalog: Catalog) -> None:
    with pytest.raises(ZeroDivisionError), held(catalog, "index", "working"):
        1 / 0  # noqa: B018
    assert holder_of(catalog) is None


def test_failing_to_give_it_back_does_not_hide_why_the_work_ended(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("no space")

    monkeypatch.setattr(leases, "_release", full)
    with pytest.raises(ZeroDivisionError), held(catalog, "index", "working"):
        1 / 0  # noqa: B018


def test_it_is_renewed_for_as_long_as_it_is_held(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_SECONDS", 0.4)
    with held(catalog, "index", "working"):
        first = expiry(catalog)
        assert eventually(lambda: expiry(catalog) > first)


def test_what_somebody_else_has_taken_over_is_left_to_them(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_SECONDS", 0.4)
    with held(catalog, "index", "working"):
        take(catalog, "elsewhere:1:1")
        theirs = expiry(catalog)
        assert eventually(lambda: not any(each.name == "lease index" for each in threading.enumerate()))  # it gave up
        assert (holder_of(catalog), expiry(catalog)) == ("elsewhere:1:1", theirs)
    assert holder_of(catalog) == "elsewhere:1:1"


def expiry(catalog: Catalog) -> datetime:
    with catalog.read() as tx:
        return tx.connection.execute(sa.select(lease.c.expires_at)).scalar_one()


def eventually(holds: Callable[[], bool], seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
