"""Where pictures and words go under a spec, told without loading what it names."""

from __future__ import annotations

import re
from typing import Any

from bowerbird.errors import UnknownEncoder


def destination(spec: str) -> dict[str, Any]:
    """What captions or answers, and ``sends_to``: the address that pictures and words are sent to, None for nowhere.

    A spec that names no endpoint which could be asked sends nothing; what might be a password in it is not repeated.
    """
    family, _, rest = spec.partition(":")
    if family != "openai" or not rest:
        return {"spec": without_password(spec), "sends_to": None}
    from bowerbird.models.endpoint.endpoint import Endpoint

    try:
        endpoint = Endpoint.of(rest, timeout_s=1.0)
    except UnknownEncoder:
        return {"spec": f"openai:{rest.partition('@')[0]}", "sends_to": None}
    return {"spec": f"openai:{endpoint.spec}", "sends_to": endpoint.address}


def without_password(spec: str) -> str:
    """``spec`` as it may be repeated in an error: what stands before the host of an address may be a password."""
    return re.sub(r"//[^/]*@", "//…@", spec)
