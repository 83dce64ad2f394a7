"""What routes answer with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Response


def reply(value: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON object of version 1 of the contract.

    ASCII throughout, since names that are not UTF-8 hold lone surrogates, which no other encoding takes.
    """
    body = json.dumps({"version": 1, **value}, ensure_ascii=True, separators=(",", ":"), default=str)
    return Response(body.encode("ascii"), int(status), media_type="application/json")


def plain_reply(value: Mapping[str, Any]) -> Response:
    """A JSON object of somebody else's format."""
    return Response(json.dumps(value, separators=(",", ":")).encode("ascii"), media_type="application/json")
