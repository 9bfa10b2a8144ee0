"""Streamed responses: events in their order, whose items add up to the whole response."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import llmgate_litellm as litellm

HELLO = [{"role": "user", "content": "Hi"}]


def kinds(events: Iterable[Any]) -> list[str]:
    """The types of events, each once where it is repeated."""
    found: list[str] = []
    for event in events:
        kind = event.type.removeprefix("response.")
        if not found or found[-1] != kind:
            found.append(kind)
    return found


def asked(server: Any, **options: Any) -> list[Any]:
    """All events of a stream."""
    return [
        *litellm.responses(
            HELLO, "openai/x", stream=True, api_key="k", api_base=server.address, **options
        )
    ]


def test_a_message_and_calls(server: Any) -> None:
    """An item begins, grows and ends before the next begins; the last event has the whole."""
    server(server.answer("Good day.", [("weather", {"city": "Oslo"}), ("time", {})]))
    events = asked(server, max_output_tokens=9)
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done"]
    assert kinds(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.done", "content_part.done", "output_item.done"),
        *(*call, "output_item.done", *call, "output_item.done"),
        "completed",
    ]
    assert [event.sequence_number for event in events] == [*range(len(events))]
    pieces = [each.delta for each in events if each.type == "response.output_text.delta"]
    response = events[-1].response
    assert "".join(pieces) == response.output_text == "Good day."
    assert [item.type for item in response.output] == ["message", "function_call", "function_call"]
    assert [item.arguments for item in response.output[1:]] == ['{"city": "Oslo"}', "{}"]
    assert [each.item for each in events if each.type.endswith("item.done")] == response.output
    assert response.usage.total_tokens == 12
    assert events[0].response.id == response.id
    assert server.body["stream_options"] == {"include_usage": True}


def test_reasoning_and_a_limit(server: Any) -> None:
    """What was thought is an item of its own; a response that was cut says so."""
    whole = server.answer("Good day.")
    whole["choices"][0]["finish_reason"] = "length"
    whole["choices"][0]["message"]["reasoning_content"] = "I think."
    server(whole)
    events = asked(server)
    assert kinds(events)[2:7] == [
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done"),
    ]
    response = events[-1].response
    assert events[-1].type == "response.incomplete"
    assert response.incomplete_details == {"reason": "max_output_tokens"}
    assert response.output[0].summary[0].text == "I think."
    assert response.output[1].content[0].text == "Good day."


def test_parts_of_counts(server: Any) -> None:
    """Under the names of responses."""
    whole = server.answer()
    whole["usage"]["completion_tokens_details"] = {"reasoning_tokens": 3}
    server(whole)
    usage = litellm.responses(HELLO, "openai/x", api_key="k", api_base=server.address).usage
    assert 2 == usage.input_tokens_details.cached_tokens
    assert 3 == usage.output_tokens_details.reasoning_tokens


async def test_async_streams(server: Any) -> None:
    """The same events; a stream that is left is closed."""
    server(server.answer("Good day."))
    stream = await litellm.aresponses(
        HELLO, "openai/x", stream=True, api_key="k", api_base=server.address
    )
    events = [event async for event in stream]
    assert kinds(events) == kinds(asked(server))
    stream = await litellm.aresponses(
        HELLO, "openai/x", stream=True, api_key="k", api_base=server.address
    )
    assert (await anext(stream)).type == "response.created"
    await stream.aclose()


def test_what_goes_in(server: Any) -> None:
    """Items of every kind as messages, and parameters under their names of chat."""
    server(server.answer("Hi."))
    call = {"type": "function_call", "name": "weather", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "Sunny"}
    image = {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "low"}
    parts = [
        {"type": "input_text", "text": "See:"},
        image,
        {"type": "input_file", "file_id": "f1"},
        {"type": "text", "text": "Hm."},
    ]
    schema = {"type": "json_schema", "name": "x", "schema": {"type": "object"}}
    chat_tool = {"type": "function", "function": {"name": "time"}}
    litellm.responses(
        [
            {"role": "user", "content": parts},
            {**call, "call_id": "c1"},
            {**call, "call_id": "c2"},
            result,
            {**result, "call_id": "c2"},
            {"type": "reasoning", "summary": []},
            litellm.Message(role="assistant", content="Hi."),
            {"role": "user", "content": "Go on."},
        ],
        "openai/x",
        reasoning={"effort": "low"},
        text={"format": schema},
        tools=[chat_tool, {"type": "function", "name": "weather"}],
        store=False,
        api_key="k",
        api_base=server.address,
    )
    body = server.body
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "file", "text"]
    seen = {"url": "https://a.example/b.png", "detail": "low"}
    assert seen == body["messages"][0]["content"][1]["image_url"]
    assert [each["id"] for each in body["messages"][1]["tool_calls"]] == ["c1", "c2"]
    assert body["reasoning_effort"] == "low"
    assert body["response_format"]["json_schema"] == {"name": "x", "schema": {"type": "object"}}
    assert [tool["function"]["name"] for tool in body["tools"]] == ["time", "weather"]
    assert "store" not in body


def test_plain_input_and_formats(server: Any) -> None:
    """A text is a message; a format without a schema stays as it is; a call may be all."""
    server(server.answer(None, [("weather", {})]))
    answer = litellm.responses(
        "Hi", "openai/x", text={"format": {"type": "text"}}, api_key="k", api_base=server.address
    )
    assert server.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert server.body["response_format"] == {"type": "text"}
    assert [item.type for item in answer.output] == ["function_call"]
    assert answer.output_text == ""


def test_a_whole_response_with_reasoning(server: Any) -> None:
    """It is an item of its own; other parts than texts are left out of the text."""
    whole = server.answer("Good day.")
    whole["choices"][0]["message"]["reasoning_content"] = "I think."
    server(whole)
    answer = litellm.responses(HELLO, "openai/x", api_key="k", api_base=server.address)
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    answer.output[1].content[0].type = "refusal"
    assert answer.output_text == ""
