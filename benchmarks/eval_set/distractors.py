"""What lies in the corpus and answers nothing: prose from installed packages, and pictures of nothing.

Texts are the longest docstring of a module and the README in a distribution's metadata, taken by name from packages
that Bowerbird depends on. Other versions of these bring other texts, but as many.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PACKAGES = ("networkx", "numpy", "scipy", "skimage", "sqlalchemy", "sympy", "torch", "timm", "xml", "email", "asyncio")
"""Their modules' docstrings; the last three are Python's own."""
READMES = (
    *("alembic", "av", "charset-normalizer", "faster-whisper", "ftfy", "huggingface-hub", "hypothesis", "lxml", "Mako"),
    *("openpyxl", "pillow", "platformdirs", "psutil", "pydantic", "pydantic-settings", "pypdfium2", "pytest", "regex"),
    *("rich", "RapidFuzz", "safetensors", "SQLAlchemy", "timm", "tokenizers", "typer", "python-docx", "python-pptx"),
)
EACH = 70
"""Modules of a package, at most."""
SHORTEST, LONGEST = 400, 6_000
"""Characters of a text."""
DOCSTRING = re.compile(r'(?:\A|:\n)\s*r?"""(.*?)"""', re.DOTALL)
LEFT_OUT = re.compile(r"test|dataset|/data/|_fetchers|imagenet|benchmark|conftest", re.IGNORECASE)
"""Modules that speak of sample pictures or of the classes of photos, which queries ask for."""
PICTURES = 80
SIDE = 480


def make_texts(folder: Path, packages: Iterable[str] = PACKAGES) -> None:
    """One file a text: the READMEs, and docstrings of ``packages``."""
    folder.mkdir(parents=True)
    for name, text in chain(_readmes(), *(_docstrings(package) for package in packages)):
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _readmes() -> Iterator[tuple[str, str]]:
    for name in READMES:
        try:
            body = metadata(name).json.get("description")
        except PackageNotFoundError:
            continue
        if isinstance(body, str) and len(body) >= SHORTEST:
            yield f"{name.lower()}.md", body[:LONGEST].strip()


def _docstrings(package: str) -> Iterator[tuple[str, str]]:
    folder = _folder(package)
    said = ((path, _longest_docstring(path)) for path in _modules(folder))
    for path, text in islice(((path, text) for path, text in said if text), EACH):
        yield f"{'.'.join(path.relative_to(folder.parent).with_suffix('').parts)}.txt", text


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: pip install -e '.[dev]'")
    return Path(spec.origin).parent


def _modules(folder: Path) -> list[Path]:
    """Modules in ``folder`` by name, spread over all of it, with some to spare for those that say little."""
    named = sorted(path for path in folder.rglob("*.py") if not LEFT_OUT.search(path.relative_to(folder).as_posix()))
    return named[:: max(1, len(named) // (2 * EACH))]


def _longest_docstring(path: Path) -> str | None:
    """The longest text in the quotes of docstrings. Read by pattern, since parsing these packages takes a minute."""
    longest = max(DOCSTRING.findall(path.read_text(encoding="utf-8", errors="replace")), key=len, default="")
    return inspect.cleandoc(longest)[:LONGEST] if len(longest) >= SHORTEST else None


def make_drawings(folder: Path) -> None:
    """`PICTURES` drawings, no two alike: noise, blobs, stripes, plots, bars, shapes, fractals, scans of text."""
    folder.mkdir(parents=True)
    words = [text for _, text in _readmes()]
    for number in range(PICTURES):
        random = np.random.default_rng(number)
        sort = number % (len(_SORTS) + 1)
        image = _SORTS[sort](random) if sort < len(_SORTS) else _scan(words[number % len(words)])
        image.save(folder / f"drawing-{number:02d}.png")


def _noise(random: np.random.Generator) -> Image.Image:
    return Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def _blobs(random: np.random.Generator) -> Image.Image:
    small = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _stripes(random: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = np.sin(random.uniform(10, 60) * x + random.uniform(-40, 40) * y)[..., None] * random.uniform(40, 127, 3)
    return Image.fromarray((128 + waves).clip(0, 255).astype(np.uint8))


def _plot(random: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    draw.line((40, 20, 40, 440, 460, 440), fill="black", width=2)
    for colour in ("steelblue", "darkorange"):
        heights = 230 + np.cumsum(random.normal(0, 12, 60))
        draw.line([(40 + 7 * at, float(height)) for at, height in enumerate(heights)], fill=colour, width=3)
    return image


def _bars(random: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    for at in range(8):
        top = int(random.integers(40, 400))
        draw.rectangle((50 + 50 * at, top, 85 + 50 * at, 440), fill="slategray")
    return image


def _shapes(random: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), _colour(random))
    draw = ImageDraw.Draw(image)
    for _ in range(25):
        points = [(int(x), int(y)) for x, y in random.integers(0, SIDE, (3, 2))]
        draw.polygon(points, fill=_colour(random))
    return image


def _fractal(random: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[-1.5 : 1.5 : SIDE * 1j, -1.5 : 1.5 : SIDE * 1j]
    z, steps = x + 1j * y, np.zeros((SIDE, SIDE))
    constant = complex(random.uniform(-0.9, 0.0), random.uniform(0.2, 0.8))
    for _ in range(40):
        inside = np.abs(z) < 2
        z = np.where(inside, z * z + constant, z)
        steps += inside
    return Image.fromarray((steps[..., None] * random.uniform(2, 6.3, 3)).clip(0, 255).astype(np.uint8))


def _scan(text: str) -> Image.Image:
    """The first lines of ``text`` as a page."""
    page = Image.new("RGB", (600, 420), "ivory")
    lines = [line[:62] for line in text.splitlines() if line.strip()][:16]
    ImageDraw.Draw(page).multiline_text((30, 24), "\n".join(lines), font=ImageFont.load_default(17), fill="black")
    return page


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3)
    return int(red), int(green), int(blue)


_SORTS: tuple[Callable[[np.random.Generator], Image.Image], ...] = (
    *(_noise, _blobs, _stripes, _plot),
    *(_bars, _shapes, _fractal),
)
