"""Documents that refer to a file or an address beside them: nothing but the document is ever opened."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bowerbird.errors import DecodeFailed
from bowerbird.media.document_formats import DOCUMENTS
from bowerbird.settings import DecodeSettings
from tests.contracts.decoder import ALL, moments
from tests.media.papers import docx, epub, odf, pdf, pptx, put, repacked, xlsx

SECRET = "the canary sings"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(address: str) -> str:
    """A remote template, a remote picture and a remote frame."""
    links = "".join(
        f'<Relationship Id="x{number}" Type="{OFFICE}/{kind}" Target="{address}" TargetMode="External"/>'
        for number, kind in enumerate(("attachedTemplate", "image", "frame", "oleObject", "externalLinkPath", "slide"))
    )
    return f'<Relationships xmlns="{RELATIONS}">{links}</Relationships>'


def entity(address: str) -> str:
    """A document type with an entity from elsewhere, and another document type."""
    return f'<!DOCTYPE x SYSTEM "{address}" [<!ENTITY e SYSTEM "{address}"><!ENTITY % p SYSTEM "{address}"> %p;]>'


def page(address: str) -> str:
    return (
        f'{entity(address)}<html><head><title>&e;</title><base href="{address}"><link rel=stylesheet href="{address}">'
        f'<meta http-equiv="refresh" content="0; url={address}"><script src="{address}"></script></head><body>&e;'
        f'<img src="{address}"><iframe src="{address}"></iframe><object data="{address}"></object>'
        f'<svg><image href="{address}"/></svg><video src="{address}"></video><p>words</p></body></html>'
    )


def letter(address: str) -> str:
    return (
        f"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n{page(address)}\n"
        f'--b\nContent-Type: message/external-body; access-type=URL; URL="{address}"\n\n'
        f"Content-Type: text/plain\n\n--b--\n"
    )


def word(address: str) -> bytes:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    text = f"{entity(address)}<w:document {w}><w:body><w:p><w:r><w:t>words &e;</w:t></w:r></w:p></w:body></w:document>"
    linked = {"word/_rels/document.xml.rels": relations(address), "word/_rels/settings.xml.rels": relations(address)}
    return repacked(docx(("Normal", "words")), {**linked, "word/document.xml": text})


MAKERS: dict[str, Callable[[str], str | bytes]] = {
    "a.html": page,
    "a.xhtml": page,
    "a.eml": letter,
    "a.epub": lambda address: epub({"one.xhtml": page(address), "../../../../../etc/hostname": "x"}),
    "a.docx": word,
    "linked.docx": lambda address: repacked(
        docx(("Normal", "words")), {"word/_rels/settings.xml.rels": relations(address)}
    ),
    "a.pptx": lambda address: repacked(
        pptx(("words", "x", "")), {"ppt/slides/_rels/slide1.xml.rels": relations(address)}
    ),
    "b.pptx": lambda address: repacked(
        pptx(("a", "words", "")), {"ppt/slides/slide1.xml": f"{entity(address)}<x><sp><p><t>&e;</t></p></sp></x>"}
    ),
    "a.xlsx": lambda address: repacked(
        xlsx({"S": [["words"]]}),
        {
            "xl/externalLinks/externalLink1.xml": "<x/>",
            "xl/externalLinks/_rels/externalLink1.xml.rels": relations(address),
        },
    ),
    "b.xlsx": lambda address: repacked(
        xlsx({"S": [["words"]]}), {"xl/sharedStrings.xml": f"{entity(address)}<sst><si><t>&e;</t></si></sst>"}
    ),
    "a.odt": lambda address: odf("text", "<text:p>words &e;</text:p>", declared=entity(address)),
    "a.pdf": lambda address: pdf(
        ["words"], catalog=f"/OpenAction << /S /URI /URI ({address}) >> /AA << /WC << /S /JavaScript /JS (x) >> >>"
    ),
    "a.md": lambda address: f"![x]({address})\n\n<img src='{address}'>\n\nwords\n",
}


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


opened: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if opened is not None and event in (
        "open",
        "socket.connect",
        "subprocess.Popen",
        "os.system",
        "socket.getaddrinfo",
    ):
        opened.append(f"{event} {arguments[0]}")


sys.addaudithook(_watch)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("elsewhere", ["http", "file"])
def test_nothing_is_opened(name: str, elsewhere: str, server: socket.socket, tmp_path: Path) -> None:
    global opened
    canary = put(SECRET, tmp_path / "canary.txt")
    address = f"http://127.0.0.1:{server.getsockname()[1]}/x" if elsewhere == "http" else canary.as_uri()
    path = put(MAKERS[name](address), tmp_path / name)
    format = next(each for each in DOCUMENTS if path.suffix in each.suffixes)
    decoder = format.open(DecodeSettings())
    for _ in range(2):  # whatever a library imports or reads for itself is read by the second time
        opened = []
        try:
            found = " ".join(each.text or "" for each in moments(decoder.decode(path, ALL)))
        except DecodeFailed as failure:
            found = failure.reason
        finally:
            seen, opened = opened, None
    assert SECRET not in found
    assert "words" in found or "entit" in found.lower() or name == "b.pptx"
    assert [each for each in seen if each != f"open {path}" and not re.fullmatch(r"open \d+", each)] == []
    with pytest.raises(BlockingIOError):
        server.accept()
