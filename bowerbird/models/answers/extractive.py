"""``extractive``: answers by quoting the sentences that answer, so that no word of an answer is made up.

Each sentence is weighed by what can be told without understanding it, the columns of `features`:

- ``near``: how near it lies to the question, in standard deviations from what the question scores on ordinary sentences
  of the encoder's. Answer sentence selection by cosines of sentence vectors is Yu et al. 2014, "Deep learning for
  answer sentence selection";
- ``passage``: the same of all that its exhibit bears, since few sentences say again what they are about;
- ``covered``: the share of the question's words that it bears;
- ``context``: the share that its exhibit bears, rare words among these sentences counting more: word overlap weighted
  by idf, as in Yu et al.;
- ``holds`` and ``lacks``: whether it holds the sort of thing that is asked for, such as a name, a sum or a time, or
  does not where that sort can be told for certain: Li and Roth 2002, "Learning question classifiers", of which only
  what a question's words show is used;
- ``relevant``: how relevant the moment was found in which it stands, or which it stands next to;
- ``stale``: whether it says nothing that the question has not said, as a heading does;
- ``asks``: whether it asks itself.

The weights are those of a conditional logit, in which one of the sentences is the answer or none is: ``python -m
benchmarks.fit_answers`` fits them, on the 53 questions of `benchmarks.eval_set.questions` that are not held out and the
238 of its `practice`. It tells what comes of questions about files that were left out of a fit, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bowerbird.answers import Exhibit, Question
from bowerbird.models.answers.asking_words import VAGUE, adds, bears, borne, sort_asked, telling, words
from bowerbird.models.answers.sentences import sentences
from bowerbird.ports import Encoder
from bowerbird.types import PICTURED

WEIGHTS = {
    "near": 0.66,
    "passage": 0.59,
    "covered": 0.96,
    "context": 0.93,
    "holds": 0.72,
    "lacks": -1.22,
    "relevant": 0.5,
    "stale": -7.65,
    "asks": -3.83,
}
BAR = 5.53
"""Weight that a sentence must have to be quoted: 1.39 less than what was fitted, where an answer is as likely as none.
Of questions that were left out of a fit, 40 % of those without an answer are then declined; to decline 60 % would take
one in five of the right answers with it."""
NAMED = 1.0
"""What is added where the question names the one moment it is about: the evidence is then a few sentences that somebody
chose, not a hundred that were found."""
ALMOST = 1.0
"""How far behind the best a further sentence may lie: a little more than a third of its odds."""
MOST_QUOTES = 3
MOST_READ = 48
"""Sentences that are read, those of the most relevant moments: nearly all of the time that an answer takes. Those that
share no word with the question have to be, since people ask in their own."""
PASSAGE = 240
"""Characters of what an exhibit bears that are read as a whole."""
ALIKE = 0.5
"""Relevance from which something is taken to be like the picture that came with a question."""
BEHIND = 2
"""Questions before this one that it may go on from."""

Floats = NDArray[np.float64]

_MARKER = re.compile(r"\s*\[\s*\d[^\]]*\]")
_LEAST_SPREAD = 0.01
"""Of cosines, above their median as search calibrates by."""
_ASKED = ("?", "？", "؟")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that an exhibit itself bears, on one line, and what it is worth before it is read."""

    text: str
    exhibit: Exhibit
    relevance: float
    """Of the most relevant exhibit in or around which it stands."""


class ExtractiveAnswerer:
    """Quotes one to three sentences, the best first, or nothing. Implements `Answerer`."""

    spec = "extractive"
    sends_to: str | None = None
    picture_px = 0
    exhibits = 24

    def __init__(self, encoder: Callable[[], Encoder]) -> None:
        """``encoder`` gives one that compares texts well."""
        self._encoder = encoder

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        """Lines of the form ``“…” [n]``. What comes with a picture may also be answered with the names of pictures.

        Raises `EncoderUnavailable` and `EncoderMismatch`.
        """
        quotes = self._quotes(question, exhibits)
        if not quotes and question.image is not None:
            quotes = _likenesses(exhibits)
        for number, (text, exhibit) in enumerate(quotes):
            yield ("\n" if number else "") + f"“{text}” [{exhibit.number}]"

    def _quotes(self, question: Question, exhibits: Sequence[Exhibit]) -> list[tuple[str, Exhibit]]:
        found = sentences_of(exhibits)
        if not found:
            return []
        if question.about is not None and not telling(question.text):
            return [(each.text, each.exhibit) for each in found[:MOST_QUOTES]]  # "what does it say?"
        bar = BAR - (NAMED if question.about is not None else 0.0)
        found = most_relevant(found)
        weighed = features(_readings(question), found, self._encoder()) @ np.array(list(WEIGHTS.values()))
        # One reading that makes sense of a sentence will do; the best is what both make most sense of.
        worth = np.where(weighed.max(axis=0) >= bar, weighed.mean(axis=0), -np.inf)
        best = np.argsort(-worth, kind="stable")[:MOST_QUOTES].tolist()
        least = worth[best[0]] - ALMOST
        return [(found[at].text, found[at].exhibit) for at in best if worth[at] > -np.inf and worth[at] >= least]


def _readings(question: Question) -> list[str]:
    """The question as it stands, and after those that it may go on from. A picture says itself what is meant."""
    behind = [] if question.image is not None else [turn.question for turn in question.thread[-BEHIND:]]
    return [question.text, " ".join([*behind, question.text])] if behind else [question.text]


def sentences_of(exhibits: Sequence[Exhibit]) -> list[Sentence]:
    """Each once, under the exhibit that bears the most of it itself, so that its citation opens where it stands."""
    held: dict[str, tuple[tuple[int, bool, int], Sentence]] = {}
    for each in exhibits:
        text = each.text or ""
        first, last = each.span or (0, len(text))
        for start, end in sentences(text):
            said = _on_one_line(text[start:end])
            mine = min(end, last) - max(start, first)
            rank = (max(0, mine), each.span is not None, -each.number)
            known = held.get(said)
            relevance = each.relevance if known is None else max(each.relevance, known[1].relevance)
            if known is None or rank > known[0]:
                held[said] = rank, Sentence(said, each, relevance)
            else:
                held[said] = known[0], replace(known[1], relevance=relevance)
    return [sentence for (mine, *_), sentence in held.values() if mine and words(sentence.text)]


def most_relevant(found: Sequence[Sentence]) -> list[Sentence]:
    """Those that are read."""
    return sorted(found, key=lambda each: -each.relevance)[:MOST_READ]


def features(readings: Sequence[str], found: Sequence[Sentence], encoder: Encoder) -> Floats:
    """What can be told of each sentence under each reading of a question.

    Shape ``(len(readings), len(found), len(WEIGHTS))``, the columns in the order of `WEIGHTS`.
    """
    passages = list(dict.fromkeys(each.exhibit.text or "" for each in found))
    places = {passage: number for number, passage in enumerate(passages)}
    place = np.array([places[each.exhibit.text or ""] for each in found])
    texts = [*(each.text for each in found), *(_on_one_line(passage[:PASSAGE]) for passage in passages)]
    near = _nearness(encoder, readings, texts)
    told = [
        _told(asked, found, passages, place, near[: len(found), number], near[len(found) :, number])
        for number, asked in enumerate(readings)
    ]
    return np.array(told, np.float64).reshape(len(readings), len(found), len(WEIGHTS))


def _told(
    asked: str,
    found: Sequence[Sentence],
    passages: Sequence[str],
    place: NDArray[np.int64],
    near: Floats,
    around: Floats,
) -> Floats:
    """What can be told of each sentence, shape ``(len(found), len(WEIGHTS))``; ``place`` is that of its passage."""
    topic, sort, said = telling(asked), sort_asked(asked), words(asked)
    bearing = _borne(topic, [each.text for each in found])
    rarity = np.log(1 + len(found) / (1 + bearing.sum(axis=0)))
    rarity /= rarity.sum() or 1.0
    holds = np.array([sort is not None and bears(each.text, sort, said) for each in found])
    told = {
        "near": near,
        "passage": around[place],
        "covered": bearing.sum(axis=1) / max(1, len(topic)),
        "context": (_borne(topic, passages) @ rarity)[place],
        "holds": holds,
        "lacks": ~holds if sort is not None and sort not in VAGUE else np.zeros(len(found)),
        "relevant": np.array([each.relevance for each in found]),
        "stale": np.array([not adds(each.text, said) for each in found]),
        "asks": np.array([each.text.endswith(_ASKED) for each in found]),
    }
    return np.stack([np.asarray(told[name], np.float64) for name in WEIGHTS], axis=1)


def _borne(topic: Sequence[str], texts: Sequence[str]) -> Floats:
    """Which words each text bears, 0 or 1, shape ``(len(texts), len(topic))``."""
    return np.array([borne(topic, words(text)) for text in texts], np.float64).reshape(len(texts), len(topic))


def _nearness(encoder: Encoder, asked: Sequence[str], texts: Sequence[str]) -> Floats:
    """Of each text to each of ``asked``, in deviations from the background, shape ``(len(texts), len(asked))``."""
    vectors = encoder.encode_texts([*asked, *texts])
    cosines = vectors[len(asked) :] @ vectors[: len(asked)].T
    background = encoder.background("text")
    general = cosines if background is None else background @ vectors[: len(asked)].T
    middle = np.median(general, axis=0)
    above = np.where(general >= middle, general - middle, np.nan)
    spread = np.maximum(np.sqrt(np.nanmean(above**2, axis=0)), _LEAST_SPREAD)
    return np.asarray((cosines - middle) / spread, np.float64)


def _likenesses(exhibits: Sequence[Exhibit]) -> list[tuple[str, Exhibit]]:
    """What the pictures bear that are like the one that came with the question, a file each; or what was said of them;
    of one of which there is neither, its name.
    """
    quotes: dict[str, tuple[str, Exhibit]] = {}
    for each in exhibits:
        if each.relevance < ALIKE or each.asset_id in quotes:
            continue
        told = each.own or each.caption or ""
        if spans := sentences(told):
            start, end = spans[0]
            quotes[each.asset_id] = _on_one_line(told[start:end]), each
        elif each.segment_kind in PICTURED:
            quotes[each.asset_id] = each.path.replace("\\", "/").rpartition("/")[2], each
    return list(quotes.values())[:MOST_QUOTES]


def _on_one_line(text: str) -> str:
    """Without what would be taken for a citation of ours."""
    return " ".join(_MARKER.sub("", text).split())
