"""What a mock server is to say, in no provider's format yet. It sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.provider.http import decode_json
from llmgate.testing.canned import Canned
from llmgate.testing.mock_server.faults import Fault
from llmgate.types import ToolCall

__all__ = ["Answer", "Asked", "Call", "Said", "as_said", "words_of"]

Answer: TypeAlias = str | ToolCall | Fault | Canned | Sequence[str | ToolCall]
"""A text, a tool call, several of both, a fault, or a response as it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: ``operation`` is ``chat``, ``embeddings`` or ``models``."""

    operation: str
    model: str = ""
    stream: bool = False
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def prompt_tokens(self) -> int:
        """A count that depends on the request alone: its words."""
        return len(str(self.body.get("messages") or self.body.get("contents") or "").split())


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function."""

    id: str
    name: str
    arguments: str

    @property
    def input(self) -> Any:
        """The arguments as JSON."""
        return decode_json(self.arguments.encode()) if self.arguments else {}

    @property
    def halves(self) -> tuple[str, str]:
        """The arguments in two pieces, as a stream has them."""
        middle = len(self.arguments) // 2
        return self.arguments[:middle], self.arguments[middle:]


@dataclass(frozen=True, slots=True)
class Said:
    """A text and calls of functions; one of both may be missing."""

    text: str | None
    calls: tuple[Call, ...] = ()

    @property
    def tokens(self) -> int:
        """A count that depends on the answer alone: its words, and one for each call."""
        return len((self.text or "").split()) + len(self.calls)

    @property
    def words(self) -> list[str]:
        """The text word by word, as a stream has it."""
        return [*words_of(self.text or "")]


def words_of(text: str) -> Iterator[str]:
    """The words, each with the space before it."""
    first, *others = text.split(" ")
    if text:
        yield first
    yield from (f" {word}" for word in others)


def as_said(answer: str | ToolCall | Sequence[str | ToolCall]) -> Said:
    """An answer as a text and calls.

    Raises:
        InvalidRequestError: for what is none.
    """
    given: Any = answer
    parts: list[Any] = [*given] if isinstance(given, list | tuple) else [given]
    strange = [part for part in parts if not isinstance(part, str | ToolCall)]
    if strange:
        reason = f"expected a text or a ToolCall, got {describe_value(strange[0])}"
        raise InvalidRequestError(reason, path="script")
    texts = [part for part in parts if isinstance(part, str)]
    calls = tuple(_call(part) for part in parts if isinstance(part, ToolCall))
    return Said("".join(texts) if texts else None, calls)


def _call(call: ToolCall) -> Call:
    if call.function is None:
        raise InvalidRequestError("a mock server calls functions only", path="script")
    return Call(call.id, call.function.name, call.function.arguments)
