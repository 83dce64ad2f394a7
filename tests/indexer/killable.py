"""A process that indexes whenever it is told to, each time in a fork of itself that can be killed.

Forking after everything is imported makes thirty kills cheap. ``python -m tests.indexer.killable LIBRARY MEDIA``: for
each line on stdin it prints the number of the process that indexes, and then how that ended.
"""

# ruff: noqa: F401 (whatever a run needs is imported before the first)

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence

import alembic.command
import alembic.config
import faiss
import sqlalchemy as sa
import sqlalchemy.dialects.sqlite

from bowerbird.store.views import keeper
from bowerbird.types import Pixels, Vectors
from bowerbird.wiring import open_library
from indexer import Indexer
from tests.fakes import HashEncoder

# What was written survives a killed process without waiting for the disk; only a power cut would need that.
sa.event.listen(sa.pool.Pool, "checkout", lambda sql, _record, _proxy: sql.execute("PRAGMA synchronous=OFF"))
keeper.SMALLEST = 10  # so that snapshots are written too


class Slow(HashEncoder):
    """Takes about as long as a real one on a good machine."""

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        time.sleep(0.01)
        return super().encode_images(pictures)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.01)
        return super().encode_texts(texts)


def index(library: str, media: str) -> int:
    try:
        with open_library(library, create=True, encoder="hash", load=lambda _: Slow()) as opened:
            return len(Indexer(opened).index([media]).failed)
    except BaseException:
        traceback.print_exc()
        return 99


def main() -> None:
    for line in sys.stdin:
        library, media = line.rstrip("\n").split("\t")
        started = time.monotonic()
        if (child := os.fork()) == 0:
            os._exit(index(library, media))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), time.monotonic() - started, flush=True)


if __name__ == "__main__":
    main()
