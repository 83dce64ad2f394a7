"""Captions on the server: have them made, and write one's own."""

from __future__ import annotations

from collections.abc import Sequence

from api.client.answers import Job, job_of
from api.client.transport import Transport, in_path
from bowerbird.paths import listed
from bowerbird.types import SegmentKind


class CaptionCalls:
    """Methods of `BowerbirdClient`."""

    _http: Transport

    def caption(
        self,
        kinds: Sequence[SegmentKind | str] = (),
        *,
        limit: int | None = None,
        again: bool = False,
        captioner: str | None = None,
    ) -> Job:
        """Start to caption what lacks a caption: ``"image"``, ``"frame"``, ``"page"``; none: what is usual.

        ``captioner`` may be ``concepts`` or the server's own. Raises `LibraryBusy` where a run goes on already.
        """
        asked = {"kinds": [str(each) for each in listed(kinds)], "limit": limit, "again": again, "captioner": captioner}
        return self._http.read(lambda said: job_of(said["job"]), "POST", "/v1/caption", json=asked)

    def say(self, asset_id: str, text: str) -> str:
        """Keep one's own words for an asset, in the place of earlier ones; returns them as they are kept."""
        path = f"/v1/assets/{in_path(asset_id)}/caption"
        return self._http.read(lambda said: str(said["text"]), "PUT", path, json={"text": text})

    def take_back(self, asset_id: str) -> None:
        """Forget one's own words for an asset. Raises `NotThere` where there are none."""
        self._http.bytes("DELETE", f"/v1/assets/{in_path(asset_id)}/caption")
