"""XML from strangers, by lxml: no entity is expanded, no DTD loaded, no other file or address opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import IO, TypeAlias

from lxml import etree

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.archive import Archive
from bowerbird.media.document.documents import keywords
from bowerbird.types import AssetInfo

BROKEN = (etree.XMLSyntaxError, etree.ParserError)
"""What lxml raises on damaged files."""

Element: TypeAlias = etree._Element
_SAFE = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
_MOST_HELD = 2_000_000
"""Elements of one block, of about 130 bytes each."""
_QUIET = {"remove_comments": True, "remove_pis": True}


def parse_xml(data: bytes) -> Element:
    """The root element. Raises one of `BROKEN` where it is no XML."""
    return etree.fromstring(data, etree.XMLParser(**_SAFE, **_QUIET))


def children_of(part: IO[bytes], parent: str) -> Iterator[Element]:
    """The children of each element whose local name is ``parent``, complete, in order, and freed after.

    So a document of any length is held block by block. Raises `DecodeFailed` where a block alone would fill memory.
    """
    depth, depth_of_parent, held = 0, 0, 0
    for event, element in etree.iterparse(part, events=("start", "end"), **_SAFE, **_QUIET):
        if event == "start":
            depth += 1
            held += 1
            if held > _MOST_HELD:
                raise DecodeFailed(f"has a table or paragraph of more than {_MOST_HELD} elements; split it")
            if not depth_of_parent and local(element) == parent:
                depth_of_parent = depth
            continue
        if depth_of_parent and depth == depth_of_parent + 1:
            yield element
            held = 0
            element.clear()
            while (before := element.getprevious()) is not None:
                before.getparent().remove(before)
        if depth == depth_of_parent:
            depth_of_parent = 0
        depth -= 1


def local(element: Element) -> str:
    """The name without its namespace: Office writes the same names in two. ``""`` of entities and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """The value of the attribute of that local name, ``""`` where there is none."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def described(info: AssetInfo, archive: Archive, part: str) -> AssetInfo:
    """The info with the title, author and keywords of the Dublin Core in a part, ``docProps/core.xml`` in Office's."""
    try:
        root = parse_xml(archive.read_if_there(part))
    except BROKEN:
        return info  # damaged metadata costs no document
    said = [(local(each), " ".join((each.text or "").split())) for each in root.iter()]
    first = dict(reversed(said))
    about = "; ".join(value for name, value in said if name in ("keywords", "keyword", "subject"))
    return replace(
        info, title=first.get("title") or None, artist=first.get("creator") or None, keywords=keywords(about)
    )
