"""How well a library answers: queries whose answers are known, measures of what comes, and a report.

>>> from search.evaluation import evaluate, read_queries                # doctest: +SKIP
>>> run = evaluate(search, read_queries(Path("queries.jsonl")))         # doctest: +SKIP
>>> mean(run.values("ndcg@10"))                                         # doctest: +SKIP
"""

from search.evaluation.compare import Change, Difference, changes, compare
from search.evaluation.metrics import MEASURES, PERCENTILES, TITLES, Interval, difference, mean, percentile
from search.evaluation.queries import Judged, queries_of, read_queries
from search.evaluation.run import DEPTH, FUSED, Answer, Evaluation, Outcome, Setup, evaluate, evaluate_together
from search.evaluation.summary import differences, summary

__all__ = [
    "DEPTH",
    "FUSED",
    "MEASURES",
    "PERCENTILES",
    "TITLES",
    "Answer",
    "Change",
    "Difference",
    "Evaluation",
    "Interval",
    "Judged",
    "Outcome",
    "Setup",
    "changes",
    "compare",
    "difference",
    "differences",
    "evaluate",
    "evaluate_together",
    "mean",
    "percentile",
    "queries_of",
    "read_queries",
    "summary",
]
