"""Requests and their failures: what is no success becomes one of our errors, with one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from api.client.problems import ServerFailed, error_of, unreachable
from bowerbird import __version__
from bowerbird.errors import UsageError

T = TypeVar("T")
Object = Mapping[str, Any]


class Transport:
    """One server, with its key. Safe to share between threads."""

    def __init__(self, url: str, key: str | None, timeout: float, transport: httpx.BaseTransport | None) -> None:
        headers = {"User-Agent": f"bowerbird-client/{__version__}"}
        if key is not None:
            if not (key.isascii() and key.isprintable()):
                raise UsageError("the key is no key: give what `bowerbird keys create` printed, bb_…")
            headers["Authorization"] = f"Bearer {key.strip()}"
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            self._url = httpx.URL("")
        if self._url.scheme not in {"http", "https"} or not self._url.host:
            raise UsageError(f"{url!r} is no address of a server: write http://127.0.0.1:8765")
        # No redirects: a key is for the server that was named.
        self._client = httpx.Client(base_url=self._url, headers=headers, timeout=timeout, transport=transport)

    def read(self, make: Callable[[Any], T], method: str, path: str, **given: Any) -> T:
        """What ``make`` reads from the JSON that the server answers. Raises as `bytes` and `made` do."""
        return self.made(make, self.bytes(method, path, **given))

    def made(self, make: Callable[[Any], T], said: bytes | str) -> T:
        """What ``make`` reads from this JSON. Raises `ServerFailed` where it is something else."""
        try:
            return make(json.loads(said))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ServerFailed(
                f"{self._url} answered what this client does not understand ({type(error).__name__}): "
                "check the address, or upgrade Bowerbird here or there"
            ) from None

    def bytes(self, method: str, path: str, **given: Any) -> bytes:
        """The body of the answer. Raises `ServerUnreachable`, and what the server's refusal stands for."""
        with self.stream(method, path, **given) as response:
            return response.read()

    @contextmanager
    def stream(self, method: str, path: str, **given: Any) -> Iterator[httpx.Response]:
        """A response whose body is still to be read. Raises as `bytes` does, also while it is read."""
        asked = {name: value for name, value in given.get("params", {}).items() if value is not None}
        given["params"] = urlencode(asked, doseq=True, errors="replace")
        if (said := given.pop("json", None)) is not None:
            # In ASCII: paths of the server need not be UTF-8, which alone httpx would write.
            given["content"] = json.dumps(said).encode("ascii")
            given["headers"] = {**given.get("headers", {}), "Content-Type": "application/json"}
        try:
            with self._client.stream(method, path, **given) as response:
                if not response.is_success:
                    response.read()
                    raise error_of(response)
                yield response
        except httpx.HTTPError as error:
            raise unreachable(error, str(self._url)) from None

    def events(self, path: str, quiet_s: float, method: str = "GET", **given: Any) -> Iterator[tuple[str, str]]:
        """Server-sent events as names and data, until the server ends the stream or is silent for ``quiet_s``."""
        timeout = httpx.Timeout(self._client.timeout.connect, read=quiet_s)
        headers = {"Accept": "text/event-stream"}
        with self.stream(method, path, timeout=timeout, headers=headers, **given) as response:
            name, data = "message", list[str]()
            for line in response.iter_lines():
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif not line:  # an empty line ends an event; one without data is none
                    if data:
                        yield name, "\n".join(data)
                    name, data = "message", []

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def in_path(named: str) -> str:
    """A name or an id as one step of a path. Raises `UsageError` where no path can hold it."""
    try:
        return quote(named, safe="")
    except UnicodeEncodeError:
        raise UsageError(f"{named!r} is not UTF-8, and names nothing here: take it as the server tells it") from None


def said_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value is not None and value not in ([], {})}
