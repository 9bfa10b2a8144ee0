"""What the mock server answers to the examples of each page, in order; it judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from llmgate.testing import Canned, Fault
from llmgate.testing.mock_server import Received
from llmgate.testing.mock_server.answers import Answer, Asked, as_said
from llmgate.testing.mock_server.shapes.openai import OpenAIShape
from tests.pages.bodies import cached, claude, claude_cached, claude_stream, spoken

__all__ = ["SCRIPTS"]

Script: TypeAlias = Iterable[Answer] | Callable[[Received], Answer]

NO_SUCH_MODEL = Canned.json(
    {"error": {"message": "The model `gpt-9` does not exist.", "code": "model_not_found"}},
    status=404,
    headers={"x-request-id": "req_1"},
)
THOUGHT = "91 is 7 times 13."
COUNTRIES = {"Paris": "France", "Rome": "Italy", "Madrid": "Spain"}


def country(received: Received) -> Answer:
    """The country of the city in the question; calls come in any order."""
    if received.table["model"] == "gpt-9":
        return NO_SUCH_MODEL
    question = str(received.table["messages"])
    return next(COUNTRIES[city] for city in COUNTRIES if city in question)


def slow(received: Received) -> Answer:
    """Nothing, but for a greeting and the beginning of a stream."""
    if "Hi" in str(received.table["messages"]):
        return "Hello!"
    if not received.table.get("stream"):
        return Fault("hang")
    asked = Asked("chat", "gpt-5.6", stream=True)
    begun = OpenAIShape().events(as_said("One, two, three,"), asked)[:4]
    return Canned(headers={"Content-Type": "text/event-stream"}, body=begun, hang=True)


SCRIPTS: dict[str, Script] = {
    "index": ["Paris."],
    "quickstart": ["Paris.", "One, two, three, four, five.", "Paris is the capital of France."],
    "calls": ["Paris.", "Rome.", "Hello!"],
    "conversations": ["Paris.", "Rome.", "Hello!", "Paris.", "Yes, it is Paris."],
    "streaming": [
        "One, two, three, four, five.",
        "Hello there.",
        "Hello there.",
        "One, two, three, four, five.",
        Fault("no_end", text="One, two, three, four, five."),
    ],
    "errors-and-retries": [
        NO_SUCH_MODEL,
        Fault("rate_limit", {"retry_after": 0}),
        Fault("overloaded"),
        "Hello!",
        "Hello!",
    ],
    "timeouts-and-cancellation": slow,
    "many-calls": country,
    "embeddings": (),
    "models-and-tokens": (),
    "images-and-files": [
        "A cat on a sofa.",
        *(["Sales grew by four percent."] * 3),
        "No: the second one is black.",
    ],
    "audio": ["Somebody asks for the time.", spoken()],
    "reasoning": [
        claude("No: 91 is 7 × 13.", THOUGHT),
        claude_stream(["91 is 7 ", "times 13."], "No: 91 is 7 × 13."),
        claude("No: 91 is 7 × 13.", THOUGHT),
        claude("Yes."),
    ],
    "prompt-caching": [cached(0), cached(1408), claude_cached(1500, 0), claude_cached(0, 1500)],
}
