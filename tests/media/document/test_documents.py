from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import tables
from bowerbird.media.document.documents import Heading, sections
from bowerbird.media.document.source_code import definitions
from bowerbird.media.document_formats import BOOKS, CODE, DOCUMENTS, NOTEBOOKS, OUTLINES, PDF, TABLES, WEB
from bowerbird.media.formats import Format
from bowerbird.media.registry import format_for
from bowerbird.moments import NOTHING
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetInfo
from tests.contracts.decoder import DecoderContract, moments
from tests.media.papers import epub, put

GOOD: dict[str, tuple[Format, str, str | bytes]] = {
    "table": (TABLES, "a.csv", "name,city\nAnn,Lisbon\n"),
    "page": (WEB, "a.html", "<h1>Bowers</h1><p>of sticks</p>"),
    "book": (BOOKS, "a.epub", epub({"one.xhtml": "<html><body><p>It was a dark night.</p></body></html>"})),
    "outline": (OUTLINES, "a.md", "# Bowers\n\nof sticks\n"),
    "notebook": (NOTEBOOKS, "a.ipynb", json.dumps({"cells": [{"source": ["1 + 1"], "outputs": []}]})),
    "code": (CODE, "a.py", "def bower():\n    return 'sticks'\n"),
}


class TestDocuments(DecoderContract):
    @pytest.fixture(params=GOOD)
    def case(self, request: pytest.FixtureRequest) -> tuple[Format, str, str | bytes]:
        return GOOD[request.param]

    @pytest.fixture
    def decoder(self, case: tuple[Format, str, str | bytes]) -> Decoder:
        return case[0].open(DecodeSettings())

    @pytest.fixture
    def good(self, case: tuple[Format, str, str | bytes], tmp_path: Path) -> Path:
        return put(case[2], tmp_path / case[1])


def read(name: str, content: str | bytes, folder: Path) -> tuple[AssetInfo, list[str | None]]:
    format = next(each for each in DOCUMENTS if Path(name).suffix in each.suffixes)
    decoded = format.open(DecodeSettings()).decode(put(content, folder / name), NOTHING)
    return decoded.info, [each.text for each in moments(decoded)]


def test_every_format_opens_and_says_what_the_table_says() -> None:
    for each in DOCUMENTS:
        decoder = each.open(DecodeSettings())
        assert (decoder.name, decoder.version, decoder.kind) == (each.name, each.version, each.kind)
        assert decoder.suffixes == each.suffixes


def test_typescript_is_code_and_no_film(tmp_path: Path) -> None:
    path = put("export function bower(): string { return 'sticks' }\n", tmp_path / "a.ts")
    assert format_for(path) is CODE
    info = CODE.open(DecodeSettings()).decode(path, NOTHING).info
    assert info.media_type == "text/x-typescript"


# Sections


def test_sections_bear_their_path() -> None:
    blocks = [
        "before",
        Heading(1, "A"),
        Heading(2, "B"),
        "in b",
        Heading(3, "C"),
        "in c",
        Heading(2, "D"),
        Heading(1, "E"),
    ]
    assert list(sections(blocks)) == ["before", "A > B\n\nin b", "A > B > C\n\nin c", "A > D", "E"]


@given(st.lists(st.one_of(st.text("ab \n"), st.builds(Heading, st.integers(0, 6), st.text("cd ")))))
def test_no_word_of_a_document_is_lost_by_cutting_it_up(blocks: list[Heading | str]) -> None:
    text = "\n".join(sections(blocks))
    for block in blocks:
        for word in (block if isinstance(block, str) else block.text).split():
            assert word in text


def test_sections_without_end(tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=r"^falls into more than 50000 sections; split it$"):
        read("a.md", "# a\n" * 60_000, tmp_path)


# Tables


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_name_their_columns(delimiter: str, tmp_path: Path) -> None:
    rows = [["name", "city", "note"], ["Ann", "Lisbon", "1,5; or so"], ["Bob", "", 'two\n"lines"']]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in (c.replace('"', '""') for c in row)) for row in rows)
    info, found = read("a.csv", text, tmp_path)
    assert info.media_type == "text/csv"
    assert found == ['name; city; note\n\nname: Ann; city: Lisbon; note: 1,5; or so\n\nname: Bob; note: two "lines"']


def test_a_table_without_a_header_or_of_one_column(tmp_path: Path) -> None:
    assert read("a.csv", "Ann,3\nBob,4\n", tmp_path)[1] == ["Ann; 3\n\nBob; 4"]
    assert read("a.csv", "blue\nred\n", tmp_path)[1] == ["blue\n\nred"]
    assert read("a.tsv", "a;b\tc\nd\te\n", tmp_path)[1] == ["a;b; c\n\na;b: d; c: e"]


def test_rows_come_by_the_fifty_and_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MAX_CELLS", 242)
    _, found = read("a.csv", "name,n\n" + "".join(f"row,{row}\n" for row in range(1000)), tmp_path)
    assert [(text or "").count("name: row") for text in found] == [49, 50, 21]


def test_a_long_header_does_not_grow_with_every_row(tmp_path: Path) -> None:
    text = "x" * 100_000 + ",b\n" + "1,2\n" * 1000
    assert sum(len(found or "") for found in read("a.csv", text, tmp_path)[1]) < 200_000


# Web pages


def test_a_page_as_it_is_read(tmp_path: Path) -> None:
    page = (
        "<!doctype html><html><head><title>On bowers</title><meta name=author content='Ann'><style>p {}</style></head>"
        "<body><nav><a>Home</a></nav><p>Café  <b>bold</b>ly<br>here<script>alert()</script><h2>Find</h2><ul><li>one"
        "<li>two</ul><table><tr><th>n</th><th>c</th></tr><tr><td>1</td><td>2</td></tr></table><pre>  a\n   b</pre>"
        "<img src=x alt='a cat'><div hidden>no</div><div style='display: none'>no</div>tail</body></html>"
    )
    info, found = read("a.html", page, tmp_path)
    assert (info.media_type, info.title, info.artist) == ("text/html", "On bowers", "Ann")
    assert found == [
        "On bowers\n\nCafé boldly here",
        "On bowers > Find\n\n- one\n\n- two\n\nn | c\n\n1 | 2\n\na\n   b\n\na cat\n\ntail",
    ]


@pytest.mark.parametrize(
    ("charset", "said"),
    [
        ("utf-8", "<meta charset=utf-8>"),
        ("utf-8", ""),
        ("cp1251", '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">'),
        ("shift_jis", "<meta charset='Shift_JIS'>"),
        ("utf-16", "<meta charset=utf-8>"),
        ("utf-8", "<meta charset=zlib>"),
        ("utf-8", "<meta charset=unicode_escape>"),
    ],
)
def test_encodings(charset: str, said: str, tmp_path: Path) -> None:
    text = "こんにちは世界" if charset == "shift_jis" else "Все люди рождаются свободными"
    _, found = read("a.html", f"<html><head>{said}</head><body><p>{text}</p></body></html>".encode(charset), tmp_path)
    assert found == [text]


def test_latin_1_is_what_browsers_take_it_for(tmp_path: Path) -> None:
    page = "<meta charset=iso-8859-1><p>“five” €".encode("cp1252")
    assert read("a.htm", page, tmp_path)[1] == ["“five” €"]


@pytest.mark.parametrize("page", ["", "  \n", "<html></html>", "<!-- x -->", "<p>"])
def test_a_page_of_nothing_says_nothing(page: str, tmp_path: Path) -> None:
    assert read("a.html", page, tmp_path)[1] == []


def test_a_page_nested_without_end(tmp_path: Path) -> None:
    read("a.html", "<div>" * 100_000 + "deep", tmp_path)  # neither recursion nor a crash


def test_a_page_of_nothing_but_tags(tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=r"^has 1100000 tags, over the limit of 1000000; split it$"):
        read("a.html", "<p>" * 1_100_000, tmp_path)


@given(st.text("<>/divph1tabler= '\"&;x\n", max_size=200))
def test_any_text_is_a_page(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    read("a.html", text, tmp_path_factory.getbasetemp())


# Books


def test_chapters_come_in_the_order_of_reading(tmp_path: Path) -> None:
    chapters = {"z one.xhtml": "<html><body><h1>One</h1><p>first</p></body></html>", "a.xhtml": "<p>second</p>"}
    info, found = read("a.epub", epub(chapters), tmp_path)
    assert (info.title, info.artist, info.media_type) == ("Bowers", "B. Bird", "application/epub+zip")
    assert found == ["One\n\nfirst", "second"]


def test_a_book_under_copy_protection(tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=r"^is locked by copy protection \(1 of its chapters\)$"):
        read("a.epub", epub({"a.xhtml": "\x01\x02"}, locked=True), tmp_path)


# Markdown and its like


def test_markdown_by_headings(tmp_path: Path) -> None:
    text = (
        "---\ntitle: 'The guide'\nauthor: Ann\ntags: [birds]\n---\nbefore\n\n# Guide\n\n## Install #\npip\n\n```sh\n"
        "# no heading\n~~~\n```\n### Deep\n- item\n---\n\nUse\n===\ntext\nUse\n---\n"
    )
    info, found = read("a.md", text, tmp_path)
    assert (info.media_type, info.title, info.artist) == ("text/markdown", "The guide", "Ann")
    assert found == [
        "title: 'The guide'\nauthor: Ann\ntags: [birds]\n\nbefore",
        "Guide > Install\n\npip\n\n```sh\n# no heading\n~~~\n```",
        "Guide > Install > Deep\n\n- item\n---",
        "Use\n\ntext\nUse\n---",
    ]


def test_the_first_heading_is_the_title_where_none_is_said(tmp_path: Path) -> None:
    assert read("a.md", "# Bowers\n\nx\n", tmp_path)[0].title == "Bowers"
    assert read("a.md", "just a note\n", tmp_path)[0].title is None


def test_org_and_latex(tmp_path: Path) -> None:
    info, found = read("a.org", "#+TITLE: Birds\n* One\ntext\n** Two\nmore\n", tmp_path)
    assert (info.title, found) == ("Birds", ["#+TITLE: Birds", "One\n\ntext", "One > Two\n\nmore"])
    text = (
        "\\title{Birds}\\usepackage{x}\n\\begin{document}\n\\section*{One} % no\ntext, 5\\% % no\n\n"
        "\\subsection[s]{Two}\nmore\n\\end{document}\nno\n"
    )
    info, found = read("a.tex", text, tmp_path)
    assert (info.title, found) == ("Birds", ["One\n\ntext, 5\\% ", "One > Two\n\nmore"])


# Code


def test_python_by_definitions() -> None:
    code = (
        '"""Doc."""\n\nimport os\n\nX = 1\ndef one():\n    a\n\n    b\n@cache\ndef two(): ...\n\n\n# why\n'
        "class Three:\n    x: int\n\n    def f(self):\n        pass\n\nif X:\n    one()\nelse:\n    two()\n"
    )
    assert list(definitions(code)) == [
        '"""Doc."""\n\nimport os\n\nX = 1',
        "def one():\n    a\n\n    b",
        "@cache\ndef two(): ...",
        "# why\nclass Three:\n    x: int\n\n    def f(self):\n        pass",
        "if X:\n    one()\nelse:\n    two()",
    ]


def test_languages_of_braces() -> None:
    code = "#include <x>\n\nint one(int a)\n{\n\tif (a) {\n\n\t}\n}\n\n/* Two. */\nstruct two {\n\tint x;\n};\n"
    assert list(definitions(code)) == [
        "#include <x>",
        "int one(int a)\n{\n    if (a) {\n\n    }\n}",
        "/* Two. */\nstruct two {\n    int x;\n};",
    ]


def test_a_long_class_is_told_method_by_method() -> None:
    methods = [f"    public void m{n}() {{\n" + "        work();\n" * 60 + "    }\n" for n in range(5)]
    code = "package x;\n\n/** Doc. */\npublic class Big {\n" + "\n".join(methods) + "}\n"
    first, *blocks = definitions(code)
    assert first == "package x;"
    assert blocks[0].startswith("/** Doc. */\npublic class Big {\n    public void m0()")
    assert [block.split("\n")[:2] for block in blocks[1:]] == [
        ["public class Big {", f"    public void m{n}() {{"] for n in range(1, 5)
    ]


@given(st.text("adef cls:\n\t @#{}", max_size=300))
def test_no_line_of_code_is_lost(code: str) -> None:
    found = "\n".join(definitions(code)).split("\n")
    for line in code.expandtabs(4).split("\n"):
        assert line.rstrip() in found or not line.strip()


def test_what_programs_wrote_is_left_out(tmp_path: Path) -> None:
    assert read("a.js", "function a() {}\n" + "x" * 5000, tmp_path)[1] == ["function a() {}"]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.py", "text/x-python"), ("a.java", "text/x-java"), ("a.cpp", "text/x-c++"), ("a.toml", "text/x-toml")],
)
def test_media_types_of_code(name: str, media_type: str, tmp_path: Path) -> None:
    assert read(name, "x = 1\n", tmp_path)[0].media_type == media_type


# Notebooks


def test_notebooks_by_cells_with_what_they_put_out(tmp_path: Path) -> None:
    book = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Find\n", "the bower"]},
            {"cell_type": "code", "source": "", "outputs": []},
            {
                "cell_type": "code",
                "source": "print(1)",
                "outputs": [
                    {"output_type": "stream", "text": ["1\n"]},
                    {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}},
                    {"output_type": "error", "evalue": "no such bird"},
                    {"output_type": "stream", "text": "x" * 100_000},
                ],
            },
        ]
    }
    _, (first, second) = read("a.ipynb", json.dumps(book), tmp_path)
    assert first == "# Find\nthe bower"
    assert second is not None
    assert second.startswith("print(1)\n\n1\n\n<Figure>\n\nno such bird\n\nxxx")
    assert len(second) < 3000


@pytest.mark.parametrize("content", ["{", "[]", "{}", "", "[" * 100_000, "\x00\x01\x02\x03" * 50])
def test_other_files_named_as_notebooks(content: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed) as failure:
        read("a.ipynb", content, tmp_path)
    assert "\n" not in failure.value.reason


@pytest.mark.parametrize("content", ['{"cells": 3}', '{"cells": [1, {"source": 2, "outputs": [3, {"data": 4}]}]}'])
def test_notebooks_of_strange_cells_say_nothing(content: str, tmp_path: Path) -> None:
    assert read("a.ipynb", content, tmp_path)[1] == []


@pytest.mark.parametrize("suffix", sorted(set().union(*(each.suffixes for each in DOCUMENTS))))
def test_every_suffix_survives_noise_and_emptiness(suffix: str, tmp_path: Path) -> None:
    noise = bytes((at * at * 7919 >> 3) % 256 for at in range(5000))
    for content in (b"", noise, b"PK\x03\x04" + noise):
        try:
            _, found = read(f"a{suffix}", content, tmp_path)
        except DecodeFailed as failure:
            assert "\n" not in failure.reason  # noqa: PT017 (either way is right)
        else:
            assert found == [] or suffix in (".html", ".htm", ".xhtml")
            assert PDF.suffixes.isdisjoint({suffix})
