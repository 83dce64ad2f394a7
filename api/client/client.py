"""`BowerbirdClient`: one method for each route that a program has use for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import numpy as np

from api.client.answer_calls import AnswerCalls, picture_of
from api.client.answers import (
    Label,
    SavedFound,
    label_of,
    result_of,
    saved_of,
)
from api.client.asset_calls import AssetCalls
from api.client.caption_calls import CaptionCalls
from api.client.job_calls import JobCalls
from api.client.transport import Transport, in_path, said_of
from bowerbird.errors import UsageError
from bowerbird.paths import listed
from bowerbird.queries import SearchResult
from bowerbird.types import AssetKind, Box, SegmentKind, Vectors

if TYPE_CHECKING:
    from bowerbird.store.catalog.facets import Facets

Day = date | str
Examples = str | int | Sequence[str | int]
"""Assets by their ids, or moments by their segment ids."""


class BowerbirdClient(AnswerCalls, AssetCalls, CaptionCalls, JobCalls):
    """A server's library, at hand. Safe to share between threads. A context manager.

    Every method raises `UsageError` and its kin where the server refuses the call (`QueryError`, `NotAllowed`,
    `NotThere`), `LibraryError` and its kin where its library cannot be used, `ServerFailed` where it cannot do what it
    was asked, and `ServerUnreachable` where nobody answers within ``timeout`` seconds. ``transport`` stands in for the
    network, for tests.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8765",
        key: str | None = None,
        timeout: float = 30.0,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = Transport(url, key, timeout, transport)

    def search(
        self,
        text: str | None = None,
        *,
        also: Sequence[str] = (),
        image: bytes | Path | str | None = None,
        crop: Box | None = None,
        like: Examples = (),
        unlike: Examples = (),
        negatives: Sequence[str] = (),
        kinds: Sequence[SegmentKind | str] = (),
        types: Sequence[AssetKind | str] = (),
        after: Day | None = None,
        before: Day | None = None,
        place: str | None = None,
        camera: str | None = None,
        path: str | None = None,
        language: str | None = None,
        limit: int = 10,
        min_relevance: float | None = None,
        cursor: str | None = None,
        rerank: str | None = None,
    ) -> SearchResult:
        """As `search.Search.search`, with ``like`` and ``unlike`` naming ids instead of paths."""
        filters = {
            "types": [str(each) for each in listed(types)],
            "after": _day(after),
            "before": _day(before),
            "place": place,
            "camera": camera,
            "path": path,
            "language": language,
        }
        query = {
            "text": text,
            "also": listed(also),
            "crop": None if crop is None else [crop.x, crop.y, crop.width, crop.height],
            "like": _examples(like),
            "unlike": _examples(unlike),
            "not": listed(negatives),
            "kinds": [str(each) for each in listed(kinds)],
            "filters": said_of(filters),
            "limit": limit,
            "min_relevance": min_relevance,
            "cursor": cursor,
            "rerank": rerank,
        }
        return self.ask(said_of(query), None if image is None else picture_of(image))

    def ask(self, query: Mapping[str, Any], image: bytes | None = None) -> SearchResult:
        """Answer a query that is JSON already, as `search.query_json` has it, with a picture (JPEG, PNG …) if any."""
        if image is None:
            return self._http.read(result_of, "POST", "/v1/search", json=query)
        # In a part of its own, since base64 would make it a third larger.
        parts = {"query": (None, json.dumps(query), "application/json"), "image": ("image", image)}
        return self._http.read(result_of, "POST", "/v1/search", files=parts)

    def pages(self, text: str | None = None, **query: Any) -> Iterator[SearchResult]:
        """All pages of a search, which takes what `search` takes; each is asked for when it is wanted."""
        while True:
            page = self.search(text, **query)
            yield page
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    def labels(
        self,
        labels: Sequence[str],
        *,
        asset_ids: Sequence[str] = (),
        path: Path | str | None = None,
        threshold: float | None = None,
    ) -> list[Label]:
        """Which of the labels fits each of these assets, or each file at or below a path inside a root."""
        asked = {
            "labels": listed(labels),
            "asset_ids": listed(asset_ids),
            "path": None if path is None else str(path),
            "threshold": threshold,
        }
        return self._http.read(
            lambda said: [label_of(each) for each in said["files"]], "POST", "/v1/labels", json=said_of(asked)
        )

    def facets(self, text: str | None = None, **query: Any) -> Facets:
        """Counts by type, year, place and camera of what a query finds; ``query`` as `search.query_json` has it."""
        return self._http.read(_facets, "POST", "/v1/facets", json=said_of({"text": text, **query}))

    def saved(self) -> list[SavedFound]:
        """The saved searches, by name."""
        return self._http.read(lambda said: [saved_of(each) for each in said["saved"]], "GET", "/v1/saved")

    def save(self, name: str, query: Mapping[str, Any]) -> None:
        """Keep a query, as `search.query_json` has it, in the place of what is kept under ``name``."""
        self._http.bytes("PUT", f"/v1/saved/{in_path(name)}", json=query)

    def run_saved(self, name: str, *, limit: int | None = None, cursor: str | None = None) -> SearchResult:
        """Run a saved search."""
        asked = said_of({"limit": limit, "cursor": cursor})
        return self._http.read(result_of, "POST", f"/v1/saved/{in_path(name)}/run", json=asked)

    def remove_saved(self, name: str) -> None:
        """Forget a saved search."""
        self._http.bytes("DELETE", f"/v1/saved/{in_path(name)}")

    def embeddings(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts in the joint space, shape ``(len(texts), dimension)``, float32, in order."""
        if not texts:
            raise UsageError("there is no text to place: give one or more")
        asked = {"input": listed(texts), "encoding_format": "base64"}
        return self._http.read(_vectors, "POST", "/v1/embeddings", json=asked)

    def status(self) -> dict[str, Any]:
        """What the library holds, as `bowerbird status --json` prints it."""
        return self._http.read(dict, "GET", "/v1/status")

    def roots(self) -> list[dict[str, Any]]:
        """The folders that the owner has added: ``path``, ``files``, ``online``."""
        return self._http.read(lambda said: list(said["roots"]), "GET", "/v1/roots")

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _day(said: Day | None) -> str | None:
    return said.isoformat()[:10] if isinstance(said, date) else said


def _examples(said: Examples) -> list[str | int]:
    return [said] if isinstance(said, str | int) else list(said)


def _facets(said: Mapping[str, Any]) -> Facets:
    from bowerbird.store.catalog.facets import Facet, Facets  # which brings SQLAlchemy, for which searching has no use

    counts = {
        name: Facet(tuple((each["value"], each["count"]) for each in facet["values"]), facet["others"], facet["none"])
        for name, facet in said["facets"].items()
    }
    return Facets(total=said["total"], **counts)


def _vectors(said: Mapping[str, Any]) -> Vectors:
    listed = sorted(said["data"], key=lambda each: int(each["index"]))
    return np.stack([np.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in listed])
