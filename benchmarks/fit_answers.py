"""Fit the weights by which `bowerbird.models.answers.extractive` tells the sentence that answers.

    python -m benchmarks.fit_answers --keep FOLDER

asks the library that `benchmarks.answers` made in FOLDER everything that may be tuned on, and prints weights and bar,
and what becomes of each tenth of the files' questions by weights that were fitted on the others. Minutes on two cores.

The model is a conditional logit (McFadden 1974) among a question's sentences and one more choice, that none answers,
whose weight is the bar. Weights are shrunk towards nothing (ridge), each in standard deviations of its column.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.answers import holding
from benchmarks.eval_set.questions import Asked, practice, questions
from bowerbird.answers import Question
from bowerbird.models.answers.extractive import BAR, WEIGHTS, features, most_relevant, sentences_of
from search import Search, open_search
from search.exhibits import exhibits_for

SHRINKAGE = 1.0
FOLDS = 10
DECLINED = (0.3, 0.4, 0.5, 0.6)
"""Shares of what has no answer."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The sentences found for a question."""

    asked: Asked
    told: Floats
    """A row each."""
    right: NDArray[np.bool_]
    """Which of them answer."""


def choice(search: Search, corpus: Path, asked: Asked) -> Choice:
    """What the answerer has to choose from."""
    answerer = search.library.answerer("extractive")
    found = most_relevant(sentences_of(exhibits_for(search, Question(asked.question), answerer)))
    (told,) = features([asked.question], found, search.library.encoder(search.library.spaces[-1]))
    right = [
        holding(asked.answers, corpus, each.exhibit, f"{each.text}\n{each.exhibit.own}") is not None for each in found
    ]
    return Choice(asked, told, np.array(right, bool))


def fitted(choices: Sequence[Choice]) -> Floats:
    """Weights, and the bar last."""
    spread = np.concatenate([each.told for each in choices]).std(axis=0)
    spread[spread == 0] = 1.0

    def lost(weights: Floats) -> tuple[float, Floats]:
        loss = SHRINKAGE * float(weights[:-1] @ weights[:-1]) / 2
        slope = np.append(SHRINKAGE * weights[:-1], 0.0)
        for each in choices:
            right = np.append(each.right, not each.asked.answers)
            if not right.any():
                continue  # what answers was not found
            scores = np.append((each.told / spread) @ weights[:-1], weights[-1])
            odds = np.exp(scores - scores.max())
            loss -= float(np.log(odds[right].sum() / odds.sum()))
            change = odds / odds.sum() - odds * right / odds[right].sum()
            slope += np.append((each.told / spread).T @ change[:-1], change[-1])
        return loss, slope

    weights = minimize(lost, np.zeros(len(spread) + 1), jac=True, method="L-BFGS-B").x
    return np.asarray(weights / np.append(spread, 1.0), np.float64)


def best(each: Choice, weights: Floats) -> tuple[float, bool]:
    """How far the best sentence lies above the bar, and whether it is right."""
    scores = each.told @ weights[:-1]
    at = int(np.argmax(scores))
    return float(scores[at] - weights[-1]), bool(each.right[at])


def left_out(choices: Sequence[Choice]) -> list[tuple[float, bool]]:
    """`best` of each by weights that were fitted without it, and without any other question that its file answers."""
    about = [each.asked.answers[0].path if each.asked.answers else each.asked.id for each in choices]
    files = sorted(set(about))
    drawn = dict(zip(files, np.random.default_rng(0).permutation(len(files)) % FOLDS, strict=True))
    fold = np.array([drawn[each] for each in about])
    told: list[tuple[float, bool]] = [(0.0, False)] * len(choices)
    for left in range(FOLDS):
        weights = fitted([each for each, of in zip(choices, fold, strict=True) if of != left])
        for at in np.flatnonzero(fold == left).tolist():
            told[at] = best(choices[at], weights)
    return told


def table(name: str, choices: Sequence[Choice], told: Sequence[tuple[float, bool]]) -> None:
    """What comes of bars that decline more and more, the last of them as it stands."""
    without = sorted(above for each, (above, _) in zip(choices, told, strict=True) if not each.asked.answers)
    answerable = [each for each, of in zip(told, choices, strict=True) if of.asked.answers]
    print(f"\n{name}: best is right {sum(right for _, right in answerable)} of {len(answerable)}")
    for share in (*DECLINED, None):
        bar = 0.0 if share is None else without[int(np.ceil(share * len(without))) - 1] + 1e-9
        right = sum(right and above >= bar for above, right in answerable)
        wrongly = sum(above < bar for above, _ in answerable)
        declined = sum(above < bar for above in without)
        print(f"bar {bar:+.2f}: right {right}, wrongly declined {wrongly}, declined {declined} of {len(without)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="where `benchmarks.answers` keeps its library")
    place = parser.parse_args().keep.absolute()
    with open_search(place / "library") as search:
        asked = [*(each for each in questions() if not each.held_out), *practice()]
        choices = [choice(search, place / "corpus", each) for each in asked]
    weights = fitted(choices)
    for name, weight in zip((*WEIGHTS, "bar"), weights, strict=True):
        print(f"{name:10}{weight:6.2f}")
    table("left out of the fit", choices, left_out(choices))
    standing = np.array([*WEIGHTS.values(), BAR])
    table("as it stands", choices, [best(each, standing) for each in choices])


if __name__ == "__main__":
    main()
