"""A decoded frame -> a picture as a screen shows it: upright, of its true proportions, sRGB, no larger than needed."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc, Interpolation
from numpy.typing import NDArray
from PIL import Image

from bowerbird.media.picture.renditions import least_size
from bowerbird.media.recording.hdr import to_standard_range
from bowerbird.moments import Wanted

_TURNS = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
}
"""The display matrix of ISO 14496-12, its upper left 2 x 2 -> what Pillow calls it."""
_SIDEWAYS = {turn for (a, *_), turn in _TURNS.items() if a == 0}
_HIGH_RANGE = {int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)}
_UNSPECIFIED, _BT709 = 2, 1
_FILTER = int(Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT)
_WIDEST_PIXEL = 8


def shown_size(frame: VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height as the frame is shown, ``aspect`` being its pixels' own proportions."""
    width, height = _proportioned(frame, aspect)
    return (height, width) if turn_of(frame) in _SIDEWAYS else (width, height)


def upright(frame: VideoFrame, aspect: Fraction | None, turn: Image.Transpose | None, wanted: Wanted) -> Image.Image:
    """An RGB picture of the least size that serves all that is wanted, turned by ``turn``."""
    width, height = _proportioned(frame, aspect)
    if turn in _SIDEWAYS:
        height, width = least_size(height, width, wanted)
    else:
        width, height = least_size(width, height, wanted)
    deep = frame.color_trc in _HIGH_RANGE
    # What does not name its matrix is BT.601 to swscale; by custom it is BT.709 from 720 lines on.
    untold = frame.colorspace == _UNSPECIFIED and frame.height >= 720
    pixels: NDArray[Any] = frame.reformat(
        width,
        height,
        "rgb48le" if deep else "rgb24",
        src_colorspace=_BT709 if untold else None,
        interpolation=_FILTER,
        threads=1,
    ).to_ndarray()
    if deep:
        pixels = to_standard_range(pixels, perceptual=frame.color_trc == ColorTrc.SMPTE2084)
    image = Image.fromarray(pixels.astype(np.uint8, copy=False))
    return image if turn is None else image.transpose(turn)


def _proportioned(frame: VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Pixels that are wider than high make the picture wider, others higher, so that none are lost."""
    if not aspect or not Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL:
        return frame.width, frame.height
    if aspect >= 1:
        return round(frame.width * aspect), frame.height
    return frame.width, round(frame.height / aspect)


def turn_of(frame: VideoFrame) -> Image.Transpose | None:
    """What makes the film upright. To be asked of its first frame only: a frame whose side data was looked at is in a
    cycle with it, and megabytes of pixels that Python does not see wait for its garbage collector.
    """
    side_data: Any = frame.side_data
    matrix = next((each for each in side_data if each.type is Type.DISPLAYMATRIX), None)
    if matrix is None or matrix.buffer_size != 36:
        return None
    a, b, _, c, d, *_ = (round(value / 65_536) for value in struct.unpack("=9i", bytes(matrix)))
    return _TURNS.get((a, b, c, d))
