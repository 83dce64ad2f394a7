"""What can go wrong with an endpoint, each in one line that names its address and what to do about it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai

from bowerbird.models.one_line import one_line

MOST_QUOTED = 200
"""Characters of what an endpoint said that an error repeats."""
IS_IT = "check that it is an OpenAI-compatible address, which often ends in /v1"
_LEAST_KEY = 4
"""Characters; what is no longer than that stands in for a key, and may be any word."""
_AGAIN = frozenset({408, 409, 429})
_NEVER_AGAIN = frozenset({501, 505})
_NO_CONNECTION = (httpx2.ConnectError, httpx2.ConnectTimeout)
_PICTURES = re.compile(r"image|vision|multi-?modal|mmproj", re.IGNORECASE)


class Cut(Exception):
    """The stream ended before the model had."""


class NoChat(Exception):
    """What came is no chat completion."""


class TooMuch(Exception):
    """More bytes came than any answer has."""


class Withheld(Exception):
    """The model, or a filter behind it, would not say it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened, and what to do."""

    what: str
    remedy: str
    again: bool = False
    """Whether it may pass if the same is asked again."""
    wait_s: float | None = None
    """How long the endpoint asks to be left alone, in seconds."""
    status: int | None = None
    said: str = ""
    """What the endpoint said of it, inert."""
    unreachable: bool = False
    """Whether no connection came about."""

    @property
    def about_pictures(self) -> bool:
        """Whether it reads as if the model took none; servers of every sort put it in other words."""
        return self.status is not None and _PICTURES.search(self.said) is not None


def trouble(error: Exception, key: str) -> Trouble | None:
    """What ``error`` means for whoever asked; None where it says nothing of the endpoint. ``key`` is never repeated."""
    if isinstance(error, openai.APIStatusError):
        return _refused(error, key)
    if isinstance(error, openai.APIConnectionError):  # timeouts of the connection too
        reason, unreachable = inert(_innermost(error), key), isinstance(error.__cause__, _NO_CONNECTION)
        remedy = "start it, or check the address and the network"
        return Trouble(f"cannot be reached ({reason})", remedy, again=True, unreachable=unreachable)
    if isinstance(error, Cut):
        return Trouble("ended without an answer", "run the same again, or look at its log", again=True)
    if isinstance(error, openai.APIError):  # what it says within a stream
        return Trouble(f'fails ("{inert(error.message, key)}")', "look at its log, or name another model", again=True)
    if isinstance(error, TooMuch):
        return Trouble(f"sends {error}", "name another model")
    if isinstance(error, Withheld):
        said = inert(str(error), key)
        return Trouble('declines ("' + said + '")' if said else "declines", "ask in another way, or name another model")
    if isinstance(error, NoChat | ValueError):  # ValueError: what is no JSON or no UTF-8
        reason = inert(str(error), key) if isinstance(error, NoChat) else "a chunk that is no JSON"
        return Trouble(f"sends what is no chat completion: {reason}", IS_IT)
    return None


def _refused(error: openai.APIStatusError, key: str) -> Trouble:
    status, said = error.status_code, inert(_message(error), key)
    quoted = f'{status}: "{said}"' if said else str(status)
    again = (status in _AGAIN or status >= 500) and status not in _NEVER_AGAIN
    if 300 <= status < 400:
        what, remedy = f"answers with a redirect ({status}), which is not followed", "name the address it leads to"
    elif status in {401, 403}:
        what, remedy = f"does not take the key ({quoted})", "set BOWERBIRD_OPENAI_API_KEY to one that it takes"
    elif status == 404:
        what, remedy = f"has no such model, or no chat ({quoted})", f"check the model's name, and {IS_IT}"
    elif status == 429:
        what, remedy = f"turns further requests away ({quoted})", "wait a while and run the same again"
    elif status >= 500:
        what, remedy = f"fails ({quoted})", "look at its log, or run the same again later"
    else:
        what, remedy = f"refuses the request ({quoted})", "name another model, one that reads pictures if they matter"
    return Trouble(what, remedy, again, _retry_after(error.response.headers) if again else None, status, said)


def _message(error: openai.APIStatusError) -> str:
    """The one line that a server has for people, wherever it puts it."""
    body: Any = error.body
    while isinstance(body, Mapping):
        body = next((body[name] for name in ("message", "error", "detail") if body.get(name)), "")
    text = body if isinstance(body, str) else ""
    return "an HTML page" if text.lstrip()[:1] == "<" else text


def _innermost(error: BaseException) -> str:
    reason = ""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
        reason = "connection refused" if isinstance(cause, ConnectionRefusedError) else str(cause) or reason
    return reason or "the connection failed"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from seconds or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def inert(text: str, key: str) -> str:
    """``text`` as a quotation: on one line, no control characters, not the key, at most `MOST_QUOTED` characters."""
    told = text[: 10 * MOST_QUOTED]
    return one_line(told.replace(key, "…") if len(key) > _LEAST_KEY else told, MOST_QUOTED)
