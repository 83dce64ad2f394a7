"""How well the right thing is found, and how well nothing is said to match where nothing does: by the eval set.

    python -m benchmarks.relevance DATA WORK

makes two libraries below WORK that share no file: one with what half of the queries look for, on which thresholds and
weights were tuned, and one with what the other half look for, on which this reports. DATA is as for
`benchmarks.eval_corpus`. Each library also holds half of what nobody looks for. ``--half tune`` reports on the other.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import get_args

from benchmarks.eval_corpus import make_corpus
from benchmarks.eval_set import EvalQuery, Half, queries
from indexer import open_indexer
from search import open_search
from search.evaluation import FUSED, Evaluation, Judged, difference, evaluate, mean, percentile

MEASURES = ("recall@1", "recall@10", "ndcg@10")


def halve(corpus: Path, work: Path) -> dict[Half, Path]:
    """Two folders with the corpus's files in the same places, by hard links where the disk has them."""
    wanted: dict[str, set[Half]] = defaultdict(set)
    for query in queries():
        for path in query.relevant:
            wanted[path].add(query.half)
    made: dict[Half, Path] = {half: work / half for half in get_args(Half)}
    for file in sorted(path for path in corpus.rglob("*") if path.is_file()):
        name = file.relative_to(corpus).as_posix()
        if name.startswith("queries/"):
            continue
        coin: Half = "report" if hashlib.sha256(name.encode()).digest()[0] % 2 else "tune"
        for half in wanted.get(name) or {coin}:
            target = made[half] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, target)
            except OSError:
                shutil.copyfile(file, target)
    return made


def asked(half: Half, corpus: Path) -> list[Judged]:
    """The queries of one half, with the pictures that some of them are."""
    return [_judged(query, corpus) for query in queries() if query.half == half]


def _judged(query: EvalQuery, corpus: Path) -> Judged:
    image = None if query.image is None else corpus / query.image
    return Judged(query.id, query.text, image, (), query.relevant, query.medium, corpus, query.id)


def evaluated(half: Half, data: Path, work: Path) -> Evaluation:
    """Make what is not there yet, and put the queries of this half to its library."""
    corpus, library = work / "corpus", work / f"{half}-library"
    if not corpus.exists():
        make_corpus(data, corpus)
    if not (work / "tune").exists():
        halve(corpus, work)
    with open_indexer(library, encoder="concepts") as indexer:
        report = indexer.index([work / half])
        if report.indexed:
            print(f"indexed {report.indexed} files, {report.segments} segments, in {report.seconds:.0f} s")
    with open_search(library) as search:
        return evaluate(search, asked(half, corpus), name=half)


def told(run: Evaluation) -> None:
    """Tables, and whether what was asked for is reached."""
    print(f"\n{len(run.answerable)} queries with an answer, {len(run.unanswerable)} without; half: {run.name}\n")
    print("| queries | source | " + " | ".join(MEASURES) + " |\n|-|-|" + "-|" * len(MEASURES))
    for group in (*(each for each in run.groups if each != "none"), None):
        part = run if group is None else run.of_group(group)
        for source in run.sources:
            values = " | ".join(f"{mean(part.values(measure, source)):.3f}" for measure in MEASURES)
            name = f"{group or 'all'} ({len(part.answerable)})" if source == FUSED else ""
            print(f"| {name} | {source} | {values} |")
    single = [source for source in run.sources if source != FUSED]
    print("\nnDCG@10, all together less the best single source (95 % interval; asked: -0.02, and above 0 for all)")
    for group in (*(each for each in run.groups if each not in {"none", "mixed"}), None):
        part = run if group is None else run.of_group(group)
        best = max(single, key=lambda source: mean(part.values("ndcg@10", source)))
        values = part.values("ndcg@10", best), part.values("ndcg@10")
        by, interval = mean(values[1]) - mean(values[0]), difference(*values)
        print(f"  {group or 'all'}: {by:+.3f} ({interval.low:+.3f} to {interval.high:+.3f}) over {best}")
    refused = mean(run.refused(answerable=True)), mean(run.refused(answerable=False))
    print(
        f"\nrefused: {refused[0]:.1%} of those with an answer (asked: at most 5 %), {refused[1]:.1%} of those without"
    )
    print("(asked: at least 60 %); by medium: " + ", ".join(_refusals(run)))
    times = [percentile(run.latencies, share) for share in (50, 95)]
    print(f"latency of the first 10 hits, warm and uncached: p50 {times[0]:.0f} ms, p95 {times[1]:.0f} ms")


def _refusals(run: Evaluation) -> list[str]:
    groups = [each for each in run.groups if each != "none"]
    return [f"{group} {mean(run.of_group(group).refused(answerable=True)):.1%}" for group in groups]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--half", choices=get_args(Half), default="report")
    options = parser.parse_args()
    told(evaluated(options.half, options.data, options.work))


if __name__ == "__main__":
    main()
