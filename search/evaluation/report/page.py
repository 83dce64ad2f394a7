"""The report as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path

from bowerbird import __version__
from bowerbird.wiring import Library
from search.evaluation.compare import WITHIN_CHANCE, Difference, changes, compare
from search.evaluation.metrics import MEASURES, TITLES, mean, percentile
from search.evaluation.report.figures import figures, table
from search.evaluation.report.markup import Child, Markup, tag
from search.evaluation.report.misses import cards, false_alarms, named, worst
from search.evaluation.report.plots import milliseconds
from search.evaluation.run import FUSED, Evaluation

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Nothing is fetched and nothing runs, whatever stands in the names of files."""
_CHANGED = 8


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation, and the library that it is of, which must be open: pictures come from it."""

    evaluation: Evaluation
    library: Library


def page(title: str, first: Run, second: Run | None = None, *, made: datetime | None = None) -> str:
    """The HTML of one run, or of two side by side, the second held against the first; in one file, with no scripts.

    ``made`` is the moment that it says it was made. Pictures are those of the library's thumbnails.
    """
    runs = [first] if second is None else [first, second]
    found = [] if second is None else compare(first.evaluation, second.evaluation)
    last = runs[-1]
    missed, alarmed = worst(last.evaluation), false_alarms(last.evaluation)
    of = "" if second is None else f", {last.evaluation.label}"
    body = tag(
        "main",
        _header(title, runs, made),
        _tiles(last.evaluation, {(each.source, each.measure): each for each in found}),
        _differences(found, runs) if found else None,
        [_measures(run.evaluation, second is not None) for run in runs],
        _plots(runs),
        _changes(first.evaluation, second.evaluation) if second is not None else None,
        tag("h2", f"The worst misses{of}") if missed else None,
        tag(
            "p",
            f"{_count(len(missed), 'query', 'queries')} with an answer to which something else came first.",
            class_="muted",
        )
        if missed
        else None,
        cards(last.library, missed, last.evaluation.depth) if missed else None,
        tag("h2", f"Answered, though nothing answers them{of}") if alarmed else None,
        cards(last.library, alarmed, last.evaluation.depth) if alarmed else None,
        tag("footer", _FOOT),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · bowerbird eval"),
        tag("style", Markup(files(__package__).joinpath("report.css").read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"


_FOOT = (
    "Measures are means over the queries that have an answer in the library; relevance is binary, and copies and "
    "folded duplicates count as the thing itself. nDCG after Järvelin and Kekäläinen 2002, MRR after Voorhees 1999. "
    "Intervals hold with 95 %, by the bootstrap over queries, paired."
)


def _header(title: str, runs: Sequence[Run], made: datetime | None) -> Markup:
    evaluation = runs[0].evaluation
    facts: list[Child] = [
        [tag("b", f"{len(evaluation.outcomes):,}"), " queries"],
        [tag("b", f"{len(evaluation.answerable):,}"), " with an answer"],
        [tag("b", f"{len(evaluation.unanswerable):,}"), " without"],
        [tag("b", f"{evaluation.depth:,}"), " hits deep"],
        *[[tag("b", each.evaluation.label), " ", " + ".join(each.evaluation.encoders)] for each in runs],
        f"bowerbird {__version__}",
        None if made is None else tag("time", f"{made:%Y-%m-%d %H:%M}", datetime=made.isoformat(timespec="minutes")),
    ]
    notes = [
        tag(
            "p",
            f"Not in {'/'.join(Path(library).parts[-2:])}, and left out: {_count(count, 'relevant file')}.",
            class_="note",
        )
        for library, count in {run.evaluation.library: len(run.evaluation.missing) for run in runs}.items()
        if count
    ]
    return tag(
        "header",
        tag("p", "bowerbird eval", class_="eyebrow"),
        tag("h1", title),
        tag("ul", [tag("li", fact) for fact in facts if fact], class_="facts", role="list"),
        notes,
    )


def _tiles(evaluation: Evaluation, found: dict[tuple[str, str], Difference]) -> Markup:
    wrongly, rightly = (mean(evaluation.refused(answerable=each)) for each in (True, False))
    p95 = percentile(evaluation.latencies, 95)
    tiles = [(TITLES[key], f"{mean(evaluation.values(key)):.3f}", key, "") for key in ("ndcg@10", "recall@10", "mrr")]
    tiles.append(("Refused wrongly", _percent(wrongly), "refused wrongly", "of queries with an answer"))
    tiles.append(("Refused rightly", _percent(rightly), "refused rightly", "of queries without one"))
    tiles.append(("Latency, p95", f"{milliseconds(p95)} ms", "latency p95, ms", "for ten hits, warm"))
    return tag(
        "ul",
        [
            tag(
                "li",
                tag("span", label, class_="label"),
                tag("span", value.replace("nan", "–"), class_="value"),
                tag("span", _against(found.get((FUSED, key))) or below or _best(evaluation, key), class_="below"),
            )
            for label, value, key, below in tiles
        ],
        class_="tiles",
        role="list",
    )


def _best(evaluation: Evaluation, measure: str) -> str:
    """What the best source alone reaches, which all together should not be worse than."""
    alone = {source: mean(evaluation.values(measure, source)) for source in evaluation.sources if source != FUSED}
    if not alone or not evaluation.answerable:
        return "all sources together"
    best = max(alone, key=lambda source: alone[source])
    return f"best source alone: {best} {alone[best]:.3f}"


def _against(difference: Difference | None) -> Child:
    """How the second run stands to the first."""
    if difference is None or math.isnan(difference.second - difference.first):
        return None
    before = _value(difference, difference.first)
    if difference.verdict == WITHIN_CHANCE:
        return f"within chance of {before}"
    return [tag("span", difference.verdict, class_=difference.verdict), f" than {before}"]


def _measures(evaluation: Evaluation, several: bool) -> Markup:
    rows: list[list[Child]] = [
        [
            [tag("span", class_=f"swatch {source}", aria_hidden="true"), source],
            *(f"{mean(evaluation.values(measure, source)):.3f}".replace("nan", "–") for measure in MEASURES),
        ]
        for source in evaluation.sources
    ]
    name = f"By source, {evaluation.label}" if several else "By source"
    return tag(
        "section",
        tag("h2", name),
        tag("div", table(["source", *(TITLES[each] for each in MEASURES)], rows, strong=0), class_="scroll"),
    )


def _differences(found: Sequence[Difference], runs: Sequence[Run]) -> Markup:
    rows: list[list[Child]] = [
        [
            f"{each.source} · {TITLES.get(each.measure, each.measure)}" if each.measure in TITLES else each.measure,
            _value(each, each.first),
            _value(each, each.second),
            _signed(each, each.second - each.first),
            f"{_signed(each, each.interval.low)} to {_signed(each, each.interval.high)}",
            str(each.queries),
            tag("span", each.verdict, class_=_class(each)),
        ]
        for each in found
        if each.queries and (each.source == FUSED or each.measure == "ndcg@10")
    ]
    head = ["", *(run.evaluation.label for run in runs), "difference", "95 % interval", "queries", "verdict"]
    return tag("section", tag("h2", "Side by side"), tag("div", table(head, rows), class_="scroll"))


def _plots(runs: Sequence[Run]) -> Markup:
    longest = max((percentile(run.evaluation.latencies, 99) for run in runs if run.evaluation.latencies), default=1.0)
    names = [f", {run.evaluation.label}" if len(runs) > 1 else "" for run in runs]
    drawn = [figures(run.evaluation, of, _round_up(1.05 * longest)) for run, of in zip(runs, names, strict=True)]
    # Two runs have the same plots, and those of a kind are to stand beside each other.
    in_turn = [each for kind in zip_longest(*drawn) for each in kind if each is not None]
    return tag("section", tag("h2", "Plots"), tag("div", in_turn, class_="plots"))


def _changes(first: Evaluation, second: Evaluation) -> Markup:
    found = changes(first, second)
    lost = [each for each in found if each.by < 0]
    won = [each for each in reversed(found) if each.by > 0]
    rows: list[list[Child]] = [
        [named(each.second), *(_place(outcome.fused.ranks) for outcome in (each.first, each.second)), f"{each.by:+.3f}"]
        for each in (*lost[:_CHANGED], *won[:_CHANGED])
    ]
    said = f"{len(won)} better, {len(lost)} worse, {len(found) - len(won) - len(lost)} the same, by nDCG@10."
    head = ["query", *(f"rank, {each.label}" for each in (first, second)), "nDCG@10"]
    return tag(
        "section",
        tag("h2", "Query by query"),
        tag("p", said, class_="muted"),
        tag("div", table(head, rows, caption="Those that change most"), class_="scroll") if rows else None,
    )


def _place(ranks: Sequence[int]) -> str:
    return str(ranks[0]) if ranks else "not found"


def _class(difference: Difference) -> str | None:
    return difference.verdict if difference.verdict != WITHIN_CHANCE else None


def _value(difference: Difference, value: float) -> str:
    if difference.measure.startswith("refused"):
        return _percent(value)
    return milliseconds(value) if difference.measure.startswith("latency") else f"{value:.3f}".replace("nan", "–")


def _signed(difference: Difference, value: float) -> str:
    if math.isnan(value):
        return "–"
    if difference.measure.startswith("refused"):
        return f"{100 * value:+.1f} %"
    return f"{value:+.1f}" if difference.measure.startswith("latency") else f"{value:+.3f}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 8 and 10 times a power of ten: a quarter of it is a round number too."""
    power = 10 ** math.floor(math.log10(max(value, 0.1)))
    return float(next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value))


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
