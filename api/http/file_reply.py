"""A file that is open already, sent whole or in the part that was asked for (RFC 9110, ranges and conditions)."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import BinaryIO

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.http.connections import hang_up
from api.http.pools import Pool
from api.http.problems import problem

_PIECE = 256 << 10
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


def file_reply(
    request: Request, file: BinaryIO, *, size: int, etag: str, media_type: str, headers: Mapping[str, str], pool: Pool
) -> Response:
    """The answer to a request for ``file``, which it closes. ``etag`` is in quotes, and names these very bytes.

    One range is served; of several, and of what is no range, the whole, as the standard has it.
    """
    told = {**headers, "Accept-Ranges": "bytes", "ETag": etag, "Content-Type": media_type}
    if _tags(request.headers.get("if-none-match", "")) & {etag, "*"}:
        file.close()
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    start, end, status = 0, size, HTTPStatus.OK
    asked = request.headers.get("range")
    if asked is not None and request.headers.get("if-range", etag) == etag:
        match wanted(asked, size):
            case (first, after):
                start, end, status = first, after, HTTPStatus.PARTIAL_CONTENT
                told["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            case False:
                file.close()
                return problem(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    f"the file has {size:,} bytes: ask for a range within them",
                    headers={"Content-Range": f"bytes */{size}"},
                )
    told["Content-Length"] = str(end - start)
    return StreamingResponse(_pieces(request, file, start, end, pool), status, told)


def wanted(said: str, size: int) -> tuple[int, int] | bool:
    """Where a range begins and what follows it; False where it lies outside, True where the whole file is meant."""
    found = _RANGE.fullmatch(said.strip().replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return True
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else False
    start, end = int(first), min(size, int(last) + 1 if last else size)
    if last and int(last) < start:
        return True  # no range at all
    return (start, end) if start < size else False


def _tags(said: str) -> set[str]:
    return {each.strip().removeprefix("W/") for each in said.split(",")}


async def _pieces(request: Request, file: BinaryIO, start: int, end: int, pool: Pool) -> AsyncIterator[bytes]:
    with file:
        while start < end:
            piece = await pool.run(os.pread, file.fileno(), min(_PIECE, end - start), start)
            if not piece:  # it was cut short meanwhile; the client is to see that bytes are missing
                hang_up(request.scope)
                return
            start += len(piece)
            yield piece
