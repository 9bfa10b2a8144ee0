"""How the families of retries say what is right: how many requests came, and what they were."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from llmgate.errors import LLMGateError, OverloadedError, ProviderError, ServerError
from tests.faults.calls import AT_ONCE
from tests.faults.dialect import Dialect
from tests.faults.peer import Seen, Step
from tests.faults.table import Case, Check, Outcome, Scene, Steps, answers, together

__all__ = [
    "BUSY",
    "EXCEPT_REPLICATE",
    "REPLICATE",
    "TRIES",
    "attempts_of",
    "either_way",
    "pair",
    "recovers",
    "refused",
    "said",
    "tried",
]

for _module in ("tenacity", "email.utils"):
    import_module(_module)  # or the first retry's time would be that of this

REPLICATE = ("replicate",)
EXCEPT_REPLICATE = ("openai", "azure", "anthropic", "cohere")
"""Replicate's request is not repeated where its prediction may have been made already."""
BUSY = (OverloadedError, ServerError)
TRIES: dict[str, Any] = {"settings": {"retry": AT_ONCE}, "requests": 3, "within": 0.5}
"""Three requests at most, at once."""


def tried(times: int, check: Check) -> Check:
    """So many requests came, all of them the same; and the attempts tell of each."""

    def checked(outcome: Outcome) -> None:
        check(outcome)
        requests = outcome.server.requests
        assert times == len(requests), f"{len(requests)} requests"
        assert len({_sent(seen) for seen in requests}) <= 1, "not the same request"
        attempts = attempts_of(outcome)
        assert [*range(1, len(attempts) + 1)] == [attempt.number for attempt in attempts]
        assert times <= len(attempts) <= times + len(outcome.server.asides)

    return checked


def _sent(seen: Seen) -> tuple[Any, ...]:
    """All of a request: keys that make a request idempotent are the same, too."""
    return seen.method, seen.target, seen.body, tuple(sorted(seen.headers.items()))


def attempts_of(outcome: Outcome) -> Any:
    """What the answer, or the error, tells of its attempts."""
    found = outcome.answer or outcome.error
    assert found is not None
    return getattr(found, "attempts", ())


def refused(times: int, status: int, *kinds: type[LLMGateError], **more: Any) -> Check:
    """The provider's refusal was tried so many times, and is what the caller sees."""

    def check(outcome: Outcome) -> None:
        error = outcome.error
        assert isinstance(error, kinds or ProviderError), f"the error is {error!r}"
        assert status == error.status
        for name, expected in more.items():
            assert expected == getattr(error, name), name
        assert [status] * times == [each.status for each in error.attempts[-times:]]

    return tried(times, check)


def said(status: int, **headers: str) -> Steps:
    """The provider's error of this status, again and again."""
    return lambda dialect: [dialect.error(status, **headers)]


def either_way(name: str, check: Check, steps: Steps, **more: Any) -> tuple[Case, Case]:
    """The same of a whole answer, and of a stream."""
    return (
        Case(f"{name}, whole", check, unary=steps, **more),
        Case(f"{name}, streamed", check, stream=steps, **more),
    )


def pair(name: str, steps: Steps, check: Check, **more: Any) -> Scene:
    """One line for both."""
    return together(name, *either_way(name, check, steps, **{**TRIES, **more}))


def recovers(name: str, first: Steps, requests: int = 2, **more: Any) -> Scene:
    """One line: after these steps comes the answer, and the caller has it."""

    def unary(dialect: Dialect) -> Iterable[Step]:
        return [*first(dialect), dialect.reply()]

    def stream(dialect: Dialect) -> Iterable[Step]:
        return [*first(dialect), dialect.streamed()]

    more = {**TRIES, "requests": requests, **more}
    check = tried(requests, answers())
    return together(
        name, Case(name, check, unary=unary, **more), Case(name, check, stream=stream, **more)
    )
