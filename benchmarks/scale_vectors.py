"""Vectors for `benchmarks.scale`: those of really encoded pictures, and a million made from them.

The real ones are views (the whole and random crops, mirrored or not) of the photos that scikit-image brings and of
those in the folders named. A made vector is a real one, its base, with jitter: a normal deviate with the covariance of
the real vectors, so that it strays the way real pictures differ, scaled to the length that puts two children of one
base as far apart as the base is from its own nearest neighbour. One factor over all lengths is then found by bisection,
so that the median cosine to the nearest neighbour among the made vectors is that among the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bowerbird.media.picture.picture_fit import prepare
from bowerbird.models.registry import load_encoder
from bowerbird.ports import Encoder
from bowerbird.settings import cache_folder

Floats = NDArray[np.float32]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
VIEWS = 32
"""Of each photo that become bases, and two more that become queries."""
_BATCH, _PIECE = 16, 20_000

_THINGS = """
dog, cat, horse, sheep, cow, elephant, bear, zebra, giraffe, bird, boat, train, bus, truck, car, motorcycle,
bicycle, airplane, kite, surfboard, skateboard, snowboard, tennis racket, baseball glove, umbrella, handbag,
suitcase, bottle, wine glass, cup, bowl, banana, apple, sandwich, orange, carrot, pizza, cake, chair, couch,
potted plant, bed, dining table, toilet, television, laptop, keyboard, telephone, microwave, oven, sink,
refrigerator, book, clock, vase, scissors, teddy bear, coffee, rocket, galaxy, coin, brick wall, grass,
motor, retina, traffic light, bench, waterfall, mountain lake, crowded street
"""
_SETTINGS = ("a photo of a {}", "{} in the snow at night", "two children with a {}", "an old {} by the sea")


def sentences() -> list[str]:
    """Such texts as people write."""
    things = [thing.strip() for thing in _THINGS.replace("\n", " ").split(",")]
    return [setting.format(thing) for setting in _SETTINGS for thing in things]


def encoder() -> Encoder:
    """The one that every library can have."""
    return load_encoder("concepts", cache=cache_folder())


def real_vectors(cache: Path, photos: Sequence[Path]) -> tuple[Floats, Floats, Floats]:
    """Bases, held-out pictures and texts, all unit vectors; encoded once and then kept in ``cache``."""
    kept = cache / "real.npz"
    if not kept.exists():
        model, random = encoder(), np.random.default_rng(0)
        bases = _encoded(model, (view for path in photos for view in _views(path, VIEWS, random)))
        pictures = _encoded(model, (view for path in photos for view in _views(path, 2, random, whole=False)))
        np.savez(kept, bases=bases, pictures=pictures, texts=model.encode_texts(sentences()[::2]))
    with np.load(kept) as held:
        return held["bases"], held["pictures"], held["texts"]


def photos_in(folders: Sequence[Path]) -> list[Path]:
    """Photos in colour, which is what people have."""
    found = []
    for path in sorted(each for folder in folders for each in folder.iterdir() if each.suffix in {".jpg", ".png"}):
        with Image.open(path) as image:
            if image.mode == "RGB" and min(image.size) >= 200:
                found.append(path)
    return found


def made_vectors(cache: Path, bases: Floats, count: int) -> NDArray[np.float16]:
    """``count`` vectors made from ``bases``, float16, mapped from a file in ``cache``."""
    kept = cache / f"made-{count}.npy"
    if not kept.exists():
        jitter = _Jitter(bases)
        jitter.settle(count)
        held = np.lib.format.open_memmap(f"{kept}.part", "w+", np.float16, (count, bases.shape[1]))
        random = np.random.default_rng(1)
        for start in range(0, count, _PIECE):
            held[start : start + _PIECE] = jitter.children(random, min(_PIECE, count - start))
        held.flush()
        Path(f"{kept}.part").rename(kept)
    made: NDArray[np.float16] = np.load(kept, mmap_mode="r")
    return made


def nearest_cosines(some: NDArray[np.floating], among: NDArray[np.floating]) -> Floats:
    """Of each of ``some``, which are all ``among`` the others, the cosine to the nearest of these but itself."""
    best = np.full((len(some), 2), -1, np.float32)
    wide = some.astype(np.float32)
    for start in range(0, len(among), _PIECE):
        scores = wide @ among[start : start + _PIECE].astype(np.float32).T
        top = np.partition(scores, -2, axis=1)[:, -2:]
        best = np.sort(np.concatenate([best, top], axis=1), axis=1)[:, -2:]
    return best[:, 0]  # the best of all is the vector itself


class _Jitter:
    def __init__(self, bases: Floats) -> None:
        self._bases = bases
        spread = bases - bases.mean(axis=0)
        values, directions = np.linalg.eigh(np.cov(spread.T))
        self._shape = (directions * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)
        self._wanted = nearest_cosines(bases, bases)
        # Two children of one base, each so far from it, have this cosine.
        self._lengths = np.sqrt(1 / np.clip(self._wanted, 0.05, 0.9999) - 1).astype(np.float32)
        self._factor = 1.0

    def children(self, random: np.random.Generator, count: int) -> Floats:
        """``count`` vectors, bases drawn evenly."""
        chosen = random.integers(0, len(self._bases), count)
        strays = random.standard_normal((count, len(self._shape)), dtype=np.float32) @ self._shape
        strays /= np.linalg.norm(strays, axis=1, keepdims=True)
        return _unit_halves(self._bases[chosen] + self._factor * self._lengths[chosen, None] * strays)

    def settle(self, count: int) -> None:
        """Find the factor: the children of a tenth of the bases, as many for each as there will be, tell the same."""
        low, high = 0.25, 4.0
        few = _Jitter.__new__(_Jitter)
        chosen = np.random.default_rng(2).choice(len(self._bases), max(1, len(self._bases) // 10), replace=False)
        few._bases, few._shape, few._lengths = self._bases[chosen], self._shape, self._lengths[chosen]
        for _ in range(7):
            few._factor = (low * high) ** 0.5
            made = few.children(np.random.default_rng(3), max(2, count // 10))
            near = np.median(nearest_cosines(made[:1000], made))
            low, high = (few._factor, high) if near > np.median(self._wanted) else (low, few._factor)
        self._factor = (low * high) ** 0.5


def _unit_halves(vectors: Floats) -> Floats:
    """Meaning and look of the same length, as `concepts` gives them."""
    from bowerbird.models.minilm import DIMENSION as MEANING

    for part in (vectors[:, :MEANING], vectors[:, MEANING:]):
        part /= np.linalg.norm(part, axis=1, keepdims=True) * np.float32(np.sqrt(2))
    return vectors


def _views(path: Path, count: int, random: np.random.Generator, *, whole: bool = True) -> Iterator[Image.Image]:
    with Image.open(path) as image:
        photo = image.convert("RGB")
    if whole:
        yield photo
    for _ in range(count - whole):
        share = np.sqrt(random.uniform(0.1, 0.9, 2))
        width, height = (max(32, int(side * part)) for side, part in zip(photo.size, share, strict=True))
        left, top = int(random.integers(photo.width - width + 1)), int(random.integers(photo.height - height + 1))
        view = photo.crop((left, top, left + width, top + height))
        yield view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else view


def _encoded(model: Encoder, views: Iterator[Image.Image]) -> Floats:
    assert model.picture is not None
    found, waiting = [], []
    for view in views:
        waiting.append(prepare(view, model.picture))
        if len(waiting) == _BATCH:
            found.append(model.encode_images(waiting))
            waiting = []
    if waiting:
        found.append(model.encode_images(waiting))
    return np.concatenate(found)
