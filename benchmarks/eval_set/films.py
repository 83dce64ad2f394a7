"""Short films: what stands in ``films.toml``, photos that are slowly drawn nearer or panned over, some with a voice."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.eval_set import entries
from benchmarks.eval_set.talks import add_sound, spoken, write_sound

WIDTH, HEIGHT, RATE = 640, 480, 12
MARGIN = 72
"""Pixels by which a photo is wider and higher than the film: room to move in."""
PHOTO_S, TITLE_S = 6, 3
COLOURS = ("midnightblue", "darkslategray", "maroon", "black", "indigo")


def make_films(photos: Path, folder: Path) -> None:
    """One file a film, out of the photos of COCO in ``photos``."""
    folder.mkdir(parents=True)
    for number, film in enumerate(entries("film")):
        with av.open(folder / film["file"], "w", options={"fflags": "+bitexact"}) as out:
            options = {"preset": "veryfast", "crf": "24", "threads": "1"}
            stream = out.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, options=options)
            stream.pix_fmt = "yuv420p"
            sound = add_sound(out, "aac") if "text" in film else None
            for at, picture in enumerate(_pictures(film.get("title"), film["photos"], photos, number)):
                frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
                frame.pts, frame.time_base = at, Fraction(1, RATE)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
            if sound is not None:
                write_sound(out, sound, spoken(film["text"], film["voice"]))


def photos_in_films() -> set[int]:
    """Numbers of the photos that are shown in films."""
    return {photo for film in entries("film") for photo in film["photos"]}


def _pictures(title: str | None, numbers: list[int], photos: Path, film: int) -> Iterator[Image.Image]:
    """The frames, `WIDTH` x `HEIGHT`, RGB."""
    if title is not None:
        yield from [_title(title, COLOURS[film % len(COLOURS)])] * (TITLE_S * RATE)
    for scene, number in enumerate(numbers):
        with Image.open(photos / f"{number:012d}.jpg") as image:
            photo = _filling(image.convert("RGB"))
        steps = PHOTO_S * RATE
        for step in range(steps):
            moved = step * MARGIN // steps
            if (film + scene) % 2:
                box = (moved, MARGIN // 2, moved + WIDTH, MARGIN // 2 + HEIGHT)
            else:
                inset = moved // 2
                box = (inset, inset, WIDTH + MARGIN - inset, HEIGHT + MARGIN - inset)
            yield photo.crop(box).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)


def _filling(image: Image.Image) -> Image.Image:
    """The whole photo on black where it stands upright, else cut to the film's shape."""
    size = (WIDTH + MARGIN, HEIGHT + MARGIN)
    if image.width >= image.height:
        return _cut(image, size)
    scale = size[1] / image.height
    photo = image.resize((round(image.width * scale), size[1]), Image.Resampling.LANCZOS)
    whole = Image.new("RGB", size)
    whole.paste(photo, ((size[0] - photo.width) // 2, 0))
    return whole


def _cut(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    scale = max(size[0] / image.width, size[1] / image.height)
    photo = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    left, top = (photo.width - size[0]) // 2, (photo.height - size[1]) // 2
    return photo.crop((left, top, left + size[0], top + size[1]))


def _title(text: str, colour: str) -> Image.Image:
    card = Image.new("RGB", (WIDTH, HEIGHT), colour)
    ImageDraw.Draw(card).text(
        (WIDTH // 2, HEIGHT // 2), text, font=ImageFont.load_default(44), fill="white", anchor="mm"
    )
    return card
