"""E-mail (.eml), by Python's own ``email``: the message, then what is attached, read by the decoders of those formats.

All in this process and from memory. Attached messages are read as well, to a bounded depth and number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email import message_from_binary_file, message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import PurePath
from typing import BinaryIO

from PIL import Image, ImageOps

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.documents import DocumentDecoder, hold_to_text_limit, sections, size_of
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.document.web_page import parse_page, visible
from bowerbird.media.document_formats import DOCUMENTS, MAIL
from bowerbird.media.picture.pictures import READ, explained, hold_to_limit
from bowerbird.media.picture.renditions import least_size, picture_moments
from bowerbird.media.registry import PICTURES
from bowerbird.moments import Decoded, Heard, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind, Taken, TakenFrom

_MAIL_PER_TEXT = 8
"""How many times larger than its text a message may be with its attachments."""
_MAX_PARTS = 200
_MAX_DEPTH = 5
_LONGEST_HEADER = 1_000
_LEAST_SIDE = 48
"""Pixels of a picture worth seeing; smaller ones are buttons, and dots that report the reader."""

_SUFFIXES = {
    "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "text/markdown": ".md", "application/pdf": ".pdf",
    "application/xhtml+xml": ".xhtml", "application/epub+zip": ".epub", "image/jpeg": ".jpg", "image/png": ".png",
    "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp", "image/tiff": ".tif", "image/avif": ".avif",
}  # fmt: skip
"""By media type, for attachments without a name that says it."""
_PICTURES = PICTURES.suffixes | {".gif", ".webp", ".tif", ".tiff"}
_READERS = {suffix: each for each in DOCUMENTS if each is not MAIL for suffix in each.suffixes}


class MailDecoder(DocumentDecoder):
    """Subject, people, date and text, plain where there is a choice."""

    format = MAIL
    broken = (MessageError,)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """The message as one moment; then its attachments, each text of theirs under the name of the file."""
        size = size_of(file)
        if size == 0:
            raise DecodeFailed("is empty")
        hold_to_text_limit(size, self.limits, times=_MAIL_PER_TEXT)
        message = message_from_binary_file(file)
        if not message.keys():
            raise DecodeFailed("is no e-mail: it has no header")
        taken = _date(message)
        info = AssetInfo(
            self.kind,
            "message/rfc822",
            taken=Taken(taken, TakenFrom.CONTAINER) if taken else None,
            title=_header(message, "Subject") or None,
            artist=_header(message, "From") or None,
        )
        return Decoded(info, self._bounded(self._message(message, wanted, iter(range(_MAX_PARTS)), "")))

    def _bounded(self, parts: Iterator[Moment | Heard]) -> Iterator[Moment | Heard]:
        letters = 0
        for part in parts:
            letters += len(part.text or "") if isinstance(part, Moment) else 0
            hold_to_text_limit(letters, self.limits, times=2)
            yield part

    def _message(
        self, message: Message, wanted: Wanted, tickets: Iterator[int], above: str, depth: int = 1
    ) -> Iterator[Moment | Heard]:
        """``tickets``: as many as attachments may still be read, in this message and all others; ``above``: the name
        under which it is attached.
        """
        bodies, attached = _sorted(message)
        names = [_name(part) for part in attached[:_MAX_PARTS]]
        lines = [f"{name}: {value}" for name in ("Subject", "From", "To", "Cc") if (value := _header(message, name))]
        lines += [f"Date: {date.isoformat(' ', 'minutes')}"] if (date := _date(message)) else []
        lines += [f"Attached: {', '.join(filter(None, names))}"] if any(names) else []
        pieces = [above, "\n".join(lines), *map(_body, bodies)]
        yield Moment(SegmentKind.TEXT, text="\n\n".join(filter(None, pieces)))
        for part, name, _ in zip(attached, names, tickets, strict=False):
            title = " > ".join(filter(None, (above, name)))
            try:
                if part.get_content_type() != "message/rfc822" and not name.lower().endswith(".eml"):
                    yield from self._attached(part, wanted, title)
                elif depth < _MAX_DEPTH:
                    yield from self._message(_inner(part), wanted, tickets, title, depth + 1)
            except DecodeFailed:
                continue  # the message names it, and is itself well

    def _attached(self, part: Message, wanted: Wanted, title: str) -> Iterator[Moment | Heard]:
        suffix = PurePath(_name(part)).suffix.lower()
        if suffix not in _READERS and suffix not in _PICTURES:
            suffix = _SUFFIXES.get(part.get_content_type(), "")
        if suffix in _PICTURES:
            yield from _picture(_content(part), wanted, self.limits.max_megapixels)
        elif suffix in _READERS:
            decoder = _READERS[suffix].open(self.limits)
            assert isinstance(decoder, DocumentDecoder)
            for moment in decoder.parts_of(BytesIO(_content(part)), suffix, wanted):
                if isinstance(moment, Moment) and moment.text and title:
                    moment = replace(moment, text=f"{title}\n\n{moment.text}")
                yield moment


def _sorted(part: Message) -> tuple[list[Message], list[Message]]:
    """The parts that are the text of a message, and those that are attached to it."""
    media_type = part.get_content_type()
    if part.is_multipart() and media_type != "message/rfc822":
        children = [_sorted(child) for child in part.get_payload() if isinstance(child, Message)]
        attached = [each for _, found in children for each in found]
        bodies = [found for found, _ in children if found]
        if media_type == "multipart/alternative" and bodies:
            plain = (found for found in bodies if found[0].get_content_type() == "text/plain" and _body(found[0]))
            return next(plain, bodies[-1]), attached
        return [each for found in bodies for each in found], attached
    is_text = media_type in ("text/plain", "text/html") or media_type.startswith("multipart/")
    if is_text and not _name(part) and part.get_content_disposition() != "attachment":
        return [part], []
    return [], [part]


def _inner(part: Message) -> Message:
    """The message that is attached, taken apart already or as a file."""
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0]
    return message_from_bytes(_content(part))


def _content(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _body(part: Message) -> str:
    data, charset = _content(part), part.get_content_charset()
    if part.get_content_type() == "text/html":
        page = parse_page(data, charset)
        return "" if page is None else "\n\n".join(sections(visible(page)))
    try:
        return data.decode(charset or "", "replace").replace("\r\n", "\n").replace("\x00", "").strip()
    except (LookupError, ValueError):
        return to_text(data).strip()


def _picture(data: bytes, wanted: Wanted, max_megapixels: int) -> Iterator[Moment]:
    with explained(), Image.open(BytesIO(data), formats=READ) as image:
        if min(image.size) < _LEAST_SIDE:
            return
        image.draft(None, least_size(*image.size, wanted))
        hold_to_limit(image.size, max_megapixels)
        image.load()
        upright = ImageOps.exif_transpose(image)
    yield from picture_moments(upright, wanted)


def _header(message: Message, name: str) -> str:
    """A header's words, which are ASCII by rule (RFC 2047) and UTF-8 in practice."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    value = str(raw).encode("ascii", "surrogateescape").decode("utf-8", "replace")
    return _words(value)[:_LONGEST_HEADER]


def _words(value: str) -> str:
    with suppress(LookupError, ValueError, MessageError):  # where it is wrong, as it stands
        value = str(make_header(decode_header(value)))
    return " ".join(value.replace("\x00", "").split())


def _name(part: Message) -> str:
    """The name of the file that a part is, without any folder; ``""`` where it has none."""
    try:
        name = _words(part.get_filename() or "")
    except (LookupError, ValueError):
        return ""
    return re.split(r"[/\\]", name)[-1][:200]


def _date(message: Message) -> datetime | None:
    """The clock on the sender's wall."""
    try:
        return parsedate_to_datetime(_header(message, "Date")).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
