"""Make the corpus that the eval set is asked of: pictures, films, talks, documents, and much that answers nothing.

    python -m benchmarks.eval_corpus DATA CORPUS
    bowerbird index CORPUS --library LIBRARY
    bowerbird eval CORPUS/tune.jsonl --library LIBRARY

DATA holds ``coco-val128/images``, the first 128 photos of COCO val2017, and ``jfk.flac``. CORPUS must not exist yet.
The talks need espeak-ng. ``CORPUS/queries`` holds the pictures that are asked with; an ignore file keeps them out of
the library. ``tune.jsonl`` and ``report.jsonl`` are the two halves of the queries in ``benchmarks/eval_set``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from benchmarks.eval_set import MEDIA, queries
from benchmarks.eval_set.distractors import make_drawings, make_texts
from benchmarks.eval_set.documents import make_documents
from benchmarks.eval_set.films import make_films
from benchmarks.eval_set.pictures import make_pictures, make_query_pictures
from benchmarks.eval_set.talks import make_talks
from samples.make_media import make_media

SAMPLES = Path(__file__).parents[1] / "samples"
PHOTOS = 128


def make_corpus(data: Path, corpus: Path) -> None:
    """Make ``corpus`` whole, or not at all."""
    photos, speech = data / "coco-val128" / "images", data / "jfk.flac"
    if len(list(photos.glob("*.jpg"))) != PHOTOS or not speech.is_file():
        raise SystemExit(
            f"{data} lacks jfk.flac or the {PHOTOS} photos of coco-val128/images; name the folder with both"
        )
    if corpus.exists():
        raise SystemExit(f"{corpus} is there already; name a folder that is not")
    corpus.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=corpus.parent) as made:
        unfinished = Path(made) / "corpus"
        _fill(unfinished, photos, speech)
        unfinished.rename(corpus)


def _fill(corpus: Path, photos: Path, speech: Path) -> None:
    make_talks(corpus / "talks")  # first: it ends at once where espeak-ng is missing
    shutil.copyfile(speech, corpus / "talks" / speech.name)
    make_films(photos, corpus / "films")
    make_pictures(photos, corpus / "pictures")
    make_documents(corpus / "documents")
    make_media(corpus / "samples")
    for sample in (*(SAMPLES / "notes").iterdir(), *(SAMPLES / "media").iterdir()):
        shutil.copyfile(sample, corpus / "samples" / sample.name)
    make_texts(corpus / "distractors" / "texts")
    make_drawings(corpus / "distractors" / "drawings")
    make_query_pictures(photos, corpus / "queries")
    (corpus / ".bowerbirdignore").write_text("/queries/\n/*.jsonl\n", encoding="utf-8")
    write_halves(corpus)


def write_halves(folder: Path) -> None:
    """``tune.jsonl`` and ``report.jsonl`` in ``folder``: the lines of the set, each in the file of its half."""
    for side in ("tune", "report"):
        asked = [asdict(query) for query in queries() if query.half == side]
        lines = [json.dumps({key: value for key, value in each.items() if value is not None}) for each in asked]
        (folder / f"{side}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _report(corpus: Path) -> None:
    for folder in sorted(each for each in corpus.rglob("*") if each.is_dir()):
        if files := sum(each.is_file() for each in folder.iterdir()):
            print(f"{folder.relative_to(corpus).as_posix():24}{files:6} files")
    asked = Counter((query.medium, query.half) for query in queries())
    for medium in (*MEDIA, "none"):
        print(f"queries, {medium:15}{asked[medium, 'tune']:6} to tune on {asked[medium, 'report']:6} to report on")
    missing = sorted({path for query in queries() for path in query.relevant if not (corpus / path).is_file()})
    missing += [query.image for query in queries() if query.image and not (corpus / query.image).is_file()]
    if missing:
        raise SystemExit(f"the queries name files that are not in the corpus: {', '.join(missing[:5])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with coco-val128/images and jfk.flac")
    parser.add_argument("corpus", type=Path, help="folder to make")
    chosen = parser.parse_args()
    make_corpus(chosen.data, chosen.corpus)
    _report(chosen.corpus)


if __name__ == "__main__":
    main()
