"""XMP, the facts about a picture that programs write into it: Adobe's XMP specification, part 1 (ISO 16684-1).

A packet is RDF in XML. It never has a document type of its own, so one that has is refused: without it nothing can be
declared that would grow when read, or be fetched from elsewhere. That is all that ``defusedxml`` would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_MAX_BYTES = 2 << 20
"""Longer packets, as with a thumbnail for each step of an edit, are passed over."""
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))

_DC = "{http://purl.org/dc/elements/1.1/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"

CREATED = (f"{_EXIF}DateTimeOriginal", f"{_PHOTOSHOP}DateCreated", "{http://ns.adobe.com/xap/1.0/}CreateDate")
CREATOR = f"{_DC}creator"
DESCRIPTION = f"{_DC}description"
LATITUDE = f"{_EXIF}GPSLatitude"
LENSES = ("{http://ns.adobe.com/exif/1.0/aux/}Lens", "{http://cipa.jp/exif/1.0/}LensModel")
LONGITUDE = f"{_EXIF}GPSLongitude"
MAKE = f"{_TIFF}Make"
MODEL = f"{_TIFF}Model"
SUBJECT = f"{_DC}subject"
TITLES = (f"{_DC}title", f"{_PHOTOSHOP}Headline")
"""Names of properties; of several, the surest first."""


def xmp_properties(packet: bytes) -> Mapping[str, list[str]]:
    """The properties of a packet: ``{namespace}name`` -> its values, one or, of a list, several, not empty.

    Of a text in several languages the first is the default. Nothing where the packet is damaged, hostile or too large.
    """
    if len(packet) > _MAX_BYTES:
        return {}
    encoding = next((name for mark, name in _ENCODINGS if packet.startswith(mark)), "utf-8-sig")
    text = packet.decode(encoding, "replace").strip("\x00 \t\r\n")
    if re.search("<!(doctype|entity)", text, re.IGNORECASE):
        return {}
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    found: dict[str, list[str]] = {}
    for description in (each for rdf in root.iter(f"{_RDF}RDF") for each in rdf.findall(f"{_RDF}Description")):
        for name, value in description.items():
            found.setdefault(name, [value])
        for child in description:
            items = child.findall(f"*/{_RDF}li") or [child]
            found.setdefault(child.tag, [item.text for item in items if item.text])
    return {name: values for name, values in found.items() if values}
