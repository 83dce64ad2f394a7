"""IPTC-IIM, what news agencies and older programs write into a picture: application record 2 of IIM 4.2."""

from __future__ import annotations

import struct

TITLE, KEYWORD, BYLINE, HEADLINE, CAPTION = 5, 25, 80, 105, 120
_MARK = 0x1C
_RECORD = 2
_MAX_BYTES = 1 << 20


def iptc_datasets(block: bytes) -> dict[int, list[bytes]]:
    """A block's datasets: number -> its values, as bytes of whatever encoding.

    A damaged block ends where it is damaged, and nothing after its first megabyte is read.
    """
    block = block[:_MAX_BYTES]
    found: dict[int, list[bytes]] = {}
    at = 0
    while at + 5 <= len(block) and block[at] == _MARK:
        record, number, size = struct.unpack_from(">BBH", block, at + 1)
        at += 5 + size
        if size >= 0x8000 or at > len(block):  # the first: an extended one, of which none is a text
            break
        if record == _RECORD:
            found.setdefault(number, []).append(block[at - size : at])
    return found
