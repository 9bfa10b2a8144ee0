"""The messages and tools of a request, as OpenAI's chat format spells them.

They are plain dictionaries, typed: what the caller gives is what the provider's plugin reads, and
unknown keys inside them are kept. Nothing here validates; that is ``_core.check``.
Source: the request body of OpenAI's "Create chat completion".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Required, TypeAlias, TypedDict

if TYPE_CHECKING:
    from llmgate.types import Message

__all__ = [
    "AssistantMessage",
    "AudioPart",
    "ContentPart",
    "CustomCall",
    "CustomToolCall",
    "DeveloperMessage",
    "FilePart",
    "FunctionCall",
    "FunctionDefinition",
    "FunctionMessage",
    "FunctionTool",
    "FunctionToolCall",
    "ImagePart",
    "MessageLike",
    "MessageParam",
    "RefusalPart",
    "SystemMessage",
    "TextPart",
    "ToolCallParam",
    "ToolDefinition",
    "ToolMessage",
    "UserMessage",
]


class TextPart(TypedDict):
    """Text."""

    type: Literal["text"]
    text: str


class ImageUrl(TypedDict, total=False):
    """``url`` is https or ``data:<mime>;base64,…``."""

    url: Required[str]
    detail: Literal["auto", "low", "high", "original"]


class ImagePart(TypedDict):
    """An image, by reference or inline."""

    type: Literal["image_url"]
    image_url: ImageUrl


class InputAudio(TypedDict):
    """``data`` is bare base64, without a ``data:`` prefix."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(TypedDict):
    """Spoken input."""

    type: Literal["input_audio"]
    input_audio: InputAudio


class FileReference(TypedDict, total=False):
    """A file by ``file_id``, or inline: ``file_data`` is ``data:application/pdf;base64,…``."""

    file_id: str
    file_data: str
    filename: str


class FilePart(TypedDict):
    """A document."""

    type: Literal["file"]
    file: FileReference


class RefusalPart(TypedDict):
    """A refusal that an earlier completion contained."""

    type: Literal["refusal"]
    refusal: str


ContentPart: TypeAlias = TextPart | ImagePart | AudioPart | FilePart | RefusalPart


class FunctionCall(TypedDict):
    """``arguments`` is JSON text."""

    name: str
    arguments: str


class FunctionToolCall(TypedDict):
    """A call of a function, as an assistant's message carries it."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class CustomCall(TypedDict):
    """``input`` is free text."""

    name: str
    input: str


class CustomToolCall(TypedDict):
    """A call of a custom tool."""

    id: str
    type: Literal["custom"]
    custom: CustomCall


ToolCallParam: TypeAlias = FunctionToolCall | CustomToolCall


class SystemMessage(TypedDict, total=False):
    """Instructions."""

    role: Required[Literal["system"]]
    content: Required[str | list[ContentPart]]
    name: str


class DeveloperMessage(TypedDict, total=False):
    """Instructions, under the name that newer models use."""

    role: Required[Literal["developer"]]
    content: Required[str | list[ContentPart]]
    name: str


class UserMessage(TypedDict, total=False):
    """What the user says."""

    role: Required[Literal["user"]]
    content: Required[str | list[ContentPart]]
    name: str


class AssistantMessage(TypedDict, total=False):
    """An earlier message of the model.

    ``provider_data`` maps a provider's name to what only that provider understands of it (such as
    signed reasoning blocks), exactly as :attr:`llmgate.types.Message.provider_data` gave it.
    """

    role: Required[Literal["assistant"]]
    content: str | list[ContentPart] | None
    name: str
    refusal: str | None
    tool_calls: list[ToolCallParam]
    function_call: FunctionCall | None
    audio: dict[str, Any] | None
    reasoning_content: str | None
    provider_data: dict[str, Any]


class ToolMessage(TypedDict, total=False):
    """The result of the call with that id."""

    role: Required[Literal["tool"]]
    content: Required[str | list[ContentPart]]
    tool_call_id: Required[str]
    name: str


class FunctionMessage(TypedDict):
    """The result of a legacy function call."""

    role: Literal["function"]
    name: str
    content: str | None


MessageParam: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)
MessageLike: TypeAlias = "MessageParam | Message | Mapping[str, Any]"
"""What a caller may put into ``messages``: a dictionary, or an earlier completion's message."""


class FunctionDefinition(TypedDict, total=False):
    """``parameters`` is a JSON schema of an object; without it the function takes no arguments."""

    name: Required[str]
    description: str
    parameters: dict[str, Any]
    strict: bool | None


class FunctionTool(TypedDict):
    """A :class:`ToolDefinition` that is of a function, as those are which ``tool`` makes."""

    type: Literal["function"]
    function: FunctionDefinition


class ToolDefinition(TypedDict, total=False):
    """A function (``type: function``) or a custom tool (``type: custom``)."""

    type: Required[Literal["function", "custom"]]
    function: FunctionDefinition
    custom: dict[str, Any]
