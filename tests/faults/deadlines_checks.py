"""How the families of time limits say what is right: that a limit holds, and which it was."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from typing import Any

from llmgate import RetryPolicy
from llmgate.errors import DeadlineExceededError
from tests.faults.calls import SLACK, no_pause
from tests.faults.server import FaultServer, hang
from tests.faults.table import Case, Check, Outcome, Scene, Steps, raises

__all__ = [
    "HANDSHAKE",
    "LIMIT",
    "STORM",
    "at_full_speed",
    "attempted",
    "both",
    "holds",
    "late",
    "streamed",
    "whole",
]

import_module("tenacity")  # or the first call's time would be that of this

LIMIT = 0.25 if SLACK < 0.5 else 0.4
"""Seconds that most calls here are given; to connect takes its time, too, where all is slower."""
PERSISTENT = RetryPolicy(max_retries=1000, wait=no_pause)
"""Never gives up by itself."""


def late(phase: str = "total", text: str = "", limit: float = LIMIT, **more: Any) -> Check:
    """The limit was kept to both sides; the error names it, and tells whose call it was."""

    def check(outcome: Outcome) -> None:
        named = {"phase": phase, "provider": outcome.dialect.name, **more}
        raises(DeadlineExceededError, **named)(outcome)
        error = outcome.error
        assert isinstance(error, TimeoutError)
        assert isinstance(error, DeadlineExceededError)
        assert f"{limit:.3g} s" in str(error)
        assert error.attempts, "no attempt is told of"
        assert outcome.seconds >= limit - 0.02, f"it took only {outcome.seconds:.3f} s"
        assert outcome.text.startswith(text)

    return check


def attempted(phase: str, *errors: str) -> Check:
    """The limit is named, and so is what came of each attempt."""

    def check(outcome: Outcome) -> None:
        raises(DeadlineExceededError, phase=phase)(outcome)
        assert isinstance(outcome.error, DeadlineExceededError)
        attempts = outcome.error.attempts
        assert list(errors) == [attempt.error for attempt in attempts[-len(errors) :]]
        assert all(attempt.error is None for attempt in attempts[: -len(errors)])

    return check


def holds(
    name: str, unary: Steps | None, stream: Steps | None, check: Check | None = None, **more: Any
) -> Case:
    """A case whose call is given so much time, and takes all of it."""
    options = {"timeout": more.pop("timeout", LIMIT), **more.pop("options", {})}
    more.setdefault("within", LIMIT)
    return Case(name, check or late(), unary, stream, options=options, **more)


def both(name: str, steps: Steps, check: Check | None = None, **more: Any) -> Case:
    """The same for a whole answer and for a stream."""
    return holds(name, steps, steps, check, **more)


def whole(name: str, steps: Steps, check: Check | None = None, **more: Any) -> Case:
    """For a whole answer only."""
    return holds(name, steps, None, check, **more)


def streamed(name: str, steps: Steps, check: Check | None = None, **more: Any) -> Case:
    """For a stream only."""
    return holds(name, None, steps, check, **more)


def at_full_speed(case: Case) -> Scene:
    """One call at a time: each of them keeps a processor busy, and its server another, so that it
    may be a little late on a machine that has no third."""
    patient = replace(case, within=case.within + 0.15)
    ways = tuple(way for way in case.players if not way[0])
    return Scene(f"{case.name}, at full speed", patient.play, case.providers, ways)


def _as_https(server: FaultServer) -> AbstractContextManager[str]:
    return nullcontext(server.url.replace("http:", "https:"))


HANDSHAKE: dict[str, Any] = {"server": {"on_connect": hang}, "address": _as_https}
"""A TLS handshake that does not end."""
STORM: dict[str, Any] = {"settings": {"retry": PERSISTENT}, "requests": 1000}
"""Tries again and again."""
