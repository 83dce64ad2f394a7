"""Exports as Parquet: a column for each part of a row, vectors as float32 lists of fixed size, the header as metadata.

Needs pyarrow, which ``bowerbird[parquet]`` brings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from bowerbird.errors import UsageError
from bowerbird.types import SpaceName
from indexer.exchange.records import Header

if TYPE_CHECKING:
    import pyarrow

_META = b"bowerbird_export"
_VECTOR = "vector_"
_ROWS = 4096  # of one row group: with vectors of 512 dimensions 8 MB, which is what a reader holds at least
_TEXTS = (
    *("asset_id", "path", "kind", "media_type", "place", "region", "country", "camera"),
    *("segment_kind", "stage", "text", "language"),
)
_FLOATS = ("latitude", "longitude", "start_s", "end_s", "confidence")
_INTS = ("ordinal", "page")


class Writer:
    """Writes rows in groups. Raises `UsageError` where pyarrow is not there."""

    def __init__(self, stream: IO[bytes], header: Header) -> None:
        self._arrow, parquet = _pyarrow()
        self._dimensions = {name: space.dimension for name, space in header.spaces.items()} if header.vectors else {}
        arrow = self._arrow
        self._schema = arrow.schema(
            [
                *((name, arrow.string()) for name in _TEXTS),
                ("paths", arrow.list_(arrow.string())),
                ("taken_at", arrow.timestamp("us")),
                *((name, arrow.float64()) for name in _FLOATS),
                *((name, arrow.int32()) for name in _INTS),
                ("box", arrow.list_(arrow.float64())),
                ("asset", arrow.string()),
                *((_VECTOR + name, arrow.list_(arrow.float32(), size)) for name, size in self._dimensions.items()),
            ],
            metadata={_META: header.model_dump_json()},
        )
        self._writer = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def put(self, record: dict[str, Any]) -> None:
        """Take a row, and write what has come together."""
        self._rows.append(record)
        if len(self._rows) == _ROWS:
            self._flush()

    def close(self) -> None:
        """Write the rest."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        arrow, rows = self._arrow, self._rows
        if rows:
            columns = [
                self._vectors(SpaceName(field.name.removeprefix(_VECTOR)))
                if field.name.startswith(_VECTOR)
                else arrow.array([_plain(field.name, row.get(field.name)) for row in rows], field.type)
                for field in self._schema
            ]
            self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema), row_group_size=_ROWS)
            self._rows = []

    def _vectors(self, name: SpaceName) -> pyarrow.Array:
        arrow, dimension = self._arrow, self._dimensions[name]
        found = [row["vectors"].get(name) for row in self._rows]
        whole = np.zeros((len(found), dimension), np.float32)
        for at, vector in enumerate(found):
            if vector is not None:
                whole[at] = vector
        absent = arrow.array([vector is None for vector in found])
        return arrow.FixedSizeListArray.from_arrays(arrow.array(whole.ravel()), dimension, mask=absent)


def _plain(name: str, value: Any) -> Any:
    if name == "asset":
        return None if value is None else json.dumps(value, separators=(",", ":"))
    if name == "paths":
        return [_shown(path) for path in value]
    return _shown(value) if isinstance(value, str) else value


def _shown(text: str) -> str:
    """Names that are not UTF-8 as ``\\xNN``: an import takes them from ``asset``, where they are exact."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Reader:
    """Reads what `Writer` wrote. Raises `UsageError` where the file is no Parquet, or damaged."""

    unit = "row"

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._arrow, parquet = _pyarrow()
        self._name = name
        try:
            self._file = parquet.ParquetFile(stream)
            said = (self._file.schema_arrow.metadata or {}).get(_META)
            self.header: object = None if said is None else json.loads(said)
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def rows(self) -> Iterator[tuple[int, float, object]]:
        """The number of each row from 1, the share of all that has been read, and what it says."""
        number, total = 0, max(self._file.metadata.num_rows, 1)
        batches = self._file.iter_batches(batch_size=_ROWS)
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else self._as_rows(batch)
            except (self._arrow.ArrowException, OSError, ValueError) as error:
                raise self._unreadable(error) from error
            if batch is None:
                return
            for row in rows:
                number += 1
                yield number, number / total, row

    def _as_rows(self, batch: pyarrow.RecordBatch) -> list[dict[str, Any]]:
        plain = [name for name in batch.schema.names if not name.startswith(_VECTOR)]
        rows: list[dict[str, Any]] = batch.select(plain).to_pylist()
        for row in rows:
            row["asset"] = None if row.get("asset") is None else json.loads(row["asset"])
            row["vectors"] = {}
        for name in set(batch.schema.names) - set(plain):
            column = batch.column(name)
            there = np.flatnonzero(np.asarray(column.is_valid()))
            if len(there):
                vectors = np.asarray(column.flatten()).reshape(len(there), -1)
                for at, vector in zip(there.tolist(), vectors, strict=True):
                    rows[at]["vectors"][name.removeprefix(_VECTOR)] = vector
        return rows

    def _unreadable(self, error: Exception) -> UsageError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return UsageError(f"{self._name} is no Parquet, or damaged ({reason}); export anew")


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow: pip install 'bowerbird[parquet]'; or name a FILE.jsonl, which needs nothing"
        ) from None
    return pyarrow, parquet
