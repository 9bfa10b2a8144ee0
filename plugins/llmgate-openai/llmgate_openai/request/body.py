"""A call into the body of OpenAI's "Create chat completion": pure, and itself where it can be.

What it leaves out, renames or adds is in the call's report.
Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import HttpRequest, encode_json, is_array, is_object

if TYPE_CHECKING:
    from llmgate.messages import AssistantMessage, MessageParam

__all__ = ["COMPATIBLE", "Dialect", "chat_request", "encode"]


class Dialect(NamedTuple):
    """How a host departs from what the caller's format is.

    ``gated`` applies OpenAI's own rules for its models. ``stream_usage`` asks for the usage
    at the end of every stream. ``takes_reasoning`` sends the reasoning of earlier answers back.
    ``provider`` is the key under which the host's own data of an earlier answer is kept.
    """

    provider: str = "openai"
    gated: bool = True
    stream_usage: bool = True
    takes_reasoning: bool = False


COMPATIBLE = Dialect(gated=False, stream_usage=False, takes_reasoning=True)
"""A host of which nothing is known: it is sent just what the caller gave."""


def chat_request(call: ProviderCall, url: str, dialect: Dialect) -> HttpRequest:
    """The request of one chat completion, without credentials."""
    return HttpRequest(
        "POST",
        url,
        {"content-type": "application/json"},
        encode_json(encode(call, dialect)),
        stream=call.stream,
    )


def encode(call: ProviderCall, dialect: Dialect) -> dict[str, Any]:
    """The body of the request. What differs from the call is in its report.

    OpenAI refuses function tools while gpt-5.4 and later reason. That is left for it to say: which
    models it holds for changes, and a model without its reasoning or its tools is another.

    Raises:
        InvalidRequestError: when an earlier answer's ``provider_data`` is not what it was.
        UnsupportedError: when something is to be left out and the caller wants none of that.
    """
    body: dict[str, Any] = {
        "model": call.model,
        "messages": _messages(call, dialect),
        **call.parameters,
    }
    if call.stream:
        body["stream"] = True
        _ask_for_usage(body, call, dialect)
    return {**body, **call.extra_body} if call.extra_body else body


def _ask_for_usage(body: dict[str, Any], call: ProviderCall, dialect: Dialect) -> None:
    options: dict[str, Any] = body.get("stream_options") or {}
    if dialect.stream_usage and "include_usage" not in options:
        body["stream_options"] = {**options, "include_usage": True}
        call.report.add(
            "injected",
            "stream_options.include_usage",
            "so that the stream ends with its usage",
            sent=True,
        )


# --- earlier answers ----------------------------------------------------------------------


def _messages(call: ProviderCall, dialect: Dialect) -> list[MessageParam]:
    if isinstance(call.messages, TextMessages):
        return call.messages
    return [
        _assistant(message, f"messages[{index}]", call, dialect)
        if message["role"] == "assistant" and (len(message) > 2 or "content" not in message)
        else message  # or an answer that is but a text
        for index, message in enumerate(call.messages)
    ]


def _assistant(
    message: AssistantMessage, path: str, call: ProviderCall, dialect: Dialect
) -> AssistantMessage:
    """An earlier answer as this host gave it, without what only other providers understand."""
    sent = dict(cast("dict[str, Any]", message))
    _restore_own_data(sent, path, call, dialect)
    _restore_parts(sent, path, call, dialect)
    _restore_reasoning(sent, path, call, dialect)
    audio = sent.get("audio")
    if is_object(audio) and audio.get("id") and len(audio) > 1:
        sent["audio"] = {"id": audio["id"]}
        call.report.add("converted", f"{path}.audio", "sent by its id, as OpenAI wants it back")
    return cast("AssistantMessage", sent)


def _restore_own_data(
    sent: dict[str, Any], path: str, call: ProviderCall, dialect: Dialect
) -> None:
    data = sent.pop("provider_data", None)
    if data is None:
        return
    for provider, kept in _as_object(data, f"{path}.provider_data").items():
        where = f"{path}.provider_data.{provider}"
        if provider == dialect.provider:
            sent |= _as_object(kept, where)
        else:
            call.report.add("dropped", where, f"{dialect.provider} cannot read it")


def _as_object(value: Any, path: str) -> Mapping[str, Any]:
    if not is_object(value):
        raise InvalidRequestError(f"expected a dictionary, got {type(value).__name__}", path=path)
    return value


def _restore_parts(sent: dict[str, Any], path: str, call: ProviderCall, dialect: Dialect) -> None:
    """The content in parts, where the host gave it so; see ``shapes.said_by``."""
    parts = sent.pop("content_parts", None)
    if not is_array(parts):
        return
    if dialect.takes_reasoning:
        sent["content"] = parts
        sent.pop("reasoning_content", None)
    else:
        call.report.add("dropped", f"{path}.content_parts", "sent as their text")


def _restore_reasoning(
    sent: dict[str, Any], path: str, call: ProviderCall, dialect: Dialect
) -> None:
    """The reasoning under the name that the host gave it; see ``shapes.said_by``."""
    if dialect.takes_reasoning:
        if "reasoning_content" in sent and sent.get("reasoning") == sent["reasoning_content"]:
            del sent["reasoning_content"]  # Groq refuses a name that it did not give
            call.report.add("merged", f"{path}.reasoning_content", "sent as reasoning, once")
        return
    for name in ("reasoning_content", "reasoning", "reasoning_details"):
        if sent.pop(name, None) is not None:
            call.report.add("dropped", f"{path}.{name}", "reasoning is not taken back")
