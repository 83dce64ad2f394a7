"""What a question is answered from: the moments of the library that bear on it, each with what stands around it.

Search shows each file once. Evidence is looked for moment by moment instead, since a long meeting may answer a question
in several places. A question in words is answered mostly by words, so at most a third of what is retrieved for it are
pictures; one that comes with a picture has as many as are like it.

What goes on from an earlier question ("and who pays?") is looked for twice: as it stands, and with the questions before
put ahead of it. A moment counts by the better of the two, so neither a question that cannot be understood alone nor one
that changes the subject is lost. A question with a picture is likewise looked for by the picture, and by picture and
words together.

Of a question about one whole film, talk or paper the evidence is looked for in the same way, in that alone. Some of it
is spread over the whole, since few questions about all of a thing say what to look for ("what is this about?").
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from bowerbird.answers import About, Exhibit, Question
from bowerbird.errors import QueryError
from bowerbird.moments import seen_together
from bowerbird.ports import Answerer
from bowerbird.queries import Query
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.filters import Selection
from bowerbird.store.catalog.segments import Found
from bowerbird.types import PICTURED, AssetKind, Segment, SegmentKind
from search.compose import examples
from search.exhibit_pictures import PictureOf, thumbnails
from search.fuse import Candidate
from search.hydrate import path_of, place_in_words
from search.moments_in_words import clock
from search.service import Search
from search.words import terms_of

TURNS_BEHIND = 2
"""Questions before this one that it may go on from."""
AROUND_S = 12.0
"""How far before and after a spoken sentence its surroundings reach: some two sentences either way."""
MOST_AROUND = 40
"""Moments looked at for what stands around one."""
MOST_THERE = 4000
"""Moments of one page or time among which what bears on a question is looked for; a sheet may be one long page."""
MOST_CHARACTERS = 1500
"""Of a moment and its surroundings: a good paragraph before and after, and eight of them still suit a small model."""
BESIDE = 4
"""One of so many exhibits is a neighbour of the best ones, for the sake of what its own place has to be cited for."""
PICTURES = 3
"""One of so many may be a picture, where the question is in words."""
SPREAD = 3
"""Of a whole film or paper one of so many exhibits is there for being spread over it, whatever the question is."""
NEARBY_S = 5.0
"""How far from the time that a question is about a moment may lie, where nothing is seen or said at that very time."""

_READ_OFF = frozenset({SegmentKind.OCR, SegmentKind.CAPTION})
_WITH_PICTURE = PICTURED | _READ_OFF


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A moment that is to be put before the answerer."""

    found: Found
    relevance: float


def exhibits_for(
    search: Search, question: Question, answerer: Answerer, picture_of: PictureOf | None = None
) -> list[Exhibit]:
    """At most ``answerer.exhibits`` moments that bear on ``question``, numbered from 1, the most relevant first.

    With `Question.about` only what is seen, said and written there; of a long film, talk or paper in the order in which
    it stands there. ``picture_of`` makes the pictures, for an answerer that looks at any; None: stored thumbnails. An
    empty library gives none.

    Raises `QueryError` where what the question is about is not in the library, or its picture cannot be read; and what
    `Search.run` raises.
    """
    with search.library.catalog.read() as tx:
        if question.about is not None:
            chosen = _there(search, tx, question, question.about, answerer)
        else:
            chosen = _retrieved(search, tx, question, answerer)
        exhibits = _exhibits(tx, chosen)
    if not answerer.picture_px:
        return exhibits
    picture_of = picture_of or thumbnails(search)
    return [
        replace(each, picture=picture_of(each, answerer.picture_px)) if each.segment_kind in _WITH_PICTURE else each
        for each in exhibits
    ]


def _retrieved(search: Search, tx: Transaction, question: Question, answerer: Answerer) -> list[_Chosen]:
    known = _ranked(search, tx, question, answerer)
    beside = answerer.exhibits // BESIDE
    pictures = _most_pictures(question, answerer)
    chosen = _choose(known, answerer.exhibits - beside, pictures)
    relevance = {each.found.segment.id: each.relevance for each in known}
    chosen = _choose([*chosen, *_beside(tx, chosen, relevance), *known], answerer.exhibits, pictures)
    return sorted(chosen, key=lambda each: -each.relevance)


def _ranked(
    search: Search, tx: Transaction, question: Question, answerer: Answerer, within: Selection | None = None
) -> list[_Chosen]:
    """What bears on the question and ``answerer`` can make something of, the most relevant first."""
    best: dict[int, Candidate] = {}
    for query in readings(question):
        for each in search.moments(tx, query, 3 * answerer.exhibits, within):
            if each.segment_id not in best or each.order < best[each.segment_id].order:
                best[each.segment_id] = each
    ranked = sorted(best.values(), key=lambda each: each.order)
    # Several moments fall together, and pictures go, so more are looked up than are wanted.
    moments = tx.segments.moments([each.segment_id for each in ranked[: 12 * answerer.exhibits]])
    known = [_Chosen(moments[each.segment_id], each.relevance) for each in ranked if each.segment_id in moments]
    return known if answerer.picture_px or question.image is not None else _bearing_text(tx, known)


def _most_pictures(question: Question, answerer: Answerer) -> int:
    return answerer.exhibits if question.image is not None else answerer.exhibits // PICTURES


def _bearing_text(tx: Transaction, known: Sequence[_Chosen]) -> list[_Chosen]:
    """Without the pictures of assets off which nothing was read and of which nothing was said."""
    wordless = [each.found.asset.id for each in known if _shows_only(each.found.segment)]
    legible = tx.surroundings.legible(wordless)
    return [each for each in known if not _shows_only(each.found.segment) or each.found.asset.id in legible]


def _shows_only(segment: Segment) -> bool:
    return segment.kind in PICTURED and segment.text is None


def _beside(tx: Transaction, chosen: Sequence[_Chosen], relevance: Mapping[int, float]) -> Iterator[_Chosen]:
    """What is said and written next to what was found, the nearest first: an answer often follows what was asked."""
    for each in chosen:
        segment = each.found.segment
        if segment.kind not in _WITH_PICTURE:
            found = tx.segments.moments(tx.surroundings.of(segment, seconds=AROUND_S, most=MOST_AROUND))
            alike = [other for other in found.values() if other.segment.kind is segment.kind]
            alike.sort(key=lambda other: (abs(_when(other) - _when(each.found)), _when(other)))
            yield from (_Chosen(other, relevance.get(other.segment.id, 0.0)) for other in alike)


def _when(found: Found) -> float:
    return found.segment.ordinal if found.segment.start_s is None else found.segment.start_s


def readings(question: Question) -> list[Query]:
    """The ways in which a question is looked for; what is found in any of them counts."""
    behind = [turn.question for turn in question.thread[-TURNS_BEHIND:]]
    texts = [question.text, *([" ".join([*behind, question.text])] if behind else [])]
    if question.image is None:
        return [Query(also=(text,)) for text in texts]
    # "What is this?" says nothing that could be looked for.
    telling = [text for text in texts if terms_of(text)[0]]
    return [Query(image=question.image), *(Query(also=(text,), image=question.image) for text in telling)]


def _choose(ranked: Iterable[_Chosen], most: int, pictures: int) -> list[_Chosen]:
    """The first ``most``, of which at most so many ``pictures``, and nothing twice."""
    chosen: list[_Chosen] = []
    seen: set[object] = set()
    for each in ranked:
        segment = each.found.segment
        shows = _shows_only(segment)
        if len(chosen) == most or (shows and not pictures):
            continue
        place, words = _place(each.found), segment.text and " ".join(segment.text.split())
        if place in seen or words in seen:
            continue
        seen |= {place, words} - {None}
        pictures -= shows
        chosen.append(each)
    return chosen


def _place(found: Found) -> object:
    """What a picture and its parts share; None where a moment stands for itself."""
    segment = found.segment
    return (found.asset.id, segment.page, segment.start_s) if segment.kind in PICTURED else None


def _there(search: Search, tx: Transaction, question: Question, about: About, answerer: Answerer) -> list[_Chosen]:
    """What a question is about: the moment that was named, and what else is seen, said and written there."""
    if about.segment_id is None and about.asset_id is None:
        raise QueryError("what the question is about is not said: name a segment or an asset of this library")
    named = about.asset_id if about.segment_id is None else about.segment_id
    example = examples(tx, [named])[0]  # type: ignore[list-item]
    start_s, end_s, page = about.at_s, None, about.page
    if example.segment_id is not None:
        own = tx.segments.moments([example.segment_id])[example.segment_id].segment
        start_s, end_s, page = own.start_s, own.end_s, own.page
    for seconds in (0.0, NEARBY_S):
        ids = tx.surroundings.at(
            example.asset_id, start_s=start_s, end_s=end_s, page=page, seconds=seconds, most=MOST_THERE
        )
        if ids or start_s is None:
            break
    if example.segment_id is not None:
        ids = [example.segment_id, *(each for each in ids if each != example.segment_id)]
    found = tx.segments.moments(ids[:MOST_AROUND])
    if not found:
        at = f"at {clock(start_s)}" if start_s is not None and math.isfinite(start_s) else "there"
        where = at if page is None else f"on page {page}"
        raise QueryError(f"the file that the question is about has nothing {where}: ask about another moment of it")
    there = [_Chosen(found[each], 1.0) for each in ids if each in found]
    whole = example.segment_id is None and start_s is None and page is None
    if whole and len(there) > answerer.exhibits and there[0].found.asset.info.kind is not AssetKind.IMAGE:
        return _throughout(search, tx, question, answerer, example.asset_id)
    if example.segment_id is not None and start_s is None and page is None:
        # Of a text without pages the passage alone is meant, of a picture all that was read off it.
        there = [
            each
            for each in there
            if each.found.segment.kind in _WITH_PICTURE or each.found.segment.id == example.segment_id
        ]
    first, rest = there[: example.segment_id is not None], there[example.segment_id is not None :]
    rest = [each for each in rest if each.found.segment.kind is not SegmentKind.REGION]
    rest.sort(key=lambda each: each.found.segment.kind not in PICTURED)
    near: list[_Chosen] = []
    if len(there) > answerer.exhibits:  # of a full page what bears on the question goes before what stands first
        ranked = _ranked(search, tx, question, answerer, tx.filtered.only([example.asset_id], ids))
        near = [each for each in ranked if each.found.segment.kind is not SegmentKind.REGION]
    return _choose([*first, *near, *rest], answerer.exhibits, answerer.exhibits)


def _throughout(
    search: Search, tx: Transaction, question: Question, answerer: Answerer, asset_id: int
) -> list[_Chosen]:
    """What bears on the question in one long asset, and what else it takes to have seen all parts of it, in order."""
    most = answerer.exhibits
    near = _ranked(search, tx, question, answerer, tx.filtered.only([asset_id]))
    tells = question.image is not None or bool(terms_of(question.text)[0])
    chosen = _choose(near, most - most // SPREAD if tells else 0, _most_pictures(question, answerer))
    ids = tx.surroundings.spread(asset_id, most - len(chosen), pictures=answerer.picture_px > 0)
    found = tx.segments.moments(ids)
    relevance = {each.found.segment.id: each.relevance for each in near}
    spread = [_Chosen(found[each], relevance.get(each, 0.0)) for each in ids if each in found]
    # What is spread may be among the nearest; then there is room for more of those.
    return sorted(_choose([*chosen, *spread, *near], most, most), key=lambda each: _in_order(each.found.segment))


def _in_order(segment: Segment) -> tuple[float, int, int]:
    return segment.start_s or 0.0, segment.page or 0, segment.ordinal


def _exhibits(tx: Transaction, chosen: Sequence[_Chosen]) -> list[Exhibit]:
    """With their texts and paths; what has just gone is left out."""
    copies = tx.locations.copies_of([each.found.asset.id for each in chosen])
    around = {
        each.found.segment.id: tx.surroundings.of(
            each.found.segment,
            seconds=0.0 if each.found.segment.kind in _WITH_PICTURE else AROUND_S,
            most=MOST_AROUND,
        )
        for each in chosen
    }
    known = tx.segments.moments(list({id_ for ids in around.values() for id_ in ids}))
    made = tx.captions.by_models([*known, *around])
    exhibits: list[Exhibit] = []
    for each in chosen:
        segment, asset, dated = each.found.segment, each.found.asset, each.found.dated_at
        if asset.id not in copies:
            continue
        near = [known[id_].segment for id_ in around[segment.id] if id_ in known]
        text, span = _words(segment, near, made)
        exhibits.append(
            Exhibit(
                number=len(exhibits) + 1,
                segment_id=segment.id,
                asset_id=asset.hash,
                path=path_of(copies[asset.id]),
                kind=asset.info.kind,
                segment_kind=segment.kind,
                start_s=segment.start_s,
                end_s=segment.end_s,
                page=segment.page,
                box=segment.box,
                text=text,
                relevance=round(each.relevance, 4),
                taken_at=None if dated is None else dated.isoformat(timespec="seconds"),
                place=place_in_words(asset.info.place),
                span=span,
                caption=_caption(segment, near, made),
            )
        )
    return exhibits


def _words(moment: Segment, around: Sequence[Segment], made: Set[int]) -> tuple[str | None, tuple[int, int] | None]:
    """What the moment bears with as much of its like around it as there is room for, None where there is nothing; and
    where in it the moment's own words stand, if it has any.

    Around what is spoken stands what is spoken, around a passage the passages next to it; a picture bears what was read
    off it and said about it by a person. What models ``made`` of it is no evidence, and stands alone.
    """
    if moment.id in made:
        around = [moment]
    alike = _READ_OFF if moment.kind in _WITH_PICTURE else {moment.kind}
    if moment.kind is SegmentKind.PAGE:
        alike = {SegmentKind.PAGE, SegmentKind.TEXT, *_READ_OFF}
    near = [
        each
        for each in around
        if each.id == moment.id
        or (each.kind in alike and each.id not in made and (each.kind not in _READ_OFF or seen_together(each, moment)))
    ]
    at = next((place for place, each in enumerate(near) if each.id == moment.id), None)
    if at is None and moment.text is not None:
        near, at = [moment], 0
    order = sorted(range(len(near)), key=lambda place: abs(place - (at or 0)))
    kept: list[int] = []
    room = MOST_CHARACTERS
    for place in order:
        room -= len(near[place].text or "")
        if room < 0 and kept:
            break
        kept.append(place)
    between = " " if moment.kind is SegmentKind.SPEECH else "\n\n"
    text = between.join(near[place].text or "" for place in sorted(kept))
    if at is None or moment.text is None:
        return text or None, None
    begins = sum(len(near[place].text or "") + len(between) for place in kept if place < at)
    return text, (begins, begins + len(moment.text))


def _caption(moment: Segment, around: Sequence[Segment], made: Set[int]) -> str | None:
    """What models have said of the picture that the moment is, or is part of; None of what is such a caption itself."""
    if moment.kind not in _WITH_PICTURE or moment.id in made:
        return None
    said = [each.text for each in around if each.id in made and each.text and seen_together(each, moment)]
    return "\n\n".join(said)[:MOST_CHARACTERS] or None
