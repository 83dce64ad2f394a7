"""A query as JSON: what HTTP takes and what is kept of a saved search; and what is answered, as scripts rely on it.

>>> from bowerbird.queries import Filters, Query
>>> query_to_json(Query("a cat", negatives=("dogs",), filters=Filters(camera="Pixel 7")))
{'text': 'a cat', 'not': ['dogs'], 'filters': {'camera': 'Pixel 7'}}

What is left out is as it is when nobody says anything. Names are those of the contract that scripts rely on.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import astuple
from dataclasses import fields as fields_of
from datetime import date
from typing import Any

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Hit, Query, SearchResult
from bowerbird.types import AssetKind, Box, SegmentKind, Source
from search.parse import LARGEST, MOST_BYTES, day, kinds_of

FIELDS = (
    *("text", "also", "image_base64", "crop", "like", "unlike", "not", "kinds", "filters", "sources", "limit"),
    *("min_relevance", "cursor", "rerank"),
)
FILTERS = ("types", "after", "before", "place", "camera", "path", "language", "phrases")
_HIT = tuple(each.name for each in fields_of(Hit))


def query_to_json(query: Query) -> dict[str, Any]:
    """Plain dicts, lists, texts and numbers, from which `query_from_json` makes an equal query."""
    filters = query.filters
    said = {
        "text": query.text,
        "also": list(query.also),
        "image_base64": None if query.image is None else base64.b64encode(query.image).decode("ascii"),
        "crop": None if query.crop is None else list(astuple(query.crop)),
        "like": list(query.like),
        "unlike": list(query.unlike),
        "not": list(query.negatives),
        "kinds": [kind.value for kind in filters.kinds],
        "filters": _without_defaults(
            {
                "types": [type_.value for type_ in filters.types],
                "after": filters.after and filters.after.isoformat(),
                "before": filters.before and filters.before.isoformat(),
                "place": filters.place,
                "camera": filters.camera,
                "path": filters.path,
                "language": filters.language,
                "phrases": list(filters.phrases),
            }
        ),
        "sources": [source.value for source in query.sources],
        "limit": None if query.limit == Query().limit else query.limit,
        "min_relevance": query.min_relevance,
        "cursor": query.cursor,
        "rerank": query.rerank,
    }
    return _without_defaults(said)


def query_from_json(said: object) -> Query:
    """The query that ``said`` describes. One text may stand where several may; days as `parse.day` reads them.

    Raises `QueryError`, which names the field, where one is not known here or holds something else than it should.
    What is well-formed and still no answerable query is for `parse.parse` to refuse.
    """
    fields = _object(said, "the query", FIELDS)
    filters = _object(fields.get("filters", {}), "the query's filters", FILTERS)
    limit = fields.get("limit", Query().limit)
    if not isinstance(limit, int) or not _is_number(limit):
        raise _unfit("limit", "a whole number")
    least = fields.get("min_relevance")
    return Query(
        text=_text(fields, "text"),
        also=_texts(fields, "also"),
        image=_image(fields),
        crop=_crop(fields),
        like=_examples(fields, "like"),
        unlike=_examples(fields, "unlike"),
        negatives=_texts(fields, "not"),
        filters=Filters(
            kinds=kinds_of(SegmentKind, _texts(fields, "kinds"), "kind"),
            types=kinds_of(AssetKind, _texts(filters, "types"), "type"),
            after=_day(filters, "after"),
            before=_day(filters, "before"),
            place=_text(filters, "place"),
            camera=_text(filters, "camera"),
            path=_text(filters, "path"),
            language=_text(filters, "language"),
            phrases=_texts(filters, "phrases"),
        ),
        sources=kinds_of(Source, _texts(fields, "sources"), "source"),
        limit=limit,
        min_relevance=None if least is None else _number(least, "min_relevance"),
        cursor=_text(fields, "cursor"),
        rerank=_text(fields, "rerank"),
    )


def result_to_json(result: SearchResult, query: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in plain dicts, lists, texts and numbers; ``query`` is what it shall say was asked."""
    return {
        "query": dict(query),
        "took_ms": result.took_ms,
        "matched": result.matched,
        "next_cursor": result.next_cursor,
        "understood": list(result.understood),
        "hits": [_hit_to_json(hit) for hit in result.hits],
    }


def _hit_to_json(hit: Hit) -> dict[str, Any]:
    # `asdict` goes through everything twice, and takes as long as to write the JSON.
    evidence = [{"source": each.source, "rank": each.rank, "score": each.score} for each in hit.evidence]
    plain = {name: getattr(hit, name) for name in _HIT}
    return {**plain, "box": None if hit.box is None else list(astuple(hit.box)), "evidence": evidence}


def _without_defaults(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None and value not in ([], {})}


def _object(said: object, what: str, known: Collection[str]) -> Mapping[str, Any]:
    """Its fields, null ones left out: they are as if they had not been named."""
    if not isinstance(said, dict):
        raise QueryError(f"{what} must be a JSON object with any of the fields {', '.join(known)}")
    for name in said:
        if name not in known:
            raise QueryError(
                f"{what}: the field {str(name)[:40]!r} is not known here; leave it out, or upgrade Bowerbird "
                f"if a newer one wrote it. Fields: {', '.join(known)}"
            )
    return {name: value for name, value in said.items() if value is not None}


def _unfit(name: str, what: str) -> QueryError:
    return QueryError(f"the query's field {name!r} must be {what}: correct it, or leave it out")


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    said = fields.get(name)
    if said is None or isinstance(said, str):
        return said
    raise _unfit(name, "a text")


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    said = fields.get(name, [])
    listed = [said] if isinstance(said, str) else said
    if isinstance(listed, list | tuple) and all(isinstance(each, str) for each in listed):
        return tuple(listed)
    raise _unfit(name, "a text or a list of texts")


def _examples(fields: Mapping[str, Any], name: str) -> tuple[str | int, ...]:
    said = fields.get(name, [])
    listed = said if isinstance(said, list | tuple) else [said]
    if all(isinstance(each, str) or (_is_number(each) and isinstance(each, int)) for each in listed):
        return tuple(listed)
    raise _unfit(name, "the id of an asset, the number of a segment, or a list of them")


def _number(said: object, name: str) -> float:
    if isinstance(said, int | float) and _is_number(said):
        return said
    raise _unfit(name, "a number")


def _is_number(said: object) -> bool:
    """A number that databases can hold; neither true nor false, which Python takes for numbers, nor infinity."""
    return isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= LARGEST


def _day(filters: Mapping[str, Any], name: str) -> date | None:
    return day(_text(filters, name), name)


def _crop(fields: Mapping[str, Any]) -> Box | None:
    said = fields.get("crop")
    if said is None:
        return None
    if not isinstance(said, list | tuple) or len(said) != 4:
        raise _unfit("crop", "four numbers, x, y, width and height, as fractions of the picture")
    return Box(*(_number(each, "crop") for each in said))


def _image(fields: Mapping[str, Any]) -> bytes | None:
    said = _text(fields, "image_base64")
    if said is None:
        return None
    if len(said) > 4 * MOST_BYTES / 3 + 4:
        raise QueryError(f"the query's picture is larger than {MOST_BYTES >> 20} MB; shrink the picture")
    try:
        return base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters that are not ASCII
        raise _unfit("image_base64", "an encoded picture (JPEG, PNG …) in base64") from None
