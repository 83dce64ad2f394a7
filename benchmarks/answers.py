"""How often an answer cites the moment that is true, and says nothing where nothing answers: against the best hit.

    python -m benchmarks.answers [DATA] [--keep FOLDER] [--held-out | --blind] [--answerer SPEC] [--each]

makes the corpus of `benchmarks.eval_corpus` out of DATA, indexes it with `concepts`, and puts the questions of
``eval_set/questions.jsonl`` to `search.ask`. Beside the right moments lie some 2,600 passages that answer nothing.
A kept FOLDER is used as it is, without DATA. Only ``--held-out`` looks at the third that nobody tuned on.
``--blind`` puts those of ``eval_set/blind.jsonl`` instead, which were written after all tuning.

The rival is search itself: its best hit for the same words. It declines where nothing ``matched``; a hit that is right
counts for it even then, since people see it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.eval_corpus import make_corpus
from benchmarks.eval_set.questions import KINDS, Asked, TrueMoment, blind, folded, questions
from bowerbird.answers import Answer, Citation, Exhibit
from bowerbird.ports import Answerer
from bowerbird.queries import Hit
from bowerbird.types import SegmentKind
from indexer import open_indexer
from search import Search, open_search
from search.answer import ask

FEWEST_DISTRACTORS = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question, by an answer or by the best hit."""

    asked: Asked
    declined: bool
    right: tuple[bool, ...]
    """Of each moment that was named, in order: whether it is a true one."""
    quoted: bool
    """Whether the words that answer are told with a right one; speech that may be misheard has no certain words."""
    ms: float
    shown: str
    """What was answered, for those who look at each question."""


def library_in(place: Path, data: Path | None) -> Path:
    """The library in ``place``, made from ``data`` where it is not there."""
    corpus, library = place / "corpus", place / "library"
    if not corpus.exists():
        if data is None:
            raise SystemExit(f"{corpus} is not there; name DATA, of which benchmarks.eval_corpus tells, to make it")
        make_corpus(data, corpus)
    if not library.exists():
        unfinished = place / "unfinished"  # one that was broken off is gone on with
        with open_indexer(unfinished, encoder="concepts") as indexer:
            report = indexer.index([corpus])
        unfinished.rename(library)
        print(f"indexed {report.indexed} files, {report.segments} segments, in {report.seconds:.0f} s")
    return library


def answered(search: Search, corpus: Path, asked: Asked, answerer: Answerer) -> Outcome:
    """By `search.ask`."""
    answer = ask(search, asked.question, answerer)
    texts = _texts(search, [citation.segment_id for citation in answer.citations])
    hold = [_held(asked.answers, corpus, each, texts.get(each.segment_id, "")) for each in answer.citations]
    quoted = any(
        truth is not None and _stands(truth, [citation.quote or "", *_claimed(answer, number)])
        for number, (truth, citation) in enumerate(zip(hold, answer.citations, strict=True), 1)
    )
    right = tuple(truth is not None for truth in hold)
    return Outcome(asked, not answer.text, right, quoted, answer.took_ms, answer.text)


def _claimed(answer: Answer, number: int) -> list[str]:
    """What is claimed with this citation."""
    return [claim.text for claim in answer.claims if number in claim.citations]


def _stands(truth: TrueMoment, texts: Iterable[str]) -> bool:
    return truth.says is None or any(folded(truth.says) in folded(text) for text in texts)


def found(search: Search, corpus: Path, asked: Asked) -> Outcome:
    """By the best hit for the same words."""
    result = search.search(asked.question, limit=1)
    hold = [_held(asked.answers, corpus, hit, hit.text or "") for hit in result.hits]
    right = tuple(truth is not None for truth in hold)
    shown = "; ".join(f"{hit.path} {hit.text or ''}" for hit in result.hits)
    return Outcome(asked, not result.matched, right, any(right), result.took_ms, shown)


def _held(truths: Iterable[TrueMoment], corpus: Path, named: Citation | Hit, text: str) -> TrueMoment | None:
    """The true moment in which what was named lies."""
    return holding(truths, corpus, named, f"{named.quote or ''}\n{text}" if isinstance(named, Citation) else text)


def holding(
    truths: Iterable[TrueMoment], corpus: Path, named: Citation | Hit | Exhibit, said: str
) -> TrueMoment | None:
    """The true moment of which ``named``, that bears what is ``said``, is a part."""
    path = Path(named.path)
    place = (path.relative_to(corpus) if path.is_relative_to(corpus) else path).as_posix()
    return next((each for each in truths if each.holds(place, named.start_s, named.end_s, named.page, said)), None)


def _texts(search: Search, segment_ids: Sequence[int]) -> dict[int, str]:
    with search.library.catalog.read() as tx:
        return {key: found.segment.text or "" for key, found in tx.segments.moments(segment_ids).items()}


def told(name: str, runs: dict[str, list[Outcome]]) -> None:
    """A table of ``runs``, each a way of answering the same questions."""
    print(f"\n| {name} | " + " | ".join(runs) + " |\n|-|" + "-|" * len(runs))
    answerable = {way: [each for each in outcomes if each.asked.answers] for way, outcomes in runs.items()}
    unanswerable = {way: [each for each in outcomes if not each.asked.answers] for way, outcomes in runs.items()}
    _row("the moment cited first is right", {way: [_first(each) for each in of] for way, of in answerable.items()})
    for kind in KINDS:
        of_kind = {way: [each for each in of if each.asked.kind == kind] for way, of in answerable.items()}
        _row(f"… {kind}", {way: [_first(each) for each in of] for way, of in of_kind.items()})
    _row("any moment cited is right", {way: [any(each.right) for each in of] for way, of in answerable.items()})
    _row("… and told with the words that answer", {way: [each.quoted for each in of] for way, of in answerable.items()})
    _row("wrongly declined", {way: [each.declined for each in of] for way, of in answerable.items()})
    _row("unanswerable, declined", {way: [each.declined for each in of] for way, of in unanswerable.items()})
    print("| median ms | " + " | ".join(f"{median(each.ms for each in of):.0f}" for of in runs.values()) + " |")


def _first(outcome: Outcome) -> bool:
    return any(outcome.right[:1])


def _row(name: str, counted: dict[str, list[bool]]) -> None:
    cells = (f"{sum(of)} of {len(of)}: {sum(of) / len(of):.0%}" if of else "-" for of in counted.values())
    print(f"| {name} | " + " | ".join(cells) + " |")


def each_told(outcomes: Sequence[Outcome]) -> None:
    """A line or two of every question."""
    for each in outcomes:
        if each.asked.answers:
            mark = "right" if _first(each) else "later" if any(each.right) else "declined" if each.declined else "WRONG"
        else:
            mark = "right" if each.declined else "WRONG"
        print(f"{mark:9}{each.asked.id:13}{each.asked.question}\n{'':22}{' '.join(each.shown.split())[:200] or '-'}")


def questions_of(*, held_out: bool, only_blind: bool) -> dict[str, list[Asked]]:
    """What is to be asked, by the name of its table."""
    if only_blind:
        return {"blind": blind()}
    sides = {"tuned on": False, "held out": True} if held_out else {"tuned on": False}
    return {name: [each for each in questions() if each.held_out is side] for name, side in sides.items()}


def measure(library: Path, corpus: Path, asked: dict[str, list[Asked]], *, spec: str, each: bool) -> None:
    """Ask each set of ``asked``, and print its table; ``each`` question only of what may be tuned on."""
    with open_search(library) as search:
        with search.library.catalog.read() as tx:
            texts = tx.segments.counts().get(SegmentKind.TEXT, 0)
        if texts < FEWEST_DISTRACTORS:
            raise SystemExit(f"{library} holds {texts} passages, too few to get lost among; make it anew")
        answerer = search.library.answerer(spec)
        ask(search, "is anybody there?", answerer)  # loads what the first question would wait for
        for name, of_set in asked.items():
            ways = {
                spec: [answered(search, corpus, question, answerer) for question in of_set],
                "best hit": [found(search, corpus, question) for question in of_set],
            }
            told(name, ways)
            if each and not any(question.held_out for question in of_set):
                each_told(ways[spec])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder with coco-val128/images and jfk.flac")
    parser.add_argument("--keep", type=Path, help="Make corpus and library here, and leave them for another run.")
    sets = parser.add_mutually_exclusive_group()
    sets.add_argument("--held-out", action="store_true", help="Report on the third that nobody tuned on, too.")
    sets.add_argument("--blind", action="store_true", help="Report only on those written after all tuning.")
    parser.add_argument("--answerer", default="extractive", help="extractive or openai:MODEL@URL")
    parser.add_argument("--each", action="store_true", help="Show every question that may be tuned on.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = (options.keep or Path(folder)).absolute()
        library = library_in(place, options.data)
        asked = questions_of(held_out=options.held_out, only_blind=options.blind)
        measure(library, place / "corpus", asked, spec=options.answerer, each=options.each)


if __name__ == "__main__":
    main()
