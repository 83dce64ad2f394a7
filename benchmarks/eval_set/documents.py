"""Documents: what stands in ``documents.toml``, written in the format that the suffix names."""

from __future__ import annotations

import csv
import html
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from textwrap import wrap

from benchmarks.eval_set import entries


def make_documents(folder: Path) -> None:
    """One file a document. Office files carry the time when they were made; all else is the same every time."""
    folder.mkdir(parents=True)
    for entry in entries("document"):
        path = folder / entry["file"]
        WRITERS[path.suffix](path, entry["title"], entry["text"])


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n")]


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]


def _plain(path: Path, title: str, text: str) -> None:
    path.write_text(f"{title}\n\n{text}\n", encoding="utf-8")


def _markdown(path: Path, title: str, text: str) -> None:
    path.write_text(f"# {title}\n\n{text}\n", encoding="utf-8")


def _table(path: Path, title: str, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(_rows(text))


def _web_page(path: Path, title: str, text: str) -> None:
    body = "\n".join(f"<p>{html.escape(part)}</p>" for part in _paragraphs(text))
    name = html.escape(title)
    page = f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{name}</title></head>\n'
    path.write_text(f"{page}<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n", encoding="utf-8")


def _mail(path: Path, title: str, text: str) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = title, "office@example.org", "family@example.org"
    mail["Date"] = "Tue, 18 Apr 2023 09:12:00 +0200"
    mail.set_content(text + "\n")
    path.write_bytes(bytes(mail))


def _word(path: Path, title: str, text: str) -> None:
    from docx import Document

    document = Document()
    document.add_heading(title, 1)
    for part in _paragraphs(text):
        document.add_paragraph(part)
    document.save(str(path))


def _slides(path: Path, title: str, text: str) -> None:
    from pptx import Presentation

    deck = Presentation()
    opening = deck.slides.add_slide(deck.slide_layouts[0])
    opening.shapes.title.text = title
    for part in _paragraphs(text):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        head, _, rest = part.partition(". ")
        slide.shapes.title.text, slide.placeholders[1].text = head, rest
    deck.save(str(path))


def _sheet(path: Path, title: str, text: str) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = title
    for row in _rows(text):
        sheet.append(row)
    book.save(path)


def _pdf(path: Path, title: str, text: str) -> None:
    """One page by hand: Helvetica, text in Windows-1252 (PDF 32000-1, 7.5 and 9.4)."""
    lines = [title, ""]
    for part in _paragraphs(text):
        lines += [*wrap(part, 80), ""]
    escaped = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    shown = " ".join(f"({line}) Tj T*" for line in escaped)
    drawn = f"BT /F1 12 Tf 16 TL 60 760 Td {shown} ET".encode("cp1252")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R"
        b" /Resources << /Font << /F1 3 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn),
    )
    data, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    size = len(objects) + 1
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(data))
    path.write_bytes(data + b"xref\n0 %d\n" % size + table + end)


WRITERS: dict[str, Callable[[Path, str, str], None]] = {
    ".txt": _plain,
    ".md": _markdown,
    ".csv": _table,
    ".html": _web_page,
    ".eml": _mail,
    ".docx": _word,
    ".pptx": _slides,
    ".xlsx": _sheet,
    ".pdf": _pdf,
}
