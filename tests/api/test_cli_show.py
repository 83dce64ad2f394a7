"""How `bowerbird search` shows hits to a person: pictures in terminals, the file opened, values completed by the shell.

What is written to a terminal is read back as one would read it, and terminals are asked over a real pseudo-terminal.
"""

from __future__ import annotations

import base64
import io
import os
import re
import select
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from api.cli import main, open_hit, terminal, terminal_pictures
from api.cli.open_hit import command
from api.cli.terminal import Drawing
from bowerbird import wiring
from bowerbird.errors import UsageError
from bowerbird.queries import Hit, Query, SearchResult
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import open_library
from indexer import Indexer
from search.saved import save
from tests.fakes import HashEncoder

Pixels = NDArray[np.uint8]
COLOURS = ("red", "blue")
ENCODER = HashEncoder(aliases={each: np.asarray(Image.new("RGB", (16, 16), each)) for each in COLOURS})
INDENT = terminal_pictures.COLUMNS + terminal_pictures.GAP


def picture(width: int = 90, height: int = 60) -> Image.Image:
    """A gradient, red to the right and green downwards, with a blue square: every side of it can be told."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, np.zeros_like(across)], axis=-1).astype(np.uint8)
    pixels[: height // 4, : width // 4] = (0, 0, 255)
    return Image.fromarray(pixels)


def far_apart(one: Image.Image | Pixels, other: Image.Image | Pixels) -> float:
    """The mean difference, in levels of 256."""
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def read_sixel(said: str) -> Pixels:
    """What a terminal draws of it, shape ``(height, width, 3)``; white where nothing is."""
    found = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', said, re.DOTALL)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    drawn = np.full((height, width, 3), 255, np.uint8)
    palette: dict[int, NDArray[np.float64]] = {}
    colour = x = y = 0
    for token in re.finditer(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$])|(-)", found[3]):
        if token[1]:
            palette[int(token[1])] = np.array([int(token[n]) for n in (2, 3, 4)]) * 2.55
        elif token[5]:
            colour = int(token[5])
        elif token[9]:
            x = 0
        elif token[10]:
            x, y = 0, y + 6
        else:
            run, bits = int(token[6] or 1), ord(token[7] or token[8]) - 63
            for row in range(6):
                if bits >> row & 1:
                    drawn[y + row, x : x + run] = palette[colour].round()
            x += run
    return drawn


def read_kitty(said: str) -> Image.Image:
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", said)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in chunks) == said
    assert all(len(data) <= 4096 for _, data in chunks)
    assert [keys.endswith("m=1") for keys, _ in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[0][0].startswith("a=T,f=100,q=2,C=1,")
    return Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in chunks), validate=True)))


class Screen:
    """As much of a terminal as text beside pictures needs: what stands where, and where pictures begin."""

    def __init__(self, height: int = 12) -> None:
        self.height = height
        self.rows: list[dict[int, str]] = [{} for _ in range(height)]
        self.pictures: list[tuple[int, int]] = []
        self.gone = 0
        self.row, self.column = height - 1, 0  # a prompt stands at the bottom most of the time

    def write(self, said: str) -> None:
        kept = (self.row, self.column)
        token = (
            r"\x1b_G.*?\x1b\\|\x1b\]1337.*?\x07|\x1bP.*?\x1b\\|\x1b\[(\d+)([AC])|\x1b([78])|\x1b\[[\d;]*m|\n|\r|[^\x1b]"
        )
        for each in re.finditer(token, said, re.DOTALL):
            if each[2]:
                moved = int(each[1])
                self.row, self.column = (
                    (max(0, self.row - moved), self.column) if each[2] == "A" else (self.row, self.column + moved)
                )
            elif each[3] == "7":
                kept = (self.row, self.column)
            elif each[3] == "8":
                self.row, self.column = kept
            elif each[0] == "\n":
                self._down()
            elif each[0] == "\r":
                self.column = 0
            elif each[0][0] == "\x1b":
                if each[0][1] in "_]P":
                    self.pictures.append((self.gone + self.row, self.column))
                    self.row, self.column = min(self.row + 5, self.height - 1), 40  # anywhere
            else:
                self.rows[self.row][self.column] = each[0]
                self.column += 1

    def _down(self) -> None:
        self.column = 0
        self.row += 1
        if self.row == self.height:
            self.row, self.gone = self.height - 1, self.gone + 1
            self.rows = [*self.rows[1:], {}]

    def line(self, row: int) -> str:
        """Of all that was ever written, as long as it has not left the screen."""
        there = self.rows[row - self.gone]
        return "".join(there.get(column, " ") for column in range(max(there, default=-1) + 1))


class TestPictures:
    @pytest.mark.parametrize("size", [(90, 60), (61, 37), (7, 100), (1, 1)])
    def test_sixels_show_the_picture(self, size: tuple[int, int]) -> None:
        original = picture(*size)
        drawn = read_sixel(terminal_pictures.sixel(original))
        assert drawn.shape == (size[1], size[0], 3)
        assert far_apart(drawn, original) < 8

    def test_sixels_of_one_colour_are_short(self) -> None:
        said = terminal_pictures.sixel(Image.new("RGB", (120, 60), (255, 0, 0)))
        assert len(said) < 150
        assert far_apart(read_sixel(said), Image.new("RGB", (120, 60), (255, 0, 0))) == 0

    def test_kitty_is_sent_the_picture(self) -> None:
        noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (80, 120, 3), np.uint8))
        said = terminal_pictures.kitty(noise, (10, 20))
        assert said.count("\x1b_G") > 2
        assert far_apart(read_kitty(said), noise) == 0

    @pytest.mark.parametrize(("size", "side"), [((300, 60), "c=18"), ((60, 300), "r=6"), ((60, 60), "r=6")])
    def test_kitty_fills_the_side_that_is_full_first(self, size: tuple[int, int], side: str) -> None:
        assert f",{side},m=" in terminal_pictures.kitty(picture(*size), (10, 20))

    def test_iterm_is_sent_the_picture(self) -> None:
        found = re.fullmatch(r"\x1b\]1337;File=inline=1;width=18;height=6;preserveAspectRatio=1:([^\x07]*)\x07",
                             terminal_pictures.iterm(picture()))  # fmt: skip
        assert found is not None
        assert far_apart(Image.open(io.BytesIO(base64.b64decode(found[1], validate=True))), picture()) == 0

    @pytest.mark.parametrize("size", [(90, 60), (60, 90), (400, 10), (10, 400)])
    def test_blocks_show_the_picture(self, size: tuple[int, int]) -> None:
        lines = terminal_pictures.blocks(picture(*size))
        assert len(lines) <= terminal_pictures.ROWS
        rows = []
        for line in lines:
            cells = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", line)
            assert 0 < len(cells) <= terminal_pictures.COLUMNS
            rows += [[[int(value) for value in cell[half : half + 3]] for cell in cells] for half in (0, 3)]
        drawn = np.array(rows, np.uint8)
        assert far_apart(drawn, picture(*size).resize(drawn.shape[1::-1], Image.Resampling.BOX)) < 1

    def test_what_is_no_thumbnail_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "broken.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
        picture().save(tmp_path / "not.webp", "PNG")  # nothing but WebP is decoded
        for name in ("broken.webp", "not.webp", "gone.webp"):
            assert terminal_pictures.load(tmp_path / name) is None
        assert terminal_pictures.load(None) is None


class TestLayout:
    @pytest.mark.parametrize("how", [Drawing.KITTY, Drawing.ITERM, Drawing.SIXEL])
    @pytest.mark.parametrize("lines", [["one"], ["one", "two", "three"], [f"line {n}" for n in range(9)]])
    @pytest.mark.parametrize("height", [10, 40])
    def test_text_stands_beside_the_picture(self, how: Drawing, lines: list[str], height: int) -> None:
        screen = Screen(height)
        for _ in range(3):
            start = screen.gone + screen.row
            screen.write(terminal_pictures.beside(picture(), lines, how))
            assert screen.pictures[-1] == (start, 0)
            for number, line in enumerate(lines):
                if start + number >= screen.gone:
                    assert screen.line(start + number) == " " * INDENT + line
            assert screen.gone + screen.row == start + max(terminal_pictures.ROWS, len(lines)) + 1
            assert screen.column == 0

    @pytest.mark.parametrize("size", [(90, 60), (10, 60)])
    @pytest.mark.parametrize("lines", [["one"], [f"line {n}" for n in range(9)]])
    def test_text_stands_beside_blocks(self, size: tuple[int, int], lines: list[str]) -> None:
        said = re.sub(r"\x1b\[[\d;]*m", "", terminal_pictures.beside(picture(*size), lines, Drawing.BLOCKS))
        shown = said.split("\n")
        assert [line[INDENT:] for line in shown[: len(lines)]] == lines
        assert shown[0].startswith("▀")
        assert {each for line in shown for each in line[:INDENT]} <= {"▀", " "}

    def test_a_hit_without_a_picture_leaves_its_place_free(self) -> None:
        assert terminal_pictures.beside(None, ["one", "two"], Drawing.KITTY) == f"{' ' * 20}one\n{' ' * 20}two\n\n"


class TestWhatTheTerminalDraws:
    @pytest.mark.parametrize(
        ("environment", "drawn"),
        [
            ({"TERM": "xterm-kitty"}, Drawing.KITTY),
            ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, Drawing.KITTY),
            ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, Drawing.KITTY),
            ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "NO_COLOR": "1"}, Drawing.ITERM),
            ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Drawing.ITERM),
            ({"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0", "KITTY_WINDOW_ID": "1"}, Drawing.NONE),
            ({"TERM": "screen", "TERM_PROGRAM": "iTerm.app", "COLORTERM": "truecolor"}, Drawing.BLOCKS),
            ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Drawing.BLOCKS),
            ({"TERM": "xterm-256color", "WT_SESSION": "x"}, Drawing.BLOCKS),
            ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Drawing.NONE),
            ({"TERM": "xterm-256color"}, Drawing.NONE),
            ({}, Drawing.NONE),
        ],
    )
    def test_as_its_variables_promise(self, environment: dict[str, str], drawn: Drawing) -> None:
        assert terminal.named_in(environment) is drawn

    def test_nothing_is_drawn_into_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm-kitty")
        assert terminal.drawing() is Drawing.NONE

    @pytest.mark.parametrize(
        ("answer", "sixels"),
        [
            (b"\x1b[?62;4;22c", True),
            (b"\x1b[?4c", False),  # the first number is the family, not a feature
            (b"\x1b[?64;14;45c", False),
            (b"nonsense", False),
            (b"", False),
        ],
    )
    def test_it_is_asked(self, answer: bytes, sixels: bool) -> None:
        done = asked_in_a_terminal(answer)
        assert done == (b"\x1b[c", str(sixels), True)

    def test_keys_pressed_ahead_stay(self) -> None:
        assert asked_in_a_terminal(b"", ahead=b"ls\n") == (b"", "False ls", True)

    def test_what_is_no_terminal_draws_none(self, tmp_path: Path) -> None:
        with Path(tmp_path, "file").open("w+b") as file:
            assert not terminal.draws_sixels(file.fileno())
            assert terminal.cell(file.fileno()) == (8, 16)


TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
"""What a child of its own session begins with, so that the terminal at its stdin is its own."""


def asked_in_a_terminal(answer: bytes, ahead: bytes = b"") -> tuple[bytes, str, bool]:
    """What a terminal is asked, what is concluded from ``answer``, and whether its modes are as they were.

    A child of its own session asks, since only a terminal that one's job holds may be asked.
    """
    ours, theirs = os.openpty()
    within_s = 60 if answer.startswith(b"\x1b") else 0.5  # else it waits in vain
    code = (
        f"{TAKE_TERMINAL}import sys; from api.cli.terminal import draws_sixels\n"
        f"print(draws_sixels(0, {within_s}), sys.stdin.readline() if sys.argv[1:] else '', file=sys.stderr)"
    )
    before = termios.tcgetattr(theirs)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(theirs, termios.TCSANOW, silent)
    os.write(ours, ahead)
    asking = subprocess.Popen(
        [sys.executable, "-c", code, *(["reads"] if ahead else [])],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    asked: list[bytes] = []

    def be_a_terminal() -> None:
        asked.append(os.read(ours, 64))
        os.write(ours, answer)

    if not ahead:
        answering = threading.Thread(target=be_a_terminal, daemon=True)
        answering.start()
    said = asking.communicate(timeout=60)[1].decode().strip()
    same = termios.tcgetattr(theirs) == silent
    if not ahead:
        answering.join(60)
    elif select.select([ours], [], [], 0)[0]:
        asked.append(os.read(ours, 64))
    os.close(theirs)
    os.close(ours)
    return b"".join(asked), said, same


def hit(path: Path | str, kind: AssetKind, **facts: object) -> Hit:
    segment = (1, SegmentKind.FRAME, None, None, None, None, None)
    return replace(Hit(1, 0.9, "a" * 64, str(path), kind, *segment, 0, ()), **facts)  # type: ignore[arg-type]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts programs of these names, which write down their arguments and end with ``code``, in the place of all."""
    called = tmp_path / "called"

    def install(*names: str, code: int = 0) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name in names:
            script = folder / name
            script.write_text(f"#!/bin/sh\nprintf '%s\\n' {name} \"$@\" > '{called}'\nexit {code}\n")
            script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("DISPLAY", ":99")
        monkeypatch.setattr(open_hit, "OPENERS", ("xdg-open",))
        return called

    return install


class TestOpening:
    @pytest.mark.parametrize(
        ("installed", "found", "call"),
        [
            (["mpv", "vlc", "xdg-open"], hit("/a.mp4", AssetKind.VIDEO, start_s=12.5), ["mpv", "--start=12.50"]),
            (["vlc", "xdg-open"], hit("/a.flac", AssetKind.AUDIO, start_s=3.0), ["vlc", "--start-time=3.00"]),
            (["xdg-open"], hit("/a.mp4", AssetKind.VIDEO, start_s=12.5), ["xdg-open"]),
            (["mpv", "xdg-open"], hit("/a.jpg", AssetKind.IMAGE), ["xdg-open"]),
            (["evince", "okular", "xdg-open"], hit("/a.PDF", AssetKind.DOCUMENT, page=4), ["evince", "--page-index=4"]),
            (["okular", "xdg-open"], hit("/a.pdf", AssetKind.DOCUMENT, page=4), ["okular", "--page=4"]),
            (["okular", "xdg-open"], hit("/a.odt", AssetKind.DOCUMENT, page=4), ["xdg-open"]),
        ],
    )
    def test_the_program_that_can_do_most(
        self, programs: Callable[..., Path], installed: list[str], found: Hit, call: list[str]
    ) -> None:
        programs(*installed)
        made = command(found, found.path)
        assert [Path(made[0]).name, *made[1:]] == [*call, found.path]

    def test_a_name_is_never_an_option(
        self, programs: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        called = programs("xdg-open")
        monkeypatch.chdir(tmp_path)
        for name in ("--help", "$(touch gone); `x`.jpg", "http:"):
            Path(tmp_path, name).write_bytes(b"")
            open_hit.open_hit(SearchResult((hit(name, AssetKind.IMAGE),), True, 1.0), 1)
            assert called.read_text().splitlines() == ["xdg-open", str(tmp_path / name)]

    @pytest.mark.parametrize(
        ("installed", "changed", "number", "says"),
        [
            (["xdg-open"], {"matched": False}, 1, "nothing stands out"),
            (["xdg-open"], {}, 2, "there is no hit 2"),
            (["xdg-open"], {"hits": (hit("/nowhere/a.jpg", AssetKind.IMAGE),)}, 1, "not there now"),
            ([], {}, 1, "there is no program xdg-open"),
        ],
    )
    def test_what_cannot_be_opened_is_explained(
        self,
        programs: Callable[..., Path],
        tmp_path: Path,
        installed: list[str],
        changed: dict[str, object],
        number: int,
        says: str,
    ) -> None:
        programs(*installed)
        Path(tmp_path, "a.jpg").write_bytes(b"")
        result = SearchResult((hit(tmp_path / "a.jpg", AssetKind.IMAGE),), True, 1.0)
        with pytest.raises(UsageError, match=says):
            open_hit.open_hit(replace(result, **changed), number)  # type: ignore[arg-type]

    def test_without_a_screen_it_says_so(
        self, programs: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        called = programs("xdg-open")
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        Path(tmp_path, "a.jpg").write_bytes(b"")
        with pytest.raises(UsageError, match="no screen"):
            open_hit.open_hit(SearchResult((hit(tmp_path / "a.jpg", AssetKind.IMAGE),), True, 1.0), 1)
        assert not called.exists()

    def test_a_program_that_fails_is_told_of(self, programs: Callable[..., Path], tmp_path: Path) -> None:
        programs("xdg-open", code=3)
        Path(tmp_path, "a.jpg").write_bytes(b"")
        with pytest.raises(UsageError, match="exit 3"):
            open_hit.open_hit(SearchResult((hit(tmp_path / "a.jpg", AssetKind.IMAGE),), True, 1.0), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    (folder / "media").mkdir()
    for name, colour in (("2019-07-04 one", "red"), ("2019-08-05 two", "blue")):
        Image.new("RGB", (90, 60), colour).save(folder / "media" / f"{name}.png")
    (folder / "media" / "2020-02-02 note.txt").write_text("The harbour office opens at nine.")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: ENCODER) as library:
        library.settings.index.ocr = False
        library.settings.index.regions = 0
        Indexer(library).index([folder / "media"])
        for name in ("cats", "cats at home", "dogs", "$(touch gone)"):
            save(library, name, Query("type:image"))
    return folder


@pytest.fixture
def bowerbird(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The program in this process, with the library of `folder`: its exit code, what it prints and what it says."""
    monkeypatch.setattr(wiring, "_loader", lambda settings: lambda spec: ENCODER)
    monkeypatch.setenv("BOWERBIRD_LIBRARY", str(folder / "library"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bowerbird", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "a fault of ours" not in err
        return int(end.value.code or 0), out, err

    return run


class TestTheProgram:
    def test_pictures_that_are_asked_for_come_in_a_pipe_too(self, bowerbird: Callable[..., tuple[int, str, str]]):
        for arguments in (["search", "type:image"], ["saved", "run", "cats"]):
            code, out, _ = bowerbird(*arguments, "--pictures", "kitty")
            assert code == 0
            drawn = re.findall(r"(?:\x1b_G[^\x1b]*\x1b\\)+", out)
            assert [read_kitty(each).convert("RGB").getpixel((9, 9))[2] > 200 for each in drawn] == [True, False]
            assert "two.png" in out

    def test_a_hit_that_has_none_lines_up(self, bowerbird: Callable[..., tuple[int, str, str]]):
        _, out, _ = bowerbird("search", "before:2030", "--pictures", "blocks", "--limit", "10")
        lines = re.sub(r"\x1b\[[\d;]*m", "", out).splitlines()
        starts = [line[INDENT:] for line in lines if re.match(r"\d  1\.00", line[INDENT:])]
        assert len(starts) == 3
        assert any(line.startswith(" " * INDENT + "The harbour office") for line in lines)

    def test_by_itself_a_pipe_has_none(self, bowerbird: Callable[..., tuple[int, str, str]]):
        assert "\x1b" not in bowerbird("search", "type:image")[1] + bowerbird("search", "type:image", "--table")[1]
        assert "\x1b" not in bowerbird("search", "type:image", "--json", "--pictures", "kitty")[1]

    def test_a_wrong_way_is_refused(self, bowerbird: Callable[..., tuple[int, str, str]]):
        code, _, err = bowerbird("search", "x", "--pictures", "ascii")
        assert (code, len(err.splitlines())) == (2, 1)
        assert "kitty" in err

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            (["--open", "type:image"], "two.png"),
            (["type:image", "--open"], "two.png"),
            (["--open", "2", "type:image"], "one.png"),
            (["--open=2", "type:image", "--json"], "one.png"),
        ],
    )
    def test_a_hit_is_opened(
        self,
        bowerbird: Callable[..., tuple[int, str, str]],
        programs: Callable[..., Path],
        arguments: list[str],
        name: str,
    ):
        called = programs("xdg-open")
        code, out, err = bowerbird("search", *arguments)
        assert (code, out != "") == (0, True)
        assert err.startswith("opened ")
        assert called.read_text().splitlines()[1].endswith(name)

    @pytest.mark.parametrize("arguments", [["type:image", "--open", "3"], ["type:image", "--open", "0"]])
    def test_no_such_hit_is_one_line(
        self, bowerbird: Callable[..., tuple[int, str, str]], programs: Callable[..., Path], arguments: list[str]
    ):
        called = programs("xdg-open")
        code, _, err = bowerbird("search", *arguments)
        assert (code, len(err.splitlines()), called.exists()) == (2, 1, False)


@pytest.mark.parametrize(
    ("environment", "answer", "begins"),
    [
        ({"TERM": "xterm-kitty"}, b"", b"\x1b_Ga=T"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, b"\x1b[?62;4c", b"\x1bP0;1;0q"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, b"\x1b[?62c", b"\x1b[38;2;"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, b"\x1b[?62c", None),
    ],
)
def test_in_a_terminal_hits_come_with_pictures(
    folder: Path, environment: dict[str, str], answer: bytes, begins: bytes | None
) -> None:
    """The real program, in a terminal of its own that says what it is when it is asked."""
    ours, theirs = os.openpty()
    others = {"PATH": os.environ["PATH"], "BOWERBIRD_LIBRARY": str(folder / "library"), **environment}
    code = (
        f"{TAKE_TERMINAL}import sys; sys.argv = ['bowerbird', 'search', 'type:image']\n"
        "from api.cli import main, terminal\n"
        "terminal.draws_sixels.__defaults__ = (60,)  # ours answers, however late\n"
        "main()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=others, start_new_session=True
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # the program has ended
            break
        if not read:
            break
        if b"\x1b[c" in said + read and b"\x1b[c" not in said:
            os.write(ours, answer)
        said += read
    os.close(ours)
    assert running.wait(60) == 0
    assert b"two.png" in said
    drawn = [each for each in (b"\x1b_G", b"\x1b]1337", b"\x1bP", b"\x1b[38;2;") if each in said]
    if begins is None:
        assert drawn == []
    else:
        assert len(drawn) == 1
        assert begins in said
    assert (b"\x1b[c" in said) == bool(answer)


def completed(words: list[str], folder: Path, shell: str = "bash") -> list[str]:
    """What the real program offers for the last of ``words``, asked as the shell would ask."""
    asks = {"COMP_WORDS": "\n".join(["bowerbird", *words]), "COMP_CWORD": str(len(words))}
    asks |= {"_TYPER_COMPLETE_ARGS": " ".join(["bowerbird", *words]), "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    environment = {**os.environ, **asks, "_BOWERBIRD_COMPLETE": f"complete_{shell}"}
    environment["BOWERBIRD_LIBRARY"] = str(folder / "library")
    program = Path(sys.executable).parent / "bowerbird"
    done = subprocess.run([program], capture_output=True, text=True, env=environment, cwd=folder, timeout=60)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.endswith("\n") else done.stdout.split("\n")


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "offered"),
        [
            (["search", "--kind", "p"], ["page"]),
            (["search", "a", "dog", "--type", ""], ["image", "video", "audio", "document"]),
            (["search", "--open", "--pictures", "k"], ["kitty"]),
            (["saved", "run", "cat"], ["cats", "cats\\ at\\ home"]),
            (["--library", "nowhere", "saved", "remove", ""], [""]),
            (["search", "--library", ""], ["library"]),
            (["search", "--library", "./li"], ["./library"]),
            (["search", "--library", "media/"], [""]),
        ],
    )
    def test_values_are_offered(self, folder: Path, words: list[str], offered: list[str]) -> None:
        assert completed(words, folder) == offered

    def test_other_shells_quote_for_themselves(self, folder: Path) -> None:
        assert completed(["saved", "remove", ""], folder, "fish") == ["cats", "cats at home", "dogs"]

    def test_the_library_may_stand_after_the_verb(self, folder: Path) -> None:
        assert completed(["saved", "run", "--library", str(folder / "library"), "do"], folder / "media") == ["dogs"]

    def test_nothing_heavy_is_imported_for_plain_values(self, folder: Path) -> None:
        heavy = {
            "numpy",
            "torch",
            "PIL",
            "sqlalchemy",
            "faiss",
            "bowerbird.settings",
            "indexer",
            "search",
            "rich.table",
        }
        code = (
            "import atexit, sys; from api.cli import main\n"
            f"atexit.register(lambda: print(sorted(set(sys.modules) & {heavy!r}), file=sys.stderr))\n"
            "sys.argv = ['bowerbird']; main()"
        )
        asks = {"COMP_WORDS": "bowerbird search --kind p", "COMP_CWORD": "3", "_BOWERBIRD_COMPLETE": "complete_bash"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asks}, timeout=60
        )
        assert (done.stdout.strip(), done.stderr.strip()) == ("page", "[]")
