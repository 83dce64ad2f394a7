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

from bowerbird.media.registry import Format, Limits, formats
from bowerbird.moments import Decoded, Heard, Moment, Wanted
from bowerbird.types import AssetInfo, AssetKind, SegmentKind

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
            ".long",
            ".short",
            ".sound",
            ".halfway",
        )
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        decoded: Decoded = getattr(self, path.suffix[1:])(wanted)
        return decoded

    def hang(self, wanted: Wanted) -> Decoded:
        time.sleep(3600)
        raise AssertionError

    def crash(self, wanted: Wanted) -> Decoded:
        ctypes.string_at(0)
        raise AssertionError

    def exit(self, wanted: Wanted) -> Decoded:
        os._exit(7)

    def eat(self, wanted: Wanted) -> Decoded:
        while True:
            _leaked.append(os.urandom(1 << 22))
            time.sleep(0.002)

    def leak(self, wanted: Wanted) -> Decoded:
        """Leave 60 MB behind and be well."""
        _leaked.append(b"x" * (60 << 20))
        time.sleep(0.2)
        return _text("leaked")

    def noise(self, wanted: Wanted) -> Decoded:
        for descriptor in (1, 2):
            for _ in range(50):
                try:
                    os.write(descriptor, b"a native library prints this\n" * 200)
                except BlockingIOError:
                    break
        return _text("heard")

    def raise_(self, wanted: Wanted) -> Decoded:
        raise KeyError("a bug in a library")

    def lines(self, wanted: Wanted) -> Decoded:
        raise ValueError("first\nsecond\n" + "x" * 10_000)

    def modules(self, wanted: Wanted) -> Decoded:
        return _text("\n".join(sorted(sys.modules)))

    def wrong(self, wanted: Wanted) -> Decoded:
        """Pixels of a size that nobody asked for."""
        return _moments(iter([Moment(SegmentKind.FRAME, pixels=np.zeros((5, 5, 3), np.uint8))]))

    def many(self, wanted: Wanted) -> Decoded:
        """A film: frames made one by one, each filled with its number."""
        spec = wanted.picture
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

    def endless(self, wanted: Wanted) -> Decoded:
        """A film that never ends, each frame in good time."""
        return _moments(Moment(SegmentKind.TEXT, text="again") for _ in iter(int, 1))

    def long(self, wanted: Wanted) -> Decoded:
        """Six minutes of film."""
        frames = [Moment(SegmentKind.TEXT, text="later") for _ in range(6)]
        return Decoded(AssetInfo(AssetKind.VIDEO, "video/x-hostile", duration_s=360.0), frames)

    def short(self, wanted: Wanted) -> Decoded:
        """As many parts, of a film that lasts six seconds."""
        decoded = self.long(wanted)
        return replace(decoded, info=replace(decoded.info, duration_s=6.0))

    def sound(self, wanted: Wanted) -> Decoded:
        """Three seconds, each filled with its number."""
        seconds = (Heard(float(i), np.full(16_000, i, np.float32)) for i in range(3))
        return Decoded(AssetInfo(AssetKind.AUDIO, "audio/x-hostile"), seconds)

    def halfway(self, wanted: Wanted) -> Decoded:
        """Crash once there is something to show."""

        def frames() -> Iterator[Moment]:
            yield Moment(SegmentKind.TEXT, text="so far so good")
            yield Moment(SegmentKind.TEXT, text="still good")
            time.sleep(0.2)
            ctypes.string_at(0)

        return _moments(frames())

    def shrink(self, wanted: Wanted) -> Decoded:
        """Say that more text lies in the shared memory than does."""
        from bowerbird.media import child

        setattr(child, "pack_part", lambda part, memory: {"kind": "text", "text_bytes": 1 << 20})  # noqa: B010
        return _text("")


setattr(Hostile, "raise", Hostile.raise_)


def _text(text: str) -> Decoded:
    return Decoded(AssetInfo(AssetKind.IMAGE, "image/x-hostile"), [Moment(SegmentKind.TEXT, text=text)])


def _moments(moments: Iterator[Moment]) -> Decoded:
    return Decoded(AssetInfo(AssetKind.VIDEO, "video/x-hostile"), moments)


FORMATS: dict[str, Format] = {
    **formats(),
    "hostile": Format(
        name=Hostile.name,
        version=Hostile.version,
        kind=Hostile.kind,
        suffixes=Hostile.suffixes,
        library="none",
        decoder="tests.media.hostile:Hostile",
        shows=True,
    ),
    "missing": replace(
        formats()["pictures"], name="missing", suffixes=frozenset({".missing"}), decoder="no.such.module:X"
    ),
}
