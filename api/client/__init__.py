"""A small typed client of Bowerbird's HTTP API.

>>> from api.client import BowerbirdClient                          # doctest: +SKIP
>>> with BowerbirdClient("http://127.0.0.1:8765") as bowerbird:     # doctest: +SKIP
...     for hit in bowerbird.search("a dog on a beach").hits:
...         print(hit.path, hit.relevance)
"""

from __future__ import annotations

from api.client.answers import AssetFound, Job, Label, Progress, SavedFound, SegmentFound, Word
from api.client.client import BowerbirdClient
from api.client.problems import NotAllowed, NotThere, ServerFailed, ServerUnreachable
from bowerbird.answers import Cited, Ended, Retrieved, Said

__all__ = [
    "AssetFound",
    "BowerbirdClient",
    "Cited",
    "Ended",
    "Job",
    "Label",
    "NotAllowed",
    "NotThere",
    "Progress",
    "Retrieved",
    "Said",
    "SavedFound",
    "SegmentFound",
    "ServerFailed",
    "ServerUnreachable",
    "Word",
]
