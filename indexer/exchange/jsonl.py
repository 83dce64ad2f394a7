"""Exports as JSON lines: the header, then a row a line, all of it ASCII. Vectors are lists of numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import UsageError
from bowerbird.types import SpaceName
from indexer.exchange.records import Header

_MOST_LINE = 64 << 20


class Writer:
    """Writes rows as they come."""

    def __init__(self, stream: IO[bytes], header: Header) -> None:
        self._stream = stream
        self._write(header.model_dump(mode="json"))

    def put(self, record: dict[str, Any]) -> None:
        """Write a row."""
        vectors: Mapping[SpaceName, NDArray[np.float16]] = record["vectors"]
        taken_at = record["taken_at"]
        self._write(
            {
                **record,
                "taken_at": taken_at and taken_at.isoformat(),
                "vectors": {name: shortest(vector) for name, vector in vectors.items()},
            }
        )

    def close(self) -> None:
        """Nothing is held back."""

    def _write(self, value: dict[str, Any]) -> None:
        self._stream.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")


def shortest(vector: NDArray[np.float16]) -> list[float]:
    """The numbers with the fewest digits that are the same as float16: a third of what all their digits would take."""
    numbers = _numbers()
    return [numbers[each] for each in vector.view(np.uint16).tolist()]


@cache
def _numbers() -> list[float]:
    """Of all 65,536 float16: writing each anew would take most of the time of an export."""
    with np.errstate(all="ignore"):
        return [float(str(each)) for each in np.arange(1 << 16, dtype=np.uint16).view(np.float16)]


class Reader:
    """Reads what `Writer` wrote. Raises `UsageError` with the number of the line where one is not as it should be."""

    unit = "line"

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._read = 0
        self.header: object = self._parsed(1, line) if (line := self._line(1)) else None

    def rows(self) -> Iterator[tuple[int, float, object]]:
        """The number of each line, the share of all that has been read to its end, and what it says."""
        size, number = max(os.fstat(self._stream.fileno()).st_size, 1), 2
        while line := self._line(number):
            if line.strip():
                yield number, self._read / size, self._parsed(number, line)
            number += 1

    def _line(self, number: int) -> bytes:
        line = self._stream.readline(_MOST_LINE)
        self._read += len(line)
        if len(line) == _MOST_LINE:
            raise UsageError(f"{self._name} line {number}: is longer than {_MOST_LINE >> 20} MB, which no row is")
        return line

    def _parsed(self, number: int, line: bytes) -> object:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(
                f"{self._name} line {number}: is not JSON ({reason}); correct it, or export anew"
            ) from None
