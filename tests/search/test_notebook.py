"""What a search answers, as a notebook shows it: read back as HTML, its pictures decoded, hostile names inert."""

from __future__ import annotations

import base64
import dataclasses
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from lxml import etree, html
from PIL import Image

from bowerbird.errors import QueryError
from bowerbird.queries import Hit, Query, SearchResult
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search
from search.notebook import MOST_PICTURES, ShownResult
from search.thumbnails import thumbnails_of
from tests.fakes import HashEncoder

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp; <script>.txt"
COLOURS = ("red", "blue")
ENCODER = HashEncoder(aliases={each: np.asarray(Image.new("RGB", (16, 16), each)) for each in COLOURS})


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "media").mkdir()
    for colour in COLOURS:
        Image.new("RGB", (90, 60), colour).save(folder / "media" / f"{colour}.png")
    for number in range(30):
        Image.new("RGB", (40, 40), (8 * number, 0, 99)).save(folder / "media" / f"shade {number}.png")
    Path(folder, "media", HOSTILE).write_text("</div><script>alert('harbour')</script> & more of it")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: ENCODER) as library:
        library.settings.index.ocr = False
        library.settings.index.regions = 0
        Indexer(library).index([folder / "media"])
        yield Search(library)


def parsed(shown: str) -> etree._Element:
    """As XML, which forgives nothing; what HTML makes of it must say the same."""
    tree = etree.fromstring(shown)
    assert html.fromstring(shown).text_content() == "".join(tree.itertext())
    return tree


def pictures(tree: etree._Element) -> list[Image.Image]:
    head = "data:image/webp;base64,"
    sources = [each.get("src") for each in tree.iter("img")]
    assert all(source.startswith(head) for source in sources)
    return [Image.open(io.BytesIO(base64.b64decode(source[len(head) :], validate=True))) for source in sources]


def test_a_hit_is_a_picture_with_its_name(search: Search) -> None:
    (first, *_) = search.search("red").hits
    tree = parsed(search.search("red", limit=1)._repr_html_())
    (card,) = tree.iter("figure")
    assert card.get("title") == first.path
    assert card.find(".//strong").text == "red.png"
    assert "image" in "".join(card.itertext())
    (picture,) = pictures(tree)
    red, green, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert (red > 200, green < 50, blue < 50) == (True, True, True)


def test_hostile_names_and_texts_are_only_shown(search: Search) -> None:
    tree = parsed(search.search('"harbour"')._repr_html_())
    (card,) = tree.iter("figure")
    assert card.get("title").endswith("/" + HOSTILE)
    assert card.find(".//strong").text == HOSTILE
    assert "<script>alert('harbour')</script> & more" in "".join(card.itertext())
    assert {each.tag for each in tree.iter()} <= {"div", "p", "figure", "figcaption", "strong", "span", "br", "img"}
    assert {name for each in tree.iter() for name in each.attrib} <= {"class", "style", "title", "src", "alt"}


@pytest.mark.parametrize(
    "path", ["/a/\udcff\udcfe.jpg", "/a/\x00\x1b[31m\x07.jpg", "/a/\u202egpj.exe", "/a/\ud800.jpg"]
)
def test_names_that_no_page_can_hold_are_escaped(path: str) -> None:
    hit = Hit(1, 0.5, "a" * 64, path, AssetKind.IMAGE, 1, SegmentKind.IMAGE, None, None, None, None, path, 0, ())
    shown = result(hit)._repr_html_()
    shown.encode("utf-8")
    assert parsed(shown).find(".//strong").text


def result(*hits: Hit, matched: bool = True, understood: tuple[str, ...] = ()) -> ShownResult:
    return ShownResult(hits, matched, 1.0, understood=understood)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"start_s": 12.0, "end_s": 20.0}, "0:12–0:20"),
        ({"page": 4}, "page 4"),
        ({"text": "word " * 100}, "…"),
        ({"relevance": 0.126}, "0.13"),
    ],
)
def test_the_moment_is_told(facts: dict[str, object], said: str) -> None:
    hit = Hit(1, 0.5, "a" * 64, "/a", AssetKind.VIDEO, 1, SegmentKind.FRAME, None, None, None, None, None, 0, ())
    tree = parsed(result(dataclasses.replace(hit, **facts))._repr_html_())  # type: ignore[arg-type]
    assert said in "".join(tree.itertext())
    assert not list(tree.iter("img"))


def test_what_stands_out_for_nothing_is_said() -> None:
    assert "Nothing here stands out" in parsed(result(matched=False)._repr_html_())[0].text
    said = parsed(result(matched=False, understood=("last <i>summer</i>",))._repr_html_())[0].text
    assert "last <i>summer</i>" in said


def test_a_page_has_so_many_pictures(search: Search) -> None:
    tree = parsed(search.search("type:image", limit=30)._repr_html_())
    assert (len(list(tree.iter("figure"))), len(pictures(tree))) == (30, MOST_PICTURES)


def test_it_equals_the_plain_result(search: Search) -> None:
    shown = search.run(Query("red", limit=3))
    values = {field.name: getattr(shown, field.name) for field in dataclasses.fields(SearchResult)}
    plain = SearchResult(**values)
    assert [each.name for each in dataclasses.fields(shown)] == list(values)
    assert shown == plain
    assert plain == shown
    assert hash(shown) == hash(plain)
    assert dataclasses.asdict(shown) == dataclasses.asdict(plain)
    for name, value in {
        "hits": (),
        "matched": False,
        "took_ms": -1.0,
        "next_cursor": "x",
        "understood": ("x",),
    }.items():
        assert shown != dataclasses.replace(plain, **{name: value})
    assert shown != values
    assert pickle.loads(pickle.dumps(shown)) == plain
    assert dataclasses.replace(shown, matched=False)._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.matched = False  # type: ignore[misc]
    assert repr(shown) == "<SearchResult: 3 hits, matched>"


def test_the_picture_is_of_the_moment(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    red, blue = (Image.new("RGB", (200, 200), colour) for colour in COLOURS)
    red.save(tmp_path / "media" / "pages.pdf", save_all=True, append_images=[blue])
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: ENCODER) as library:
        library.settings.index.ocr = False
        Indexer(library).index([tmp_path / "media"])
        (hit,) = Search(library).search("type:document").hits
        with library.catalog.read() as tx:
            found = [each.segment for each in tx.segments.moments(range(100)).values()]
        assert [(each.page, each.kind) for each in found] == [(1, SegmentKind.PAGE), (2, SegmentKind.PAGE)]
        pages = [dataclasses.replace(hit, segment_id=each.id) for each in found]
        assert [colour_of(path) for path in thumbnails_of(library, pages)] == ["red", "blue"]
        gone = dataclasses.replace(hit, asset_id="f" * 64)
        assert thumbnails_of(library, [gone]) == [None]
        assert thumbnails_of(library, []) == []


def colour_of(path: Path | None) -> str:
    assert path is not None
    red, _, blue = Image.open(path).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return "red" if red > blue else "blue"


def test_a_result_outlives_its_library(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    Image.new("RGB", (90, 60), "red").save(tmp_path / "media" / "red.png")
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: ENCODER) as library:
        library.settings.index.ocr = False
        Indexer(library).index([tmp_path / "media"])
        shown = Search(library).search("type:image")
    assert len(pictures(parsed(shown._repr_html_()))) == 1
    for file in sorted((tmp_path / "library").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (tmp_path / "library").rmdir()
    tree = parsed(shown._repr_html_())
    assert tree.find(".//strong").text == "red.png"
    assert not pictures(tree)


@pytest.mark.parametrize("method", [Search.search, Search.run, Search.asset_at, Search.close, Indexer.index])
def test_the_documented_api_is(method: object) -> None:
    said = method.__doc__ or ""
    assert len(said.strip().splitlines()) >= 1
    if method is Search.search:
        names = set(Search.search.__annotations__) - {"return"}
        assert {name for name in names if f"{name}:" not in said and f"{name}, " not in said} == set()
        assert QueryError.__name__ in said
