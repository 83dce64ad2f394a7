"""Real files for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def photo(width: int = 120, height: int = 80, seed: int = 0) -> Image.Image:
    """Smooth colours, as in a photo: noise of few pixels, enlarged."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def save(picture: Image.Image, path: Path, **options: object) -> Path:
    """Save and return the path, so that a test reads in one line."""
    picture.save(path, **options)  # type: ignore[arg-type]
    return path
