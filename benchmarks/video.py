"""What picking and encoding the frames of a film costs beside decoding it: 720p H.264, 5 minutes, made on the spot.

    python -m benchmarks.video [--minutes N]

The film moves all the time and cuts every 2 to 8 seconds, between still slides and pans over pictures with noise of
their own. Three things are timed, in turn, and the best of several rounds counts:

- decoding every frame once with PyAV, with as many threads;
- frames picked and made to what the encoder wants, by the decoder of films: regions, words, sound and thumbnails off;
- the same, and the frames encoded in the same process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from bowerbird.media.registry import VIDEO
from bowerbird.models.registry import load_encoder
from bowerbird.moments import Moment, PictureSpec, Wanted
from bowerbird.ports import Encoder
from bowerbird.settings import DecodeSettings, cache_folder
from bowerbird.types import Pixels

WIDTH, HEIGHT, RATE = 1280, 720, 25
ROUNDS = 3
BATCH = 16
TARGET = 1.3


def pictures(minutes: float) -> Iterator[Pixels]:
    """The film's frames, always the same."""
    random = np.random.default_rng(0)
    left = round(minutes * 60 * RATE)
    while left > 0:
        length = min(left, int(random.integers(2 * RATE, 8 * RATE)))
        small = random.integers(0, 256, (12, 20, 3), dtype=np.uint8)
        margin = 4 * length
        scene = Image.fromarray(small).resize((WIDTH + margin, HEIGHT), Image.Resampling.BICUBIC)
        grain = random.integers(-20, 21, (HEIGHT, WIDTH + margin, 1))
        wide = (np.asarray(scene).astype(int) + grain).clip(0, 255).astype(np.uint8)
        still = random.random() < 0.25
        for number in range(length):
            at = 0 if still else 4 * number
            yield np.ascontiguousarray(wide[:, at : at + WIDTH])
        left -= length


def make_film(path: Path, minutes: float) -> None:
    """Write the film as a telephone or a video site would: H.264 in MP4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures(minutes):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def decode_once(path: Path) -> int:
    """Every frame, and nothing done with it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = os.cpu_count() or 1
        return sum(1 for _ in container.decode(stream))


def pick(path: Path, spec: PictureSpec) -> Iterator[Pixels]:
    """The frames that are kept."""
    for part in VIDEO.open(DecodeSettings()).decode(path, Wanted(spec)).parts:
        if isinstance(part, Moment) and part.pixels is not None:
            yield part.pixels


def pick_and_encode(path: Path, encoder: Encoder) -> int:
    """Their number; encoded in batches, as the indexer does."""
    assert encoder.picture is not None
    count, batch = 0, list[Pixels]()
    for pixels in pick(path, encoder.picture):
        batch.append(pixels)
        if len(batch) == BATCH:
            count += len(encoder.encode_images(batch))
            batch.clear()
    return count + (len(encoder.encode_images(batch)) if batch else 0)


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """Seconds, and what the work counted."""
    begun = time.perf_counter()
    count = work()
    return time.perf_counter() - begun, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=5.0)
    minutes = parser.parse_args().minutes

    path = Path(tempfile.gettempdir()) / f"bowerbird-{WIDTH}x{HEIGHT}-{minutes:g}.mp4"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished.mp4")
        make_film(unfinished, minutes)
        unfinished.rename(path)
    encoder = load_encoder("concepts", cache=cache_folder())
    spec = encoder.picture
    if spec is None:
        raise SystemExit("concepts reads no pictures")
    encoder.encode_images([np.zeros((spec.size, spec.size, 3), np.uint8)])

    tasks: dict[str, Callable[[], int]] = {
        "decode every frame once": lambda: decode_once(path),
        f"pick frames, make them {spec.size} x {spec.size}": lambda: sum(1 for _ in pick(path, spec)),
        "the same, and encode them": lambda: pick_and_encode(path, encoder),
    }
    rounds = [{name: timed(task) for name, task in tasks.items()} for _ in range(ROUNDS)]
    best = {name: min(each[name] for each in rounds) for name in tasks}
    once = next(iter(best.values()))[0]
    print(f"{WIDTH} x {HEIGHT}, {minutes:g} minutes, {path.stat().st_size / 1e6:.0f} MB; at most {TARGET} is wanted\n")
    print("| work | frames | seconds | ratio |\n|-|-|-|-|")
    for name, (seconds, count) in best.items():
        print(f"| {name} | {count} | {seconds:.2f} | {seconds / once:.2f} |")


if __name__ == "__main__":
    main()
