"""What reading words adds to indexing photos that bear none, and how many words it finds on pictures that do.

    python -m benchmarks.ocr FOLDER [FOLDER ...] [--pictures 100]

The folders hold photos. Those on which the reader, made to search every photo whole, finds nothing count as bare; on
them indexing with words is set against indexing without, with ``concepts`` and thumbnails: decoding, encoding and, in
the one, the larger rendition that is read and the reading itself, one photo after the other, taking turns. RapidOCR's
own pipeline, with the same weights in onnxruntime, is the rival, where it can be imported (it needs OpenCV).

A word is found where it stands among the words that were read, whatever its case; I, l and 1, which several fonts draw
alike, are one, and in words of more than 6 letters one letter may be wrong, missing or too many. A picture counts only
where every one of its words is found. The drawn pictures are others than those by which the reader was set up (another
seed); coco-val128 served for that too.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.lettered import SORTS, Lettered, lettered
from bowerbird.media.picture.pictures import PictureDecoder
from bowerbird.models.ocr import MAX_SIDE, MIN_CHARACTERS, MIN_CONFIDENCE, PictureReader, load_text_reader
from bowerbird.models.registry import load_encoder
from bowerbird.models.text_glance import Glance
from bowerbird.models.text_lines import LineReader
from bowerbird.moments import Moment, Wanted
from bowerbird.ports import Encoder
from bowerbird.settings import DecodeSettings, cache_folder
from bowerbird.types import Pixels

ROUNDS = 3
SEED = 8
"""Of pictures that served for nothing before."""
THUMBNAIL_PX = 256


def found(words: Iterable[str], texts: Iterable[str]) -> list[bool]:
    """Of each word, whether it was read."""
    read = {plain(word) for text in texts for word in re.findall(r"\w+", text)}
    return [any(alike(plain(word), other) for other in read) for word in words]


def plain(word: str) -> str:
    return word.lower().translate(str.maketrans("l1", "ii"))


def alike(word: str, other: str) -> bool:
    """Whether the two are one word, give or take one letter of a long one."""
    if word == other:
        return True
    if len(word) <= 6 or abs(len(word) - len(other)) > 1:
        return False
    same = next((n for n, (one, two) in enumerate(zip(word, other, strict=False)) if one != two), -1)
    if same < 0:  # one goes on where the other ends
        return True
    return word[same + 1 :] in (other[same + 1 :], other[same:]) or word[same:] == other[same + 1 :]


def bears_text(closely: LineReader, photo: Pixels) -> bool:
    return any(
        line.confidence >= MIN_CONFIDENCE and sum(map(str.isalnum, line.text)) >= MIN_CHARACTERS
        for line in closely.whole(photo)
    )


def index(file: Path, encoder: Encoder, regions: int, reader: PictureReader | None) -> None:
    """All that is done with one photo, but for writing it down."""
    detail = MAX_SIDE if reader else 0
    wanted = Wanted(encoder.picture, regions=regions, detail_px=detail, thumbnail_px=THUMBNAIL_PX)
    moments = [part for part in PictureDecoder(DecodeSettings()).decode(file, wanted).parts if isinstance(part, Moment)]
    encoder.encode_images([moment.pixels for moment in moments if moment.pixels is not None])
    if reader and moments[0].detail is not None:
        reader.read(moments[0].detail)


def milliseconds(works: dict[str, Callable[[int], Any]], count: int) -> dict[str, float]:
    """Of one call of each work, which is called with each number below ``count``.

    The least of `ROUNDS` rounds, in which they take turns; a round before them loads and compiles.
    """
    took: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):
        for name, work in works.items():
            started = time.perf_counter()
            for number in range(count):
                work(number)
            if turn:
                took[name].append((time.perf_counter() - started) / count * 1000)
    return {name: min(each) for name, each in took.items()}


def rival() -> Callable[[Pixels], list[str]] | None:
    """RapidOCR as it comes, or None where it cannot be imported."""
    try:
        from rapidocr_onnxruntime import RapidOCR  # type: ignore[import-untyped]
    except ImportError as error:
        print(f"RapidOCR is left out: {error}")
        return None
    engine = RapidOCR()
    # It takes blue first, as OpenCV does.
    return lambda pixels: [line[1] for line in engine(np.ascontiguousarray(pixels[:, :, ::-1]))[0] or []]


def words_found(name: str, read: Callable[[Pixels], list[str]], pictures: list[Lettered]) -> None:
    """Prints a table row."""
    whole, words, started = Counter[str](), [0, 0], time.perf_counter()
    texts = [read(picture.pixels) for picture in pictures]
    seconds = (time.perf_counter() - started) / len(pictures)
    for picture, text in zip(pictures, texts, strict=True):
        which = found(picture.words, text)
        whole[picture.sort] += all(which)
        words = [words[0] + sum(which), words[1] + len(which)]
    every = Counter(picture.sort for picture in pictures)
    sorts = " | ".join(f"{whole[sort]} of {every[sort]}" for sort in SORTS)
    share = f"{whole.total() / len(pictures):.0%}"
    print(f"| {name} | {sorts} | {share} | {words[0] / words[1]:.1%} | {seconds:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=100)
    given = parser.parse_args()

    suffixes = {".jpg", ".jpeg", ".png"}
    files = sorted(file for folder in given.folders for file in folder.rglob("*") if file.suffix.lower() in suffixes)
    photos = [np.array(Image.open(file).convert("RGB")) for file in files]
    cache = cache_folder()
    reader, glance, closely = load_text_reader(cache=cache), Glance(cache), LineReader(cache)
    encoder, rapid = load_encoder("concepts", cache=cache), rival()

    texts = {file: [moment.text for moment in reader.read(photo)] for file, photo in zip(files, photos, strict=True)}
    bare = [number for number, photo in enumerate(photos) if not bears_text(closely, photo)]
    works: dict[str, Callable[[int], Any]] = {
        "without regions": lambda n: index(files[bare[n]], encoder, 0, None),
        "without regions, with words": lambda n: index(files[bare[n]], encoder, 0, reader),
        "9 regions": lambda n: index(files[bare[n]], encoder, 9, None),
        "9 regions, with words": lambda n: index(files[bare[n]], encoder, 9, reader),
        "the glance alone": lambda n: glance(photos[bare[n]]),
        "the reader alone": lambda n: reader.read(photos[bare[n]]),
    }
    if rapid:
        works["RapidOCR alone"] = lambda n: n % 8 or rapid(photos[bare[n]])  # every eighth: it takes a second
    took = milliseconds(works, len(bare))
    if rapid:
        took["RapidOCR alone"] *= len(bare) / len(range(0, len(bare), 8))
    print(f"{len(photos)} photos, {len(bare)} bare\n\n| a bare photo | ms | words add |\n|-|-|-|")
    for name, each in took.items():
        without = took.get(name.removesuffix(", with words"), each)
        print(f"| {name} | {each:.1f} | {f'{each / without - 1:.0%}' if name.endswith('words') else ''} |")
    glances = sum(bool(glance(photos[number])) for number in bare)
    print(f"\nwords may add at most 20 %; the glance let {glances} of {len(bare)} bare photos through")
    print(f"read on {sum(map(bool, texts.values()))} photos:")
    for file, read in texts.items():
        if read:
            print(f"  {file.name}: {read}")

    pictures = lettered(given.pictures, photos, SEED)
    heads = ["all words found on", *SORTS, "all (at least 95 %)", "of the words", "s a picture"]
    print(f"\n| {' | '.join(heads)} |\n|{'-|' * len(heads)}")
    words_found("Bowerbird", lambda pixels: [moment.text or "" for moment in reader.read(pixels)], pictures)
    if rapid:
        words_found("RapidOCR", rapid, pictures)


if __name__ == "__main__":
    main()
