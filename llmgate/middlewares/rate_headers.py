"""Reads how long a response's headers ask to wait, in each provider's spelling. It does not
wait."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias

__all__ = ["AT_EASE", "Advice", "RateHeaders", "advice_in"]

_REMAINING = re.compile(
    r"(?:x-)?(?:[a-z]+-)?ratelimit-(?:(?P<before>[a-z-]+?)-)?remaining(?:-(?P<after>[a-z-]+))?"
)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_MAX_PAUSE = 120.0
"""Seconds. A later reset may be that of a daily quota, which a rejection reports well enough."""
_LEAST = math.ulp(0.0)
"""The smallest positive number."""


class Advice(NamedTuple):
    """What a provider says of its limits: admit no call for ``pause`` seconds, and then, for
    ``seconds``, one call per ``gap``; 0 means no restriction."""

    pause: float
    gap: float
    seconds: float


AT_EASE = Advice(0.0, 0.0, 0.0)
"""Enough is left of every limit."""


def advice_in(headers: Mapping[str, str], tokens: int) -> Advice | None:
    """The advice that follows from how much is left; None if the headers do not say, ``AT_EASE`` if
    it is enough.

    OpenAI and hosts of its format: ``x-ratelimit-remaining-requests: 0`` and
    ``x-ratelimit-reset-requests: 6m0s``. Anthropic: ``anthropic-ratelimit-tokens-remaining: 0`` and
    ``anthropic-ratelimit-tokens-reset``, a time of RFC 3339. Others: ``x-ratelimit-remaining`` and
    ``x-ratelimit-reset``, in seconds or as a time since the epoch, also in milliseconds.

    If nothing is left, calls wait until the reset. If less than a quarter of a limit is left
    (``x-ratelimit-limit-requests: 60``), the rest is spread over the time until the reset.

    Args:
        headers: A response's headers, with names in lower case.
        tokens: The tokens of its call; 0 if not known. The next calls are assumed to take as many.
    """
    limits = _limits_in((*headers,))
    if not limits:
        return None
    pause = gap = seconds = 0.0
    is_known = False
    for each in limits:
        remaining = _number(headers[each.remaining])
        if remaining is None:
            continue
        is_known = True
        limit = _number(headers.get(each.limit, ""))
        if remaining > 0 and (limit is None or remaining >= limit / 4):
            continue
        left = _seconds(headers.get(each.reset, ""))
        if remaining <= 0:
            pause = max(pause, left)
        elif left <= _MAX_PAUSE:
            call = tokens if each.is_of_tokens else 1
            if call * left / remaining > gap:
                gap, seconds = call * left / remaining, left
    if not is_known:
        return None
    return Advice(min(pause, _MAX_PAUSE), gap, seconds) if pause or gap else AT_EASE


class RateHeaders:
    """Reads the headers of one model's responses. It is fast for the usual case: the same names and
    limits as before, and enough left."""

    __slots__ = ("_usual",)

    def __init__(self) -> None:
        self._usual: tuple[tuple[str, ...], tuple[_Usual, ...]] = (), ()

    def advice(self, headers: Mapping[str, str], tokens: int) -> Advice | None:
        """The result of :func:`advice_in` for these headers."""
        names, usual = self._usual
        if names == (*headers,):
            for remaining, limit, given, enough in usual:
                left = headers[remaining]
                if not left.isdecimal() or float(left) < enough:
                    break
                if limit and headers[limit] != given:
                    break
            else:
                return AT_EASE if usual else None
        names = (*headers,)
        self._usual = names, tuple(_usual_of(each, headers) for each in _limits_in(names))
        return advice_in(headers, tokens)


_Usual: TypeAlias = tuple[str, str, str, float]
"""The names of the headers for what remains and for the limit (empty if not given); the limit, and
how much is enough."""


class _LimitHeaders(NamedTuple):
    """The names of the headers of one limit, and whether it limits tokens."""

    remaining: str
    limit: str
    reset: str
    is_of_tokens: bool


@lru_cache(maxsize=256)
def _limits_in(names: tuple[str, ...]) -> tuple[_LimitHeaders, ...]:
    """The limits that headers of these names describe; they are the same for all responses of a
    host."""
    limits: list[_LimitHeaders] = []
    for name in names:
        found = _REMAINING.fullmatch(name) if "remaining" in name else None
        if found is not None:
            limit, reset = (name.replace("remaining", kind) for kind in ("limit", "reset"))
            kind = found["before"] or found["after"] or ""
            limits.append(_LimitHeaders(name, limit, reset, "token" in kind))
    return tuple(limits)


def _usual_of(each: _LimitHeaders, headers: Mapping[str, str]) -> _Usual:
    given = headers.get(each.limit, "")
    return (
        each.remaining,
        each.limit if given else "",
        given,
        max((_number(given) or 0.0) / 4, _LEAST),
    )


def _number(value: str) -> float | None:
    """The first number of a value such as ``100`` or ``100, 100;w=60``; None for anything else."""
    if value.isascii() and value.isdecimal():
        return float(value)
    found = _NUMBER.match(value) if value else None
    return None if found is None else float(found[0])


def _seconds(reset: str) -> float:
    """The seconds until a reset, given as a duration or a time."""
    text = reset.strip()
    now = datetime.now(UTC)
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        since_epoch = number / 1000 if number > 1e11 else number  # some are in milliseconds
        return max(0.0, since_epoch - now.timestamp() if number > 1e9 else number)
    found = _DURATION.fullmatch(text)
    if found and text:
        days, hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
        whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        return whole + milliseconds / 1000
    try:
        return max(0.0, (datetime.fromisoformat(text) - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0
