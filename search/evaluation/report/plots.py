"""Plots as SVG. Colours are classes of the style sheet, so that one drawing does for light and for dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.evaluation.report.markup import Markup, tag

WIDTH, HEIGHT = 560.0, 300.0
_GAP = 15.0
"""Between lines of text that must not run into one another."""


@dataclass(frozen=True, slots=True)
class Area:
    """Where the data lies, in the units of the drawing."""

    left: float = 44
    right: float = WIDTH - 16
    top: float = 16
    bottom: float = HEIGHT - 44

    def x(self, share: float) -> float:
        """From 0..1, left to right."""
        return self.left + share * (self.right - self.left)

    def y(self, share: float) -> float:
        """From 0..1, upwards."""
        return self.bottom - share * (self.bottom - self.top)


def drawing(label: str, *parts: Markup | Sequence[Markup], height: float = HEIGHT) -> Markup:
    """The whole plot; ``label`` is what is read out in its place."""
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH:g} {height:g}", role="img", aria_label=label)


def curves(lines: Mapping[str, Sequence[tuple[int, float]]], label: str) -> Markup:
    """Lines of ``(k, share)`` by series, ``k`` from 1 and on a scale of logarithms, each named where it ends."""
    area = Area(right=WIDTH - 64)
    most = max(k for points in lines.values() for k, _ in points)

    def across(k: float) -> float:
        return area.x(math.log(k) / math.log(most) if most > 1 else 0)

    drawn = []
    for name, points in reversed(list(lines.items())):  # the first is drawn last, over the others
        path = "M" + "L".join(f"{across(k):.1f} {area.y(share):.1f}" for k, share in points)
        drawn.append(tag("path", d=path, class_=f"line {name}"))
    ends = sorted(((area.y(points[-1][1]), name) for name, points in lines.items()), key=lambda end: end[0])
    labels, taken = [], -math.inf
    for wanted, name in ends:
        taken = max(wanted, taken + _GAP)
        labels.append(_text(area.right + 8, taken + 4, name, f"name {name}"))
    ticks = [k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if k <= most]
    below = [_text(across(k), area.bottom + 20, str(k), "tick middle") for k in ticks]
    return drawing(label, _levels(area), below, _under(area, "hits looked at"), drawn, labels)


def bars(groups: Mapping[str, Mapping[str, float]], label: str) -> Markup:
    """Bars of shares in 0..1, one of each series to each group, one group under the other."""
    area = Area(left=128, right=WIDTH - 84, top=8)
    thick, apart = 11.0, 20.0
    height = area.top + sum(len(group) * (thick + 3) + apart for group in groups.values()) + 36
    area = Area(area.left, area.right, area.top, height - 40)
    parts, top = [], area.top
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_rule(area.x(share), area.top, area.x(share), area.bottom, "grid"))
        parts.append(_text(area.x(share), area.bottom + 18, f"{share:g}", "tick middle"))
    for name, group in groups.items():
        tall = len(group) * (thick + 3)
        parts.append(_text(area.left - 12, top + tall / 2 + 7, _short(name), "group end"))
        for at, (series, share) in enumerate(group.items()):
            y = top + 4 + at * (thick + 3)
            known = 0.0 if math.isnan(share) else share
            wide = max(area.x(known) - area.left, 1.5)
            shape = tag("rect", x=area.left, y=y, width=wide, height=thick, rx=2.5, class_=f"bar {series}")
            value = _text(area.left + wide + 6, y + thick - 1.5, f"{series} {known:.2f}", "tick halo")
            parts += [shape, value]
        top += tall + apart
    return drawing(label, parts, height=height)


def mirrored(up: Sequence[float], down: Sequence[float], threshold: float, label: str, *, bins: int = 25) -> Markup:
    """Two distributions over 0..1, one upwards and one downwards, as shares of each, and the threshold in both."""
    area = Area(left=16, top=30)
    middle = (area.top + area.bottom) / 2
    shares = [_binned(values, bins) for values in (up, down)]
    tallest = max((share for each in shares for share in each), default=0) or 1
    reach = (area.bottom - area.top) / 2 - 4
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_rule(area.x(share), area.top, area.x(share), area.bottom, "grid"))
        parts.append(_text(area.x(share), area.bottom + 18, f"{share:g}", "tick middle"))
    for each, way, series in zip(shares, (-1, 1), ("answerable", "unanswerable"), strict=True):
        for at, share in enumerate(each):
            tall = reach * share / tallest
            y = middle - tall - 1 if way < 0 else middle + 1
            if share:
                wide = area.x((at + 1) / bins) - area.x(at / bins) - 1.5
                parts.append(
                    tag(
                        "rect", x=area.x(at / bins) + 0.75, y=y, width=wide, height=tall, rx=1.5, class_=f"bar {series}"
                    )
                )
    parts.append(_rule(area.left, middle, area.right, middle, "axis"))
    line, far = area.x(threshold), not 0.2 < threshold < 0.8  # so far out that a label would leave the drawing
    parts += [
        _rule(line, area.top - 10, line, area.bottom, "mark"),
        _text(area.x(0.5) if far else line, area.top - 14, "refused ◂ ▸ matched", "tick middle"),
        _text(area.left, area.top - 14, "has an answer", "name answerable"),
        _text(area.left, area.bottom - 6, "has none", "name unanswerable halo"),
        _under(area, "relevance of the first hit"),
    ]
    return drawing(label, parts)


def histogram(values: Sequence[float], marks: Mapping[str, float], end: float, label: str, *, bins: int = 28) -> Markup:
    """Counts over 0..``end`` milliseconds, whatever lies beyond in the last bin, and lines at ``marks``."""
    area = Area(top=48)
    counts = [0] * bins
    for value in values:
        counts[min(int(value / end * bins), bins - 1)] += 1
    tallest = max(counts) or 1
    parts = [_rule(area.left, area.bottom, area.right, area.bottom, "axis")]
    for at, count in enumerate(counts):
        if count:
            x, tall = area.x(at / bins), area.bottom - area.y(count / tallest)
            wide = area.x(1 / bins) - area.left - 1.5
            parts.append(
                tag("rect", x=x + 0.75, y=area.bottom - tall, width=wide, height=tall, rx=1.5, class_="bar fused")
            )
    parts.append(_text(area.left - 8, area.top + 4, str(tallest), "tick end"))
    parts.append(_text(area.left - 8, area.bottom + 4, "0", "tick end"))
    for share in (0, 0.25, 0.5, 0.75, 1):
        beyond = "+" if share == 1 and any(value > end for value in values) else ""
        parts.append(_text(area.x(share), area.bottom + 20, milliseconds(share * end) + beyond, "tick middle"))
    for at, (name, value) in enumerate(marks.items()):
        x, y = area.x(min(value / end, 1)), 12 + at * 13.0
        side = "end" if value > 0.6 * end else "start"
        parts.append(_rule(x, y - 8, x, area.bottom, "mark thin"))
        parts.append(
            _text(x + (-5 if side == "end" else 5), y, f"{name} {milliseconds(value)} ms", f"tick {side} halo")
        )
    return drawing(label, parts, _under(area, "milliseconds"))


def milliseconds(value: float) -> str:
    """With as many places as mean something."""
    return "–" if math.isnan(value) else f"{value:,.0f}" if value >= 20 or not value else f"{value:.1f}"


def _binned(values: Sequence[float], bins: int) -> list[float]:
    counts = [0] * bins
    for value in values:
        counts[min(int(value * bins), bins - 1)] += 1
    return [count / len(values) for count in counts] if values else [0.0] * bins


def _levels(area: Area) -> list[Markup]:
    """Horizontal lines at every quarter, with their numbers."""
    shares = (0, 0.25, 0.5, 0.75, 1)
    lines = [_rule(area.left, area.y(each), area.right, area.y(each), "grid" if each else "axis") for each in shares]
    return lines + [_text(area.left - 8, area.y(each) + 4, f"{each:g}", "tick end") for each in shares]


def _under(area: Area, said: str) -> Markup:
    return _text((area.left + area.right) / 2, area.bottom + 38, said, "tick middle")


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def _text(x: float, y: float, said: str, kind: str) -> Markup:
    return tag("text", said, x=x, y=y, class_=kind)


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
