"""Words of a model as plain text that nothing brings to life: no terminal, no Markdown reader, no careless browser."""

from __future__ import annotations

import re

_LINE_ENDS = dict.fromkeys("\r\v\f\x85\u2028\u2029", "\n")

_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters: what is left once lines and escapes are seen to
    "\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, or they turn lines round
    "\U000e0000-\U000e007f]"  # tags: letters that nobody sees
)
_HALVES = re.compile("[\ud800-\udfff]")


class Printable:
    """Drops what is not seen but acts: terminal escapes, control characters, whatever turns the direction of writing.

    Nothing is held back. Lines end in ``\\n``; halves of characters, which no file could hold, become U+FFFD.
    """

    def __init__(self) -> None:
        self._within = _TEXT
        self._returned = False
        """Whether a carriage return came last: a line feed after it ends no second line."""

    def take(self, piece: str) -> str:
        """What of ``piece`` is text."""
        if self._within == _TEXT and not self._returned and piece.isprintable():
            return piece
        kept = "".join([each for char in piece if (each := self._step(char))])
        return _HALVES.sub("\ufffd", _UNSEEN.sub("", kept))

    def _step(self, char: str) -> str:
        returned, self._returned = self._returned, char == "\r"
        if self._within == _STRING_ESCAPE and char == "\\":
            self._within = _TEXT
            return ""
        if char in _STARTS:
            self._within = _STRING_ESCAPE if char == "\x1b" and self._within in _STRINGS else _STARTS[char]
            return ""
        if self._within in (_ESCAPE, _STRING_ESCAPE):
            self._within = _AFTER_ESCAPE.get(char, _INTERMEDIATE if " " <= char <= "/" else _TEXT)
            return "" if " " <= char <= "~" else self._step(char)
        if self._within == _INTERMEDIATE:
            self._within = _INTERMEDIATE if " " <= char <= "/" else _TEXT
            return "" if " " <= char <= "~" else self._step(char)
        if self._within == _SEQUENCE:
            self._within = _SEQUENCE if " " <= char <= "?" else _TEXT
            return "" if " " <= char <= "~" else self._step(char)
        if self._within == _STRING:
            # Terminals wait for its end for ever. An answer would be swallowed whole, so the line's end will do.
            if char not in "\x07\x9c\n\r":
                return ""
            self._within = _TEXT
        if char == "\n" and returned:
            return ""
        return _LINE_ENDS.get(char, char)


# ECMA-48: what an escape character begins. The strings are titles, links, pictures and what else terminals act on.
_TEXT, _ESCAPE, _INTERMEDIATE, _SEQUENCE, _STRING, _STRING_ESCAPE = range(6)
_STRINGS = (_STRING, _STRING_ESCAPE)
_STARTS = {"\x1b": _ESCAPE, "\x9b": _SEQUENCE} | dict.fromkeys("\x90\x98\x9d\x9e\x9f", _STRING)
_AFTER_ESCAPE = {"[": _SEQUENCE} | dict.fromkeys("PX]^_", _STRING)


class Inert:
    """Text without links, pictures and tags, however it is cut into pieces: ``take`` each and ``finish``.

    The patterns are those of CommonMark's links, images and raw HTML, and of the links that GitHub's Markdown, mail
    readers and terminals make of bare addresses. All are broken by a space, and stay legible. What is inert already
    comes through as it is. At most two characters are held back until it is clear what follows.
    """

    def __init__(self) -> None:
        self._printable = Printable()
        self._before = ""
        """The end of what has passed, of which something may be the second half."""
        self._held = ""

    def take(self, piece: str) -> str:
        """What can be passed on by now."""
        text = self._held + self._printable.take(piece)
        self._held = text[match.start() :] if (match := _MAY_BEGIN.search(text, max(0, len(text) - 2))) else ""
        return self._broken(text.removesuffix(self._held))

    def finish(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return self._broken(held)

    def _broken(self, text: str) -> str:
        whole, begin = self._before + text, len(self._before)
        self._before = whole[-3:]
        parts = []
        # A pattern looks back to before where it is told to begin.
        for match in _LIVE.finditer(whole, begin):
            parts += [whole[begin : match.start()], "‹" if match[0] else " "]
            begin = match.end()
        return "".join([*parts, whole[begin:]])


_LIVE = re.compile(
    r"(?<=\])(?=[(:])"  # [text](address), [name]: address
    r"|(?<=!)(?=\[)"  # ![picture]
    r"|(?<=:)(?=//)"  # scheme://
    r"|(?<=[Ww]{3})(?=\.)"  # www.
    r"|(?<=[\w.+-])(?=@)"  # someone@
    r"|<(?=[A-Za-z/!?])"  # <tag, </tag, <!--, <?
)
_MAY_BEGIN = re.compile(r"(?::/?|<)\Z")


def printable(text: str) -> str:
    """The whole of ``text`` without what `Printable` drops."""
    return Printable().take(text)


def inert(text: str) -> str:
    """The whole of ``text`` as `Inert` passes it on."""
    passing = Inert()
    return passing.take(text) + passing.finish()
