"""HTML and SVG, element by element. Text is escaped unless it is `Markup`, so that nothing has to be remembered."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"

_VOID = frozenset({"meta", "img", "br"})
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. ``class_`` stands for ``class`` and ``a_b`` for ``a-b``; attributes that are None are left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>" if name in _VOID else f"<{name}{said}>{together(children)}</{name}>")


def together(child: Child) -> Markup:
    """Several as one, those that are not `Markup` escaped; None is nothing."""
    if child is None:
        return Markup()
    if isinstance(child, str):
        return child if isinstance(child, Markup) else Markup(escape(child))
    return Markup("".join(together(each) for each in child))


def escape(text: str) -> str:
    """Fit for text and for attributes; what controls the terminal or the direction of writing is shown as its code."""
    return html.escape(_UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
