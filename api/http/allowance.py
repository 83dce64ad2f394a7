"""How many questions one caller may put to a model elsewhere: each costs the owner money, whoever asks it."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from starlette.types import Scope

from api.http.pools import Pool
from api.http.problems import Refused
from api.keys import Caller

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 4
"""Questions of one caller that may be under way: half of the threads that answer, so that others get answers too."""
_MINUTE_S = 60.0


class Allowance:
    """Counts the questions of each caller, those under way and those of the last minute. For the event loop alone."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        """``per_minute``: of one caller; 0 for any number. ``now`` tells seconds."""
        self._per_minute = per_minute
        self._now = now
        self._under_way: Counter[str] = Counter()
        self._begun: dict[str, deque[float]] = {}
        """When, the oldest first; never empty."""

    @contextmanager
    def question(self, who: str) -> Iterator[None]:
        """While a question of theirs is answered. Raises `Refused`, 429 with Retry-After, where it is one too many."""
        self._check(who)
        self._begun.setdefault(who, deque()).append(self._now())
        self._under_way[who] += 1
        try:
            yield
        finally:
            self._under_way[who] -= 1
            self._under_way += Counter()  # those who have none are dropped

    def _check(self, who: str) -> None:
        self._forget()
        if self._under_way[who] >= AT_ONCE:
            raise _too_many(f"{AT_ONCE} questions of yours are being answered; wait for one of them", 1)
        begun = self._begun.get(who, ())
        if 0 < self._per_minute <= len(begun):
            wait = max(1, math.ceil(begun[-self._per_minute] + _MINUTE_S - self._now()))
            said = f"you have asked {self._per_minute} questions within a minute; try again in {wait} s, or "
            raise _too_many(said + "raise [answer] per_minute in library.toml", wait)

    def _forget(self) -> None:
        """Leave out what is longer ago than a minute."""
        for who, begun in list(self._begun.items()):
            while begun and begun[0] <= self._now() - _MINUTE_S:
                begun.popleft()
            if not begun:
                del self._begun[who]


class Allowed:
    """The threads of ``pool``, for as many questions of one caller as the allowance has room for."""

    def __init__(self, pool: Pool, allowance: Allowance, who: str) -> None:
        self._pool = pool
        self._allowance = allowance
        self._who = who

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `Pool.run`; raises `Refused` also where the caller has asked too much."""
        with self._allowance.question(self._who):
            return await self._pool.run(call, *args, **kwargs)


def who_asks(scope: Scope) -> str:
    """By what a caller is counted: the key, also of a session that was opened with it, else the address."""
    caller: Caller = scope["bowerbird.caller"]  # the gate has seen to it
    return str((scope.get("client") or ("",))[0]) if caller.key_id is None else f"key {caller.key_id}"


def _too_many(said: str, wait_s: int) -> Refused:
    return Refused(HTTPStatus.TOO_MANY_REQUESTS, said, {"Retry-After": str(wait_s)})
