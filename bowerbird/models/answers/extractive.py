"""``extractive``: answers by quoting the sentences that answer, so that no word of an answer is made up.

Each sentence is weighed by what can be told without understanding it, the columns of `features`:

- ``near``: how near it lies to the question, in standard deviations from what the question scores on ordinary sentences
  of the encoder's. Answer sentence selection by cosines of sentence vectors is Yu et al. 2014, "Deep learning for
  answer sentence selection";
- ``covered``: the share of the question's words that it bears, or seems to mean: a word lies up to `MEANT` deviations
  near to it, counted as a part. Soft alignment in the manner of Zhang et al. 2020, "BERTScore";
- ``context``: the share that its exhibit bears, rare words among these sentences counting more: word overlap weighted
  by idf, as in Yu et al.;
- ``sort``: whether it holds the sort of thing that is asked for, such as a name, a sum or a time (1), or does not (-1):
  Li and Roth 2002, "Learning question classifiers", of which only what a question's words show is used;
- ``relevant``: how relevant the moment was found in which it stands, or which it stands next to;
- ``spoken``: whether it was said. What was misheard bears fewer of a question's words than what was written;
- ``stale``: whether it says nothing that the question has not said, as a heading does;
- ``asks``: whether it asks itself.

The weights are those of a conditional logit, in which one of the sentences is the answer or none is: ``python -m
benchmarks.fit_answers`` fits them, on the 53 questions of `benchmarks.eval_set.questions` that are not held out and the
128 of its `practice`. It tells what comes of questions that were left out of a fit, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bowerbird.answers import Exhibit, Question
from bowerbird.models.answers.asking_words import adds, bears, borne, sort_asked, telling, words
from bowerbird.models.answers.sentences import sentences
from bowerbird.ports import Encoder
from bowerbird.types import PICTURED, SegmentKind

WEIGHTS = {
    "near": 0.37,
    "covered": 3.72,
    "context": 2.06,
    "sort": 1.26,
    "relevant": 3.75,
    "spoken": 1.88,
    "stale": -1.74,
    "asks": -1.34,
}
BAR = 7.08
"""Weight that a sentence must have to be quoted: 0.81 less than what was fitted, where an answer is as likely as none.
Of questions that were left out of a fit, 60 % of those without an answer are then declined."""
MEANT = 5.0
"""Deviations from which a sentence is taken to mean a word of the question."""
NAMED = 1.0
"""What is added where the question names the one moment it is about: the evidence is then a few sentences that somebody
chose, not a hundred that were found."""
ALMOST = 1.0
"""How far behind the best a further sentence may lie: a little more than a third of its odds."""
MOST_QUOTES = 3
MOST_READ = 12
"""Sentences that are encoded, those that weigh most without: nearly all of the time that an answer takes."""
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
        weights = np.array(list(WEIGHTS.values()))
        weighed = np.array([features(asked, found, self._encoder) @ weights for asked in _readings(question)])
        # One reading that makes sense of a sentence will do; the best is what both make most sense of.
        worth = np.where(weighed.max(axis=0) >= bar, weighed.mean(axis=0), -np.inf)
        best = np.argsort(-worth, kind="stable")[:MOST_QUOTES].tolist()
        least = worth[best[0]] - ALMOST
        return [(found[at].text, found[at].exhibit) for at in best if worth[at] > -np.inf and worth[at] >= least]


def _readings(question: Question) -> list[str]:
    """The question as it stands, and with those before it that it may go on from."""
    behind = [turn.question for turn in question.thread[-BEHIND:]]
    return [question.text, " ".join([*behind, question.text])] if behind else [question.text]


def sentences_of(exhibits: Sequence[Exhibit]) -> list[Sentence]:
    """Each once, under the exhibit that bears the most of it itself, so that its citation opens where it stands."""
    held: dict[str, tuple[tuple[int, bool, int], Sentence]] = {}
    for each in exhibits:
        text = each.text or ""
        own = text if each.own is None else each.own
        first = max(0, text.find(own))
        last = first + len(own)
        for start, end in sentences(text):
            said = _on_one_line(text[start:end])
            mine = min(end, last) - max(start, first)
            rank = (max(0, mine), each.own is not None, -each.number)
            known = held.get(said)
            relevance = each.relevance if known is None else max(each.relevance, known[1].relevance)
            if known is None or rank > known[0]:
                held[said] = rank, Sentence(said, each, relevance)
            else:
                held[said] = known[0], replace(known[1], relevance=relevance)
    return [sentence for (mine, *_), sentence in held.values() if mine and words(sentence.text)]


def features(
    asked: str, found: Sequence[Sentence], encoder: Callable[[], Encoder], most_read: int = MOST_READ
) -> Floats:
    """What can be told of each sentence, shape ``(len(found), len(WEIGHTS))``, in the order of `WEIGHTS`.

    Only the ``most_read`` sentences that weigh most otherwise are encoded. The others are as if they lay no nearer to
    the question than any, and meant no word that they do not bear.
    """
    topic, sort, said = telling(asked), sort_asked(asked), words(asked)
    bearing = _borne(topic, [each.text for each in found])
    texts = list(dict.fromkeys(each.exhibit.text or "" for each in found))
    around = dict(zip(texts, _borne(topic, texts), strict=True))
    context = np.array([around[each.exhibit.text or ""] for each in found])
    rarity = np.log(1 + len(found) / (1 + bearing.sum(axis=0)))
    rarity /= rarity.sum() or 1.0
    share = 1.0 / max(1, len(topic))
    told = {
        "near": np.zeros(len(found)),
        "covered": bearing.sum(axis=1) * share,
        "context": context @ rarity,
        "sort": np.array([0.0 if sort is None else 1.0 if bears(each.text, sort, said) else -1.0 for each in found]),
        "relevant": np.array([each.relevance for each in found]),
        "spoken": np.array([float(each.exhibit.segment_kind is SegmentKind.SPEECH) for each in found]),
        "stale": np.array([float(not adds(each.text, said)) for each in found]),
        "asks": np.array([float(each.text.endswith(_ASKED)) for each in found]),
    }
    unread = sum((WEIGHTS[name] * column for name, column in told.items()), np.zeros(len(found)))
    read = np.argsort(-unread, kind="stable")[:most_read]
    near = _nearness(encoder(), [asked, *topic], [found[at].text for at in read])
    told["near"][read] = near[:, 0]
    told["covered"][read] = np.maximum(bearing[read], np.clip(near[:, 1:] / MEANT, 0.0, 1.0)).sum(axis=1) * share
    return np.stack([told[name] for name in WEIGHTS], axis=1)


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
    """What is said of the pictures that are like the one that came with the question, a file each; of one that bears no
    text, its name.
    """
    quotes: dict[str, tuple[str, Exhibit]] = {}
    for each in exhibits:
        if each.relevance < ALIKE or each.asset_id in quotes:
            continue
        own = (each.text if each.own is None else each.own) or ""
        if spans := sentences(own):
            start, end = spans[0]
            quotes[each.asset_id] = _on_one_line(own[start:end]), each
        elif each.segment_kind in PICTURED:
            quotes[each.asset_id] = each.path.replace("\\", "/").rpartition("/")[2], each
    return list(quotes.values())[:MOST_QUOTES]


def _on_one_line(text: str) -> str:
    """Without what would be taken for a citation of ours."""
    return " ".join(_MARKER.sub("", text).split())
