"""A small library for the tests of the viewer: a file of every sort that it shows, some of them hostile."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image, ImageDraw

from api.http.app import create_app
from bowerbird.moments import Moment
from bowerbird.types import Box, Pixels, SegmentKind, Stage
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests.fakes import HashEncoder, ScriptedTranscriber
from tests.media.films import scenery, tone, write_film, write_recording
from tests.media.make import photo, save
from tests.media.papers import pdf, put

HOSTILE = "<img src=x onerror=alert(1)>"
SENTENCES = (
    (0.0, 2.0, "We came to the bower at dawn."),
    (2.0, 4.0, "The male sorts blue feathers first."),
    (4.0, 6.0, "He pays his budget in berries."),
    (6.0, 8.0, "Rent is due when the rain begins."),
    (8.0, 10.0, "A rival steals the feathers at night."),
    (10.0, 11.5, "In the morning everything is blue again."),
)
SPOKEN = f"He pays {HOSTILE} in berries."
"""What is heard in recordings that bring no subtitles."""
SIGN = Box(0.25, 0.5, 0.5, 0.2)
"""Where the sign stands in the photo of it."""
PAGES = ("The first page is about bowers\nand about nothing else", "Here blue feathers\nare counted by colour")


class SignReader:
    """A `TextReader` that finds a red sign and knows what stands on it."""

    stage = Stage("ocr", 1, {"weights": "signs"})

    def read(self, picture: Pixels) -> list[Moment]:
        red = (picture[..., 0] > 250) & (picture[..., 1] < 5) & (picture[..., 2] < 5)
        if red.sum() < 1000:
            return []
        (rows,), (columns,) = np.nonzero(red.any(axis=1)), np.nonzero(red.any(axis=0))
        height, width = red.shape
        x, y = columns[0] / width, rows[0] / height
        box = Box(x, y, (columns[-1] + 1) / width - x, (rows[-1] + 1) / height - y)
        return [Moment(SegmentKind.OCR, box=box, text=f"no swimming {HOSTILE}", confidence=0.9)]


def make_media(folder: Path) -> None:
    """Fill ``folder``."""
    folder.mkdir(parents=True)
    scenes = [scenery(1)] * 48 + [scenery(2)] * 48 + [scenery(3)] * 48
    write_film(folder / "film.mp4", scenes, rate=12, cues=SENTENCES, sound=tone(12))
    write_film(folder / "old.avi", scenes[::2], rate=6, sound=tone(12))
    write_recording(folder / "talk.wav", tone(12))
    put("".join(_cue(number, *cue) for number, cue in enumerate(SENTENCES, 1)), folder / "talk.srt")
    sign = photo(640, 400, 4).point(lambda value: 60 + value // 2)
    left, top = SIGN.x * 640, SIGN.y * 400
    ImageDraw.Draw(sign).rectangle(
        (left, top, left + SIGN.width * 640 - 1, top + SIGN.height * 400 - 1), fill=(255, 0, 0)
    )
    save(sign, folder / f"sign {HOSTILE.replace('/', '')}.png")
    save(_turned(photo(300, 200, 5)), folder / "blue bower.jpg", exif=_turned_exif())
    put(pdf(PAGES), folder / "paper.pdf")
    paragraphs = [f"Paragraph {number} says that {_filler(number)}." for number in range(400)]
    paragraphs[300] = f"Here the gardener {HOSTILE} counts blue feathers by hand."
    put("\n\n".join(paragraphs), folder / "long.txt")


def _filler(number: int) -> str:
    return " ".join(hashlib.sha256(f"{number} {word}".encode()).hexdigest()[:6] for word in range(40))


def _cue(number: int, start: float, end: float, text: str) -> str:
    def said(seconds: float) -> str:
        return f"00:00:{int(seconds):02},{int(seconds * 1000) % 1000:03}"

    return f"{number}\n{said(start)} --> {said(end)}\n{text}\n\n"


def _turned(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_90)


def _turned_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@contextmanager
def viewer_library(folder: Path) -> Iterator[Library]:
    """A library of `make_media`, indexed under a fake encoder."""
    make_media(folder / "media")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        settings = library.settings
        settings.index.regions = 4
        settings.serve.searchers = 0  # a child could not load a fake
        library.__dict__.update(reader=SignReader(), transcriber=ScriptedTranscriber([SPOKEN]))
        report = Indexer(library).index([folder / "media"])
        assert not report.failed, report.failed
        yield library


@contextmanager
def served(library: Library, *, keyless: bool = True) -> Iterator[str]:
    """The address at which a server of this process shows the library, without a slash at the end."""
    config = uvicorn.Config(create_app(library, keyless=keyless), port=0, log_level="warning", lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)
