from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import mail
from bowerbird.media.document.mail import MailDecoder
from bowerbird.moments import NOTHING, Moment, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetInfo, SegmentKind, Taken, TakenFrom
from tests.contracts.decoder import ALL, DecoderContract, moments
from tests.media.make import photo
from tests.media.papers import docx, pdf, put, zip_bomb

DECODER = MailDecoder(DecodeSettings())


class TestMail(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return DECODER

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        message = letter("Bowers", "of sticks")
        message.add_attachment(pdf(["In the report"]), maintype="application", subtype="pdf", filename="report.pdf")
        message.add_attachment(picture(), maintype="image", subtype="jpeg", filename="find.jpg")
        return put(bytes(message), tmp_path / "a.eml")


def letter(subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Ann Ode <ann@example.org>", "bob@example.org"
    message["Date"] = "Mon, 06 May 2024 10:20:30 +0900"
    message.set_content(text)
    return message


def picture(size: tuple[int, int] = (120, 80), **options: object) -> bytes:
    data = BytesIO()
    photo(*size).save(data, "JPEG", **options)
    return data.getvalue()


def read(content: bytes | str, folder: Path, wanted: Wanted = NOTHING) -> tuple[AssetInfo, list[Moment]]:
    decoded = DECODER.decode(put(content, folder / "a.eml"), wanted)
    return decoded.info, moments(decoded)


def texts(content: bytes | str, folder: Path) -> list[str]:
    return [each.text for each in read(content, folder)[1] if each.text]


def test_a_letter(tmp_path: Path) -> None:
    message = letter("Grüße aus Köln", "Lieber Bob,\nalles blau.")
    message.add_alternative("<p>in colours</p>", subtype="html")
    info, found = read(bytes(message), tmp_path)
    assert (info.media_type, info.title, info.artist) == (
        "message/rfc822",
        "Grüße aus Köln",
        "Ann Ode <ann@example.org>",
    )
    assert info.taken == Taken(datetime(2024, 5, 6, 10, 20, 30), TakenFrom.CONTAINER)  # the clock on the wall there
    assert [each.text for each in found] == [
        "Subject: Grüße aus Köln\nFrom: Ann Ode <ann@example.org>\nTo: bob@example.org\nDate: 2024-05-06 10:20\n\n"
        "Lieber Bob,\nalles blau."
    ]


def test_a_letter_in_html_alone(tmp_path: Path) -> None:
    message = letter("Bowers", "")
    message.set_content("<html><body><h1>Blue</h1><p>things</p></body></html>", subtype="html")
    (text,) = texts(bytes(message), tmp_path)
    assert text.endswith("\n\nBlue\n\nthings")


def test_letters_that_break_the_rules(tmp_path: Path) -> None:
    raw = "Subject: Grüße\nFrom: =?no-such?q?x?=\nDate: whenever\nContent-Type: text/plain; charset=zlib\n\nBlau, Größe"
    info, found = read(raw, tmp_path)
    assert (info.title, info.taken) == ("Grüße", None)
    assert (found[0].text or "").endswith("\n\nBlau, Größe")
    (text,) = texts(b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\nno boundary at all", tmp_path)
    assert text.endswith("no boundary at all")


def test_what_is_attached_is_read_under_its_name(tmp_path: Path) -> None:
    message = letter("Finds", "see below")
    message.add_attachment(pdf(["In the report"]), maintype="application", subtype="pdf", filename="../../Größe.pdf")
    message.add_attachment(docx(("Normal", "In the note")), maintype="a", subtype="b", filename="note.docx")
    message.add_attachment("<p>In the page</p>", subtype="html", filename="page.html")
    message.add_attachment("name,city\nAnn,Lisbon\n", subtype="csv", filename="t.csv")
    message.add_attachment("a plain one", filename="note.txt")
    message.add_attachment(pdf(["Without a name"]), maintype="application", subtype="pdf")
    message.add_attachment(b"\x00" * 100, maintype="application", subtype="zip", filename="all.zip")
    _, found = read(bytes(message), tmp_path)
    assert "\nAttached: Größe.pdf, note.docx, page.html, t.csv, note.txt, all.zip\n" in (found[0].text or "")
    assert [(each.kind, each.page, each.text) for each in found[1:]] == [
        (SegmentKind.PAGE, 1, None),
        (SegmentKind.TEXT, 1, "Größe.pdf\n\nIn the report"),
        (SegmentKind.TEXT, None, "note.docx\n\nIn the note"),
        (SegmentKind.TEXT, None, "page.html\n\nIn the page"),
        (SegmentKind.TEXT, None, "t.csv\n\nname; city\n\nname: Ann; city: Lisbon"),
        (SegmentKind.TEXT, None, "note.txt\n\na plain one\n"),
        (SegmentKind.PAGE, 1, None),
        (SegmentKind.TEXT, 1, "Without a name"),
    ]


def test_pictures_are_seen_upright_and_buttons_are_not(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    message = letter("Finds", "see below")
    message.add_attachment(picture(exif=turned), maintype="image", subtype="jpeg", filename="p.jpg")
    message.add_attachment(picture((20, 20)), maintype="image", subtype="jpeg", filename="button.jpg")
    message.add_attachment(b"no picture", maintype="image", subtype="png", filename="bad.png")
    _, found = read(bytes(message), tmp_path, ALL)
    assert [each.kind for each in found] == [SegmentKind.TEXT, SegmentKind.IMAGE, *[SegmentKind.REGION] * 4]
    assert found[1].detail is not None
    assert found[1].detail.shape == (120, 80, 3)


def test_pictures_in_a_page_are_seen_where_plain_text_is_read(tmp_path: Path) -> None:
    message = letter("Finds", "plain")
    message.add_alternative("<p>page <img src=cid:a>", subtype="html")
    page = message.get_payload()[1]  # type: ignore[index]
    page.add_related(picture(), maintype="image", subtype="jpeg", cid="<a>")  # type: ignore[union-attr]
    _, found = read(bytes(message), tmp_path, ALL)
    assert (found[0].text or "").endswith("\n\nplain")
    assert found[1].kind is SegmentKind.IMAGE


def test_letters_in_letters(tmp_path: Path) -> None:
    inner = letter("Inner", "far within")
    inner.add_attachment("deep", filename="deep.txt")
    outer = letter("Outer", "here")
    outer.add_attachment(inner)
    outer.add_attachment(bytes(letter("File", "as a file")), maintype="a", subtype="b", filename="file.eml")
    found = texts(bytes(outer), tmp_path)
    assert [text.split("\n")[0] for text in found] == ["Subject: Outer", "Subject: Inner", "deep.txt", "file.eml"]
    assert found[3].startswith("file.eml\n\nSubject: File\n")
    assert found[3].endswith("\n\nas a file")


def test_letters_in_letters_without_end(tmp_path: Path) -> None:
    message = letter("0", "x")
    for number in range(1, 20):
        outer = letter(str(number), "x")
        outer.add_attachment(message)
        message = outer
    assert len(texts(bytes(message), tmp_path)) == 5
    raw = "Subject: a\n" + "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000))
    with pytest.raises(DecodeFailed, match=r"^is nested too deeply$"):
        read(raw, tmp_path)


def test_a_letter_of_a_thousand_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_MAX_PARTS", 20)
    inner = letter("inner", "x")
    for number in range(15):
        inner.add_attachment(f"number {number}", filename=f"{number}.txt")
    outer = letter("outer", "x")
    for _ in range(10):
        outer.add_attachment(inner)
    found = texts(bytes(outer), tmp_path)
    assert sum(text.startswith("Subject: inner") for text in found) + sum("number" in text for text in found) == 20


def test_a_bomb_costs_only_itself(tmp_path: Path) -> None:
    message = letter("Finds", "see below")
    bomb = zip_bomb("word/document.xml", 150 << 20)
    message.add_attachment(bomb, maintype="a", subtype="b", filename="bomb.docx")
    message.add_attachment("a plain one", filename="note.txt")
    found = texts(bytes(message), tmp_path)
    assert found[1:] == ["note.txt\n\na plain one\n"]


@pytest.mark.parametrize(("content", "reason"), [(b"", "^is empty$"), (b"\x00\x01 no letter", "^is no e-mail")])
def test_what_cannot_be_read_says_so(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=reason):
        read(content, tmp_path)


def test_a_huge_one_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DecodeFailed, match=r"^1024\.0 MB of text is over the limit of 128; raise decode\.max_text_mb"):
        DECODER.decode(path, NOTHING)
