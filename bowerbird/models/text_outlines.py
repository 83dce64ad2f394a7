"""From the odds of each pixel that it is text to rectangles about lines (Liao et al. 2020, arXiv:2202.10304, 3.4).

The detector marks the core of each line, shrunk so that neighbours stay apart; so every patch of likely pixels gets the
smallest rectangle about it, of any tilt, which is then grown again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.3
"""Odds of a pixel that belongs to a patch."""
MEAN = 0.5
"""The least mean odds over a rectangle that is kept."""
GROWTH = 1.6
"""A rectangle grows on every side by so many times its area over its perimeter. PP-OCR's figure."""
LEAST_SIDE = 3.0
"""Pixels of a patch, before it grows; less is noise."""
MOST = 1000
"""Patches of one picture; the largest count."""

Corners = NDArray[np.float32]
"""Of a rectangle, clockwise from its top left, in pixels, shape ``(4, 2)``, x before y."""
Points = NDArray[np.float64]


def outlines(odds: NDArray[np.float32]) -> list[Corners]:
    """The rectangles about the lines in ``odds``, ``(height, width)``; they may reach beyond its edges."""
    from scipy import ndimage  # only a picture that seems to bear text gets this far

    patches, count = ndimage.label(odds > THRESHOLD, np.ones((3, 3)))
    places = ndimage.find_objects(patches)
    areas = np.bincount(patches.ravel(), minlength=count + 1)[1:]
    found = []
    for index in np.sort(np.argsort(-areas, kind="stable")[:MOST]):
        rows, columns = places[index]
        if min(rows.stop - rows.start, columns.stop - columns.start) < LEAST_SIDE:
            continue
        middle, axis, size = smallest_rectangle(_rim(patches[rows, columns] == index + 1))
        if size.min() >= LEAST_SIDE and _mean_within(odds[rows, columns], middle, axis, size) >= MEAN:
            distance = size.prod() * GROWTH / (2 * size.sum())
            found.append(_corners(middle + np.array([columns.start, rows.start]), axis, size + 2 * distance))
    return found


def smallest_rectangle(points: Points) -> tuple[Points, Points, Points]:
    """The smallest rectangle about ``points`` ``(n, 2)``, which must not all lie on one line.

    Returns its middle, the direction of its first side as a vector of length 1, and the lengths of its two sides. One
    side lies along the points' convex hull (Freeman and Shapira 1975), so that few need be tried.
    """
    from scipy.spatial import ConvexHull

    hull = points[ConvexHull(points).vertices]
    edges = np.roll(hull, -1, axis=0) - hull
    axes = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    along, across = hull @ axes.T, hull @ _turned(axes).T
    low = np.stack([along.min(axis=0), across.min(axis=0)], axis=1)
    sizes = np.stack([along.max(axis=0), across.max(axis=0)], axis=1) - low
    best = int(sizes.prod(axis=1).argmin())
    axis, size = axes[best], sizes[best]
    place = low[best] + size / 2
    return place[0] * axis + place[1] * _turned(axis), axis, size


def clockwise(corners: Points) -> Corners:
    """The four from the top left on: of the two on the left, the upper one comes first."""
    points = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (side[np.argsort(side[:, 1], kind="stable")] for side in (points[:2], points[2:]))
    return np.stack([left[0], right[0], right[1], left[1]]).astype(np.float32)


def _rim(patch: NDArray[np.bool_]) -> Points:
    """The corners of the first and last pixel of each row, which hold all that is convex about the patch."""
    rows = np.flatnonzero(patch.any(axis=1))
    first = patch[rows].argmax(axis=1)
    last = patch.shape[1] - patch[rows, ::-1].argmax(axis=1)
    across, down = np.concatenate([first, last]), np.concatenate([rows, rows])
    return np.concatenate([np.stack([across, down + below], axis=1) for below in (0, 1)]).astype(np.float64)


def _mean_within(odds: NDArray[np.float32], middle: Points, axis: Points, size: Points) -> float:
    offsets = np.indices(odds.shape)[::-1].reshape(2, -1).T + 0.5 - middle
    inside = (abs(offsets @ axis) <= size[0] / 2) & (abs(offsets @ _turned(axis)) <= size[1] / 2)
    return float(odds.ravel()[inside].mean()) if inside.any() else 0.0


def _corners(middle: Points, axis: Points, size: Points) -> Corners:
    along, across = axis * size[0] / 2, _turned(axis) * size[1] / 2
    return clockwise(np.stack([middle + a * along + b * across for a in (-1, 1) for b in (-1, 1)]))


def _turned(axes: Points) -> Points:
    """By a right angle."""
    return np.stack([-axes[..., 1], axes[..., 0]], axis=-1)
