"""The query service: parse -> retrieve -> calibrate -> fuse -> hydrate. The file names are the stages.

>>> from search import open_search                       # doctest: +SKIP
>>> with open_search("~/library") as search:             # doctest: +SKIP
...     for hit in search.search("a cat").hits:
...         print(hit.path, hit.relevance)
"""

from __future__ import annotations

from pathlib import Path

from bowerbird.wiring import open_library
from search.service import Search

__all__ = ["Search", "open_search"]


def open_search(library: Path | str | None = None) -> Search:
    """Open a library for searching (None: the default one).

    Raises `LibraryMissing` where there is none, and other `LibraryError`.
    """
    return Search(open_library(library))
