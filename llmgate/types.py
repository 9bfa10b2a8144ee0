"""Completions in OpenAI's shape: whole, in chunks, and their parts.

These are values: they are made by decoders and read by users, and no code here talks to anything.
Source: OpenAI's "chat completion object" and "chat completion chunk object".
"""

from __future__ import annotations

from dataclasses import InitVar, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeAlias

from llmgate._exchange import Attempt, Exchange, ExchangeField, HasExchange
from llmgate._text.json import parse_arguments
from llmgate._text.shape import Extra, JsonObject, JsonObjects, Shape, shape

__all__ = [
    "Attempt",
    "Choice",
    "ChoiceDelta",
    "Chunk",
    "ChunkChoice",
    "Completion",
    "CompletionTokensDetails",
    "CustomCall",
    "Exchange",
    "FinishReason",
    "Function",
    "FunctionDelta",
    "Message",
    "PromptTokensDetails",
    "ShapeWithExchange",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
    "with_exchange",
]

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # which every checker knows; it is never imported

    Parsed = TypeVar("Parsed", default=Any)
    _unset: Any = None
else:
    from typing import TypeVar

    Parsed = TypeVar("Parsed")

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "function_call", "other"
]
"""Why a completion ended; ``other`` is a reason that OpenAI has no word for, see the native one."""


@shape
class Function(Shape):
    """The function that is called; ``arguments`` is the model's JSON text, verbatim."""

    name: str
    arguments: str = "{}"
    extra: Extra = Extra()

    def parse_arguments(self) -> dict[str, Any]:
        """The arguments as a dictionary.

        Raises:
            DecodeError: when the model wrote no JSON object.
        """
        return parse_arguments(self.arguments)


@shape
class CustomCall(Shape):
    """The custom tool that is called; ``input`` is free text."""

    name: str
    input: str = ""
    extra: Extra = Extra()


@shape
class ToolCall(Shape):
    """One call: of a function, or of a custom tool. The id is never empty."""

    id: str
    function: Function | None = None
    custom: CustomCall | None = None
    type: str = "function"
    extra: Extra = Extra()


class ParsedField:
    """The attribute of a message that holds the parsed value. It is not a field, so that code which
    dumps fields does not see it. A dataclass asks it for the default, which is None."""

    __slots__ = ()

    def __get__(self, message: Any, _: object) -> Any:
        return None if message is None else message._parsed

    def __set__(self, message: Any, value: Any) -> None:
        message._parsed = value


class ShapeWithParsed(Shape):
    """A shape with room for a value that is no key of its JSON."""

    __slots__ = ("_parsed",)

    if not TYPE_CHECKING:

        def __post_init__(self, parsed):
            self._parsed = parsed


@shape
class Message(ShapeWithParsed, Generic[Parsed]):
    """The message of a completion; append it to ``messages`` unchanged.

    ``content`` is the text, None where there is none. ``parsed`` is its value where a Python type
    was the ``response_format``; it is in no dump. ``reasoning_content`` is the model's reasoning in
    clear text. ``provider_data`` maps a provider's name to what only that provider understands
    (signed reasoning blocks, citations in its own form); it is sent back verbatim with the message.
    """

    always_listed = frozenset({"content", "role"})

    content: str | None = None
    role: str = "assistant"
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    annotations: JsonObjects = JsonObjects()
    audio: JsonObject = JsonObject()
    provider_data: dict[str, Any] | None = None
    extra: Extra = Extra()
    if TYPE_CHECKING:
        parsed: Parsed = field(default=_unset)
    else:  # an argument, which ``dataclasses.replace`` hands on, and no field
        parsed: InitVar[Any] = ParsedField()


@shape
class Choice(Shape, Generic[Parsed]):
    """One of the ``n`` completions of a prompt.

    ``finish_reason`` is OpenAI's word for why it ended, and ``native_finish_reason`` the
    provider's own; both are None where the provider gave none.
    """

    message: Message[Parsed]
    index: int = 0
    finish_reason: FinishReason | None = None
    logprobs: JsonObject = JsonObject()
    native_finish_reason: str | None = None
    extra: Extra = Extra()


@shape
class PromptTokensDetails(Shape):
    """Parts of ``prompt_tokens``: each is contained in it, none is to be added."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None
    extra: Extra = Extra()


@shape
class CompletionTokensDetails(Shape):
    """Parts of ``completion_tokens``: each is contained in it, none is to be added."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    text_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    extra: Extra = Extra()


@shape
class Usage(Shape):
    """What was billed, in tokens: prompt with cache reads and writes, completion with
    reasoning."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
    extra: Extra = Extra()

    def __add__(self, other: Usage) -> Usage:
        """What both were billed; ``extra`` is left out, since not all of it can be summed."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            _sum_of_details(self.prompt_tokens_details, other.prompt_tokens_details),
            _sum_of_details(self.completion_tokens_details, other.completion_tokens_details),
        )


Details = TypeVar("Details", PromptTokensDetails, CompletionTokensDetails)


def _sum_of_details(one: Details | None, other: Details | None) -> Details | None:
    """Each part summed; None where neither has it."""
    if one is None or other is None:
        return other if one is None else one
    parts: dict[str, Any] = {}
    for details in (one, other):
        for name, value in details.items():
            if type(value) is int and name not in details.extra:
                parts[name] = parts.get(name, 0) + value
    return type(one)(**parts)


class ShapeWithExchange(HasExchange, Shape):
    """A shape with room for its exchange, which is no key of its JSON."""

    __slots__ = ("_exchange",)

    if not TYPE_CHECKING:

        def __post_init__(self, exchange):
            self._exchange = exchange


@shape
class Completion(ShapeWithExchange, Generic[Parsed]):
    """The whole response of a model.

    Besides OpenAI's fields it has ``report`` (what differs from the call as made), ``raw`` (the
    untouched body), ``request_id``, ``headers``, ``rate_limit``, ``attempts`` and ``provider``, in
    no dump of it. ``Parsed`` is the type of what the model was asked to return.
    """

    choices: list[Choice[Parsed]]
    id: str = ""
    created: int = 0
    model: str = ""
    object: str = "chat.completion"
    usage: Usage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    extra: Extra = Extra()
    if TYPE_CHECKING:
        exchange: Exchange = field(  # pyright: ignore[reportIncompatibleMethodOverride] # is read alike
            default_factory=Exchange
        )
    else:  # an argument, which ``dataclasses.replace`` hands on, and no field
        exchange: InitVar[Exchange | None] = ExchangeField()

        def __class_getitem__(cls, parsed):
            # pydantic asks no other alias of a dataclass for a schema of its own.
            return Annotated[cls, ("parsed", parsed)]

    @property
    def text(self) -> str:
        """The first choice's text; empty where there is none."""
        return (self.choices[0].message.content or "") if self.choices else ""

    @property
    def parsed(self) -> Parsed:
        """The first choice's text as a value of the type that was the ``response_format``.

        None where no type was given, and where the model called tools instead.
        """
        parsed: Any = self.choices[0].message.parsed if self.choices else None
        return parsed  # type: ignore[no-any-return] # of the type that was asked for


@shape
class FunctionDelta(Shape):
    """A fragment of a call: the name comes whole, the arguments in pieces."""

    name: str | None = None
    arguments: str | None = None
    extra: Extra = Extra()


@shape
class ToolCallDelta(Shape):
    """A fragment of the call at ``index``; id, type and name come with its first fragment."""

    index: int
    id: str | None = None
    function: FunctionDelta | None = None
    custom: JsonObject = JsonObject()
    type: str | None = None
    extra: Extra = Extra()


@shape
class ChoiceDelta(Shape):
    """What a chunk adds to a message; the fields are :class:`Message`'s."""

    always_listed = frozenset({"content", "role"})

    content: str | None = None
    role: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: JsonObjects = JsonObjects()
    audio: JsonObject = JsonObject()
    provider_data: dict[str, Any] | None = None
    extra: Extra = Extra()


@shape
class ChunkChoice(Shape):
    """What a chunk adds to the choice at ``index``."""

    delta: ChoiceDelta
    index: int = 0
    finish_reason: FinishReason | None = None
    logprobs: JsonObject = JsonObject()
    native_finish_reason: str | None = None
    extra: Extra = Extra()


@shape
class Chunk(Shape):
    """One event of a stream. ``choices`` may be empty, as in the chunk that carries the usage."""

    choices: list[ChunkChoice]
    id: str = ""
    created: int = 0
    model: str = ""
    object: str = "chat.completion.chunk"
    usage: Usage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    extra: Extra = Extra()


def with_exchange(completion: Completion, exchange: Exchange) -> Completion:
    """The completion with its exchange: a copy of one that has one, as it was given out before."""
    own: Any = completion
    if own._exchange is not None:
        return replace(completion, exchange=exchange)
    own._exchange = exchange
    return completion
