"""A call's messages as a host of OpenAI's format takes them: earlier responses as they were given.

Messages that hold nothing but text are sent unchanged.
Source: https://platform.openai.com/docs/api-reference/chat/create (messages)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from llmgate.errors import DecodeError, InvalidRequestError
from llmgate.provider.call import PlainMessages, ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import own_data
from llmgate_openai.request.dialect import Dialect
from llmgate_openai.response.parts import message_fields

if TYPE_CHECKING:
    from llmgate.messages import AssistantMessage, MessageParam

__all__ = ["ITEMS", "messages_of"]

ITEMS = "items"
"""The key in a message's ``provider_data`` of what the Responses API gave, which chat completions
do not take."""


def messages_of(call: ProviderCall, dialect: Dialect) -> list[MessageParam]:
    """The messages. What is left out of them is recorded in the call's report.

    Raises:
        InvalidRequestError: when a message's ``provider_data`` is not a dictionary.
    """
    if isinstance(call.messages, PlainMessages):
        return call.messages
    return [
        _assistant(message, f"messages[{index}]", call, dialect)
        if message["role"] == "assistant" and not _is_plain(message)
        else message  # or an earlier response that is only text
        for index, message in enumerate(call.messages)
    ]


def _is_plain(message: AssistantMessage) -> bool:
    """Whether it is only text, or only calls of tools, as OpenAI itself writes them."""
    instead = "content" if len(message) == 2 else "tool_calls"
    return bool(message.get(instead)) and _PLAIN.issuperset(message) and "content" in message


_PLAIN = frozenset({"role", "content", "tool_calls"})


def _assistant(
    message: AssistantMessage, path: str, call: ProviderCall, dialect: Dialect
) -> AssistantMessage:
    """An earlier response as this host gave it, without what only other providers understand."""
    sent = dict(cast("dict[str, Any]", message))
    own = {**(own_data(sent, dialect.provider, path, call) or {})}
    if own.pop(ITEMS, None) is not None:
        where = f"{path}.provider_data.{dialect.provider}.{ITEMS}"
        call.report.add("dropped", where, "it is of the Responses API")
    sent.pop("provider_data", None)
    sent |= own
    _restore_parts(sent, path, call, dialect)
    _restore_reasoning(sent, path, call, dialect)
    if dialect.gated and sent.pop("images", None) is not None:
        call.report.add("dropped", f"{path}.images", "images of responses are not accepted back")
    audio = sent.get("audio")
    if is_object(audio) and audio.get("id") and len(audio) > 1:
        sent["audio"] = {"id": audio["id"]}
        call.report.add("converted", f"{path}.audio", "sent by its id, as OpenAI expects it")
    if sent.get("content") is None:
        _complete_content(sent, path, call)
    return cast("AssistantMessage", sent)


def _complete_content(sent: dict[str, Any], path: str, call: ProviderCall) -> None:
    """Empty text where a message holds nothing, which is refused, and null beside its calls, since
    some hosts want the key."""
    is_nothing = not any(sent.get(name) for name in _INSTEAD_OF_CONTENT)
    sent["content"] = "" if is_nothing else None
    if is_nothing:
        call.report.add("converted", f"{path}.content", "a message without any is refused", sent="")


def _restore_parts(sent: dict[str, Any], path: str, call: ProviderCall, dialect: Dialect) -> None:
    """The content in parts, where the host gave it so; see ``response.parts.message_fields``."""
    parts = sent.pop("content_parts", None)
    if not is_array(parts):
        return
    if dialect.takes_reasoning:
        try:
            sent["content"] = _parts_with(sent.get("content"), parts)
        except DecodeError as error:  # no host gave such
            reason = error.message
            raise InvalidRequestError(reason, path=f"{path}.content_parts") from None
        sent.pop("reasoning_content", None)
    else:
        call.report.add("dropped", f"{path}.content_parts", "sent as their text")


_INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal", "audio")


def _parts_with(content: Any, parts: list[Any]) -> Any:
    """The parts, if the content is still their text; what the caller made of it takes its place."""
    if (content or "") == message_fields({"content": parts})["content"]:
        return parts
    others = [each for each in parts if is_object(each) and each.get("type", "text") != "text"]
    if not others or not isinstance(content, str):
        return content
    return [*others, {"type": "text", "text": content}]


def _restore_reasoning(
    sent: dict[str, Any], path: str, call: ProviderCall, dialect: Dialect
) -> None:
    """The reasoning under the name that the host gave it; see ``response.parts.message_fields``."""
    if dialect.takes_reasoning:
        if "reasoning_content" in sent and sent.get("reasoning") == sent["reasoning_content"]:
            del sent["reasoning_content"]  # Groq refuses a name that it did not give
            call.report.add("merged", f"{path}.reasoning_content", "sent once, as reasoning")
        return
    for name in ("reasoning_content", "reasoning", "reasoning_details"):
        if sent.pop(name, None) is not None:
            call.report.add("dropped", f"{path}.{name}", "reasoning is not accepted back")
