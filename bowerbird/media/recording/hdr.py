"""High dynamic range -> what an ordinary screen shows (ITU-R BT.2100 and BT.2087, with a soft shoulder for highlights).

Left as they are, such frames look grey and flat, unlike anything that encoders were trained on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Pixels

_WHITE = 203.0
"""Candelas a square metre of a sheet of paper (ITU-R BT.2408)."""
_HLG_PEAK = 1000.0
_SHOULDER = 0.7
"""Up to which share of white tones are left as they are."""
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""Linear RGB of BT.2020 -> of BT.709 (ITU-R BT.2087)."""
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)

_Light = NDArray[np.float32]


def to_standard_range(pixels: NDArray[Any], *, perceptual: bool) -> Pixels:
    """RGB of shape ``(height, width, 3)``, uint16, coded by PQ (``perceptual``) or HLG, BT.2020 -> uint8, sRGB."""
    coded: _Light = pixels.astype(np.float32) / np.float32(65_535)
    light = (_from_pq(coded) if perceptual else _from_hlg(coded)) / _WHITE
    light = np.maximum(light @ _TO_BT709.T, 0)
    brightest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    room = 1 - _SHOULDER
    bent = _SHOULDER + room * (1 - np.exp(-np.maximum(brightest - _SHOULDER, 0) / room))
    light *= np.where(brightest > _SHOULDER, bent / brightest, 1)  # all channels alike, so that no hue turns
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-9), 1 / 2.4) - 0.055)
    shown: Pixels = np.rint(srgb.clip(0, 1) * 255).astype(np.uint8)
    return shown


def _from_pq(coded: _Light) -> _Light:
    """SMPTE ST 2084 -> candelas a square metre."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = np.power(coded, 1 / m2)
    light: _Light = 10_000 * np.power(np.maximum(root - c1, 0) / (c2 - c3 * root), 1 / m1)
    return light


def _from_hlg(coded: _Light) -> _Light:
    """ARIB STD-B67 -> candelas a square metre on a screen of 1,000."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luma = np.maximum(scene @ _LUMA, 1e-6)[..., None]
    light: _Light = (_HLG_PEAK * luma**0.2 * scene).astype(np.float32)
    return light
