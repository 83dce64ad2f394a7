"""The query service: parse -> retrieve -> calibrate -> fuse -> hydrate. The file names are the stages.

>>> from search import open_search                       # doctest: +SKIP
>>> with open_search("~/library") as search:             # doctest: +SKIP
...     for hit in search.search("a cat").hits:
...         print(hit.path, hit.relevance)

Questions are answered from what is found: see `search.answer`.

>>> from search import ask                               # doctest: +SKIP
>>> with open_search("~/library") as search:             # doctest: +SKIP
...     print(ask(search, "what did they decide about the budget?").text)
"""

from __future__ import annotations

from pathlib import Path

from bowerbird.answers import Answer, Question
from bowerbird.wiring import open_library
from search.answer import ask
from search.service import Search

__all__ = ["Answer", "Question", "Search", "ask", "open_search"]


def open_search(library: Path | str | None = None) -> Search:
    """Open a library for searching.

    ``library`` is its folder; None: ``$BOWERBIRD_LIBRARY``, else the platform's data folder. Encoders are loaded by the
    first query that needs them. Use it in a ``with`` statement, or close it.

    Raises `LibraryMissing` where there is none, `LibraryTooNew` where a newer Bowerbird made it, and other
    `LibraryError` where it cannot be used.
    """
    return Search(open_library(library))
