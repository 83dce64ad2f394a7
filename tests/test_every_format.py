"""A file of every format is indexed, with the real encoder, reader and transcriber, and found by what is in it."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from psd_tools import PSDImage

from bowerbird.media.registry import formats
from bowerbird.queries import Hit
from indexer import open_indexer
from search import Search, open_search
from search.fuse import CODE
from tests.media.films import FILMS, RECORDINGS, slide, write_film, write_recording
from tests.media.papers import docx, epub, odf, pdf, pptx, scan, xlsx
from tests.media.picture.test_raw import dng, jpeg

PHOTOS = Path(skimage.data.__file__).parent
MEETING = Path(__file__).parents[1] / "samples" / "media" / "meeting.ogg"
WRITTEN = "The heron waits beside the weir at dawn."
CELLS = ("The heron waits", "beside the weir", "at dawn")


def cat() -> Image.Image:
    with Image.open(PHOTOS / "chelsea.png") as image:
        return image.convert("RGB").resize((448, 300))


def rocket() -> Image.Image:
    with Image.open(PHOTOS / "rocket.jpg") as image:
        return image.convert("RGB").resize((448, 300))


def spoken() -> NDArray[np.float32]:
    """The meeting of the samples, ``(2, samples)`` at 48 kHz."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
    with av.open(str(MEETING)) as file:
        heard = [each.to_ndarray()[0] for frame in file.decode(audio=0) for each in resampler.resample(frame)]
    return np.tile(np.concatenate(heard), (2, 1))


def make_pictures(folder: Path) -> None:
    photo = cat()
    for suffix in ("jpg", "png", "webp", "avif", "bmp", "tif", "jp2", "ppm", "ico"):
        photo.save(folder / f"cat.{suffix}")
    frames = [photo, rocket()]
    photo.save(folder / "moving.gif", save_all=True, append_images=frames[1:], duration=1500)
    photo.save(folder / "moving.webp", save_all=True, append_images=frames[1:], duration=1500)
    photo.save(folder / "pages.tiff", save_all=True, append_images=frames[1:])
    import pillow_heif

    pillow_heif.from_pillow(photo).save(folder / "cat.heic")
    PSDImage.frompil(photo).save(folder / "cat.psd")
    dng(folder / "shot.dng", np.full((600, 896), 900, np.uint16), jpeg(photo.resize((896, 600))))
    (folder / "drawing.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 60"><rect width="90" height="60" fill="wheat"/>'
        f"<text>{WRITTEN}</text></svg>"
    )
    words = Image.new("RGB", (900, 300), "white")
    ImageDraw.Draw(words).text((60, 110), "HERON WEIR", fill="black", font_size=90)
    words.save(folder / "words.png")


def make_recordings(folder: Path) -> None:
    seen = [*itertools.repeat(np.asarray(cat()), 30), *itertools.repeat(np.asarray(rocket()), 30)]
    for suffix in FILMS:
        small = [frame[:288, :352] for frame in seen] if suffix == "3gp" else seen  # H.263 has a few sizes only
        write_film(folder / f"film.{suffix}", small)
    talk = spoken()
    for suffix in RECORDINGS:
        write_recording(folder / f"talk.{suffix}", talk, tags={"title": suffix})  # or two would have the same bytes
    subtitled = write_film(folder / "subtitled.mkv", seen, cues=[(1.0, 3.0, WRITTEN)])
    (folder / "beside.mp4").write_bytes((folder / "film.mp4").read_bytes() + b"\0\0\0\x08free")
    cues = f"1\n00:00:01,000 --> 00:00:04,000\n{WRITTEN}\n"
    (folder / "beside.srt").write_text(cues)
    (folder / "alone.srt").write_text(cues)
    (folder / "alone.vtt").write_text(f"WEBVTT\n\n{cues.replace(',', '.')}")
    (folder / "alone.ass").write_text(
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        f"Dialogue: 0,0:00:01.00,0:00:04.00,Default,,0,0,0,,{WRITTEN}\n"
    )
    assert subtitled.exists()
    write_film(folder / "slides.mp4", itertools.repeat(slide(["HERON WEIR", "a talk"]), 30))


def make_documents(folder: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "A bird", "ann@example.org", "ben@example.org"
    mail.set_content("See the paper.")
    mail.add_attachment(docx(("Normal", WRITTEN)), maintype="application", subtype="msword", filename="bird.docx")
    cells = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in CELLS)
    contents: dict[str, bytes | str] = {
        "paper.pdf": pdf(["An introduction.", WRITTEN]),
        "scan.pdf": scan("HERON WEIR"),
        "letter.docx": docx(("Heading 1", "Birds"), ("Normal", WRITTEN)),
        "talk.pptx": pptx(("Birds", "At the river", ""), ("More", WRITTEN, "")),
        "book.xlsx": xlsx({"Birds": [["bird", "where", "when"], CELLS]}),
        "letter.odt": odf("text", f"<text:p>{WRITTEN}</text:p>"),
        "sheet.ods": odf("spreadsheet", f"<table:table><table:table-row>{cells}</table:table-row></table:table>"),
        "table.csv": "bird,where,when\n" + ",".join(CELLS) + "\n",
        "table.tsv": "bird\twhere\twhen\n" + "\t".join(CELLS) + "\n",
        "page.html": f"<title>Birds</title><body><p>{WRITTEN}</p></body>",
        "book.epub": epub({"one.xhtml": f"<html><body><p>{WRITTEN}</p></body></html>"}),
        "mail.eml": bytes(mail),
        "note.txt": WRITTEN,
        "note.md": f"# Birds\n\n{WRITTEN}\n",
        "notes.ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": [WRITTEN]}], "nbformat": 4}),
        "bird.py": f'def heron():\n    """{WRITTEN}"""\n',
        "bird.ts": f"// {WRITTEN}\nexport const heron = 1;\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every") / "media"
    folder.mkdir()
    make_pictures(folder)
    make_recordings(folder)
    make_documents(folder)
    return folder


@pytest.fixture(scope="module")
def searcher(media: Path) -> Iterator[Search]:
    library = media.parent / "library"
    with open_indexer(library, encoder="concepts") as indexer:
        report = indexer.index([media], regions=0)
    assert report.failed == ()
    assert report.seen == report.indexed + report.reused == len(list(media.iterdir())) - 1  # one is part of a film
    with open_search(library) as searcher:
        yield searcher


def found(searcher: Search, text: str, *kinds: str, worth: float = 1.0) -> set[str]:
    """Names of what is nearest, among things that are none of it; ``worth``: what they count for beside the best."""
    hits = searcher.search(text, kinds=kinds, limit=100).hits
    near = [hit for hit in hits if hit.relevance >= 0.5 * worth * hits[0].relevance]
    return set().union(*(files(searcher, hit) for hit in near))


def files(searcher: Search, hit: Hit) -> set[str]:
    """Names of all that a hit stands for: the same picture in another format is a near-duplicate."""
    with searcher.library.catalog.read() as tx:
        assets = [tx.assets.by_hash(each) for each in (hit.asset_id, *hit.stands_for)]
        copies = tx.locations.copies_of([asset.id for asset in assets if asset is not None])
    return {Path(copy.path).name for each in copies.values() for copy in each}


def test_every_format_has_a_file_here(media: Path) -> None:
    suffixes = {path.suffix for path in media.iterdir()}
    assert [each.name for each in formats().values() if not suffixes & each.suffixes] == []


def test_pictures_are_found_by_what_they_show(searcher: Search, media: Path) -> None:
    cats = {"shot.dng", *(path.name for path in media.glob("cat.*"))}
    hits = searcher.search("a cat", kinds=["image"], limit=100).hits
    shown = [files(searcher, hit) for hit in hits]
    first = next(at for at, names in enumerate(shown) if not names <= cats)
    assert set().union(*shown[:first]) == cats
    assert first <= 3, "the same picture again is no hit of its own"
    assert len(hits) > first


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", *(f"film.{suffix}" for suffix in FILMS)])
def test_films_are_found_at_the_moment(searcher: Search, name: str) -> None:
    for text, first in (("a cat", True), ("a rocket launch", False)):
        hits = searcher.search(text, kinds=["frame"], limit=100).hits
        (hit,) = [each for each in hits if name in files(searcher, each)]
        assert hit.start_s is not None
        assert hit.end_s is not None
        assert (hit.start_s < 1.4) == first
        assert hit.kind == "video"


def test_pages_of_a_scan_are_found_one_by_one(searcher: Search) -> None:
    hits = searcher.search("a rocket launch", kinds=["page"], limit=100).hits
    (hit,) = [each for each in hits if Path(each.path).name == "pages.tiff"]
    assert hit.page == 2


def test_recordings_are_found_by_what_is_said(searcher: Search, media: Path) -> None:
    hits = searcher.search("who stole the blue feathers", kinds=["speech"], limit=100).hits
    talks = {Path(hit.path).name: hit for hit in hits if Path(hit.path).stem == "talk"}
    assert {f"talk.{suffix}" for suffix in RECORDINGS} <= set(talks)
    for hit in talks.values():
        assert hit.start_s == pytest.approx(5.0, abs=1)
        assert hit.end_s == pytest.approx(9.1, abs=1)


SAID = {"subtitled.mkv", "beside.mp4", "alone.srt", "alone.vtt", "alone.ass"}


def test_subtitles_are_found_beside_inside_and_alone(searcher: Search) -> None:
    assert found(searcher, WRITTEN, "speech") >= SAID


def test_documents_are_found_by_their_words(searcher: Search, media: Path) -> None:
    suffixes = [
        "pdf",
        "docx",
        "pptx",
        "xlsx",
        "odt",
        "ods",
        "csv",
        "tsv",
        "html",
        "epub",
        "eml",
        "txt",
        "md",
        "ipynb",
        "py",
        "svg",
    ]
    wanted = {path.name for path in media.iterdir() if path.suffix[1:] in suffixes and path.name != "scan.pdf"}
    assert len(wanted) == len(suffixes)
    assert wanted - {"bird.py"} <= found(searcher, WRITTEN, "text")
    assert {"bird.py", "bird.ts"} <= found(searcher, WRITTEN, "text", worth=CODE)


def test_a_page_of_a_paper_is_told(searcher: Search) -> None:
    hits = searcher.search(WRITTEN, kinds=["text"], limit=100).hits
    (hit,) = [each for each in hits if Path(each.path).name == "paper.pdf"]
    assert hit.page == 2


def test_words_on_pictures_pages_and_films_are_found_where_they_stand(searcher: Search) -> None:
    hits = searcher.search("heron weir", kinds=["ocr"], limit=100).hits
    by_name = {Path(hit.path).name: hit for hit in hits}
    assert {"words.png", "scan.pdf", "slides.mp4"} <= set(by_name)
    box = by_name["words.png"].box
    assert box is not None
    assert 0.02 < box.x < 0.2
    assert 0.3 < box.y < 0.6
    assert by_name["scan.pdf"].page == 1
    assert by_name["slides.mp4"].start_s == 0.0


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ("a cat", "image", {"cat.png"}),
        ("who stole the blue feathers", "speech", {"talk.ogg"}),
        ("which bird is beside the weir at dawn", "text", {"paper.pdf", "note.txt", "page.html"}),
    ],
)
def test_each_medium_comes_first_where_the_answer_lies_there(
    searcher: Search, text: str, kind: str, names: set[str]
) -> None:
    result = searcher.search(text, limit=30)
    assert result.matched
    assert result.hits[0].segment_kind == kind
    assert names & set().union(*(files(searcher, hit) for hit in result.hits))


def test_thumbnails_are_there(searcher: Search, media: Path) -> None:
    hits = searcher.search("a cat", kinds=["image", "frame"], limit=100).hits
    for hit in hits:
        if Path(hit.path).stem in ("cat", "film", "moving"):
            data = searcher.library.thumbnails.path(hit.asset_id).read_bytes()
            with Image.open(io.BytesIO(data)) as shown:
                assert max(shown.size) <= 256
