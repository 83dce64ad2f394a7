from __future__ import annotations

import gzip
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from resvg_py import svg_to_bytes

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.drawing_source import read_drawing
from bowerbird.media.picture.drawings import DrawingDecoder
from bowerbird.media.registry import DRAWINGS
from bowerbird.moments import NOTHING, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import ALL, DecoderContract, moments
from tests.media.make import save

DECODER = DrawingDecoder(DecodeSettings())
SQUARE = Wanted(PictureSpec(32, "squash"))
SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RED = '<rect width="100%" height="100%" fill="red"/>'


def svg(path: Path, body: str, root: str = 'width="40" height="30"', before: str = "") -> Path:
    path.write_text(f"{before}<svg {SPACES} {root}>{body}</svg>", encoding="utf-8")
    return path


def pixels(path: Path, wanted: Wanted = SQUARE) -> np.ndarray:
    shown = moments(DECODER.decode(path, wanted))[0].pixels
    assert shown is not None
    return shown.astype(int)


def words(path: Path) -> list[str | None]:
    return [moment.text for moment in moments(DECODER.decode(path, NOTHING)) if moment.kind is SegmentKind.TEXT]


def reason(path: Path, decoder: DrawingDecoder = DECODER) -> str:
    with pytest.raises(DecodeFailed) as failure:
        decoder.decode(path, SQUARE)
    assert "\n" not in failure.value.reason
    return failure.value.reason


class TestDrawings(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return DRAWINGS.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return svg(tmp_path / "a.svg", f"<title>A red field</title>{RED}")


# --- what is shown -------------------------------------------------------------------------------


def test_a_drawing_is_shown_on_white(tmp_path: Path) -> None:
    path = svg(tmp_path / "a.svg", '<rect width="20" height="30" fill="#0000ff"/>')
    decoded = DECODER.decode(path, SQUARE)
    assert (decoded.info.kind, decoded.info.media_type) == (AssetKind.IMAGE, "image/svg+xml")
    assert (decoded.info.width, decoded.info.height) == (40, 30)
    shown = pixels(path)
    assert (shown[:, :15] == (0, 0, 255)).all()
    assert (shown[:, 17:] == 255).all()


def test_it_is_drawn_as_large_as_is_wanted(tmp_path: Path) -> None:
    path = svg(tmp_path / "a.svg", RED, 'viewBox="0 0 4 3"')
    whole = moments(DECODER.decode(path, Wanted(PictureSpec(32), detail_px=1600, thumbnail_px=256)))[0]
    assert whole.detail is not None
    assert whole.detail.shape == (1200, 1600, 3)
    assert whole.thumbnail is not None
    with Image.open(BytesIO(whole.thumbnail)) as thumbnail:
        assert thumbnail.size == (256, 192)


@pytest.mark.parametrize(
    ("root", "size"),
    [
        ('width="40" height="30"', (40, 30)),
        ('width="2in" height="1in"', (192, 96)),
        ('width="254mm" height="2.54cm"', (960, 96)),
        ('width="100%" height="100%" viewBox="0 0 50 20"', (50, 20)),
        ('viewBox="0,0 50,20"', (50, 20)),
        ('width="100" viewBox="0 0 50 20"', (100, 40)),
        ('height="40" viewBox="0 0 50 20"', (100, 40)),
        ("", (1024, 768)),
        ('width="-3" height="nonsense" viewBox="0 0 0 inf"', (1024, 768)),
        ('width="1e9" height="1e9"', (None, None)),
        ('width="1e400" height="5"', (1024, 5)),
    ],
)
def test_its_size_is_what_it_says(root: str, size: tuple[int | None, int | None], tmp_path: Path) -> None:
    path = svg(tmp_path / "a.svg", RED, root)
    info = DECODER.decode(path, SQUARE).info
    assert (info.width, info.height) == size
    assert (pixels(path).mean(axis=(0, 1)) == (255, 0, 0)).all()


@pytest.mark.parametrize("root", ['width="1e6" height="1"', 'viewBox="0 0 1 1000000"'])
def test_a_strip_costs_no_more_than_a_square(root: str, tmp_path: Path) -> None:
    assert pixels(svg(tmp_path / "a.svg", RED, root), Wanted(PictureSpec(64), detail_px=1600)).shape == (64, 64, 3)


@pytest.mark.parametrize("suffix", ["svg", "svgz"])
def test_a_gzipped_one_is_read_by_content(suffix: str, tmp_path: Path) -> None:
    plain = svg(tmp_path / "plain.svg", RED)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert (pixels(path) == (255, 0, 0)).all()
    path.write_bytes(gzip.compress(plain.read_bytes())[:-12])
    assert reason(path) == "is cut short: part of the drawing is missing"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_any_encoding_that_xml_has(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    path.write_bytes(f"{declared}<svg {SPACES}><title>Vögel</title></svg>".encode(encoding))
    assert words(path) == ["Vögel"]


def test_a_raster_picture_inside_is_shown(tmp_path: Path) -> None:
    data = BytesIO()
    Image.new("RGB", (8, 8), "lime").save(data, "PNG")
    inside = f'<image xlink:href="data:image/png;base64,{b64encode(data.getvalue()).decode()}" width="40" height="30" '
    path = svg(tmp_path / "a.svg", inside + 'preserveAspectRatio="none"/>')
    assert (pixels(path).mean(axis=(0, 1)) == (0, 255, 0)).all()


def test_a_part_of_it_is_used_again(tmp_path: Path) -> None:
    body = '<defs><rect id="r" width="40" height="30" fill="url(#g)"/><linearGradient id="g"><stop stop-color="red"/>'
    path = svg(tmp_path / "a.svg", body + '</linearGradient></defs><use href="#r"/>')
    assert (pixels(path) == (255, 0, 0)).all()


def test_the_namespaces_that_illustrator_names_by_entities(tmp_path: Path) -> None:
    before = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://127.0.0.1:9/svg11.dtd" ['
    before += '<!ENTITY ns_ai "http://ns.adobe.com/AdobeIllustrator/10.0/">]>'
    path = svg(tmp_path / "a.svg", f'<g i:layer="yes">{RED}</g>', 'xmlns:i="&ns_ai;" viewBox="0 0 4 3"', before)
    assert (pixels(path) == (255, 0, 0)).all()


# --- its words -----------------------------------------------------------------------------------


def test_its_words_are_text(tmp_path: Path) -> None:
    body = """<title>How a bower
      is built</title><desc>In three steps</desc><style>text { fill: red }</style>
      <text x="1" y="9">blue <tspan font-weight="bold">feathers</tspan><tspan x="1" dy="9">and shells</tspan></text>
      <foreignObject><div xmlns="http://www.w3.org/1999/xhtml">twigs<script>no()</script><br/>moss</div></foreignObject>
      <text> </text>"""
    path = svg(tmp_path / "a.svg", body)
    assert words(path) == ["How a bower is built\nIn three steps\nblue feathers and shells\ntwigs moss"]
    whole = moments(DECODER.decode(path, ALL))[0]
    assert whole.detail is None  # nobody needs to read off what is known


def test_where_words_may_be_drawn_as_lines_they_can_be_read_off(tmp_path: Path) -> None:
    path = svg(tmp_path / "a.svg", f"<title>A sign</title>{RED}")
    assert moments(DECODER.decode(path, ALL))[0].detail is not None


def test_a_drawing_without_words_has_no_text(tmp_path: Path) -> None:
    assert words(svg(tmp_path / "a.svg", RED)) == []


# --- it opens nothing ----------------------------------------------------------------------------


@pytest.fixture
def visitors() -> Iterator[tuple[int, list[object]]]:
    """A port on which someone listens, and who came."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    came.append(server.accept())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], came
        over.set()
        thread.join()


def nested(href: str) -> str:
    inner = f'<svg {SPACES} width="40" height="30"><image href="{href}" width="40" height="30"/></svg>'
    return "data:image/svg+xml;base64," + b64encode(inner.encode()).decode()


WAYS = {
    "image": '<image href="{}" width="40" height="30"/>',
    "image of old": '<image xlink:href="{}" width="40" height="30"/>',
    "another prefix": '<image xmlns:l="http://www.w3.org/1999/xlink" l:href="{}" width="40" height="30"/>',
    "use": '<use href="{}#part"/>',
    "pattern": '<pattern id="p" width="9" height="9" href="{}"/><rect width="40" height="30" fill="url(#p)"/>',
    "filter": '<filter id="f"><feImage href="{}"/></filter><rect width="40" height="30" fill="none" filter="url(#f)"/>',
    "style": '<image style="href:{}" width="40" height="30"/>',
    "style sheet": '<style>@import url("{0}"); image {{ href: url("{0}"); }}</style><image width="40" height="30"/>',
    "fill": '<rect width="40" height="30" fill="url({}) none"/>',
    "base": '<g xml:base="{}"><image href="canary.png" width="40" height="30"/></g>',
    "foreign object": '<foreignObject width="40" height="30"><img src="{}" width="40"/></foreignObject>',
    "font": '<style>@font-face {{ font-family: a; src: url("{}") }}</style><text font-family="a" y="9"> </text>',
    "script": '<script href="{}"/>',
}


def test_the_renderer_itself_would_open_a_file(tmp_path: Path) -> None:
    """What the tests below would show if a reference came through."""
    canary = save(Image.new("RGB", (40, 30), "red"), tmp_path / "canary.png")
    source = f'<svg {SPACES} width="40" height="30">{WAYS["image"].format(canary)}</svg>'
    with Image.open(BytesIO(svg_to_bytes(svg_string=source))) as shown:
        assert shown.getpixel((20, 15)) == (255, 0, 0, 255)


@pytest.mark.parametrize("way", WAYS)
def test_it_opens_no_file_and_no_connection(
    way: str, tmp_path: Path, visitors: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    canary = save(Image.new("RGB", (40, 30), "red"), tmp_path / "canary.png")
    port, came = visitors
    links = [str(canary), canary.as_uri(), "canary.png", f"http://127.0.0.1:{port}/canary.png"]
    for link in [*links, *(nested(link) for link in links)]:
        path = svg(tmp_path / "a.svg", WAYS[way].format(link))
        assert not (pixels(path) == (255, 0, 0)).all(axis=2).any()
    assert came == []


def test_no_entity_and_no_dtd_from_elsewhere_is_fetched(tmp_path: Path, visitors: tuple[int, list[object]]) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a canary sings")
    port, came = visitors
    for place in (secret.as_uri(), f"http://127.0.0.1:{port}/secret.txt"):
        before = f'<!DOCTYPE svg SYSTEM "{place}" [<!ENTITY e SYSTEM "{place}"><!ENTITY % p SYSTEM "{place}"> %p;]>'
        before += f'<?xml-stylesheet href="{place}"?>'
        path = svg(tmp_path / "a.svg", f"<title>before &e; after</title>{RED}", before=before)
        assert words(path) == ["before after"]
    assert came == []


@given(st.text("abd:ata#/\\ .hrefpng;,", max_size=40))
def test_no_link_but_to_itself_stays(link: str) -> None:
    from xml.sax.saxutils import quoteattr

    source = f"<svg {SPACES}><image href={quoteattr(link)}/></svg>".encode()
    assert ("href=" in read_drawing(source, 1).markup(1, 1)) == link.startswith("#")


# --- bombs and damage ----------------------------------------------------------------------------


def test_entities_that_multiply(tmp_path: Path) -> None:
    before = '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    said = "has an entity that is long, or made of others, as no drawing needs"
    assert reason(svg(tmp_path / "a.svg", "<title>&b;</title>", before=before)) == said
    before = f'<!DOCTYPE svg [<!ENTITY a "{"ha" * 500}">]>'
    assert reason(svg(tmp_path / "b.svg", "<title>&a;</title>", before=before)) == said


def test_uses_that_multiply(tmp_path: Path) -> None:
    levels = "".join(f'<g id="l{level}">' + f'<use href="#l{level - 1}"/>' * 10 + "</g>" for level in range(1, 10))
    path = svg(tmp_path / "a.svg", f'<defs><rect id="l0" width="1" height="1"/>{levels}</defs><use href="#l9"/>')
    assert reason(path) == "unfolds to more than 1000000 elements"


@pytest.mark.parametrize("link", ['<use href="#l{}"/>', '<rect width="9" height="9" mask="url(#l{})"/>'])
@pytest.mark.parametrize("forward", [True, False])
def test_references_that_go_deep(link: str, forward: bool, tmp_path: Path) -> None:
    order = range(1, 3000) if forward else range(2999, 0, -1)
    levels = "".join(f'<mask id="l{level}">{link.format(level - 1)}</mask>' for level in order)
    path = svg(tmp_path / "a.svg", f'<rect id="l0" width="1" height="1"/>{levels}{link.format(2999)}')
    assert reason(path).endswith("more than 200 deep")


def test_references_in_a_circle_are_refused(tmp_path: Path) -> None:
    body = '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g><mask id="m"><rect mask="url(#m)"/></mask>'
    assert reason(svg(tmp_path / "a.svg", body)).startswith("cannot be drawn")


GROUPS = ["<g>", '<g opacity="0.9">', '<g mask="url(#m)">', '<g filter="url(#f)">', '<g clip-path="url(#c)">', "<svg>"]


@pytest.mark.parametrize("group", GROUPS)
def test_as_deep_as_is_allowed_is_drawn_and_deeper_is_refused(group: str, tmp_path: Path) -> None:
    """The renderer recurses, and a stack that overflows ends the process."""
    defs = '<mask id="m"><rect width="40" height="30" fill="white"/></mask><filter id="f"><feOffset/></filter>'
    defs += '<clipPath id="c"><rect width="40" height="30"/></clipPath>'
    for depth, allowed in ((190, True), (201, False), (100_000, False)):
        path = svg(tmp_path / "a.svg", defs + group * depth + RED + f"</{group[1:].split()[0].strip('>')}>" * depth)
        if allowed:
            assert pixels(path).shape == (32, 32, 3)
        else:
            assert reason(path) == "has elements nested more than 200 deep"


def test_a_raster_bomb_inside_is_left_out(tmp_path: Path) -> None:
    from tests.media.picture.test_pictures import png_header

    data = b64encode(png_header(30_000, 30_000)).decode()
    path = svg(tmp_path / "a.svg", f'{RED}<image href="data:image/png;base64,{data}" width="40" height="30"/>')
    assert (pixels(path) == (255, 0, 0)).all()
    assert "base64" not in read_drawing(path.read_bytes(), 200).markup(1, 1)
    assert "base64" in read_drawing(path.read_bytes(), 1000).markup(1, 1)


def test_a_gzip_bomb_is_over_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.svgz"
    path.write_bytes(gzip.compress(b"<svg>" + bytes(30 << 20)))
    assert reason(path) == "is over the limit of 16 MB of text; raise decode.max_text_mb in library.toml"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello", "is damaged: syntax error: line 1, column 0"),
        (b"<html><svg/></html>", "is not an SVG drawing"),
        (b"\x1f\x8bgarbage", "is damaged"),
        (b"<svg><g></svg>", "is damaged: mismatched tag"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><x:g/></svg>', "cannot be drawn"),
    ],
)
def test_what_is_no_drawing_fails_in_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(content)
    assert reason(path).startswith(said)


def test_a_drawing_cut_short_fails_and_a_damaged_one_in_one_line_or_not(tmp_path: Path) -> None:
    body = f'<title>A</title><g id="a" transform="rotate(3)">{RED}<text x="3" y="9">b</text></g><use href="#a"/>'
    path = svg(tmp_path / "a.svg", body)
    data = path.read_bytes()
    reasons: list[str] = []
    random = np.random.default_rng(0)
    for length in np.linspace(0, len(data) - 1, 40).astype(int):
        path.write_bytes(data[:length])
        assert reason(path)
        altered = np.frombuffer(data, np.uint8).copy()
        altered[random.integers(0, len(data), 3)] = random.integers(32, 127, 3)
        path.write_bytes(altered.tobytes())
        try:
            assert pixels(path).shape == (32, 32, 3)
        except DecodeFailed as failure:
            reasons.append(failure.reason)
    assert not any("\n" in reason for reason in reasons)
