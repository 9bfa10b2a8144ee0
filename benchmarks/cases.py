"""What is measured: every load by name, as data."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from benchmarks.drivers import Task
from benchmarks.families import FAMILIES
from benchmarks.payloads import (
    ANSWERS,
    MODELS,
    SCHEMA,
    Answer,
    Dialect,
    with_calls,
)
from benchmarks.questions import conversation, tools

__all__ = ["CASES", "Action", "Case", "task_of"]

Action: TypeAlias = Literal["call", "stream", "iterate", "assemble", "call_sync", "stream_sync"]
_TURN = 1_900


class Case(NamedTuple):
    """A load: what a driver does with which answer, and how many of it at once."""

    title: str
    answer: str
    action: Action = "call"
    at_once: int = 1
    turns: int = 2
    """Messages of the conversation; all but the first and the last have 2 kB."""
    runs: int = 100
    """How many of it make a count of instructions; twice as many make the other."""
    size: int = _TURN
    """Bytes of a message between the first and the last."""
    calls: int = 0
    """Calls of functions in the conversation, each with its result."""
    tools: int = 0
    """Functions that may be called."""
    asks_for_schema: bool = False
    """Whether the answer is to be of a schema; where a client takes a class, it is given one."""
    watcher: Literal["", "hook", "logging", "pass", "fallback", "limits", "cache"] = ""
    """A hook that does nothing, or one that logs where nobody listens; or a middleware."""
    counts: int = 1
    """How often each is made, for the median: when collections of garbage fall is up to chance."""

    @property
    def dialect(self) -> Dialect:
        """The vendor whose format is spoken."""
        return next(dialect for dialect in MODELS if self.answer.startswith(dialect))

    @property
    def expected(self) -> Answer:
        """What the upstream answers."""
        return ANSWERS[self.answer]

    @property
    def units(self) -> int:
        """What a run's cost is divided by: calls, or the chunks of a stream."""
        return 1 if self.action.startswith("call") else self.expected.chunks


CASES = {
    "unary": Case("unary call, 600 B answer", "openai-short"),
    "unary-64": Case("unary call, 64 at once", "openai-short", at_once=64, runs=256, counts=3),
    "unary-1000": Case("unary call, 1,000 at once", "openai-short", at_once=1_000, runs=1_000),
    "tool": Case("unary call, a function called", "openai-tool"),
    "answer": Case("unary call, 20 kB answer", "openai-long"),
    "history": Case("unary call, 200 kB history", "openai-short", turns=100, runs=20, counts=5),
    "history-small": Case(
        "unary call, 1 MB history of 200 B messages",
        "openai-short",
        turns=5_000,
        size=200,
        runs=4,
        counts=3,
    ),
    "tools-10": Case("unary call, 10 tools", "openai-short", tools=10),
    "tools-50": Case("unary call, 50 tools", "openai-short", tools=50, runs=40),
    "calls-50": Case("unary call, history of 50 tool calls", "openai-short", calls=50, runs=40),
    "schema": Case("unary call, a class to answer in", "openai-json", asks_for_schema=True),
    "hook": Case("unary call, a hook that does nothing", "openai-short", watcher="hook"),
    "logging": Case("unary call, LoggingHook turned off", "openai-short", watcher="logging"),
    "pass": Case(
        "unary call, a middleware that does nothing", "openai-short", watcher="pass", counts=3
    ),
    "fallback": Case(
        "unary call, a fallback not needed", "openai-short", watcher="fallback", counts=3
    ),
    "limits": Case("unary call, limits in memory", "openai-short", watcher="limits", counts=3),
    "cache": Case("unary call, a hit of the cache", "openai-short", watcher="cache", counts=3),
    "sync": Case("unary call, without await", "openai-short", "call_sync"),
    "stream-sync": Case(
        "stream of 1,000 in bulk without await, a chunk",
        "openai-stream-1000",
        "stream_sync",
        runs=2,
    ),
    "stream-sync-spaced": Case(
        "stream of 300, each by itself, without await, a chunk",
        "openai-stream-300-spaced",
        "stream_sync",
        runs=1,
    ),
    "stream": Case("stream of 1,000 in bulk, a chunk", "openai-stream-1000", "stream", runs=2),
    "stream-300": Case("stream of 300 in bulk, a chunk", "openai-stream-300", "stream", runs=2),
    "stream-responses": Case(
        "stream of 300 of the Responses API, a chunk", "responses-stream-300", "stream", runs=2
    ),
    "stream-each": Case(
        "stream of 1,000, one write each, a chunk", "openai-stream-1000-each", "stream", runs=2
    ),
    "stream-paced": Case(
        "stream of 1,000, 0.2 ms apart, a chunk", "openai-stream-1000-paced", "stream", runs=2
    ),
    # for whoever is slowed down by being counted, and would find many of them waiting
    "stream-spaced": Case(
        "stream of 300, each by itself, a chunk", "openai-stream-300-spaced", "stream", runs=1
    ),
    "stream-calls": Case(
        "stream of 1,000 fragments of a call, a chunk", "openai-calls-1000", "stream", runs=2
    ),
    "stream-padded": Case(
        "stream of 1,000 as OpenAI pads them, a chunk",
        "openai-stream-1000-padded",
        "stream",
        runs=2,
    ),
    **{
        f"family-{name}": Case(
            f"stream of 300 like {name}, a chunk", f"openai-{name}-300", "stream", runs=2
        )
        for name in FAMILIES
    },
    **{
        f"anthropic-{kind}": Case(
            f"Anthropic: stream of 300, {title}, a chunk",
            f"anthropic-{kind}-300",
            "stream",
            runs=2,
        )
        for kind, title in {
            "padded": "padded as it sends them",
            "thinking": "of thoughts",
            "input_json": "fragments of an input",
        }.items()
    },
    "anthropic": Case("Anthropic: unary call", "anthropic-short"),
    "anthropic-stream": Case(
        "Anthropic: stream of 1,000, a chunk", "anthropic-stream-1000", "stream", runs=2
    ),
    "short-stream": Case("stream of 10 in bulk, a chunk", "openai-stream-10", "stream"),
    "anthropic-short-stream": Case(
        "Anthropic: stream of 10, a chunk", "anthropic-stream-10", "stream"
    ),
    "anthropic-stream-300": Case(
        "Anthropic: stream of 300, a chunk", "anthropic-stream-300", "stream", runs=2
    ),
    "gemini-stream": Case("Gemini: stream of 300, a chunk", "gemini-stream-300", "stream", runs=2),
    "bedrock-stream": Case(
        "Bedrock: stream of 300, a chunk", "bedrock-stream-300", "stream", runs=2
    ),
    "iterate": Case(
        "iterating an answer of 10,000 chunks, a chunk", "openai-stream-10000", "iterate", runs=1
    ),
    "assemble": Case(
        "assembling an answer of 10,000 chunks, a chunk", "openai-stream-10000", "assemble", runs=1
    ),
    "assemble-1000": Case(
        "assembling an answer of 1,000 chunks, a chunk", "openai-stream-1000", "assemble", runs=2
    ),
}


def task_of(case: Case, port: int) -> Task:
    """What a driver needs to know of a case."""
    url = f"http://127.0.0.1:{port}/{case.answer}"
    messages = _history(case.turns, case.size, case.calls)
    options: dict[str, Any] = {"tools": tools(case.tools)} if case.tools else {}
    if case.asks_for_schema:
        options["response_format"] = SCHEMA
    return Task(url, case.dialect, MODELS[case.dialect], messages, options, case.watcher)


@cache
def _history(turns: int, size: int, calls: int) -> list[dict[str, Any]]:
    messages = conversation(turns, size)
    return with_calls(messages, calls) if calls else messages
