"""Decides whether and when a failed attempt is retried; ``send`` waits and sends.

It uses tenacity's strategies, but imports tenacity only after a first failure: tenacity's own loop
would slow down every call that succeeds at once.
"""

from __future__ import annotations

import calendar
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from llmgate._text.dataclass import slotted
from llmgate.errors import (
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ReadError,
    ServerError,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.wait import wait_base

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses of transient failures, including Cloudflare's (520 to 524). A provider or its plugin can
mark an error of any other status as retryable."""


@slotted
class RetryPolicy:
    """How often, after which pause and after which errors a call is retried.

    ``max_retries`` is the largest number of retries in one call, however many requests it is of;
    of a call for embeddings in batches, in each batch. ``wait`` is any of tenacity's wait
    strategies; the default is exponential backoff with full jitter (base 0.5 s, at most 8 s).
    ``retry`` is asked of each error that may be retried at all, and can only narrow that; where it
    or ``wait`` raises, the call fails with the error that was to be retried, whose message says so.
    ``retry_reads`` also retries a response that was cut off while it was read, and a request that
    is not idempotent whose connection was lost: the provider may bill both twice.
    """

    max_retries: int = 2
    wait: wait_base | Callable[[RetryCallState], float] | None = None
    retry: Callable[[LLMGateError], bool] | None = None
    retry_reads: bool = False

    def __post_init__(self) -> None:
        if type(self.max_retries) is not int or self.max_retries < 0:
            raise InvalidRequestError.expected(
                "an integer of 0 or more", self.max_retries, "max_retries"
            )
        for name in ("wait", "retry"):
            given = getattr(self, name)
            if given is not None and (not callable(given) or is_async(given)):
                raise InvalidRequestError.expected(
                    "a function that is not async", given, f"retry.{name}"
                )
        if type(self.retry_reads) is not bool:
            raise InvalidRequestError.expected(
                "True or False", self.retry_reads, "retry.retry_reads"
            )

    def allows(self, error: LLMGateError, retry_number: int, *, answered: bool) -> bool:
        """Whether the retry of this number (from 1) may follow the error.

        ``answered`` says that a response with a completion had begun when it failed.
        """
        if retry_number > self.max_retries or not _is_transient(error):
            return False
        if answered and isinstance(error, ReadError) and not self.retry_reads:
            return False
        return self.retry is None or self.retry(error)

    def pause(self, error: LLMGateError, retry_number: int) -> float:
        """The seconds to wait before the retry of this number (from 1).

        It is the provider's ``retry_after``, or else by the strategy.
        """
        if error.retry_after is not None:
            return error.retry_after
        import tenacity  # noqa: PLC0415 - only after a failure

        state = tenacity.RetryCallState(_NO_LOOP, None, (), {})
        state.attempt_number = retry_number
        state.set_exception((type(error), error, None))
        wait = self.wait or tenacity.wait_random_exponential(multiplier=0.5, max=8)
        return _duration(wait(state)) or 0.0


_NO_LOOP: Any = None
_NO_RETRIES = RetryPolicy(max_retries=0)


def policy_of_call(default: RetryPolicy, max_retries: int | None) -> RetryPolicy:
    """The retry policy of a call: its client's, with the call's own ``max_retries`` if it has
    one."""
    if max_retries is None:
        return default
    if type(max_retries) is int and max_retries == 0:  # often: callers that retry by other means
        return _NO_RETRIES
    return replace(default, max_retries=max_retries)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a function returns a coroutine, which would not be awaited here."""
    call = getattr(function, "__call__", None)  # noqa: B004 - it is callable
    return iscoroutinefunction(function) or iscoroutinefunction(call)


def _is_transient(error: LLMGateError) -> bool:
    """Whether an error is transient, by structured codes and status only, never by a message's
    text."""
    match error:
        case ProviderError(in_stream=False, headers={"x-should-retry": "true" | "false" as asked}):
            return asked == "true"
        case ProviderError(retryable=bool(marked)):
            return marked
        case ConflictError():
            return False
        case ProviderError(status=int(status)):
            return status in _TRANSIENT
        case ProviderError():  # sent inside a stream: only its codes classify it
            return isinstance(error, RateLimitError | OverloadedError | ServerError)
        case DeadlineExceededError():
            return error.phase == "connect"
        case _:
            return isinstance(error, ConnectError | ReadError)


class RetryBudget:
    """A token bucket per client: retries take from it, successes refill it slowly.

    When a provider fails for everyone, retries stop after the first few and only first attempts
    reach it, so that it is not hammered while it recovers.
    Source: gRPC's retry throttling (gRFC A6), the standard retry mode of AWS's SDKs.
    """

    __slots__ = ("_capacity", "_refill", "_tokens")

    def __init__(self, capacity: float = 20.0, refill: float = 0.2) -> None:
        self._capacity = capacity
        self._refill = refill
        self._tokens = capacity

    def spend(self) -> bool:
        """Take one retry from the bucket; False when it is empty."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def succeeded(self) -> None:
        """Put back a part of a retry."""
        if self._tokens < self._capacity:
            self._tokens = min(self._capacity, self._tokens + self._refill)


def parse_retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The seconds that a response asks to wait; 0 is to be retried at once. None where its headers
    have no valid value, or a date that is over, as where one of the two clocks is wrong.

    ``retry-after-ms`` (milliseconds) comes before ``retry-after`` (seconds, also fractions, or an
    HTTP date). ``now`` is the time in seconds since the epoch that a date is compared with.
    Infinity stands for a value that is too large to be a time. Source: RFC 9110, 10.2.3.
    """
    milliseconds = _duration(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _duration(text)
    if seconds is not None or text is None:
        return seconds
    moment = _http_date(text)
    if moment is None:
        return None
    wait = moment - (time.time() if now is None else now)
    return wait if wait > 0 else None


def _duration(given: str | float | None) -> float | None:
    """A number of 0 or more, or infinity; None for anything else."""
    if given is None or (isinstance(given, str) and ("_" in given or not given.isascii())):
        return None  # notations that only Python reads as numbers
    try:
        number = float(given)
    except ValueError:
        return None
    return abs(number) if number >= 0 else None


def _http_date(text: str) -> float | None:
    from email.utils import parsedate_tz  # noqa: PLC0415 - only after a failure

    parsed = parsedate_tz(text)
    if parsed is None:
        return None
    if re.search(r"\d{5,}", text):  # a year beyond 9999
        return math.inf
    try:
        return calendar.timegm(parsed[:9]) - (parsed[9] or 0)
    except (ValueError, OverflowError):  # a year outside the calendar
        return None
