"""How long the headers of a response ask to wait, in each provider's spelling; nothing is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["Advice", "advice_in"]

_REMAINING = re.compile(
    r"(?:x-)?(?:[a-z]+-)?ratelimit-(?:(?P<before>[a-z-]+?)-)?remaining(?:-(?P<after>[a-z-]+))?"
)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_LONGEST = 120.0
"""Seconds. What is reset later may be the quota of a day, of which a refusal says enough."""


class Advice(NamedTuple):
    """What a provider says of its limits: let nobody through for ``pause`` seconds, and then, for
    ``seconds``, one call in each ``gap``; 0 where there is no need."""

    pause: float
    gap: float
    seconds: float


def advice_in(headers: Mapping[str, str], tokens: int) -> Advice | None:
    """What follows from how much is left; None where the headers say nothing of it.

    OpenAI and hosts of its format: ``x-ratelimit-remaining-requests: 0`` and
    ``x-ratelimit-reset-requests: 6m0s``. Anthropic: ``anthropic-ratelimit-tokens-remaining: 0`` and
    ``anthropic-ratelimit-tokens-reset``, a time of RFC 3339. Others: ``x-ratelimit-remaining`` and
    ``x-ratelimit-reset``, in seconds or as a time since the epoch.

    Where nothing is left, calls wait until it is. Where less than a quarter of a limit is left
    (``x-ratelimit-limit-requests: 60``), what is left is spread over the time until then.

    Args:
        headers: Of a response, with names in small letters.
        tokens: What its call took; 0 where that is not known. The next ones are thought to take as
            many.
    """
    pause = gap = seconds = 0.0
    is_known = False
    for name, value in headers.items():
        found = _REMAINING.fullmatch(name) if "remaining" in name else None
        remaining = None if found is None else _number(value)
        if found is None or remaining is None:
            continue
        is_known = True
        limit = _number(headers.get(name.replace("remaining", "limit"), ""))
        if remaining > 0 and (limit is None or remaining >= limit / 4):
            continue
        left = _seconds(headers.get(name.replace("remaining", "reset"), ""))
        if remaining <= 0:
            pause = max(pause, left)
        elif left <= _LONGEST:
            kind = found["before"] or found["after"] or ""
            call = tokens if "token" in kind else 1
            if call * left / remaining > gap:
                gap, seconds = call * left / remaining, left
    return Advice(min(pause, _LONGEST), gap, seconds) if is_known else None


def _number(value: str) -> float | None:
    """The first number of a value such as ``100`` or ``100, 100;w=60``; None for what is none."""
    found = _NUMBER.match(value)
    return None if found is None else float(found[0])


def _seconds(reset: str) -> float:
    """How far away a reset is, as a duration or a time."""
    text = reset.strip()
    now = datetime.now(UTC)
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, number - now.timestamp() if number > 1e9 else number)
    found = _DURATION.fullmatch(text)
    if found and text:
        days, hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
        whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        return whole + milliseconds / 1000
    try:
        return max(0.0, (datetime.fromisoformat(text) - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0
