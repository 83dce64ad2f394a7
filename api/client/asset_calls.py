"""What may be asked of one asset: facts, moments, pictures, its file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.client.answers import AssetFound, SegmentFound, Word, asset_of, result_of, segment_of, word_of
from api.client.problems import ServerFailed
from api.client.transport import Transport, in_path, said_of
from bowerbird.errors import UsageError
from bowerbird.paths import listed
from bowerbird.queries import SearchResult
from bowerbird.types import SegmentKind


class AssetCalls:
    """Methods of `BowerbirdClient`."""

    _http: Transport

    def asset(self, asset_id: str) -> AssetFound:
        """What is known of an asset."""
        return self._http.read(asset_of, "GET", f"/v1/assets/{in_path(asset_id)}")

    def segments(self, asset_id: str, kinds: Sequence[SegmentKind | str] = ()) -> Iterator[SegmentFound]:
        """The moments of an asset in order of time or page, of these kinds or all, asked for by and by."""
        skip: int | None = 0
        while skip is not None:
            found, skip = self._http.read(
                lambda said: ([segment_of(each) for each in said["segments"]], said["next_skip"]),
                "GET",
                f"/v1/assets/{in_path(asset_id)}/segments",
                params={"kind": [str(each) for each in listed(kinds)], "skip": skip},
            )
            yield from found

    def words(self, asset_id: str, page: int = 1) -> list[Word]:
        """The words of a PDF's page, and where each stands on it."""
        return self._http.read(
            lambda said: [word_of(each) for each in said["words"]],
            "GET",
            f"/v1/assets/{in_path(asset_id)}/words",
            params={"page": page},
        )

    def thumbnail(self, asset_id: str, segment_id: int | None = None) -> bytes:
        """A small picture of an asset, or of one moment of it, WebP."""
        return self._image(asset_id, "thumbnail", segment=segment_id)

    def poster(self, asset_id: str, at: float, px: int | None = None) -> bytes:
        """What a film shows at this second, WebP; ``px`` is its longest side."""
        return self._image(asset_id, "poster", at=at, px=px)

    def picture(self, asset_id: str, page: int | None = None, px: int | None = None) -> bytes:
        """A picture, or a page of a document, WebP; ``px`` is its longest side."""
        return self._image(asset_id, "picture", page=page, px=px)

    def _image(self, asset_id: str, what: str, **params: Any) -> bytes:
        return self._http.bytes("GET", f"/v1/assets/{in_path(asset_id)}/{what}", params=params)

    def original(self, asset_id: str, to: Path | str) -> Path:
        """Copy the file of an asset to ``to``, in the place of what lies there, whole and as it was indexed.

        Raises `ServerFailed` where the file has changed since, and `UsageError` where it cannot be written.
        """
        to = Path(to)
        fresh = to.with_name(f".{to.name}.{os.getpid()}.part")
        content = hashlib.sha256()
        try:
            path = f"/v1/assets/{in_path(asset_id)}/original"
            with self._http.stream("GET", path) as response, fresh.open("wb") as file:
                for chunk in response.iter_bytes():
                    content.update(chunk)
                    file.write(chunk)
            if content.hexdigest() != asset_id:
                raise ServerFailed(f"the file of {asset_id} has changed since it was indexed: index it again")
            fresh.replace(to)
        except OSError as error:
            raise UsageError(f"{to} cannot be written: {error.strerror}; choose another place") from None
        finally:
            fresh.unlink(missing_ok=True)
        return to

    def more_like(
        self,
        asset_id: str,
        *,
        segment_id: int | None = None,
        kinds: Sequence[SegmentKind | str] = (),
        filters: Mapping[str, Any] | None = None,
        limit: int = 10,
    ) -> SearchResult:
        """What is like this asset, or like one moment of it."""
        asked = {
            "segment_id": segment_id,
            "kinds": [str(each) for each in listed(kinds)],
            "filters": filters,
            "limit": limit,
        }
        return self._http.read(result_of, "POST", f"/v1/assets/{in_path(asset_id)}/like", json=said_of(asked))
