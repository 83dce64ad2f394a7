"""The queries that went worst, as cards: what was asked, what was wanted, what came first instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bowerbird.queries import Evidence, Hit
from bowerbird.wiring import Library
from search.evaluation.metrics import MEASURES
from search.evaluation.report import pictures
from search.evaluation.report.markup import Markup, tag
from search.evaluation.report.pictures import Shown
from search.evaluation.run import Evaluation, Outcome

MOST = 12
"""Cards of a sort: each may carry three pictures."""


def worst(evaluation: Evaluation) -> Sequence[Outcome]:
    """Answerable queries to which something else came first, the worst first: by nDCG@10, then the surest mistakes."""

    def how_bad(outcome: Outcome) -> tuple[float, float, float]:
        ranks, relevant = outcome.fused.ranks, outcome.fused.relevant
        return MEASURES["ndcg@10"](ranks, relevant), MEASURES["mrr"](ranks, relevant), -outcome.fused.relevance

    return sorted((each for each in evaluation.answerable if each.fused.ranks[:1] != (1,)), key=how_bad)


def false_alarms(evaluation: Evaluation) -> Sequence[Outcome]:
    """Queries without an answer that were given one, the surest first."""
    return sorted(
        (each for each in evaluation.unanswerable if each.fused.matched), key=lambda each: -each.fused.relevance
    )


def cards(library: Library, outcomes: Sequence[Outcome], depth: int) -> Markup:
    """The first `MOST` of them."""
    return tag("ul", [_card(library, each, depth) for each in outcomes[:MOST]], class_="misses", role="list")


def named(outcome: Outcome) -> str:
    """A query as one line of text."""
    image = None if outcome.query.image is None else outcome.query.image.name
    return " + ".join(each for each in (outcome.query.text, image) if each)


def _card(library: Library, outcome: Outcome, depth: int) -> Markup:
    return tag("li", _asked(library, outcome, depth), _wanted(library, outcome), _came(library, outcome), class_="miss")


def _asked(library: Library, outcome: Outcome, depth: int) -> Markup:
    query = outcome.query
    picture = pictures.of_query(library, query)
    if not outcome.answerable:
        became = "nothing here answers it"
    elif outcome.fused.ranks:
        became = f"found at rank {outcome.fused.ranks[0]}"
    else:
        became = f"not among the first {depth}"
    if not outcome.fused.matched:
        became += ", and refused"
    return tag(
        "div",
        tag("p", f"{query.id}{f' · {query.group}' if query.group else ''}", class_="head"),
        tag("div", query.text, class_="said", dir="auto") if query.text else None,
        tag("img", src=picture, alt=f"The picture that was asked by, {query.image.name}")
        if picture and query.image
        else (tag("div", query.image.name, class_="blank") if query.image else None),
        tag("p", "but not: " + ", ".join(query.negatives), class_="named") if query.negatives else None,
        tag("div", tag("span", became, class_="pill")),
        class_="asked",
    )


def _wanted(library: Library, outcome: Outcome) -> Markup:
    if not outcome.relevant:
        return tag(
            "div", tag("p", "Wanted", class_="head"), tag("div", "Nothing: it ought to be refused.", class_="blank")
        )
    shown = pictures.of_asset(library, outcome.relevant[0])
    more = f" and {len(outcome.relevant) - 1} more" if len(outcome.relevant) > 1 else ""
    if shown is None:
        return tag(
            "div", tag("p", "Wanted", class_="head"), tag("div", "It has just left the library.", class_="blank")
        )
    return tag(
        "div",
        tag("p", "Wanted", class_="head"),
        _picture(shown, "What was wanted", None),
        tag("p", tag("bdi", _name(shown.path)), tag("span", more, class_="muted"), class_="named"),
    )


def _came(library: Library, outcome: Outcome) -> Markup:
    hit = outcome.first
    if hit is None:
        return tag("div", tag("p", "Came first", class_="head"), tag("div", "Nothing came at all.", class_="blank"))
    shown = pictures.of_hit(library, hit)
    return tag(
        "div",
        tag("p", f"Came first, relevance {hit.relevance:.2f}", class_="head"),
        _picture(shown, "What came first", hit),
        tag(
            "p",
            tag("bdi", _name(hit.path)),
            tag("br"),
            tag("span", _reasons(hit.evidence), class_="muted"),
            class_="named",
        ),
    )


def _picture(shown: Shown, what: str, hit: Hit | None) -> Markup:
    if shown.picture is not None:
        return tag("img", src=shown.picture, alt=f"{what}: {_name(shown.path)}", loading="lazy")
    excerpt = " ".join((hit.text or "").split())[:240] if hit else ""
    return tag("div", excerpt or f"{shown.kind}, {Path(shown.path).suffix or 'no suffix'}", class_="blank", dir="auto")


def _reasons(evidence: Sequence[Evidence]) -> str:
    return "; ".join(f"{each.source} #{each.rank} ({each.score:.2f})" for each in evidence)


def _name(path: str) -> str:
    """The file and its folder: whole paths tell too much in a report that is passed on."""
    return "/".join(Path(path).parts[-2:]).lstrip("/")
