"""How well an encoder finds everyday photos: mean average precision on the first 128 photos of COCO val2017.

    python -m benchmarks.coco FOLDER [--encoder SPEC]

FOLDER holds ``images/`` and ``labels.jsonl``, one line a photo: ``{"file", "objects": {class: share of the picture}}``.

- text to image: the query is "a photo of a CLASS" for each COCO class; photos with such an object are relevant.
  The easy half counts only objects that take 5 % of the picture or more.
- image to image: each photo is a query; photos that share a class with it other than *person*, each of them 5 % of its
  picture or more, are relevant.

- the same with tiles: each photo is also cut into 4 or 9 overlapping tiles, and its best view counts. What they cost is
  set against what the extra views alone explain: encoding one view so many times more.

Chance is the same measure over random orders of the photos.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bowerbird.media.picture.picture_fit import prepare
from bowerbird.media.registry import PICTURES
from bowerbird.models.minilm import DIMENSION as MEANING
from bowerbird.models.registry import load_encoder
from bowerbird.moments import Moment, Wanted
from bowerbird.ports import Encoder
from bowerbird.settings import DecodeSettings, cache_folder
from bowerbird.types import Pixels

EASY = 0.05
BATCH = 16
ROUNDS = 3


def mean_average_precision(scores: NDArray[np.float32], relevant: NDArray[np.bool_]) -> float:
    """Over the rows that have something to find; ``-inf`` takes a photo out of its row."""
    precisions = []
    for row, wanted in zip(scores, relevant, strict=True):
        hits = wanted[np.argsort(-row, kind="stable")][: np.isfinite(row).sum()]
        if hits.any():
            precisions.append((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    return float(np.mean(precisions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="concepts")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()

    photos = [json.loads(line) for line in (arguments.folder / "labels.jsonl").read_text().splitlines()]
    classes = sorted({name for photo in photos for name in photo["objects"]})
    shares = np.array([[photo["objects"].get(name, 0.0) for photo in photos] for name in classes])

    encoder = load_encoder(arguments.encoder, cache=cache_folder(), precision=arguments.precision)
    if encoder.picture is None:
        raise SystemExit(f"{arguments.encoder} reads no pictures")
    pixels = []
    for photo in photos:
        with Image.open(arguments.folder / "images" / photo["file"]) as image:
            pixels.append(prepare(image, encoder.picture))
    images = encoder.encode_images(pixels)
    texts = encoder.encode_texts([f"a photo of a {name}" for name in classes])

    random = np.random.default_rng(0)
    print(f"{encoder.description.spec}, {len(photos)} photos, {len(classes)} classes: mean average precision\n")
    print("| task | mAP | chance | ratio |\n|-|-|-|-|")

    def report(task: str, scores: NDArray[np.float32], relevant: NDArray[np.bool_]) -> None:
        noise = [
            np.where(np.isfinite(scores), random.random(scores.shape, np.float32), -np.inf).astype(np.float32)
            for _ in range(20)
        ]
        found = mean_average_precision(scores, relevant)
        chance = float(np.mean([mean_average_precision(one, relevant) for one in noise]))
        print(f"| {task} | {found:.3f} | {chance:.3f} | {found / chance:.1f} x |")

    report("text to image, all objects", texts @ images.T, shares > 0)
    report("text to image, objects of 5 % or more", texts @ images.T, shares >= EASY)

    for regions in (4, 9):
        views, _ = with_tiles(arguments.folder, photos, encoder, regions)
        best = np.einsum("cd,pvd->cpv", texts, views).max(axis=2)
        report(f"text to image, all objects, {regions} tiles", best, shares > 0)
        report(f"text to image, objects of 5 % or more, {regions} tiles", best, shares >= EASY)

    easy = (shares >= EASY) & (np.array(classes) != "person")[:, None]
    alike = (easy.T.astype(int) @ easy.astype(int) > 0) & ~np.eye(len(photos), dtype=bool)
    parts = [("", images)]
    if encoder.description.spec == "concepts":
        parts += [(", its meaning alone", images[:, :MEANING]), (", its look alone", images[:, MEANING:])]
    for part, vectors in parts:
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        report(f"image to image{part}", scores, alike)

    print("\n| tiles | ms a photo | what the extra views alone explain | ratio |\n|-|-|-|-|")
    for regions in (4, 9):
        rounds = []
        for _ in range(ROUNDS):  # all three within a minute, since a machine's neighbours come and go
            _, plain = with_tiles(arguments.folder, photos, encoder, 0)
            _, spent = with_tiles(arguments.folder, photos, encoder, regions)
            view = _seconds(
                lambda: [encoder.encode_images(pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)]
            )
            rounds.append((spent / (plain + regions * view), spent, plain + regions * view))
        ratio, spent, explained = sorted(rounds)[ROUNDS // 2]
        each, allowed = (1000 * value / len(photos) for value in (spent, explained))
        print(f"| {regions} | {each:.1f} | {allowed:.1f} | {ratio:.2f} |")


def with_tiles(
    folder: Path, photos: list[dict[str, Any]], encoder: Encoder, regions: int
) -> tuple[NDArray[np.float32], float]:
    """The vectors of every photo and its tiles, ``(photos, 1 + regions, dimension)``, and the seconds it took, one
    photo after another, decoding included.
    """
    decoder = PICTURES.open(DecodeSettings())
    started = time.perf_counter()
    waiting: list[Pixels] = []
    vectors = []
    for photo in photos:
        decoded = decoder.decode(folder / "images" / photo["file"], Wanted(encoder.picture, regions=regions))
        waiting += [part.pixels for part in decoded.parts if isinstance(part, Moment) and part.pixels is not None]
        while len(waiting) >= BATCH:
            vectors.append(encoder.encode_images(waiting[:BATCH]))
            del waiting[:BATCH]
    if waiting:
        vectors.append(encoder.encode_images(waiting))
    spent = time.perf_counter() - started
    return np.concatenate(vectors).reshape(len(photos), 1 + regions, -1), spent


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
