"""Asks every source, holds what they find against each other, and fuses it: retrieve -> calibrate -> fuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bowerbird.queries import Query
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.filters import Selection
from bowerbird.store.catalog.segments import Owned
from bowerbird.store.catalog.words import Match
from bowerbird.types import Ids, SegmentKind, Source
from bowerbird.wiring import Library
from search import words
from search.calibrate import Calibrator
from search.compose import Aim, texts_of
from search.fuse import Candidate, Entry, Gathered, Listed, fuse, fuse_moments
from search.retrieve import Ranking, retrieve
from search.standing import Standing


class Gatherer:
    """All that a library has for a query. Safe to share between threads."""

    def __init__(self, library: Library, calibrator: Calibrator) -> None:
        self._library = library
        self._calibrator = calibrator
        self._standing = Standing(0)

    def gather(
        self, tx: Transaction, aimed: Sequence[Aim], query: Query, selection: Selection, most: int, floor: float
    ) -> tuple[list[Gathered], bool]:
        """One entry for each asset among the ``most`` best of each kind and source, best first.

        And whether there is no more to be had: each list has come to its end, or to what is below ``floor``.
        """
        lists, spared, exhausted = self._found(tx, aimed, query, selection, most, floor)
        stands_out = self._library.settings.search.stands_out
        return list(fuse(lists, stands_out=stands_out, spared=spared)), exhausted

    def moments(
        self, tx: Transaction, aimed: Sequence[Aim], query: Query, selection: Selection, most: int
    ) -> list[Candidate]:
        """The ``most`` best moments of each kind and source in one list, best first, also where they share an asset.

        Negatives are not heeded.
        """
        lists, _, _ = self._found(tx, aimed, query, selection, most, floor=0.0)
        return fuse_moments(lists)

    def _found(
        self, tx: Transaction, aimed: Sequence[Aim], query: Query, selection: Selection, most: int, floor: float
    ) -> tuple[list[Listed], dict[int, float], bool]:
        """What each source has, what the negatives leave of it by segment, and whether that is all."""
        lists: list[Listed] = []
        spared: dict[int, float] = {}
        exhausted = True
        standing = self._as_of(tx)
        for aim in aimed:
            # Filters that leave little come first; what others leave is sorted out of what was found.
            within = None if selection.assets is None else tx.filtered.embeddings(selection, aim.space.id)
            rankings = self._near(tx, standing, aim, query.filters.kinds, most, within)
            # By what nearness alone is worth: negatives and the like lower single hits, wherever they stand.
            exhausted = exhausted and all(len(each.ids) < most or self._least(each) < floor for each in rankings)
            lists += self._lists(tx, standing, rankings, selection, spared)
        if said := _words_of(query):
            matches = words.find(tx, said, most, selection)
            share, crowd = _share_of_words(query), words.crowd_of(said, matches)
            exhausted = exhausted and (len(matches) < most or share * words.relevance(matches[-1]) < floor)
            lists.append(_list_of_words(tx, matches, share, crowd))
            if query.negatives and matches:
                self._spare(tx, standing, aimed, query, matches, spared)
        return lists, spared, exhausted

    def _spare(
        self,
        tx: Transaction,
        standing: Standing,
        aimed: Sequence[Aim],
        query: Query,
        matches: Sequence[Match],
        spared: dict[int, float],
    ) -> None:
        """What the negatives leave of what was found by words, by its own words and by what it looks like."""
        _take(spared, words.spared(tx, matches, query.negatives))
        only = tx.filtered.only(sorted({match.asset_id for match in matches}))
        for aim in aimed:
            among = tx.filtered.embeddings(only, aim.space.id)
            every = max(map(len, among.values()), default=0)
            self._lists(tx, standing, self._near(tx, standing, aim, (), every, among), only, spared)

    def _near(
        self,
        tx: Transaction,
        standing: Standing,
        aim: Aim,
        kinds: Sequence[SegmentKind],
        most: int,
        within: Mapping[SegmentKind, Ids] | None,
    ) -> list[Ranking]:
        return retrieve(self._library, tx, standing, self._calibrator, aim, kinds, most, within)

    def _as_of(self, tx: Transaction) -> Standing:
        """What is known of the catalogue as this transaction sees it."""
        standing, head = self._standing, tx.head()
        if standing.head != head:
            standing = self._standing = Standing(head)
        return standing

    def _least(self, ranking: Ranking) -> float:
        """What the last of a ranking is worth, whatever the negatives say."""
        last = self._calibrator.relevance(ranking.aim.space, ranking.kind, ranking.wanted, ranking.scores[-1:])
        return ranking.aim.coverage * float(last[0])

    def _lists(
        self,
        tx: Transaction,
        standing: Standing,
        rankings: Sequence[Ranking],
        selection: Selection,
        spared: dict[int, float],
    ) -> list[Listed]:
        """Rankings as lists of segments; what the negatives leave of each goes into ``spared``."""
        ids = [id_ for each in rankings for id_ in each.ids.tolist()]
        sifted = bool(selection.conditions)
        placed = tx.segments.placed(ids, selection.conditions) if sifted else standing.placed(tx, ids)
        return [self._list(ranking, placed, spared) for ranking in rankings]

    def _list(self, ranking: Ranking, placed: Mapping[int, Owned], spared: dict[int, float]) -> Listed:
        space, calibrated = ranking.aim.space, self._calibrator.relevance
        relevance = ranking.aim.coverage * calibrated(space, ranking.kind, ranking.wanted, ranking.scores)
        lines = zip(ranking.ids.tolist(), ranking.scores.tolist(), relevance.tolist(), strict=True)
        # What is not there was filtered out, or has gone since the view was caught up.
        entries = [Entry(owner, score, worth) for id_, score, worth in lines if (owner := placed.get(id_)) is not None]
        if len(ranking.unwanted):
            left = np.ones(len(ranking.ids), np.float32)
            for negative, scores in zip(ranking.aim.unwanted, ranking.unwanted, strict=True):
                left *= 1 - calibrated(space, ranking.kind, negative, scores)
            factors = zip(ranking.ids.tolist(), left.tolist(), strict=True)
            _take(spared, {placed[id_].segment_id: factor for id_, factor in factors if id_ in placed})
        return Listed(ranking.aim.source, entries)


def _words_of(query: Query) -> str:
    """What the words source looks for."""
    if query.sources and Source.WORDS not in query.sources:
        return ""
    return " ".join(text for text in (query.text, *query.also) if text)


def _share_of_words(query: Query) -> float:
    """How much of the query is words: what bears them need not look like its picture."""
    texts = len(texts_of(query))
    return texts / (texts + (query.image is not None) + bool(query.like)) if texts else 1.0


def _list_of_words(tx: Transaction, matches: Sequence[Match], share: float, crowd: int) -> Listed:
    found = tx.segments.owned([match.segment_id for match in matches])
    entries = [
        Entry(found[match.segment_id], match.score, share * words.relevance(match, crowd), match.named)
        for match in matches
        if match.segment_id in found
    ]
    return Listed(Source.WORDS, entries)


def _take(spared: dict[int, float], factors: Mapping[int, float]) -> None:
    """Whichever source knows a negative best has its way."""
    for segment_id, factor in factors.items():
        spared[segment_id] = min(factor, spared.get(segment_id, 1.0))
