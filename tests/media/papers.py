"""Documents for the tests, well-meant and hostile."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw


def pdf(
    pages: Sequence[str],
    *,
    size: tuple[int, int] = (595, 842),
    extra: str = "",
    catalog: str = "",
    under: str = "",
    page: str = "",
) -> bytes:
    """A PDF with a page for each text, a line for each of its lines, over ``under``; ``extra`` is for the trailer,
    ``page`` for every page.
    """
    kids = " ".join(f"{5 + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Title (The bower) /Author (Ann Ode) >>",
    ]
    for at, text in enumerate(pages):
        shown = " ".join(f"({line}) Tj 0 -30 Td" for line in text.split("\n") if line)
        content = f"{under} BT /F1 24 Tf 40 {size[1] - 60} Td {shown} ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {6 + 2 * at} 0 R {page} "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    data, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{each}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size_of_table = len(objects) + 1
    end = f"xref\n0 {size_of_table}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {size_of_table} /Root 1 0 R /Info 4 0 R {extra} >>"
    return data + f"{end}\nstartxref\n{len(data)}\n%%EOF\n".encode()


GREY = "q 595 0 0 842 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q"
"""A picture as large as the page."""
LOCKED = (
    "/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
    f"/O <{'11' * 32}> /U <{'22' * 32}> >>"
)  # fmt: skip
"""A password that nobody knows, not even the empty one."""


def scan(text: str = "READ ME") -> bytes:
    """A PDF of one page that is a picture of words."""
    page = Image.new("L", (850, 1100), 255)
    ImageDraw.Draw(page).text((80, 100), text, fill=0, font_size=80)
    data = BytesIO()
    page.save(data, "PDF", resolution=100)
    return data.getvalue()


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip file of these parts."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return data.getvalue()


def repacked(data: bytes, parts: Mapping[str, str | bytes]) -> bytes:
    """A zip file with some parts put in or replaced."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    return packed({**old, **parts})


def docx(*blocks: tuple[str, str] | Sequence[Sequence[str]], title: str = "", author: str = "") -> bytes:
    """A Word document of ``(style, text)`` paragraphs and tables (rows of cells)."""
    from docx import Document

    document = Document()
    document.core_properties.title, document.core_properties.author = title, author
    for block in blocks:
        if isinstance(block[0], str):
            document.add_paragraph(str(block[1]), style=block[0])
            continue
        table = document.add_table(rows=0, cols=len(block[0]))
        for row in block:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    document.sections[0].header.paragraphs[0].text = "letterhead"
    return _saved(document)


def pptx(*slides: tuple[str, str, str]) -> bytes:
    """Slides of a title, a text and notes, the last with a table."""
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    show.core_properties.title = "A talk"
    for title, text, notes in slides:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    return _saved(show)


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """A workbook of sheets, rows and cells."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return _saved(book)


def _saved(document: object) -> bytes:
    data = BytesIO()
    document.save(data)  # type: ignore[attr-defined]
    return data.getvalue()


_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def odf(sort: str, body: str, *, declared: str = "", manifest: str = "") -> bytes:
    """An OpenDocument file: ``text``, ``presentation`` or ``spreadsheet``."""
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{sort}",
            "META-INF/manifest.xml": f"<manifest>{manifest}</manifest>",
            "meta.xml": f"<office:document-meta {_ODF}><dc:title>Open</dc:title></office:document-meta>",
            "content.xml": f"<?xml version='1.0'?>{declared}<office:document-content {_ODF}><office:body>"
            f"<office:{sort}>{body}</office:{sort}></office:body></office:document-content>",
        }
    )


def epub(chapters: Mapping[str, str], *, locked: bool = False) -> bytes:
    """A book of chapters by file name, listed in an order that is not the file's."""
    items = "".join(f'<item id="{at}" href="text/{name}"/>' for at, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="{at}"/>' for at in range(len(chapters)))
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="OEBPS/book.opf"/></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<metadata><dc:title>Bowers</dc:title><dc:creator>B. Bird</dc:creator></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for name, content in reversed(chapters.items()):
        parts[f"OEBPS/text/{name}"] = content
    if locked:
        uris = "".join(f'<CipherReference URI="OEBPS/text/{name}"/>' for name in chapters)
        parts["META-INF/encryption.xml"] = f"<encryption>{uris}</encryption>"
    return packed(parts)


def laughs(levels: int = 9) -> str:
    """The billion laughs: a document type whose entities grow tenfold a level."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, levels + 1))
    return f'<!DOCTYPE x [<!ENTITY e0 "laugh">{entities}]>'


@cache
def zip_bomb(name: str, size: int) -> bytes:
    """A zip file whose one part unpacks to ``size`` spaces."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as part:
        for _ in range(size >> 20):
            part.write(b" " * (1 << 20))
    return data.getvalue()


def understated(data: bytes, size: int) -> bytes:
    """A zip file of one part that says it is no larger than ``size``, in both places where it says so."""
    place = data.rindex(b"PK\x01\x02")
    data = data[: place + 24] + struct.pack("<I", size) + data[place + 28 :]
    return data[:22] + struct.pack("<I", size) + data[26:]


def put(content: bytes | str, path: Path) -> Path:
    """Write and return the path, so that a test reads in one line."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
