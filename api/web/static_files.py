"""Scripts and styles of the page, read once from the package; their address changes with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, whole."""

    data: bytes
    media_type: str
    etag: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """All that is served, by name: what else lies in the folder is not."""
    found = {}
    for file in files("api.web").joinpath("static").iterdir():
        media_type = _TYPES.get(file.name[file.name.rfind(".") :])
        if media_type is not None and file.is_file():
            data = file.read_bytes()
            found[file.name] = StaticFile(data, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
    return found


@cache
def version() -> str:
    """Of all files together, since scripts import one another by names relative to their own address."""
    together = hashlib.sha256()
    for name, file in sorted(static_files().items()):
        together.update(f"{name} {file.etag}\n".encode())
    return together.hexdigest()[:12]


def static_url(name: str) -> str:
    """Where the page finds a file. Raises KeyError where there is none of this name."""
    if name not in static_files():
        raise KeyError(name)
    return f"/static/{version()}/{name}"
