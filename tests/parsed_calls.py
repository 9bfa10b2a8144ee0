"""Types, and calls that are parsed as them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from pydantic import BaseModel

from llmgate import (
    Client,
    Stream,
)
from llmgate._core.partial import ItemReader, PartialReader
from llmgate.middleware import ChatCall, Handler, Middleware
from llmgate.testing import FakeProvider
from llmgate.types import (
    Choice,
    Completion,
    Function,
    Message,
    ToolCall,
    Usage,
)

QUESTION: list[Any] = [{"role": "user", "content": "What is there?"}]


class Item(BaseModel):
    name: str
    price: float = 0.0


class Order(BaseModel):
    number: int
    items: list[Item]


@dataclass
class Point:
    x: int
    labels: list[str] = field(default_factory=list[str])
    name: str = "nowhere"


class Size(TypedDict):
    width: int
    height: NotRequired[int]


def client_of(*answers: Any, **settings: Any) -> Client:
    """A client whose model says this."""
    return Client(providers={"fake": FakeProvider(answers)}, max_retries=0, **settings)


class Gives(Middleware):
    """Responses as they are given here."""

    def __init__(self, *completions: Completion) -> None:
        self.left = [*completions]
        self.calls = list[ChatCall]()

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The next of them."""
        self.calls.append(call)
        completion = self.left.pop(0)
        return Stream.replay(completion) if call.stream else completion


def said(text: str | None, **more: Any) -> Completion:
    """A response with this text."""
    reason = more.pop("finish_reason", "stop")
    return Completion([Choice(Message(text, **more), finish_reason=reason)], usage=Usage(1, 2, 3))


CALL = ToolCall("c1", Function("Item", '{"name": "nut"}'))


def partials(kind: Any, text: str, size: int = 1) -> list[Any]:
    """The partial values of a text that comes in pieces of a size."""
    reader = PartialReader(kind)
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    return [value for piece in pieces for value in reader.feed(piece)]


# --- streams: items ---


def items(kind: Any, text: str, size: int) -> list[Any]:
    """The items of a text that comes in pieces of a size."""
    reader = ItemReader(kind)
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    found = [value for piece in pieces for value in reader.feed(piece)]
    return [*found, *reader.end(text)]
