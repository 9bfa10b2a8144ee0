"""What tests of the dispatcher share: events, and hooks that wait, fail or leave."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

from llmgate._core.dispatch import Dispatcher
from llmgate.hooks import (
    CallEnded,
    CallStarted,
    Event,
)
from llmgate.types import Completion

STARTED = CallStarted("c", "canned", "m", stream=False)


def ended(call: str = "c", completion: Completion | None = None) -> CallEnded:
    """The end of a call."""
    return CallEnded(call, "canned", "m", "ok", 1.0, 1, completion=completion)


class Gate:
    """A hook that keeps what it is given, and holds up its thread until it is opened."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.is_reached = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self.is_reached.set()
        self.may_go_on.wait(10)

    def shut(self, dispatcher: Dispatcher) -> Any:
        """What emits to this hook, which holds up its thread with a first event."""
        emit = dispatcher.emitter([self])
        emit(STARTED)
        assert self.is_reached.wait(5)
        return emit

    def pass_through(self, dispatcher: Dispatcher) -> list[Event]:
        """What came after the first event, when all has been delivered."""
        self.may_go_on.set()
        assert dispatcher.flush(5)
        return self.seen[1:]


def fail(event: Event) -> NoReturn:
    """A hook that raises."""
    raise RuntimeError("no")
