"""Pictures: photos as they are, and the altered copies that are asked with."""

from __future__ import annotations

import shutil
from pathlib import Path

import skimage.data
from PIL import Image, ImageOps

from benchmarks.eval_set.films import photos_in_films

SCIKIT_IMAGE = Path(skimage.data.__file__).parent
FROM_SCIKIT_IMAGE = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chessboard_RGB.png", "clock_motion.png", "coins.png"),
    *("color.png", "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "logo.png", "moon.png"),
    *("motorcycle_left.png", "page.png", "phantom.png", "retina.jpg", "text.png"),
)
"""All that it brings but twins, thumbnails, and the three that ``samples/make_media.py`` shows in its film."""

# Photo, what is kept of it as fractions (left, top, right, bottom), whether it is mirrored. The first eight are copies
# of pictures, the last three of photos that only a film shows.
ASKED_WITH = (
    (285, (0.1, 0.0, 0.95, 0.85), True),
    (1584, (0.05, 0.1, 0.9, 0.95), False),
    (2149, (0.0, 0.1, 0.8, 1.0), True),
    (5477, (0.1, 0.05, 1.0, 0.95), False),
    (6040, (0.15, 0.1, 1.0, 1.0), True),
    (9914, (0.0, 0.15, 0.85, 1.0), False),
    (11760, (0.05, 0.05, 0.75, 1.0), True),
    (8844, (0.15, 0.0, 1.0, 0.9), False),
    (1818, (0.0, 0.1, 0.85, 1.0), True),
    (8021, (0.1, 0.0, 0.9, 0.9), False),
    (11511, (0.2, 0.0, 0.8, 1.0), True),
)


def make_pictures(photos: Path, folder: Path) -> None:
    """The photos of COCO in ``photos`` that no film shows, and those of scikit-image."""
    folder.mkdir(parents=True)
    shown = photos_in_films()
    for photo in sorted(photos.glob("*.jpg")):
        if int(photo.stem) not in shown:
            shutil.copyfile(photo, folder / photo.name)
    for name in FROM_SCIKIT_IMAGE:
        shutil.copyfile(SCIKIT_IMAGE / name, folder / name)


def make_query_pictures(photos: Path, folder: Path) -> None:
    """`ASKED_WITH`, smaller and recompressed: never the bytes or the pixels that were indexed."""
    folder.mkdir(parents=True)
    for number, (photo, kept, mirrored) in enumerate(ASKED_WITH, 1):
        with Image.open(photos / f"{photo:012d}.jpg") as image:
            width, height = image.size
            left, top, right, bottom = kept
            cut = image.convert("RGB").crop(
                (*_whole(left * width, top * height), *_whole(right * width, bottom * height))
            )
        if mirrored:
            cut = ImageOps.mirror(cut)
        cut.resize((cut.width * 2 // 3, cut.height * 2 // 3)).save(folder / f"query-{number:02d}.jpg", quality=45)


def _whole(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
