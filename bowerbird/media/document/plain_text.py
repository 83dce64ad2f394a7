"""Plain text in whatever encoding: UTF-8 first, then what a byte order mark or charset-normalizer says.

One moment holds the whole text; cutting it into passages is the indexer's. An empty note is not damaged, so it has no
moments rather than a failure.
"""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.documents import DocumentDecoder, read_text_bytes
from bowerbird.media.document_formats import PLAIN_TEXT
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

_MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_MEDIA_TYPES = {".rst": "text/x-rst"}

_SAMPLE = 1 << 16
"""Bytes by which an encoding is told, and text from other data."""
_CONTROL = re.compile("[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
"""Characters that no text is written in; tab, newlines, form feed, backspace and escape occur in logs."""
_MAX_CONTROL = 0.05
"""Their share, from which on it is not text. Of evenly spread bytes they are a tenth."""
_WESTERN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüŒœ€£§°©®™ªº´·•¡¿«»‘’‚“”„–—…\xa0")
"""What Western European languages write beyond ASCII; not Icelandic, whose letters Turkish and Russian bytes spell."""


class PlainTextDecoder(DocumentDecoder):
    """Text files, notes and logs."""

    format = PLAIN_TEXT

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """One moment, the whole text, newlines as ``\\n``; none where there is nothing but white space."""
        text = to_text(read_text_bytes(file, self.limits))
        info = AssetInfo(self.kind, _MEDIA_TYPES.get(suffix, "text/plain"))
        return Decoded(info, [Moment(SegmentKind.TEXT, text=text)] if text.strip() else [])


def to_text(data: bytes) -> str:
    """Bytes of a text in an unknown encoding -> the text, without NULs, newlines as ``\\n``.

    Raises `DecodeFailed` where they are not text.
    """
    text = data.decode(_encoding(data), "replace")
    sample = text[:_SAMPLE]
    if len(_CONTROL.findall(sample)) > _MAX_CONTROL * len(sample):
        raise DecodeFailed("is not text")
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def _encoding(data: bytes) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "utf-8" if _is_damaged_utf8(data) else _detected(data)
    return "utf-8"


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether it is UTF-8 with a few stray bytes, as in a log: of another encoding hardly a sequence would be valid."""
    text = data.decode("utf-8", "replace")
    beyond_ascii = sum(character > "\x7f" for character in text)
    return text.count("\ufffd") * 10 < beyond_ascii


def _detected(data: bytes) -> str:
    if len(_CONTROL.findall(data[:_SAMPLE].decode("latin-1"))) > _MAX_CONTROL * min(len(data), _SAMPLE):
        raise DecodeFailed("is not text")
    sample = data[:_SAMPLE]
    if len(data) > _SAMPLE:  # at the end of a line, so that no character is cut in two
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    if _is_western(sample):
        return "cp1252"
    from charset_normalizer import from_bytes

    if (found := from_bytes(sample).best()) is None:
        raise DecodeFailed("is not text")
    return found.encoding


def _is_western(sample: bytes) -> bool:
    """Whether it makes sense in the commonest of the single-byte encodings, of which charset-normalizer often takes a
    rarer one for short texts: ``déją lą`` for ``déjà là``. In texts of other scripts most letters are beyond ASCII.
    """
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    beyond_ascii = [character for character in text if character > "\x7f"]
    letters = sum(map(str.isalpha, text))
    return _WESTERN.issuperset(beyond_ascii) and sum(map(str.isalpha, beyond_ascii)) <= 0.3 * letters
