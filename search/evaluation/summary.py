"""An evaluation as plain data: what ``--json`` prints, and tables are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from search.evaluation.compare import Difference
from search.evaluation.metrics import MEASURES, PERCENTILES, mean, percentile
from search.evaluation.run import Evaluation, Outcome


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The measures of a run, whole and by group, refusals, latency, and what became of each query; NaN as None."""
    return {
        "name": evaluation.name,
        "encoders": list(evaluation.encoders),
        "depth": evaluation.depth,
        "threshold": evaluation.threshold,
        "queries": len(evaluation.outcomes),
        "missing": list(evaluation.missing),
        **_measured(evaluation),
        "groups": {group: _measured(evaluation.of_group(group)) for group in evaluation.groups},
        "latency_ms": {
            **{f"p{share}": number(percentile(evaluation.latencies, share)) for share in PERCENTILES},
            "cold": evaluation.cold_ms,
        },
        "outcomes": [_outcome(each) for each in evaluation.outcomes],
    }


def differences(found: Sequence[Difference]) -> list[dict[str, Any]]:
    """Each difference with its interval and what is to be thought of it."""
    return [
        {
            "source": each.source,
            "measure": each.measure,
            "first": number(each.first),
            "second": number(each.second),
            "difference": number(each.second - each.first),
            "low": number(each.interval.low),
            "high": number(each.interval.high),
            "verdict": each.verdict,
            "queries": each.queries,
        }
        for each in found
    ]


def number(value: float) -> float | None:
    """To four places; JSON has no NaN."""
    return None if math.isnan(value) else round(value, 4)


def _measured(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "answerable": len(evaluation.answerable),
        "unanswerable": len(evaluation.unanswerable),
        "measures": {
            source: {measure: number(mean(evaluation.values(measure, source))) for measure in MEASURES}
            for source in evaluation.sources
        },
        "refused": {
            "answerable": number(mean(evaluation.refused(answerable=True))),
            "unanswerable": number(mean(evaluation.refused(answerable=False))),
        },
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    query = outcome.query
    return {
        "id": query.id,
        "text": query.text,
        "image": None if query.image is None else str(query.image),
        "group": query.group,
        "relevant": list(outcome.relevant),
        "missing": list(outcome.missing),
        "matched": outcome.fused.matched,
        "relevance": outcome.fused.relevance,
        "took_ms": outcome.took_ms,
        "ranks": {source: list(answer.ranks) for source, answer in outcome.answers.items()},
        "first": None if outcome.first is None else {"asset_id": outcome.first.asset_id, "path": outcome.first.path},
    }
