"""The formats of documents, and which decoder reads each."""

from __future__ import annotations

from bowerbird.media.formats import Format, suffixes
from bowerbird.types import AssetKind


def _document(
    name: str, names: str, library: str, decoder: str, *, shows: bool = False, replaces: tuple[str, ...] = ()
) -> Format:
    return Format(
        name,
        1,
        AssetKind.DOCUMENT,
        suffixes(names),
        library,
        f"bowerbird.media.document.{decoder}",
        shows=shows,
        replaces=replaces,
    )


PDF = _document("pdf", "pdf", "PDFium (pypdfium2)", "pdf:PdfDecoder", shows=True)
WORD = _document("word", "docx docm dotx dotm", "lxml", "word:WordDecoder")
SLIDES = _document("slides", "pptx pptm ppsx ppsm potx", "lxml", "slides:SlideDecoder")
SHEETS = _document("sheets", "xlsx xlsm xltx xltm", "openpyxl", "sheets:SheetDecoder")
OPEN_DOCUMENT = _document("open_document", "odt ott odp otp ods ots", "lxml", "open_document:OpenDocumentDecoder")
TABLES = _document("tables", "csv tsv", "Python's csv", "tables:TableDecoder")
WEB = _document("web_pages", "html htm xhtml", "lxml", "web_page:WebPageDecoder")
BOOKS = _document("books", "epub", "lxml", "book:BookDecoder")
MAIL = _document("mail", "eml", "Python's email", "mail:MailDecoder", shows=True)
OUTLINES = _document(
    "outlines",
    "md markdown mkd mdown org tex",
    "charset-normalizer",
    "outlines:OutlineDecoder",
    replaces=("plain_text",),
)
NOTEBOOKS = _document("notebooks", "ipynb", "Python's json", "notebooks:NotebookDecoder")
CODE = _document(
    "code",
    # ``.ts`` is a film's too: `format_for` looks into the file. No JSON and no XML: data, not read by people.
    "py pyi js mjs cjs jsx tsx vue svelte java kt kts c h cc cpp cxx hh hpp hxx m mm cs go rs rb php swift scala "
    "groovy sh bash zsh fish ps1 bat sql r jl lua pl pm dart hs ml mli clj cljs ex exs erl elm fs nim zig f90 asm "
    "proto graphql css scss less yaml yml toml ini cfg conf bib cmake tf",
    "charset-normalizer",
    "source_code:SourceCodeDecoder",
)
PLAIN_TEXT = _document("plain_text", "txt text rst log", "charset-normalizer", "plain_text:PlainTextDecoder")

DOCUMENTS = (
    *(PDF, WORD, SLIDES, SHEETS, OPEN_DOCUMENT, TABLES),
    *(WEB, BOOKS, MAIL, OUTLINES, NOTEBOOKS, CODE, PLAIN_TEXT),
)
"""All of them. `CODE` also reads TypeScript, whose ``.ts`` the registry tells from a film's."""
