from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import tables
from bowerbird.media.document_formats import OPEN_DOCUMENT, SHEETS, SLIDES, WORD
from bowerbird.media.formats import Format
from bowerbird.moments import NOTHING
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetInfo, SegmentKind
from tests.contracts.decoder import DecoderContract, moments
from tests.media.papers import docx, laughs, odf, packed, pptx, put, repacked, understated, xlsx, zip_bomb

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096)
"""How a document with a password begins."""
TEXT = '<text:h text:outline-level="1">Bowers</text:h><text:p>of <text:span>sticks</text:span></text:p>'
SHEET = (
    '<table:table table:name="Finds"><table:table-row><table:table-cell><text:p>thing</text:p></table:table-cell>'
    "<table:table-cell><text:p>colour</text:p></table:table-cell></table:table-row>"
    '<table:table-row table:number-rows-repeated="9999999"><table:table-cell><text:p>cap</text:p></table:table-cell>'
    '<table:table-cell table:number-columns-repeated="99999999999"><text:p>blue</text:p></table:table-cell>'
    "</table:table-row></table:table>"
)


class TestWord(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return WORD.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return put(docx(("Heading 1", "Bowers"), ("Normal", "of sticks")), tmp_path / "a.docx")


class TestSlides(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return SLIDES.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return put(pptx(("One", "first", "say it"), ("Two", "second", "")), tmp_path / "a.pptx")


class TestSheets(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return SHEETS.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return put(xlsx({"People": [["name", "city"], ["Ann", "Lisbon"]]}), tmp_path / "a.xlsx")


class TestOpenDocument(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return OPEN_DOCUMENT.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return put(odf("text", TEXT), tmp_path / "a.odt")


def read(
    format: Format, content: bytes, folder: Path, *, suffix: str = "", limits: DecodeSettings | None = None
) -> tuple[AssetInfo, list[tuple[int | None, str | None]]]:
    path = put(content, folder / f"a{suffix or min(format.suffixes)}")
    decoded = format.open(limits or DecodeSettings()).decode(path, NOTHING)
    found = moments(decoded)
    assert all(each.kind is SegmentKind.TEXT for each in found)
    return decoded.info, [(each.page, each.text) for each in found]


def test_word_by_headings(tmp_path: Path) -> None:
    content = docx(
        ("Title", "Birds"),
        ("Normal", "of Australia"),
        ("Heading 1", "Bowers"),
        ("Heading 2", "Sticks"),
        ("List Bullet", "thin"),
        ("List Bullet", "dry"),
        [["thing", "colour"], ["cap", "blue"]],
        ("Heading 1", "Song"),
        title="A paper",
        author="Ann",
    )
    info, found = read(WORD, content, tmp_path)
    assert (info.title, info.artist) == ("A paper", "Ann")
    assert info.media_type.endswith("wordprocessingml.document")
    assert found == [
        (None, "Birds\n\nof Australia"),
        (None, "Bowers > Sticks\n\nthin\n\ndry\n\nthing | colour\ncap | blue"),
        (None, "Song"),
    ]


def test_word_where_text_hides(tmp_path: Path) -> None:
    """Forms, changes that are tracked, text boxes (told twice in the file), notes; deleted words are gone."""
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    body = (
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>form</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:ins><w:r><w:t>added</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:tab/><w:t>kept</w:t></w:r></w:p>"
        "<w:p><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent>"
        "</mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:p>"
    )
    content = packed(
        {
            "word/document.xml": f"<w:document {w} {mc}><w:body>{body}</w:body></w:document>",
            "word/footnotes.xml": f"<w:footnotes {w}><w:footnote><w:p><w:r><w:t>a note</w:t></w:r></w:p></w:footnote>"
            "</w:footnotes>",
        }
    )
    assert read(WORD, content, tmp_path)[1] == [(None, "form\n\nadded\tkept\n\nbox\n\na note")]


def test_styles_that_go_round_in_a_circle(tmp_path: Path) -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    styles = "".join(
        f'<w:style w:styleId="{one}"><w:name w:val="{one}"/><w:basedOn w:val="{other}"/></w:style>'
        for one, other in (("a", "b"), ("b", "a"), ("c", "d"))
    )
    styles += '<w:style w:styleId="d"><w:name w:val="heading 1"/></w:style>'
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{style}</w:t></w:r></w:p>' for style in "abcc"
    )
    content = packed(
        {
            "word/document.xml": f"<w:document {w}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {w}>{styles}</w:styles>",
        }
    )
    assert read(WORD, content, tmp_path)[1] == [(None, "a\n\nb"), (None, "c"), (None, "c")]


def test_slides_are_pages_with_notes(tmp_path: Path) -> None:
    info, found = read(SLIDES, pptx(("One", "first\nsecond", "say this"), ("Two", "third", "")), tmp_path)
    assert info.title == "A talk"
    assert found == [(1, "One\n\nfirst\n\nsecond\n\nNotes: say this"), (2, "Two\n\nthird\n\nleft | right")]


def test_slides_come_in_the_order_in_which_they_are_shown(tmp_path: Path) -> None:
    import re
    from io import BytesIO
    from zipfile import ZipFile

    content = pptx(("One", "1", ""), ("Two", "2", ""), ("Three", "3", ""))
    with ZipFile(BytesIO(content)) as archive:
        listed = archive.read("ppt/presentation.xml").decode()
    ids = re.findall(r"<p:sldId [^>]*>", listed)
    turned = listed.replace("".join(ids), "".join(reversed(ids)))
    assert turned != listed
    _, found = read(SLIDES, repacked(content, {"ppt/presentation.xml": turned}), tmp_path)
    assert [text.split("\n")[0] for _, text in found if text] == ["Three", "Two", "One"]


def test_sheets_name_their_columns(tmp_path: Path) -> None:
    content = xlsx(
        {
            "People": [
                ["name", "city", "born", "height"],
                ["Ann", "Lisbon", datetime(1980, 5, 1), 1.75],
                [],
                ["Bob", None, date(1990, 1, 2), None],
                [None, "Oslo", datetime(1990, 1, 2, 10, 30), 0.1 + 0.2],
            ],
            "Blank": [],
            "Sums": [[1, 2, "=A1+B1", True]],
        }
    )
    info, found = read(SHEETS, content, tmp_path)
    assert info.artist is None
    assert found == [
        (
            1,
            "People\n\nname; city; born; height\n\nname: Ann; city: Lisbon; born: 1980-05-01; height: 1.75\n\n"
            "name: Bob; born: 1990-01-02\n\ncity: Oslo; born: 1990-01-02 10:30; height: 0.3",
        ),
        (3, "Sums\n\n1; 2; True"),
    ]


def test_a_formula_is_what_it_last_came_to(tmp_path: Path) -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        '<sheetData><row r="1"><c r="A1"><f>WEBSERVICE("http://x")</f><v>42</v></c></row></sheetData></worksheet>'
    )
    content = repacked(xlsx({"S": [["x"]]}), {"xl/worksheets/sheet1.xml": sheet})
    assert read(SHEETS, content, tmp_path)[1] == [(1, "S\n\n42")]


def test_of_a_huge_sheet_the_first_rows_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MAX_CELLS", 250)
    _, found = read(SHEETS, xlsx({"S": [[row, "x"] for row in range(400)], "T": [["told"]]}), tmp_path)
    assert [(page, (text or "").count("; x")) for page, text in found] == [(1, 50), (1, 50), (1, 25), (2, 0)]
    assert found[-1] == (2, "T\n\ntold")


def test_cells_far_out_cost_nothing(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{row}"><c r="XFD{row}"><v>{row}</v></c></row>' for row in range(1, 2000))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<sheetData>{rows}<row r="999999999999"><c r="A9"><v>9</v></c></row></sheetData></worksheet>'
    )
    content = repacked(xlsx({"S": [["x"]]}), {"xl/worksheets/sheet1.xml": sheet})
    _, found = read(SHEETS, content, tmp_path)
    said = "\n\n".join(text or "" for _, text in found)
    assert "\n\n1\n\n2\n\n" in said
    assert said.count("\n\n") < 1000  # of 16,384 columns each


def test_open_documents(tmp_path: Path) -> None:
    info, found = read(OPEN_DOCUMENT, odf("text", TEXT), tmp_path, suffix=".odt")
    assert (info.media_type, info.title) == ("application/vnd.oasis.opendocument.text", "Open")
    assert found == [(None, "Bowers\n\nof sticks")]
    pages = f"<draw:page>{TEXT}</draw:page><draw:page/><draw:page><text:p>last</text:p></draw:page>"
    _, found = read(OPEN_DOCUMENT, odf("presentation", pages), tmp_path, suffix=".odp")
    assert found == [(1, "Bowers\n\nof sticks"), (3, "last")]


def test_open_sheets_do_not_repeat_what_they_say_is_repeated(tmp_path: Path) -> None:
    _, found = read(OPEN_DOCUMENT, odf("spreadsheet", SHEET), tmp_path, suffix=".ods")
    assert [page for page, _ in found] == [1]
    text = found[0][1] or ""
    assert text.startswith("Finds\n\nthing; colour\n\nthing: cap; colour: blue; blue")
    assert len(text) < 1000


@pytest.mark.parametrize("format", [WORD, SLIDES, SHEETS, OPEN_DOCUMENT])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "^is empty$"),
        (b"nothing of the kind", "^is not the kind of file that its name says"),
        (OLE, "^is locked by a password, or in the format of Office before 2007; save a copy"),
        (packed({"other.xml": "<x/>"}), "is damaged"),
        (docx(("Normal", "x"))[:6000], "^is cut short or damaged"),
        (zip_bomb("word/document.xml", 150 << 20), r"^150\.0 MB of text is over the limit of 128; raise decode"),
    ],
    ids=["empty", "other", "locked", "strange", "cut", "bomb"],
)
def test_what_cannot_be_read_says_so(format: Format, content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=reason):
        read(format, content, tmp_path)


@pytest.mark.parametrize(
    ("format", "name"), [(WORD, "word/document.xml"), (OPEN_DOCUMENT, "content.xml"), (SHEETS, "xl/workbook.xml")]
)
def test_a_bomb_that_lies_about_its_size_is_cut_off(format: Format, name: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed):
        read(format, understated(zip_bomb(name, 150 << 20), 1000), tmp_path)


def test_many_parts_that_are_a_bomb_together(tmp_path: Path) -> None:
    content = packed({f"ppt/slides/slide{number}.xml": b" " * (10 << 20) for number in range(14)})
    with pytest.raises(DecodeFailed, match=r"^140\.0 MB of text is over the limit of 128"):
        read(SLIDES, content, tmp_path)


def test_a_locked_open_document(tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=r"^is locked by a password; save a copy without one$"):
        read(OPEN_DOCUMENT, odf("text", TEXT, manifest="<encryption-data/>"), tmp_path)


@pytest.mark.parametrize("format", [WORD, SLIDES, SHEETS, OPEN_DOCUMENT])
def test_a_billion_laughs(format: Format, tmp_path: Path) -> None:
    evil = f"{laughs()}<x xmlns:w='w'><body><text><p><t>&e9;</t></p></text></body></x>"
    content = {
        WORD: repacked(docx(("Normal", "x")), {"word/document.xml": evil}),
        SLIDES: repacked(pptx(("a", "b", "")), {"ppt/slides/slide1.xml": evil}),
        SHEETS: repacked(xlsx({"S": [["x"]]}), {"xl/sharedStrings.xml": evil}),
        OPEN_DOCUMENT: odf("text", "<text:p>&e9;</text:p>", declared=laughs()),
    }[format]
    try:
        _, found = read(format, content, tmp_path)
    except DecodeFailed:
        return  # either way is right
    assert sum(len(text or "") for _, text in found) < 1000


def test_a_block_that_would_fill_memory(tmp_path: Path) -> None:
    content = packed({"word/document.xml": "<d><body><p>" + "<a/>" * 2_100_000 + "</p></body></d>"})
    with pytest.raises(DecodeFailed, match=r"^has a table or paragraph of more than 2000000 elements; split it$"):
        read(WORD, content, tmp_path)


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    content = docx(*[("Normal", "a few words of each paragraph")] * 200)
    with pytest.raises(DecodeFailed, match=r"raise decode\.max_text_mb"):
        read(WORD, content, tmp_path, limits=DecodeSettings(max_text_mb=0.001))
