"""``responses``: the shape of OpenAI's Responses API, made from a chat call."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate_litellm._builder import stream_chunk_builder
from llmgate_litellm._response_events import (
    ResponseEvents,
    call_item,
    message_item,
    reasoning_item,
    response_id,
)
from llmgate_litellm.main import acompletion, completion
from llmgate_litellm.types.utils import ModelResponse, OpenAIObject

__all__ = ["ResponsesAPIResponse", "aresponses", "responses"]


class ResponsesAPIResponse(OpenAIObject):
    """A response in the shape of the Responses API."""

    id: str
    created_at: int
    model: str | None = None
    object: str = "response"
    status: str
    output: list[Any]
    usage: Any = None
    incomplete_details: Any = None

    @property
    def output_text(self) -> str:
        """All texts, joined."""
        return "".join(
            part.text
            for item in self.output
            if item.type == "message"
            for part in item.content
            if part.type == "output_text"
        )


def responses(input: Any = "", model: str = "", **kwargs: Any) -> Any:
    """What a model makes of an input: a text, or a list of messages and results of calls.

    It is a :class:`ResponsesAPIResponse`; with ``stream=True``, an iterator of its events.

    Raises:
        NotImplementedError: for what only OpenAI's own route can do.
    """
    call: Callable[..., Any] = completion
    made = call(**_chat_call(input, model, kwargs))
    return _events(made) if kwargs.get("stream") else _response(made)


async def aresponses(input: Any = "", model: str = "", **kwargs: Any) -> Any:
    """:func:`responses` for async code.

    Raises:
        NotImplementedError: for what only OpenAI's own route can do.
    """
    call: Callable[..., Any] = acompletion
    made = await call(**_chat_call(input, model, kwargs))
    return _async_events(made) if kwargs.get("stream") else _response(made)


def _events(stream: Any) -> Iterator[OpenAIObject]:
    made = ResponseEvents()
    try:
        for chunk in stream:
            yield from made.take(chunk)
    finally:
        stream.close()
    yield from made.end(_response(stream_chunk_builder(stream.chunks)))


async def _async_events(stream: Any) -> AsyncIterator[OpenAIObject]:
    made = ResponseEvents()
    try:
        async for chunk in stream:
            for event in made.take(chunk):
                yield event
    finally:
        await stream.aclose()
    for event in made.end(_response(stream_chunk_builder(stream.chunks))):
        yield event


_RENAMED = {"max_output_tokens": "max_completion_tokens"}
_LACKING = ("background", "conversation", "previous_response_id", "prompt")


def _chat_call(given: Any, model: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in kwargs.items() if value is not None}
    for name in _LACKING:
        if named.get(name):
            raise NotImplementedError(
                f"responses({name}=…) is not to be had here: use completion(), or llmgate"
            )
    call: dict[str, Any] = {"model": model, "messages": _messages(given)}
    instructions = named.pop("instructions", None)
    if instructions:
        call["messages"].insert(0, {"role": "system", "content": instructions})
    reasoning: dict[str, Any] = named.pop("reasoning", None) or {}
    effort = reasoning.get("effort")
    if effort:
        call["reasoning_effort"] = effort
    text: dict[str, Any] = named.pop("text", None) or {}
    if text.get("format"):
        call["response_format"] = _format(text["format"])
    if named.get("tools"):
        named["tools"] = [_tool(tool) for tool in named["tools"]]
    for name in ("include", "store", "truncation", "input"):
        named.pop(name, None)
    if named.get("stream"):
        named["stream_options"] = {"include_usage": True}
    return {**call, **{_RENAMED.get(name, name): value for name, value in named.items()}}


def _format(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("type") != "json_schema":
        return dict(given)
    return {
        "type": "json_schema",
        "json_schema": {name: value for name, value in given.items() if name != "type"},
    }


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function" or "function" in tool:
        return dict(tool)
    return {
        "type": "function",
        "function": {name: value for name, value in tool.items() if name != "type"},
    }


def _messages(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    made: list[dict[str, Any]] = []
    for item in given:
        fields: dict[str, Any] = item if is_object(item) else item.model_dump(exclude_none=True)
        _add(made, fields)
    return made


def _add(made: list[dict[str, Any]], item: Mapping[str, Any]) -> None:
    kind = item.get("type", "message")
    if kind == "function_call":
        call = {
            "id": item["call_id"],
            "type": "function",
            "function": {"name": item["name"], "arguments": item["arguments"]},
        }
        if made and made[-1].get("tool_calls"):
            made[-1]["tool_calls"].append(call)
        else:
            made.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif kind == "function_call_output":
        made.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
    elif kind == "message":
        made.append({"role": item["role"], "content": _content(item.get("content"))})


def _content(content: Any) -> Any:
    if not is_array(content):
        return content
    return [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind in {"input_text", "output_text"}:
        return {"type": "text", "text": part["text"]}
    if kind == "input_image":
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    if kind == "input_file":
        return {"type": "file", "file": {k: v for k, v in part.items() if k != "type"}}
    return dict(part)


def _response(answer: Any) -> ResponsesAPIResponse:
    response: ModelResponse = answer
    choice: Any = response.choices[0]
    usage: Any = response.usage
    cut = choice.finish_reason == "length"
    return ResponsesAPIResponse(
        id=response_id(response.id),
        created_at=response.created or int(time.time()),
        model=response.model,
        status="incomplete" if cut else "completed",
        incomplete_details={"reason": "max_output_tokens"} if cut else None,
        output=_output(response.id, choice.message),
        usage=OpenAIObject(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            input_tokens_details=_details(usage.prompt_tokens_details),
            output_tokens_details=_details(usage.completion_tokens_details),
        ),
    )


def _details(details: Any) -> OpenAIObject | None:
    """Parts of a count, of which there may be none."""
    return None if details is None else OpenAIObject(**details.model_dump(exclude_none=True))


def _output(ident: str, message: Any) -> list[OpenAIObject]:
    items: list[OpenAIObject] = []
    reasoning = getattr(message, "reasoning_content", None)
    if reasoning:
        items.append(reasoning_item(ident, reasoning))
    if message.content is not None:
        items.append(message_item(ident, message.content))
    calls = message.tool_calls or ()
    return [
        *items,
        *(call_item(each.id, each.function.name, each.function.arguments) for each in calls),
    ]
