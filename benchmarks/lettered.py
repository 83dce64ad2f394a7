"""Pictures that bear known words, drawn with a fixed seed: captions, signs in photos, pages, screens, white on dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bowerbird.models.minilm import ordinary_sentences
from bowerbird.types import Pixels

SIZES = [(640, 480), (480, 640), (800, 600), (1024, 768), (1200, 1600), (1600, 900), (500, 375), (400, 400)]
TILT = 10.0
"""Degrees, at most, to either side."""
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Lettered:
    """A picture, its sort, and the words on it."""

    sort: str
    pixels: Pixels
    words: tuple[str, ...]


def lettered(count: int, photos: Sequence[Pixels], seed: int = 0) -> list[Lettered]:
    """``count`` pictures, the sorts in turn; ``photos`` are what captions and signs are set on."""
    random = np.random.default_rng(seed)
    sorts = list(SORTS.items())
    return [_saved(name, *make(random, photos), random) for name, make in (sorts[n % len(sorts)] for n in range(count))]


def fonts() -> list[Path | None]:
    """DejaVu where the system or matplotlib has it, and Pillow's own (None)."""
    folders = [Path("/usr/share/fonts/truetype/dejavu")]
    try:
        import matplotlib

        folders.append(Path(matplotlib.get_data_path()) / "fonts" / "ttf")
    except ImportError:
        pass  # it is only a place where fonts may lie
    found = {file.name: file for folder in folders for file in folder.glob("DejaVu*.ttf") if "Math" not in file.name}
    return [None, *(found[name] for name in sorted(found))]


def _font(random: np.random.Generator, size: float) -> Font:
    chosen = fonts()[random.integers(len(fonts()))]
    return ImageFont.load_default(size) if chosen is None else ImageFont.truetype(chosen, size)


def _words(random: np.random.Generator, count: int) -> list[str]:
    known = sorted({word.strip(".,?!:;'\"") for line in ordinary_sentences() for word in line.split()})
    known = [word for word in known if word.isascii() and word.isalpha() and len(word) > 2]
    words = [str(known[int(random.integers(len(known)))]) for _ in range(count)]
    style = random.integers(3)
    return [word.upper() if style == 0 else word.title() if style == 1 else word for word in words]


def _size(random: np.random.Generator) -> tuple[int, int]:
    return SIZES[random.integers(len(SIZES))]


def _photo(random: np.random.Generator, photos: Sequence[Pixels]) -> Image.Image:
    return Image.fromarray(photos[int(random.integers(len(photos)))]).convert("RGB")


def _apart(random: np.random.Generator, ground: Sequence[float]) -> tuple[int, int, int]:
    """A colour that a person can read on ``ground``: at least 100 of 255 lighter or darker."""
    weights = np.array([0.299, 0.587, 0.114])
    while True:
        colour = random.integers(0, 256, 3)
        if abs(float((colour - np.asarray(ground)) @ weights)) >= 100:
            red, green, blue = (int(part) for part in colour)
            return red, green, blue


def _write(
    picture: Image.Image,
    text: str,
    font: Font,
    ink: tuple[int, int, int],
    tilt: float,
    panel: tuple[int, int, int] | None,
    random: np.random.Generator,
) -> None:
    """``text`` somewhere on ``picture``, whole, shrunk where there is no room, on a panel or without."""
    left, top, right, bottom = ImageDraw.Draw(picture).multiline_textbbox((0, 0), text, font=font)
    margin = int(0.25 * (bottom - top) / (text.count("\n") + 1)) + 4
    size = int(right - left) + 2 * margin, int(bottom - top) + 2 * margin
    sheet = Image.new("RGBA", size, (*(panel or ink), 255 if panel else 0))
    ImageDraw.Draw(sheet).multiline_text((margin - left, margin - top), text, font=font, fill=(*ink, 255))
    sheet = sheet.rotate(tilt, Image.Resampling.BICUBIC, expand=True)
    sheet.thumbnail((int(0.96 * picture.width), int(0.96 * picture.height)))
    x, y = (int(random.integers(0, room + 1)) for room in (picture.width - sheet.width, picture.height - sheet.height))
    picture.paste(sheet, (x, y), sheet)


def _tilt(random: np.random.Generator) -> float:
    return float(random.uniform(-TILT, TILT)) if random.random() < 0.7 else 0.0


def _plain(random: np.random.Generator, photos: Sequence[Pixels]) -> tuple[Image.Image, list[str]]:
    """A few words on one colour or a gradient."""
    ground = random.integers(0, 256, 3)
    picture = Image.new("RGB", _size(random), tuple(ground.tolist()))
    words = _words(random, int(random.integers(1, 6)))
    text = "\n".join(" ".join(words[at : at + 2]) for at in range(0, len(words), 2))
    height = float(np.exp(random.uniform(np.log(18), np.log(110))))
    _write(picture, text, _font(random, height), _apart(random, ground.tolist()), _tilt(random), None, random)
    return picture, words


def _caption(random: np.random.Generator, photos: Sequence[Pixels]) -> tuple[Image.Image, list[str]]:
    """Words set straight on a photo, in white or black with an outline's worth of contrast."""
    picture = _photo(random, photos)
    words = _words(random, int(random.integers(1, 4)))
    height = float(random.uniform(0.05, 0.14) * picture.height)
    font = _font(random, max(height, 18))
    ground = np.asarray(picture.resize((1, 1)), np.float64)[0, 0]
    ink = (255, 255, 255) if ground.mean() < 128 else (0, 0, 0)
    edge = tuple(255 - part for part in ink)
    draw = ImageDraw.Draw(picture)
    text = " ".join(words)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font, stroke_width=2)
    if right - left > 0.95 * picture.width:
        words = words[:1]
        text = words[0]
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font, stroke_width=2)
    x, y = (
        int(random.integers(5, max(6, room)))
        for room in (picture.width - int(right - left) - 5, picture.height - int(bottom - top) - 5)
    )
    draw.text((x - left, y - top), text, font=font, fill=ink, stroke_width=2, stroke_fill=edge)
    return picture, words


def _sign(random: np.random.Generator, photos: Sequence[Pixels]) -> tuple[Image.Image, list[str]]:
    """A small tilted sign in a photo: letters of 16 to 36 pixels."""
    picture = _photo(random, photos)
    words = _words(random, int(random.integers(1, 3)))
    panel = random.integers(0, 256, 3).tolist()
    font = _font(random, float(random.uniform(16, 36)))
    _write(picture, "\n".join(words), font, _apart(random, panel), _tilt(random), tuple(panel), random)
    return picture, words


def _page(random: np.random.Generator, photos: Sequence[Pixels]) -> tuple[Image.Image, list[str]]:
    """A scanned page: paragraphs, grain, uneven light, a little aslant."""
    width, height = (1131, 1600) if random.random() < 0.5 else (850, 1100)
    size = int(random.integers(18, 27))
    font = _font(random, size)
    words = _words(random, 90)
    paper = Image.new("RGB", (width, height), (250, 248, 240))
    draw = ImageDraw.Draw(paper)
    x, y, written = 90.0, 110.0, []
    for number, word in enumerate(words):
        length = draw.textlength(word + " ", font=font)
        if x + length > width - 90 or (number and number % 30 == 0):
            x, y = 90.0, y + size * (1.4 if number % 30 else 2.8)
        if y > height - 110:
            break
        draw.text((x, y), word, font=font, fill=(25, 25, 30))
        written.append(word)
        x += length
    paper = paper.rotate(float(random.uniform(-3, 3)), Image.Resampling.BICUBIC, fillcolor=(235, 233, 228))
    light = np.linspace(1.0, random.uniform(0.8, 0.97), width)[None, :, None]
    grain = random.normal(0, 5, (height, width, 1))
    return Image.fromarray((np.asarray(paper) * light + grain).clip(0, 255).astype(np.uint8)), written


def _screen(random: np.random.Generator, photos: Sequence[Pixels]) -> tuple[Image.Image, list[str]]:
    """A screenshot: a bar, buttons, a list in small letters."""
    dark = random.random() < 0.4
    ground, ink = ((32, 33, 36), (225, 225, 225)) if dark else ((255, 255, 255), (40, 40, 40))
    picture = Image.new("RGB", (1280, 800), ground)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 1280, 48), (66, 103, 178) if random.random() < 0.5 else (90, 90, 95))
    words = _words(random, 26)
    bar, small = _font(random, 20), _font(random, float(random.uniform(14, 20)))
    for place, word in enumerate(words[:6]):
        draw.text((30 + 200 * place, 12), word, font=bar, fill=(255, 255, 255))
    for place, word in enumerate(words[6:]):
        draw.text((40 + 320 * (place % 2), 90 + 34 * place), word, font=small, fill=ink)
    for place in range(4):
        draw.rounded_rectangle((900, 120 + 90 * place, 1200, 180 + 90 * place), 8, outline=(128, 128, 128))
    return picture, words


def _dark(random: np.random.Generator, photos: Sequence[Pixels]) -> tuple[Image.Image, list[str]]:
    """White on dark, as on a slide or a title card."""
    shade = int(random.integers(0, 45))
    picture = Image.new("RGB", _size(random), (shade, shade, shade + 10))
    words = _words(random, int(random.integers(2, 7)))
    text = "\n".join(" ".join(words[at : at + 2]) for at in range(0, len(words), 2))
    _write(picture, text, _font(random, float(random.uniform(20, 80))), (240, 240, 240), _tilt(random), None, random)
    return picture, words


SORTS: dict[str, Callable[[np.random.Generator, Sequence[Pixels]], tuple[Image.Image, list[str]]]] = {
    "plain": _plain,
    "caption": _caption,
    "sign": _sign,
    "page": _page,
    "screen": _screen,
    "dark": _dark,
}


def _saved(sort: str, picture: Image.Image, words: list[str], random: np.random.Generator) -> Lettered:
    """As it comes back from a JPEG, every third one a little out of focus."""
    if random.random() < 1 / 3:
        picture = picture.filter(ImageFilter.GaussianBlur(0.6))
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=int(random.integers(70, 95)))
    return Lettered(sort, np.array(Image.open(buffer).convert("RGB")), tuple(words))
