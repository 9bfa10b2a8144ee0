"""What the tests of calls share: a client that speaks to a fault server, and a recording hook."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from llmgate import Client, LLMGateError, RetryPolicy, Timeout
from llmgate.hooks import Event
from tests.faults.server import FaultServer
from tests.machine import Delay
from tests.plain_provider import PlainProvider

import_module("llmgate.transports.aiohttp")  # or the first call's time would be that of this

KEY = "sk-canary-0123456789abcdef"
MODEL = "openai/gpt-4o"
HI: list[Any] = [{"role": "user", "content": "Hi"}]
SLACK = 0.2 if sys.gettrace() is None else 0.5
"""By how much a call may be late; all is slower where its coverage is measured."""


def no_pause(_: object) -> float:
    """A wait strategy that does not wait."""
    return 0.0


AT_ONCE = RetryPolicy(max_retries=2, wait=no_pause)


def client_of(server: FaultServer | str, **settings: Any) -> Client:
    """A client whose OpenAI is the server, and which does not try again unless told to."""
    url = server if isinstance(server, str) else server.url
    if "retry" not in settings:
        settings.setdefault("max_retries", 0)
    settings.setdefault("timeout", 60.0)
    return Client(providers={"openai": PlainProvider(api_key=KEY, base_url=url)}, **settings)


def limits(**seconds: float | None) -> Timeout:
    """These limits and no others."""
    return Timeout(**{"total": None, "connect": None, "idle": None, "first_token": None, **seconds})


@dataclass
class Recorder:
    """A hook that keeps what it is told."""

    events: list[Event] = field(default_factory=list[Event])

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        """The kinds of events, in their order."""
        return [type(event).__name__ for event in self.events]

    def all(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def lasting(seconds: float, *, at_least: float | None = None) -> Generator[None]:
    """What is inside takes this long, and hardly longer, but for what the machine delays it."""
    started, delay = time.monotonic(), Delay()
    yield
    took = time.monotonic() - started
    assert (seconds if at_least is None else at_least) - 0.01 <= took
    assert took - delay.seconds <= seconds + SLACK


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception with all that hang on it."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None:
            yield current
            waiting += [current.__cause__, current.__context__]


def is_ours(error: BaseException) -> bool:
    """Whether an exception and all that hang on it are llmgate's own."""
    return all(isinstance(each, LLMGateError) for each in chain(error))
