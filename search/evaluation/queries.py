"""What an evaluation asks, and what ought to be found: a file with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bowerbird.errors import QueryError
from bowerbird.paths import at_home
from bowerbird.queries import Query
from search.picture_files import read_picture

_NOWHERE = Path("/")
"""The folder of queries that come from no file."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A query, and the files that ought to be found by it: none where nothing should match."""

    id: str
    """Tells the same query in two runs; unique in its file."""
    text: str | None
    image: Path | None
    negatives: tuple[str, ...]
    relevant: tuple[str, ...]
    """Paths as they stand in the file, relative to `folder` or the end of a catalogued path."""
    group: str | None
    """What measures are also taken by: a medium, a topic."""
    folder: Path
    where: str
    """``queries.jsonl, line 7``: what errors begin with."""

    def ask(self) -> Query:
        """The query as a searcher takes it. Raises `QueryError` where its picture cannot be read."""
        try:
            image = None if self.image is None else read_picture(self.image.absolute())
        except QueryError as error:
            raise QueryError(f"{self.where}: {error}") from None
        return Query(text=self.text, image=image, negatives=self.negatives)


def read_queries(file: Path) -> list[Judged]:
    """The queries of ``file``, in order; empty lines are passed over.

    A line holds ``text`` or ``image`` (a path) or both, and ``relevant`` (a list of paths). It may hold ``not`` (a text
    or a list of them), ``id``, and ``group`` or ``medium``; whatever else it holds is left alone. Raises `QueryError`
    that names the file, the line and what is wrong with it.
    """
    file = at_home(file)
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise QueryError(f"{file}: {(error.strerror or str(error)).lower()}; name a file of queries") from None
    except UnicodeDecodeError as error:
        raise QueryError(
            f"{file}: is not UTF-8 at byte {error.start:,}; write it as UTF-8, a JSON object a line"
        ) from None
    queries = [_of_line(line, number, file) for number, line in enumerate(lines, 1) if line.strip()]
    if not queries:
        raise QueryError(f'{file}: holds no query; write lines such as {{"text": "a cat", "relevant": ["cat.jpg"]}}')
    return _each_once(queries)


def queries_of(listed: Sequence[Mapping[str, Any]]) -> list[Judged]:
    """What somebody elsewhere asks: the objects of such lines, whose relevant paths are the ends of catalogued ones.

    Raises `QueryError` as `read_queries` does, and where there is an ``image``: no file is read for them.
    """
    queries = [_judged(said, number, f"query {number}", _NOWHERE) for number, said in enumerate(listed, 1)]
    for query in queries:
        if query.image is not None:
            raise QueryError(f'{query.where}: "image" names a file, which only `bowerbird eval` reads; leave it out')
    return _each_once(queries)


def _each_once(queries: list[Judged]) -> list[Judged]:
    """The same queries. Raises `QueryError` where two have one id."""
    first: dict[str, str] = {}
    for query in queries:
        if query.id in first:
            raise QueryError(f"{query.where}: the id {query.id!r} is that of {first[query.id]}; make it another")
        first[query.id] = query.where
    return queries


def _of_line(line: str, number: int, file: Path) -> Judged:
    where = f"{file.name}, line {number}"
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise QueryError(f"{where}: is no JSON ({reason}); write one object a line") from None
    if not isinstance(said, dict):
        raise QueryError(f'{where}: is no JSON object; write {{"text": …, "relevant": [paths]}}')
    return _judged(said, number, where, file.parent)


def _judged(said: Mapping[str, Any], number: int, where: str, folder: Path) -> Judged:
    text, image = _text(said, "text", where), _text(said, "image", where)
    if text is None and image is None:
        raise QueryError(f'{where}: asks nothing; give "text", "image" or both')
    if "relevant" not in said:
        raise QueryError(f'{where}: has no "relevant"; list the paths that should be found, [] where nothing should')
    group = _text(said, "group", where)
    return Judged(
        id=_text(said, "id", where) or f"line {number}",
        text=text,
        image=None if image is None else folder / image,
        negatives=_texts(said, "not", where),
        relevant=tuple(dict.fromkeys(_texts(said, "relevant", where))),
        group=group if group is not None else _text(said, "medium", where),
        folder=folder,
        where=where,
    )


def _text(said: Mapping[str, Any], key: str, where: str) -> str | None:
    value = said.get(key)
    if key == "id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise QueryError(f'{where}: "{key}" is no text; write it in quotes, or leave it out')
    return value


def _texts(said: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = said.get(key, [])
    listed: Sequence[Any] = [value] if isinstance(value, str) and key == "not" else value
    if not isinstance(listed, list) or not all(isinstance(each, str) and each.strip() for each in listed):
        raise QueryError(f'{where}: "{key}" is no list of texts; write ["…", "…"]')
    return tuple(listed)
