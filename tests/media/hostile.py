"""Decoders that do to a child what hostile files do, by suffix. The pool under test is pointed at `FORMATS`."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bowerbird.media.registry import FORMATS as REAL
from bowerbird.media.registry import Format, Limits
from bowerbird.types import AssetInfo, AssetKind, Decoded, Moment, PictureSpec, SegmentKind

_leaked: list[bytes] = []


class Hostile:
    """``name.hang`` hangs, ``name.crash`` crashes, and so on."""

    name = "hostile"
    version = 1
    kind = AssetKind.IMAGE
    suffixes = frozenset(
        (
            ".hang",
            ".crash",
            ".exit",
            ".eat",
            ".leak",
            ".noise",
            ".raise",
            ".lines",
            ".modules",
            ".wrong",
            ".many",
            ".endless",
            ".shrink",
        )
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def decode(self, path: Path, spec: PictureSpec | None) -> Decoded:
        decoded: Decoded = getattr(self, path.suffix[1:])(spec)
        return decoded

    def hang(self, spec: PictureSpec | None) -> Decoded:
        time.sleep(3600)
        raise AssertionError

    def crash(self, spec: PictureSpec | None) -> Decoded:
        ctypes.string_at(0)
        raise AssertionError

    def exit(self, spec: PictureSpec | None) -> Decoded:
        os._exit(7)

    def eat(self, spec: PictureSpec | None) -> Decoded:
        while True:
            _leaked.append(os.urandom(1 << 22))
            time.sleep(0.002)

    def leak(self, spec: PictureSpec | None) -> Decoded:
        """Leave 60 MB behind and be well."""
        _leaked.append(b"x" * (60 << 20))
        time.sleep(0.2)
        return _text("leaked")

    def noise(self, spec: PictureSpec | None) -> Decoded:
        for descriptor in (1, 2):
            for _ in range(50):
                try:
                    os.write(descriptor, b"a native library prints this\n" * 200)
                except BlockingIOError:
                    break
        return _text("heard")

    def raise_(self, spec: PictureSpec | None) -> Decoded:
        raise KeyError("a bug in a library")

    def lines(self, spec: PictureSpec | None) -> Decoded:
        raise ValueError("first\nsecond\n" + "x" * 10_000)

    def modules(self, spec: PictureSpec | None) -> Decoded:
        return _text("\n".join(sorted(sys.modules)))

    def wrong(self, spec: PictureSpec | None) -> Decoded:
        """Pixels of a size that nobody asked for."""
        return _moments(iter([Moment(SegmentKind.FRAME, pixels=np.zeros((5, 5, 3), np.uint8))]))

    def many(self, spec: PictureSpec | None) -> Decoded:
        """A film: frames made one by one, each filled with its number."""
        assert spec is not None
        frames = (
            Moment(
                SegmentKind.FRAME,
                start_s=float(i),
                text=f"frame {i}",
                pixels=np.full((spec.size, spec.size, 3), i % 256, np.uint8),
            )
            for i in range(300)
        )
        return _moments(frames)

    def endless(self, spec: PictureSpec | None) -> Decoded:
        """A film that never ends, each frame in good time."""
        return _moments(Moment(SegmentKind.TEXT, text="again") for _ in iter(int, 1))

    def shrink(self, spec: PictureSpec | None) -> Decoded:
        """Say that more text lies in the shared memory than does."""
        from bowerbird.media import child

        setattr(child, "pack_moment", lambda moment, memory: {"kind": "text", "text_bytes": 1 << 20})  # noqa: B010
        return _text("")


setattr(Hostile, "raise", Hostile.raise_)


def _text(text: str) -> Decoded:
    return Decoded(AssetInfo(AssetKind.IMAGE, "image/x-hostile"), [Moment(SegmentKind.TEXT, text=text)])


def _moments(moments: Iterator[Moment]) -> Decoded:
    return Decoded(AssetInfo(AssetKind.VIDEO, "video/x-hostile"), moments)  # type: ignore[arg-type]


FORMATS: dict[str, Format] = {
    **REAL,
    "hostile": Format(
        name=Hostile.name,
        version=Hostile.version,
        kind=Hostile.kind,
        suffixes=Hostile.suffixes,
        library="none",
        decoder="tests.media.hostile:Hostile",
        makes_pictures=True,
    ),
    "missing": replace(REAL["pictures"], name="missing", suffixes=frozenset({".missing"}), decoder="no.such.module:X"),
}
