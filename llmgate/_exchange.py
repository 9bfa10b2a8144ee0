"""How a completion was obtained, and the attributes that tell it; values that do nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from llmgate._text.frozen import frozen
from llmgate.report import Report

__all__ = ["Attempt", "Exchange", "HasExchange"]


@frozen
class Attempt:
    """One request that was made for a call.

    ``seconds`` is how long it took, ``wait`` the pause before it (seconds), ``status`` the
    response's or None, ``error`` the name of the exception's class or None.
    """

    number: int
    seconds: float
    wait: float = 0.0
    status: int | None = None
    error: str | None = None
    request_id: str | None = None


@frozen
class Exchange:
    """How a completion was obtained: by whom, with which deviations, in how many attempts.

    ``headers`` are the response's, names in lower case; ``raw`` is the response's body, untouched
    (empty for a stream).
    """

    provider: str
    report: Report
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    raw: bytes = field(default=b"", repr=False)
    request_id: str | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def rate_limit(self) -> dict[str, str]:
        """The headers about rate limits, as the provider spells them."""
        return {
            name: value
            for name, value in self.headers.items()
            if "ratelimit" in name or name.startswith("retry-after")
        }


class HasExchange:
    """What a completion and a stream say of their exchange."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def exchange(self) -> Exchange:
            """Headers, request id, attempts, report."""
            ...

    @property
    def report(self) -> Report:
        """What differs between the call and the request."""
        return self.exchange.report

    @property
    def raw(self) -> bytes:
        """The response's body, untouched; empty for a stream."""
        return self.exchange.raw

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, from the response's headers."""
        return self.exchange.request_id

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers, names in lower case."""
        return self.exchange.headers

    @property
    def rate_limit(self) -> dict[str, str]:
        """The headers about rate limits."""
        return self.exchange.rate_limit

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request that was made for this call."""
        return self.exchange.attempts

    @property
    def provider(self) -> str:
        """The name of the provider that responded."""
        return self.exchange.provider
