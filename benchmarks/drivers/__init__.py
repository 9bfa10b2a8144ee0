"""Clients, each in a module of its own that is imported in that client's environment only.

What a driver is given and what it gives back; it measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from benchmarks.payloads import Dialect

__all__ = ["KEY", "Driver", "Reading", "Task", "load"]

KEY = "sk-of-nobody"


class Task(NamedTuple):
    """Whom to call, and what to ask."""

    url: str
    """Without ``/v1``; its path names the answer."""
    dialect: Dialect
    model: str
    messages: list[dict[str, Any]]
    options: Mapping[str, Any] = MappingProxyType({})
    """What a case asks for beside the messages, in OpenAI's parameters."""
    watcher: str = ""
    """Which hook the client has, for those that have hooks."""

    @property
    def limits(self) -> dict[str, int]:
        """What the dialect wants beside the messages."""
        return {"max_tokens": 1024} if self.dialect == "anthropic" else {}


class Reading(NamedTuple):
    """What was read from a stream, each chunk looked at."""

    chunks: int
    text: str
    first: float
    """``time.perf_counter()`` at the first chunk."""


class Driver(Protocol):
    """One client that is kept for all its calls, with a user's default settings."""

    def __init__(self, task: Task) -> None: ...

    async def call(self) -> str:
        """One call; its text, or the arguments of the function that it calls."""
        ...

    async def stream(self) -> Reading:
        """One stream to its end."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


def load(name: str) -> type[Driver]:
    """The driver of this name."""
    driver: type[Driver] = import_module(f"benchmarks.drivers.{name}").Client
    return driver
