"""Jobs as a server runs them: real child processes, the built-in encoder, a library of notes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from api.jobs import Job, Jobs, NoSuchJob, OutsideRoots
from bowerbird.errors import LibraryBusy, UsageError
from bowerbird.store.lease import held, owner
from bowerbird.wiring import Library, open_library
from indexer.roots import add_roots
from tests.indexer.conftest import PLAIN
from tests.waiting import until

MANY = 4000
"""Notes, which take the built-in encoder far longer than a test waits."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that covers nothing yet."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    open_library(folder, create=True, encoder="concepts").close()
    (folder / "library.toml").write_text(PLAIN.replace("[index]", "[index]\ncommit_every_s = 0"))
    return folder


@pytest.fixture
def library(tmp_path: Path, empty: Path) -> Iterator[Library]:
    """It covers ``media``, in which there are three notes and a broken picture."""
    media = tmp_path / "media"
    media.mkdir()
    for number, text in enumerate(("The tide was out.", "Two eggs and a spoon of flour.", "A train to Vienna.")):
        (media / f"{number}.txt").write_text(text)
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    shutil.copytree(empty, tmp_path / "library")
    with open_library(tmp_path / "library") as opened:
        add_roots(opened.catalog, [media])
        yield opened


@pytest.fixture
def jobs(library: Library) -> Iterator[Jobs]:
    with Jobs(library) as jobs:
        yield jobs
    assert not running()


@pytest.fixture
def media(library: Library, tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with many of them."""
    folder = tmp_path_factory.mktemp("notes")
    for number in range(MANY):
        (folder / f"{number}.txt").write_text(f"Note {number} is about {number * 7919 % 1000} things.")
    return folder


@pytest.fixture
def many(library: Library, notes: Path) -> Path:
    """Many notes are in another root."""
    add_roots(library.catalog, [notes])
    return notes


def running() -> list[psutil.Process]:
    """Processes of jobs of this test."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it ended just now, and may not have been buried
            if "api.index_worker" in each.cmdline():
                found.append(each)
    return found


def files(library: Library) -> int:
    with library.catalog.read() as tx:
        return tx.locations.count()


# --- a job from its beginning to its end ---------------------------------------------------------


def test_an_index_job_is_followed_to_its_report(jobs, library, media):
    started = jobs.start_index([str(media)])
    assert (started.kind, started.state, started.paths) == ("index", "running", (str(media),))
    seen = list(jobs.follow(started.id))
    assert [job.state for job in seen[:-1]] == ["running"] * (len(seen) - 1)
    last = seen[-1]
    assert (last.state, last.error) == ("done", None)
    assert last.finished_at is not None
    assert last.finished_at > started.started_at
    assert last.report is not None
    assert (last.report["version"], last.report["seen"], last.report["indexed"]) == (1, 4, 3)
    assert [Path(failed["path"]).name for failed in last.report["failed"]] == ["broken.jpg"]
    assert (last.progress.done, last.progress.total, last.progress.failed) == (4, 4, 1)
    assert jobs.at(last.id) == last
    assert jobs.all() == [last]
    assert files(library) == 3
    shown = last.as_object()
    assert set(shown) == {
        *("id", "kind", "state", "started_at", "finished_at", "paths", "progress", "report", "error"),
    }


def test_progress_comes_while_it_runs(jobs, many):
    told = []
    for job in jobs.follow(jobs.start_index().id):
        told.append(job)
        if job.progress.eta_s is not None and job.progress.done > 10:
            break
    jobs.cancel(job.id)
    assert job.state == "running"
    assert job.progress.total == MANY + 4
    assert 0 < job.progress.done < MANY
    assert [job.progress.done for job in told] == sorted(job.progress.done for job in told)


def test_a_part_of_a_root(jobs, library, media):
    (media / "sub").mkdir()
    shutil.move(media / "broken.jpg", media / "sub")
    *_, job = jobs.follow(jobs.start_index([str(media / "sub")], retry_failed=True).id)
    assert (job.state, job.progress.done, job.progress.failed, files(library)) == ("done", 1, 1, 0)


def test_a_reencode_job(jobs, library):
    *_, job = jobs.follow(jobs.start_reencode("concepts").id)
    assert (job.kind, job.state, job.report) == ("reencode", "failed", None)
    assert "is under concepts already" in job.error
    assert "\n" not in job.error


# --- what is refused -----------------------------------------------------------------------------


def test_only_what_lies_in_a_root_may_be_touched(jobs, library, media, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (media / "link").symlink_to(outside)
    (media / "up").symlink_to("..")
    (tmp_path / "media2").mkdir()
    said = set()
    for path in ("outside", "nowhere", "media/link", "media/link/x", "media/up", "media/../outside", "media2", ""):
        with pytest.raises(OutsideRoots, match="bowerbird roots add") as refused:
            jobs.start_index([str(media), str(tmp_path / path)])
        said.add(str(refused.value))
    assert len(said) == 1, "it tells what is there"
    for path in ("media", "", "~/media", "\0"):
        with pytest.raises(UsageError, match="absolute"):
            jobs.start_index([path])
    for path in ("/a\0b", "/\ud800"):
        with pytest.raises(UsageError, match="no file name holds"):
            jobs.start_index([path])
    assert jobs.all() == []
    with library.catalog.read() as tx:
        assert [root.path for root in tx.roots.all()] == [str(media)]


def test_a_link_into_a_root_is_that_part_of_it(jobs, media, tmp_path):
    (tmp_path / "link").symlink_to(media)
    assert jobs.start_index([str(tmp_path / "link" / "0.txt")]).paths == (str(media / "0.txt"),)


def test_a_library_without_roots_has_nothing_to_index(empty):
    with open_library(empty) as library, Jobs(library) as jobs:
        with pytest.raises(UsageError, match="no roots yet"):
            jobs.start_index()
        assert jobs.all() == []


def test_roots_that_are_not_there_are_passed_by(jobs, library, media, tmp_path):
    (tmp_path / "drive").mkdir()
    add_roots(library.catalog, [tmp_path / "drive"])
    (tmp_path / "drive").rename(tmp_path / "elsewhere")
    assert jobs.start_index().paths == (str(media),)
    media.rename(tmp_path / "gone")
    jobs.close()
    with Jobs(library) as others, pytest.raises(UsageError, match="plug its drive in"):
        others.start_index()


def test_one_index_run_at_a_time_here_and_elsewhere(jobs, library, media):
    with held(library.catalog, "index", "indexing"), pytest.raises(LibraryBusy, match="already indexing"):
        jobs.start_index()
    with library.catalog.write():  # the run waits for that
        jobs.start_index()
        with pytest.raises(LibraryBusy, match="this server is already indexing"):
            jobs.start_index([str(media / "0.txt")])
        assert len(jobs.all()) == 1


def test_ids_that_name_no_job(jobs):
    for name in ("", "x", "0", "7", "9" * 30, "-1", "²", "../1", "1 or 1"):
        with pytest.raises(NoSuchJob):
            jobs.at(name)
        with pytest.raises(NoSuchJob):
            jobs.follow(name)
        with pytest.raises(NoSuchJob):
            jobs.cancel(name)


# --- jobs that end before their time -------------------------------------------------------------


def begun(jobs: Jobs, library: Library) -> Job:
    """A job that has committed something and is far from done."""
    job = jobs.start_index()
    until(lambda: files(library) > 20)
    return job


def test_a_cancelled_job_keeps_what_it_did(jobs, library, many):
    job = begun(jobs, library)
    assert jobs.cancel(job.id).state == "running"
    *_, last = jobs.follow(job.id)
    assert (last.state, last.error, last.report) == ("cancelled", None, None)
    assert 20 < files(library) < MANY
    assert jobs.cancel(job.id) == last
    with library.catalog.read() as tx:
        assert [record.state for record in tx.jobs.newest(5)] == ["cancelled"]
    with Jobs(library) as after:  # of a server that was started anew
        assert [(each.state, each.error) for each in after.all()] == [("cancelled", None)]


def test_a_job_that_hangs_holds_up_nobody_and_is_killed_when_cancelled(library, many):
    with Jobs(library, grace_s=0.3) as jobs:
        job = begun(jobs, library)
        os.kill(running()[0].pid, signal.SIGSTOP)
        follower = jobs.follow(job.id, heartbeat_s=0.05)
        for _ in range(5):  # where nothing changes it comes back all the same, so that it can be closed
            assert next(follower).state == "running"
        jobs.cancel(job.id)
        assert [each.state for each in follower][-1] == "cancelled"
    with library.catalog.read() as tx:
        assert tx.jobs.last("index").state == "cancelled"


def test_a_job_that_is_killed_is_told_of_and_can_be_started_again(jobs, library, many):
    job = begun(jobs, library)
    running()[0].kill()
    *_, last = jobs.follow(job.id)
    assert last.state == "failed"
    assert "memory" in last.error
    again = jobs.start_index()
    until(lambda: jobs.at(again.id).progress.done > 0)  # both are on record by now
    assert [each.state for each in jobs.all()] == ["running", "failed"], "each is listed once"


def test_closing_ends_what_runs_and_starts_no_more(library, many):
    jobs = Jobs(library)
    job = begun(jobs, library)
    follower = jobs.follow(job.id)
    next(follower)
    jobs.close()
    assert not running()
    assert jobs.at(job.id).state == "cancelled"
    assert [each.state for each in follower][-1:] in ([], ["cancelled"])
    with pytest.raises(LibraryBusy, match="going down"):
        jobs.start_index()


SERVER = """
import sys
from api.jobs import Jobs
from bowerbird.wiring import open_library
jobs = Jobs(open_library(sys.argv[1]))
for job in jobs.follow(jobs.start_index().id):
    print(job.progress.done, flush=True)
"""


def test_a_job_dies_with_its_server(library, many):
    server = subprocess.Popen([sys.executable, "-c", SERVER, library.folder], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    while int(server.stdout.readline()) < 20:
        pass
    (child,) = psutil.Process(server.pid).children()
    server.kill()
    server.communicate()
    assert psutil.wait_procs([child], timeout=60)[0] == [child]
    with Jobs(library) as jobs:
        (job,) = jobs.all()
        assert (job.state, job.report) == ("failed", None)
        assert jobs.start_index().state == "running"


# --- what is on record ---------------------------------------------------------------------------


def test_runs_of_other_processes_are_listed(jobs, library):
    report = {"seen": 3, "indexed": 1, "failed": 1, "seconds": 0.5}
    with library.catalog.write() as tx:
        done = tx.jobs.start("index", "elsewhere:1:1")
        tx.jobs.finish(done, "done", report)
        tx.jobs.finish(tx.jobs.start("reencode", "elsewhere:1:1"), "failed", {"waiting": 0})
        tx.jobs.start("index", "elsewhere:1:2")  # it has no lease
    dead, failed, ended = jobs.all()
    assert [each.state for each in (dead, failed, ended)] == ["failed", "failed", "done"]
    assert "the process that ran it ended" in dead.error
    assert ended.report == {"version": 1, **report, "failed": None}
    assert (ended.progress.done, ended.progress.failed) == (3, 1)
    assert ended == jobs.at(str(done))
    assert list(jobs.follow(str(done))) == [ended]
    assert jobs.all(limit=1) == [dead]


def test_a_run_of_another_program_is_followed_but_not_cancelled(jobs, library):
    with held(library.catalog, "index", "indexing"):
        with library.catalog.write() as tx:
            record = tx.jobs.start("index", owner())
        follower = jobs.follow(str(record), heartbeat_s=0.01)
        assert next(follower).state == next(follower).state == "running"
        with pytest.raises(UsageError, match="another program"):
            jobs.cancel(str(record))
        with library.catalog.write() as tx:
            tx.jobs.finish(record, "done", {"seen": 1, "failed": 0})
        assert [job.state for job in follower][-1] == "done"
