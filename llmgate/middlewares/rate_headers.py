"""How long the headers of a response ask to wait, in each provider's spelling; nothing is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

__all__ = ["pause_in"]

_REMAINING = re.compile(
    r"(?:x-)?(?:[a-z]+-)?ratelimit-(?:(?P<before>[a-z-]+?)-)?remaining(?:-(?P<after>[a-z-]+))?"
)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_LONGEST = 120.0
"""Seconds. What is reset later may be the quota of a day, of which a refusal says enough."""


def pause_in(headers: Mapping[str, str]) -> float:
    """The seconds until what is used up is there again; 0 where nothing is.

    OpenAI and hosts of its format: ``x-ratelimit-remaining-requests: 0`` and
    ``x-ratelimit-reset-requests: 6m0s``. Anthropic: ``anthropic-ratelimit-tokens-remaining: 0`` and
    ``anthropic-ratelimit-tokens-reset``, a time of RFC 3339. Others: ``x-ratelimit-remaining`` and
    ``x-ratelimit-reset``, in seconds or as a time since the epoch.
    """
    longest = 0.0
    for name, value in headers.items():
        if "remaining" in name and _REMAINING.fullmatch(name) and _is_none(value):
            reset = headers.get(name.replace("remaining", "reset"))
            longest = max(longest, 0.0 if reset is None else _seconds(reset))
    return min(longest, _LONGEST)


def _is_none(value: str) -> bool:
    try:
        return float(value) <= 0
    except ValueError:
        return False


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
