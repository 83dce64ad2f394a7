"""A chat with an endpoint, in the event loop: one request, streamed, tried again where that may help, until a deadline.

Back-off doubles from try to try and is drawn from its upper half, so that many who were turned away together do not
come back together (Brooker 2015, Exponential backoff and jitter). ``Retry-After`` counts where it is longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from bowerbird.errors import EndpointFailed, EndpointUnreachable
from bowerbird.models.endpoint.messages import Message, NoPictures, TooLong, is_this_machine
from bowerbird.models.endpoint.troubles import Cut, NoChat, TooMuch, Trouble, Withheld, trouble

MOST_TRIES = 4
LONGEST_WAIT_S = 8.0
"""Between two tries, unless the endpoint asks for more."""
CONNECT_S = 10.0
MOST_BYTES = 32 * 2**20
"""Of one response: thousands of tokens of thoughts, with a few hundred bytes around each."""
MOST_CHARACTERS_A_TOKEN = 16
"""For endpoints that take no notice of how many tokens were asked for."""
MOST_TOLD = 10**9
"""Tokens of one answer. More is no count, and might be too many digits to be written down."""
AFTER_THE_END_S = 2.0
"""How long the count of tokens is waited for once the model has ended."""
INSTEAD = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": None,
    "temperature": None,
    "stream_options": None,
}
"""Options that some models refuse, and what they take in their place, if anything."""

Put = Callable[[str | EndpointFailed | None], None]
Count = Callable[[int, int], None]


class Wire:
    """The client of one endpoint. All but its making happens in one event loop."""

    def __init__(self, model: str, address: str, key: str, first_wait_s: float) -> None:
        self._model, self._address, self._key, self._first_wait_s = model, address, key, first_wait_s
        self._refused: list[str] = []  # options that this endpoint does not take, as it came out
        self._client = openai.AsyncOpenAI(
            base_url=address,
            api_key=key,
            max_retries=0,
            timeout=openai.Timeout(None, connect=CONNECT_S),  # all else is bounded by the deadline
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False,
                event_hooks={"response": [_bound]},
                headers={"Accept-Encoding": "identity"},
                mounts=_no_proxy(address),
            ),
        )

    async def ask(
        self,
        messages: Sequence[Message],
        most_tokens: int,
        timeout_s: float,
        until: float | None,
        put: Put,
        count: Count,
    ) -> None:
        """Hand each piece of text to ``put``, then None or the error that ended it; and the tokens to ``count``.

        ``until``, by the loop's clock, is when ``timeout_s`` are over that began before; None: they begin now.
        """
        said = _Said(put, most_tokens * MOST_CHARACTERS_A_TOKEN)
        try:
            async with asyncio.timeout(timeout_s) if until is None else asyncio.timeout_at(until) as deadline:
                await self._try(messages, most_tokens, said, count, deadline)
        except TimeoutError:
            put(self._failed(f"had not finished within {timeout_s:g} s", "give it longer (timeout_s in library.toml)"))
        except EndpointFailed as error:
            put(error)
        except Exception as error:  # here nobody would see it, and whoever asked would wait
            failed = self._failed(f"could not be asked ({type(error).__name__})", "check the address and the key")
            failed.__cause__ = error
            put(failed)
        else:
            put(None)

    async def _try(
        self, messages: Sequence[Message], most_tokens: int, said: _Said, count: Count, deadline: asyncio.Timeout
    ) -> None:
        pictured = any(not isinstance(message["content"], str) for message in messages)
        tried = 0
        while True:
            options = self._options(most_tokens)
            try:
                await self._once(messages, options, said, count)
            except Exception as error:
                met = trouble(error, self._key)
                if met is None:
                    raise
            else:
                return
            if said.characters:
                cut = ("broke off in the middle of what it said", "ask again")
                raise self._failed(*(cut if met.again else (met.what, met.remedy)))
            if pictured and met.about_pictures:
                raise NoPictures(f"{self._address} {met.what}; {met.remedy}")
            if self._learns(met, options):
                continue
            tried += 1
            wait_s = min(LONGEST_WAIT_S, self._first_wait_s * 2 ** (tried - 1)) * random.uniform(0.5, 1)
            wait_s = max(wait_s, met.wait_s or 0)
            if not met.again or tried == MOST_TRIES or wait_s > _left_s(deadline):
                raise self._failed(met.what, met.remedy, EndpointUnreachable if met.unreachable else EndpointFailed)
            await asyncio.sleep(wait_s)

    async def _once(self, messages: Sequence[Message], options: dict[str, Any], said: _Said, count: Count) -> None:
        chat: Any = self._client.chat.completions  # its types know each role's message by itself
        stream = await chat.create(model=self._model, messages=list(messages), stream=True, **options)
        async with stream:
            kind = stream.response.headers.get("content-type", "nothing that has a name")
            if not kind.startswith("text/event-stream"):
                raise NoChat(f"{kind} in place of a stream of events")
            used, ended = (0, 0), None
            try:
                while ended is None:
                    if (chunk := await anext(stream, None)) is None:
                        raise Cut
                    used, ended = _used(chunk) or used, said.take(chunk)
                with contextlib.suppress(TimeoutError, openai.APIError, TooMuch, ValueError):
                    async with asyncio.timeout(0 if said.full else AFTER_THE_END_S):
                        while (chunk := await anext(stream, None)) is not None:
                            used = _used(chunk) or used
            finally:
                count(*used)
        if ended == "content_filter" or said.refusal:
            raise Withheld(said.refusal)
        if ended == "length":
            raise TooLong(f"{self._address} had not finished when {_LIMIT}")

    def _options(self, most_tokens: int) -> dict[str, Any]:
        options: dict[str, Any] = {
            "max_tokens": most_tokens,
            "temperature": 0,
            "stream_options": {"include_usage": True},
        }
        for name in self._refused:
            value = options.pop(name, None)
            if (instead := INSTEAD[name]) is not None:
                options[instead] = value
        return options

    def _learns(self, met: Trouble, options: dict[str, Any]) -> bool:
        """Whether ``met`` names an option that can be left out from now on."""
        if met.status not in {400, 422}:
            return False
        named = next((name for name in options if re.search(rf"\b{name}\b", met.said)), None)
        if named is not None and named not in self._refused:  # another request may have learnt it meanwhile
            self._refused.append(named)
        return named is not None

    def _failed(self, what: str, remedy: str, kind: type[EndpointFailed] = EndpointFailed) -> EndpointFailed:
        return kind(f"{self._address} {what}; {remedy}")


_LIMIT = "it had said as much as it may; ask for less, or name a model that is briefer"


class _Said:
    """What has come of an answer, over all tries."""

    def __init__(self, put: Put, most_characters: int) -> None:
        self.characters = 0
        self.refusal = ""
        self._put, self._most = put, most_characters

    @property
    def full(self) -> bool:
        """Whether there is room for no more, whatever the endpoint has to add."""
        return self.characters >= self._most

    def take(self, chunk: Any) -> str | None:
        """Pass on the text of a chunk; why the model has ended, or None as long as it has not. Raises `NoChat`."""
        try:
            if not chunk.choices:
                return None
            choice = chunk.choices[0]
            delta, ended = choice.delta, choice.finish_reason
            text = "" if delta is None or delta.content is None else delta.content
            refusal = getattr(delta, "refusal", None) or ""
            text, refusal = (part.encode("utf-8", "replace").decode() for part in (text, refusal))  # lone surrogates
        except (AttributeError, TypeError, LookupError):
            raise NoChat("a chunk of another form") from None
        self.refusal += refusal
        if text := text[: self._most - self.characters]:
            self.characters += len(text)
            self._put(text)
        return "length" if self.full else ended


def _used(chunk: Any) -> tuple[int, int] | None:
    usage = getattr(chunk, "usage", None)
    counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
    told = all(isinstance(count, int) and 0 <= count <= MOST_TOLD for count in counts)
    return counts if told else None  # type: ignore[return-value]


def _left_s(deadline: asyncio.Timeout) -> float:
    when = deadline.when()
    return float("inf") if when is None else when - asyncio.get_running_loop().time()


class _Bounded(httpx2.AsyncByteStream):
    """A response of which no more than `MOST_BYTES` are read."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        async for data in self._stream:
            came += len(data)
            if came > MOST_BYTES:
                raise TooMuch(f"more than {MOST_BYTES:,} bytes for one answer")
            yield data

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    response.headers.pop("content-encoding", None)  # what was not asked for is not unpacked: it may be a bomb
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Bounded(response.stream)


def _no_proxy(address: str) -> dict[str, None]:
    """What is on this machine is not asked for through a proxy that the environment names."""
    parts = urlsplit(address)
    return {f"all://{parts.netloc}": None} if is_this_machine(parts.hostname or "") else {}
