from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

import bowerbird
from bowerbird.errors import BowerbirdError, DecodeFailed
from bowerbird.media import sandbox, worker
from bowerbird.media.protocol import Wire
from bowerbird.media.sandbox import Closed, DecodeRequest, DecoderPool, Event, Opened, Part
from bowerbird.moments import NOTHING, Decoded, Heard, Moment, PictureSpec, Wanted
from bowerbird.settings import DecodeSettings
from tests.media.make import photo, save

WANTED = Wanted(PictureSpec(32))
HOSTILE = "tests.media.hostile:FORMATS"
LIMITS = DecodeSettings(workers=2, timeout_s=60, max_memory_mb=300)


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(LIMITS, formats=HOSTILE) as pool:
        yield pool


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def living() -> set[int]:
    return {each.pid for each in psutil.Process().children() if lives(each)}


def await_end(processes: list[psutil.Process]) -> None:
    """The limit is for processes that nothing ends."""
    deadline = time.monotonic() + 120
    while any(map(lives, processes)):
        assert time.monotonic() < deadline, "a child outlives its parent"
        time.sleep(0.01)


class Clock:
    """What the pool's parent takes for the time: ``now``, which tests alone move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def each_answer_takes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Have a child that is at work take so many seconds over every answer."""

    def settle(seconds: float) -> None:
        receive = Wire.receive

        def received(wire: Wire, check: Callable[[], None]) -> dict[str, Any]:
            answer = receive(wire, check)
            clock.now += 0 if "ready" in answer else seconds
            return answer

        monkeypatch.setattr(Wire, "receive", received)

    return settle


@pytest.fixture(autouse=True)
def before() -> Iterator[None]:
    """Other tests of the session may have children of their own."""
    BEFORE.update(living())
    yield
    BEFORE.clear()


BEFORE: set[int] = set()


def children() -> set[int]:
    """The children that this test has brought about."""
    return living() - BEFORE


def touch(path: Path) -> Path:
    path.write_bytes(b"x")
    return path


def moments(decoded: Decoded) -> list[Moment]:
    return [part for part in decoded.parts if isinstance(part, Moment)]


def only_text(decoded: Decoded) -> str | None:
    (moment,) = moments(decoded)
    return moment.text


def failure(pool: DecoderPool, path: Path) -> str:
    with pytest.raises(DecodeFailed) as caught:
        pool.decode_one(path, WANTED)
    assert caught.value.stage == "decode"
    assert "\n" not in caught.value.reason
    return caught.value.reason


# --- what comes back -----------------------------------------------------------------------------


def test_a_picture_comes_back_as_the_decoder_makes_it(pool: DecoderPool, tmp_path: Path) -> None:
    from bowerbird.media.registry import PICTURES

    path = save(photo(), tmp_path / "a.jpg")
    here = PICTURES.open(LIMITS).decode(path, WANTED)
    there = pool.decode_one(path, WANTED)
    assert there.info == here.info
    (one,), (other,) = moments(there), moments(here)
    assert one == other
    assert one.pixels is not None
    np.testing.assert_array_equal(one.pixels, other.pixels)
    one.pixels[0, 0] = 1  # the caller owns it


def test_every_request_has_one_outcome_whatever_dies(pool: DecoderPool, tmp_path: Path) -> None:
    requests = []
    for i in range(60):
        suffix = (".jpg", ".jpg", ".crash", ".exit", ".jpg", ".raise", ".wrong", ".txt", ".jpg", ".shrink")[i % 10]
        path = tmp_path / f"{i}{suffix}"
        if suffix == ".jpg":
            save(photo(seed=i), path)
        else:
            touch(path)
        requests.append(DecodeRequest(path, WANTED, tag=i))
    events = list(pool.decode(iter(requests)))
    closed = [event for event in events if isinstance(event, Closed)]
    assert sorted(each.request.tag for each in closed) == list(range(60))
    for each in closed:
        good = each.request.path.suffix in (".jpg", ".txt")
        assert (each.error is None) == good, each
        own = [event for event in events if event.request is each.request]
        assert own[-1] is each
        if good:
            assert [type(event) for event in own] == [Opened, Part, Closed]


def test_a_film_comes_back_whole_and_in_order(pool: DecoderPool, tmp_path: Path) -> None:
    frames = moments(pool.decode_one(touch(tmp_path / "film.many"), WANTED))
    assert [moment.start_s for moment in frames] == [float(i) for i in range(300)]
    for i, moment in enumerate(frames):
        assert moment.text == f"frame {i}"
        assert moment.pixels is not None
        assert (moment.pixels == i % 256).all()


def test_requests_are_pulled_only_as_outcomes_are_taken(pool: DecoderPool, tmp_path: Path) -> None:
    path = touch(tmp_path / "a.txt")
    pulled = 0

    def requests() -> Iterator[DecodeRequest]:
        nonlocal pulled
        while True:
            pulled += 1
            yield DecodeRequest(path, NOTHING)

    events = pool.decode(requests())
    bound = sandbox._AHEAD * LIMITS.workers
    closed = 0
    while closed < 200:
        closed += isinstance(next(events), Closed)
        assert pulled <= closed + bound
    events.close()  # type: ignore[attr-defined]


def test_a_name_that_is_not_utf_8(pool: DecoderPool, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 \xff.txt"))
    path.write_text("hello")
    assert only_text(pool.decode_one(path, NOTHING)) == "hello"


def test_a_relative_path_is_the_parents(pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("here")
    monkeypatch.chdir(tmp_path)
    assert only_text(pool.decode_one(Path("a.txt"), NOTHING)) == "here"


def test_bytes_are_decoded_by_what_they_are(pool: DecoderPool, tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.webp"):
        path = save(photo(), tmp_path / name)
        there = pool.decode_bytes(path.read_bytes(), WANTED)
        assert there.info == pool.decode_one(path, WANTED).info
        np.testing.assert_array_equal(moments(there)[0].pixels, moments(pool.decode_one(path, WANTED))[0].pixels)
    for junk in (b"", b"no picture", path.read_bytes()[:300]):
        with pytest.raises(DecodeFailed):
            pool.decode_bytes(junk, WANTED)


def test_children_wait_while_the_caller_is_busy_and_lose_no_time_by_it(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_MOST_WAITING", 1)
    put, taken = sandbox._Stream.put, 0
    ahead: list[int] = []

    def put_late(stream: sandbox._Stream, event: Event | BaseException) -> None:
        clock.now += 5  # of a caller that is busy
        ahead.append(len(ahead) + 1 - taken)
        put(stream, event)

    monkeypatch.setattr(sandbox._Stream, "put", put_late)
    with DecoderPool(DecodeSettings(workers=1, timeout_s=1), formats=HOSTILE) as pool:
        frames = 0
        for event in pool.decode([DecodeRequest(touch(tmp_path / "film.many"), WANTED)]):
            taken += 1
            frames += isinstance(event, Part)
            assert not isinstance(event, Closed) or event.error is None
        assert frames == 300
    assert max(ahead) <= 3  # one that waits, one before it, and the one that is being taken


def test_a_long_recording_has_more_time_than_a_short_one(
    tmp_path: Path, each_answer_takes: Callable[[float], None]
) -> None:
    each_answer_takes(0.2)
    with DecoderPool(DecodeSettings(workers=1, timeout_s=0.5), formats=HOSTILE) as pool:
        assert len(list(pool.decode_one(touch(tmp_path / "film.long"), NOTHING).parts)) == 6
        assert failure(pool, touch(tmp_path / "film.short")).startswith("took longer than 0.5 s;")


def test_sound_comes_back_in_stretches(pool: DecoderPool, tmp_path: Path) -> None:
    parts = list(pool.decode_one(touch(tmp_path / "talk.sound"), Wanted(sound=True)).parts)
    assert [part.start_s for part in parts] == [0.0, 1.0, 2.0]
    for number, part in enumerate(parts):
        assert isinstance(part, Heard)
        assert (part.sound == number).all()


def test_what_a_child_had_begun_is_void_where_another_begins_anew(tmp_path: Path) -> None:
    with DecoderPool(DecodeSettings(workers=1), formats=HOSTILE) as pool:
        pool.decode_one(touch(tmp_path / "a.txt"), NOTHING)
        requests = [DecodeRequest(touch(tmp_path / "b.halfway"), NOTHING)]
        events: list[Event] = list(pool.decode(requests))
    assert [type(event) for event in events[:3]] == [Opened, Part, Opened]
    assert isinstance(events[-1], Closed)
    assert events[-1].error is not None


# --- what a hostile file costs -------------------------------------------------------------------


def test_a_file_that_hangs_is_given_up_with_the_remedy(tmp_path: Path) -> None:
    with DecoderPool(DecodeSettings(workers=1, timeout_s=0.3), formats=HOSTILE) as pool:
        reason = failure(pool, touch(tmp_path / "a.hang"))
        assert reason == "took longer than 0.3 s; raise decode.timeout_s in library.toml"
        assert children() == set()


def test_a_file_that_never_ends_does_not_outrun_the_clock(tmp_path: Path) -> None:
    with DecoderPool(DecodeSettings(workers=1, timeout_s=0.5), formats=HOSTILE) as pool:
        assert failure(pool, touch(tmp_path / "a.endless")).startswith("took longer than 0.5 s;")


def test_a_file_that_needs_too_much_memory_is_given_up_with_the_remedy(pool: DecoderPool, tmp_path: Path) -> None:
    reason = failure(pool, touch(tmp_path / "a.eat"))
    assert reason == "needs more than 300 MB; raise decode.max_memory_mb in library.toml"


def test_a_file_pays_for_no_memory_but_its_own(tmp_path: Path) -> None:
    with DecoderPool(DecodeSettings(workers=1, max_memory_mb=200), formats=HOSTILE) as pool:
        for i in range(8):  # together they need 480 MB
            assert only_text(pool.decode_one(touch(tmp_path / f"{i}.leak"), NOTHING)) == "leaked"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.crash", "the decoder crashed on it (SIGSEGV)"),
        ("a.exit", "the decoder crashed on it (exit 7)"),
        ("a.raise", "could not be read: 'a bug in a library'"),
        ("a.wrong", "the decoder misbehaved on it (pixels of a size that nobody asked for)"),
        ("a.shrink", "the decoder misbehaved on it (payload cut short)"),
        ("a.xyz", "files named .xyz are not read"),
        ("a.missing", "could not be read: No module named 'no'"),
    ],
)
def test_what_went_wrong_is_said_in_a_line(pool: DecoderPool, tmp_path: Path, name: str, reason: str) -> None:
    assert failure(pool, touch(tmp_path / name)) == reason
    (tmp_path / "after.txt").write_text("still at work")
    assert only_text(pool.decode_one(tmp_path / "after.txt", NOTHING)) == "still at work"


def test_a_long_reason_is_cut(pool: DecoderPool, tmp_path: Path) -> None:
    reason = failure(pool, touch(tmp_path / "a.lines"))
    assert reason.startswith("could not be read: first second xxx")
    assert len(reason) <= 300


def test_what_libraries_print_reaches_neither_wire_nor_terminal(
    pool: DecoderPool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        assert only_text(pool.decode_one(touch(tmp_path / "a.noise"), NOTHING)) == "heard"
    assert capfd.readouterr() == ("", "")


# --- the children --------------------------------------------------------------------------------


def test_children_start_with_the_first_file_and_end_with_the_pool(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.txt")
    with DecoderPool(LIMITS) as pool:
        assert children() == set()
        list(pool.decode(DecodeRequest(path, NOTHING) for _ in range(50)))
        assert 1 <= len(children()) <= LIMITS.workers
    assert children() == set()


def test_an_iterator_given_up_takes_its_work_along(tmp_path: Path) -> None:
    with DecoderPool(LIMITS, formats=HOSTILE) as pool:
        events = pool.decode(DecodeRequest(touch(tmp_path / name), NOTHING) for name in ["a.txt", *["b.hang"] * 40])
        assert isinstance(next(events), Opened)
    assert children() == set()
    with pytest.raises(RuntimeError):
        pool.decode_one(tmp_path / "a.txt", NOTHING)


def test_children_are_replaced_after_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_RETIRE_AFTER", 3)
    path = touch(tmp_path / "a.txt")
    seen = set()
    with DecoderPool(DecodeSettings(workers=1)) as pool:
        for _ in range(9):
            pool.decode_one(path, NOTHING)
            seen |= children()
        assert len(children()) <= 1
    assert len(seen) == 3  # after the third, sixth and ninth file there is none


@pytest.mark.skipif(sys.platform != "linux", reason="reads the child's environment from /proc")
def test_a_child_is_lent_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "BOWERBIRD_OPENAI_API_KEY", "HF_TOKEN", "PGPASSWORD", "BOWERBIRD_DATABASE"):
        monkeypatch.setenv(name, "hush-hush")
    before = children()
    with DecoderPool(DecodeSettings(workers=1)) as pool:
        pool.decode_one(Path(save(photo(), tmp_path / "a.jpg")), NOTHING)
        lent = [Path(f"/proc/{child}/environ").read_bytes() for child in children() - before]
    assert lent
    assert all(b"PATH=" in each and b"hush-hush" not in each for each in lent)


def test_a_child_holds_nothing_heavy(pool: DecoderPool, tmp_path: Path) -> None:
    pool.decode_one(save(photo(), tmp_path / "a.jpg"), WANTED)  # the same child takes both
    loaded = set((only_text(pool.decode_one(touch(tmp_path / "a.modules"), NOTHING)) or "").splitlines())
    assert "PIL.Image" in loaded
    assert not loaded & {"torch", "openvino", "faiss", "sqlalchemy", "pydantic", "open_clip", "search", "indexer"}


def test_a_pool_whose_children_cannot_start_says_so(tmp_path: Path) -> None:
    with (
        DecoderPool(LIMITS, formats="no.such.module:FORMATS") as pool,
        pytest.raises(BowerbirdError, match="No module named 'no'"),
    ):
        pool.decode_one(touch(tmp_path / "a.txt"), NOTHING)


SCRIPT = """
    import sys
    from pathlib import Path
    sys.path.append({house!r})
    from bowerbird.media.sandbox import DecoderPool, DecodeRequest
    from bowerbird.settings import DecodeSettings
    from bowerbird.moments import NOTHING, PictureSpec, Wanted
    with DecoderPool(DecodeSettings(workers=2), formats={formats!r}) as pool:
        assert pool.decode_one(Path(sys.argv[1]), Wanted(PictureSpec(32))).parts
        assert "PIL" not in sys.modules
        print("decoded", flush=True)
        {then}
"""


def script(folder: Path, then: str = "", formats: str = "bowerbird.media.registry:formats") -> Path:
    """A program without a ``__main__`` guard, in a folder full of modules that must not be taken for others."""
    for name in ("random", "search", "numpy", "PIL", "json", "indexer", "bowerbird", "pydantic"):
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    house = str(Path(bowerbird.__file__).parent.parent)
    program = folder / "program" / "main.py"
    program.parent.mkdir()
    program.write_text(textwrap.dedent(SCRIPT).format(house=house, formats=formats, then=then))
    return program


def test_a_script_without_a_guard_among_misleading_modules(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.jpg")
    run = subprocess.run(
        [sys.executable, script(tmp_path), path], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert (run.stdout, run.stderr, run.returncode) == ("decoded\n", "", 0)


def started(tmp_path: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A program whose pool hangs on a file in each child."""
    path = save(photo(), tmp_path / "a.jpg")
    request = f"DecodeRequest(Path({str(touch(tmp_path / 'b.hang'))!r}), NOTHING)"
    then = f"list(pool.decode({request} for number in range(5) if number < 4 or print('asked', flush=True)))"
    house = str(Path(bowerbird.__file__).parent.parent)
    program = subprocess.Popen(
        [sys.executable, script(tmp_path, then, HOSTILE), path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": house},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "decoded\n"
    process = psutil.Process(program.pid)
    assert program.stdout.readline() == "asked\n"
    while len(found := process.children()) < 2:
        time.sleep(0.02)
    return program, found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the child's own alarm ends it, later")
def test_children_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program, found = started(tmp_path)
    program.kill()
    program.communicate()
    await_end(found)


def test_ctrl_c_shows_one_traceback_and_leaves_no_child(tmp_path: Path) -> None:
    program, found = started(tmp_path)
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does
    _, said = program.communicate(timeout=120)
    assert said.count("Traceback") <= 1
    assert "KeyboardInterrupt" in said
    assert "bowerbird.media.child" not in said
    await_end(found)
