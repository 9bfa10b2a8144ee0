"""Events that no hook wants, whose hooks say so of kinds: these are not even made."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from llmgate import Client, ServerError
from llmgate._core.live import LiveSource
from llmgate._core.wanted_events import kinds_wanted
from llmgate.hooks import AttemptEnded, CallEnded, CallStarted, Event, FirstToken, LoggingHook
from llmgate.testing import FakeProvider
from tests.test_observers import HI, functions


class ByKind:
    """A hook that wants some kinds of events, and those with an error."""

    def __init__(self, *wanted: type[Any]) -> None:
        self.seen: list[str] = []
        self._wanted = wanted

    def wants_kind(self, kind: type[Event], is_failure: bool) -> bool:
        return is_failure or kind in self._wanted

    def __call__(self, event: Event) -> None:
        self.seen.append(type(event).__name__)


class Failing(ByKind):
    """It cannot say what it wants."""

    def wants_kind(self, kind: type[Event], is_failure: bool) -> bool:
        raise ValueError(kind)


class ByEvent(LoggingHook):
    """It looks at events as well."""

    def wants(self, event: Event) -> bool:
        return True


async def seen_by(*hooks: Any, answers: Any = ("one two",), stream: bool = False) -> None:
    """A call, and all its events."""
    client: Any = Client(providers={"fake": FakeProvider(answers)}, hooks=hooks, max_retries=0)
    async with client:
        try:
            result = await client.acompletion("fake/m", HI, stream=stream)
        except ServerError:
            return
        if stream:
            await result.completion()


async def test_only_kinds_that_are_wanted_are_made() -> None:
    """By one of the hooks; of a failure, those that have an error."""
    hook = ByKind(CallStarted, FirstToken)
    await seen_by(hook, stream=True)
    assert ["CallStarted", "FirstToken"] == hook.seen
    hook = ByKind()
    await seen_by(hook, answers=[ServerError("oops", status=500)])
    assert ["AttemptEnded", "CallEnded"] == hook.seen
    first, second = ByKind(AttemptEnded), ByKind(CallEnded)
    await seen_by(first, second)
    assert ["AttemptEnded", "CallEnded"] == first.seen == second.seen


async def test_a_hook_that_fails_to_say_wants_everything() -> None:
    """As does one that says nothing."""
    everything = ["CallStarted", "AttemptStarted", "AttemptEnded", "CallEnded"]
    failing = Failing()
    await seen_by(failing)
    assert everything == failing.seen
    kind, plain = ByKind(), list[Event]()
    await seen_by(kind, plain.append)
    assert everything == kind.seen == [type(event).__name__ for event in plain]


async def test_a_logger_that_writes_nothing_costs_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor a copy of a request; its level is looked at for each event."""
    client: Any = Client(providers={"fake": FakeProvider(["a", "b"])}, hooks=[LoggingHook()])
    made = {"attempt_started", "_redact_completion", "put"}
    caplog.set_level(logging.WARNING, "llmgate")
    assert set[str]() == made & await functions(client)
    caplog.set_level(logging.INFO, "llmgate")
    assert made == made & await functions(client)
    await client.aclose()


async def test_a_stream_whose_end_nobody_wants_is_not_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be long."""
    made = list[str]()
    whole = LiveSource._completion_so_far

    def noted(source: LiveSource) -> Any:
        made.append("completion")
        return whole(source)

    monkeypatch.setattr(LiveSource, "_completion_so_far", noted)
    for hook, expected in ((ByKind(FirstToken), []), (ByKind(CallEnded), ["completion"])):
        client: Any = Client(providers={"fake": FakeProvider(["one two"])}, hooks=[hook])
        async for _ in await client.acompletion("fake/m", HI, stream=True):
            pass
        await client.aclose()
        assert expected == made
        assert 1 == len(hook.seen)


def test_a_subclass_that_looks_at_events_is_given_them() -> None:
    """What its class says of kinds is not all that there is to say."""
    assert kinds_wanted([LoggingHook()]) is not None
    assert kinds_wanted([LoggingHook(), ByEvent()]) is None
