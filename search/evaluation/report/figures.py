"""The four plots of a run, each with a caption that says how to read it and the numbers it is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.evaluation.metrics import PERCENTILES, mean, percentile, recall
from search.evaluation.report import plots
from search.evaluation.report.markup import Child, Markup, tag
from search.evaluation.run import FUSED, Evaluation

_KS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
MOST_GROUPS = 12
"""What a plot can hold; the table under it holds all."""
SHARES = tuple(tenth / 10 for tenth in range(10))


def figures(evaluation: Evaluation, of: str, longest_ms: float) -> list[Markup]:
    """All that there is data for; ``of`` tells the run from another, ``longest_ms`` is where latency's scale ends."""
    made = []
    if evaluation.answerable:
        made += [_recall(evaluation, of), *([_groups(evaluation, of)] if evaluation.groups else [])]
    if evaluation.answerable or evaluation.unanswerable:
        made.append(_relevance(evaluation, of))
    if evaluation.latencies:
        made.append(_latency(evaluation, of, longest_ms))
    return made


def table(
    head: Sequence[str], rows: Sequence[Sequence[Child]], *, caption: str | None = None, strong: int | None = None
) -> Markup:
    """A table whose first column heads its rows; the row ``strong`` stands out."""
    body = [
        tag(
            "tr",
            tag("th", first, scope="row"),
            [tag("td", each) for each in rest],
            class_="strong" if at == strong else None,
        )
        for at, (first, *rest) in enumerate(rows)
    ]
    return tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", [tag("th", each, scope="col") for each in head])),
        tag("tbody", body),
    )


def _figure(title: str, says: str, plot: Markup, numbers: Markup) -> Markup:
    behind = tag("details", tag("summary", "The numbers"), tag("div", numbers, class_="scroll"))
    return tag("figure", tag("figcaption", tag("h3", title), tag("p", says)), plot, behind, class_="plot")


def _recall(evaluation: Evaluation, of: str) -> Markup:
    ks = [k for k in _KS if k < evaluation.depth] + [evaluation.depth]
    lines = {
        source: [(k, mean([recall(answer.ranks, answer.relevant, at=k) for answer in answers])) for k in ks]
        for source in evaluation.sources
        if (answers := [each.answers[source] for each in evaluation.answerable])
    }
    ends = ", ".join(f"{source} {dict(points)[min(10, evaluation.depth)]:.2f}" for source, points in lines.items())
    numbers = [[str(k), *(f"{dict(points)[k]:.3f}" for points in lines.values())] for k in ks]
    return _figure(
        f"Recall by depth{of}",
        "The share of what is relevant that is among the first k hits: all sources together, and each alone.",
        plots.curves(lines, f"Recall by depth{of}. Among the first 10 hits: {ends}."),
        table(["k", *lines], numbers),
    )


def _groups(evaluation: Evaluation, of: str) -> Markup:
    parts = {group: evaluation.of_group(group) for group in evaluation.groups}
    means: Mapping[str, dict[str, float]] = {
        group: {source: mean(part.values("ndcg@10", source)) for source in evaluation.sources}
        for group, part in parts.items()
        if part.answerable
    }
    drawn = dict(list(means.items())[:MOST_GROUPS])
    spoken = ", ".join(f"{group} {each[FUSED]:.2f}" for group, each in drawn.items())
    rows = [
        [group, str(len(parts[group].answerable)), *(f"{value:.3f}" for value in each.values())]
        for group, each in means.items()
    ]
    left_out = f" The first {MOST_GROUPS} of {len(means)} groups." if len(means) > len(drawn) else ""
    return _figure(
        f"nDCG@10 by group{of}",
        f"Where all sources together should be no worse than the best of them alone.{left_out}",
        plots.bars(drawn, f"nDCG at 10 by group{of}, all sources together: {spoken or 'none'}."),
        table(["group", "queries", *evaluation.sources], rows),
    )


def _relevance(evaluation: Evaluation, of: str) -> Markup:
    has, has_not = (
        [each.fused.relevance for each in part] for part in (evaluation.answerable, evaluation.unanswerable)
    )
    wrongly, rightly = (mean(evaluation.refused(answerable=each)) for each in (True, False))
    said = [f"{100 * wrongly:.0f} % of the queries with an answer"] if has else []
    said += [f"{100 * rightly:.0f} % of those without one"] if has_not else []
    refused = f"At {evaluation.threshold:g}, {' and '.join(said)} are refused."
    rows = [
        [
            f"{low:.1f} – {low + 0.1:.1f}",
            *(str(sum(min(int(each * 10), 9) == at for each in part)) for part in (has, has_not)),
        ]
        for at, low in enumerate(SHARES)
    ]
    return _figure(
        f"Where the line is drawn{of}",
        f"How relevant the first hit is held to be, where a query has an answer and where it has none. {refused}",
        plots.mirrored(has, has_not, evaluation.threshold, f"Relevance of the first hit{of}. {refused}"),
        table(["relevance", "has an answer", "has none"], rows),
    )


def _latency(evaluation: Evaluation, of: str, longest_ms: float) -> Markup:
    marks = {f"p{share}": percentile(evaluation.latencies, share) for share in PERCENTILES}
    cold = evaluation.cold_ms
    spoken = ", ".join(f"{name} {plots.milliseconds(value)} ms" for name, value in marks.items())
    first = (
        "" if cold is None else f" The first query, which found everything cold, took {plots.milliseconds(cold)} ms."
    )
    rows = [[name, plots.milliseconds(value)] for name, value in marks.items()]
    return _figure(
        f"Latency{of}",
        f"A whole query for ten hits, models loaded, nothing of it cached.{first}",
        plots.histogram(evaluation.latencies, marks, longest_ms, f"Latency{of}: {spoken}."),
        table(["", "ms"], [*rows, *([["first, cold", plots.milliseconds(cold)]] if cold is not None else [])]),
    )
