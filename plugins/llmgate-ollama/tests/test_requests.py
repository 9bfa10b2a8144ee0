"""What is sent for a call, and what is reported of it."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_ollama import Ollama

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": CITY}}
    for name in ("weather", "clock")
]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def sent(
    messages: Any = HELLO, provider: Ollama | None = None, **options: Any
) -> tuple[dict[str, Any], ProviderCall]:
    """The body of a call, and the call with its report."""
    provider = provider or Ollama()
    call = call_of(provider, {"model": "qwen3", "messages": messages, **options})
    flow: Any = provider.stream(call) if call.stream else provider.complete(call)
    return decode_json(first_request(flow).body), call


def report_of(call: ProviderCall) -> list[str]:
    """The report as texts."""
    return [f"{deviation.path} {deviation.kind}" for deviation in call.report]


def test_streaming_is_always_said() -> None:
    """Ollama streams unless it is told not to."""
    assert sent()[0]["stream"] is False
    assert sent(stream=True)[0]["stream"] is True


@pytest.mark.parametrize(
    ("model", "effort", "think", "kinds"),
    [
        ("qwen3", "none", False, []),
        ("qwen3", "low", True, ["reasoning_effort converted"]),
        ("gpt-oss:20b", "low", "low", []),
        ("gpt-oss:20b", "minimal", "low", ["reasoning_effort converted"]),
        ("library/gpt-oss:120b-cloud", "xhigh", "high", ["reasoning_effort converted"]),
        ("gpt-oss", "none", False, []),
    ],
)
def test_thinking(model: str, effort: str, think: Any, kinds: list[str]) -> None:
    """Thinking is on or off; only gpt-oss takes how much."""
    body, call = sent(model=model, reasoning_effort=effort)
    assert body["think"] is think or body["think"] == think
    assert report_of(call) == kinds


def test_formats() -> None:
    """JSON is a word, a schema is sent alone, and text is what comes anyhow."""
    assert sent(response_format={"type": "json_object"})[0]["format"] == "json"
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY, "strict": True}}
    body, call = sent(response_format=schema)
    assert body["format"] == CITY
    assert report_of(call) == ["response_format converted"]
    body, call = sent(response_format={"type": "text"})
    assert "format" not in body
    assert report_of(call) == ["response_format dropped"]


def test_a_format_that_is_none_is_refused() -> None:
    """The path says which argument it is."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(response_format={"type": "xml"})
    assert caught.value.path == "response_format"


# --- tools ---


def test_no_choice_sends_all_tools() -> None:
    """The choice is the model's anyhow."""
    body, call = sent(tools=TOOLS)
    assert body["tools"] == TOOLS
    assert report_of(call) == []


def test_tools_that_are_not_to_be_called_are_not_sent() -> None:
    """``none`` leaves out all of them."""
    body, call = sent(tools=TOOLS, tool_choice="none")
    assert "tools" not in body
    assert report_of(call) == ["tools[0] dropped", "tools[1] dropped", "tool_choice converted"]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", "weather or clock"),
        ({"type": "function", "function": {"name": "clock"}}, "clock"),
    ],
)
def test_a_required_call_is_asked_for(choice: Any, names: str) -> None:
    """The tools that may be called are sent, with a message that asks for a call."""
    body, call = sent(tools=TOOLS, tool_choice=choice)
    assert [tool["function"]["name"] for tool in body["tools"]] == names.split(" or ")
    assert body["messages"][:-1] == HELLO
    assert body["messages"][-1]["role"] == "system"
    assert body["messages"][-1]["content"].endswith(names)
    assert "tool_choice emulated" in report_of(call)


def test_what_a_tool_lacks_and_has_too_much() -> None:
    """Parameters are always sent; ``strict`` never is."""
    bare = {"type": "function", "function": {"name": "now", "strict": True, "description": None}}
    body, call = sent(tools=[bare])
    empty: Any = {"type": "object", "properties": {}}
    assert body["tools"] == [{"type": "function", "function": {"name": "now", "parameters": empty}}]
    assert report_of(call) == [
        "tools[0].function.strict dropped",
        "tools[0].function.parameters defaulted",
    ]


# --- messages ---


def test_images_are_sent_beside_the_text() -> None:
    """Their base64 is sent without its type, and texts around them are one."""
    parts = [{"type": "text", "text": "What"}, IMAGE, {"type": "text", "text": "is it?"}]
    body, call = sent([{"role": "user", "content": parts}])
    assert body["messages"] == [
        {"role": "user", "content": "What\nis it?", "images": ["iVBORw0KGgo="]}
    ]
    assert report_of(call) == [
        "messages[0].content[1].image_url.url converted",
        "messages[0].content merged",
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
    ],
)
def test_other_parts_are_refused(part: Any) -> None:
    """Ollama fetches nothing, hears nothing and reads no document."""
    with pytest.raises(UnsupportedError) as caught:
        sent([{"role": "user", "content": [part]}])
    assert caught.value.parameter == "messages[0].content[0]"


def test_the_developer_is_the_system() -> None:
    """Also in a conversation of texts alone."""
    body, call = sent([{"role": "developer", "content": "Be brief."}, *HELLO])
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert report_of(call) == ["messages[0].role converted"]


def _called(**fields: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": "{}", **fields}
    return {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"id": "a", "type": "function", "function": function}],
    }


def test_results_name_their_function() -> None:
    """By the call of that id, or else by their own name; one that nobody knows has none."""
    results = [
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "Rain"}]},
        {"role": "tool", "tool_call_id": "b", "name": "clock", "content": "Noon"},
        {"role": "tool", "tool_call_id": "c", "content": "?"},
    ]
    body, call = sent([*HELLO, _called(index=0), *results])
    assert body["messages"][2:] == [
        {"role": "tool", "content": "Rain", "tool_name": "weather", "tool_call_id": "a"},
        {"role": "tool", "content": "Noon", "tool_name": "clock", "tool_call_id": "b"},
        {"role": "tool", "content": "?", "tool_call_id": "c"},
    ]
    assert body["messages"][1]["tool_calls"] == [
        {"id": "a", "function": {"index": 0, "name": "weather", "arguments": {}}}
    ]
    assert report_of(call) == []


def test_arguments_that_are_no_object_are_kept_in_one() -> None:
    """As a model that was cut off in them has written them."""
    messages: Any = [*HELLO, _called(arguments='{"city": "Be'), *HELLO]
    call = ProviderCall("qwen3", messages)
    body = decode_json(first_request(Ollama().complete(call)).body)
    function = body["messages"][1]["tool_calls"][0]["function"]
    assert function["arguments"] == {"arguments": '{"city": "Be'}
    assert report_of(call) == ["messages[1].tool_calls[0].function.arguments converted"]


def test_a_call_of_a_custom_tool_is_refused() -> None:
    """Ollama has functions only."""
    custom = {"id": "a", "type": "custom", "custom": {"name": "x", "input": "y"}}
    with pytest.raises(UnsupportedError):
        sent([*HELLO, {"role": "assistant", "tool_calls": [custom]}, *HELLO])


def test_what_other_providers_said_is_converted_or_reported() -> None:
    """A refusal becomes text; what only they understand is left out."""
    message: Any = {
        "role": "assistant",
        "content": [{"type": "text", "text": "So, "}, {"type": "refusal", "refusal": "no"}],
        "refusal": ".",
        "annotations": [{"type": "url_citation"}],
        "provider_data": {"anthropic": {"content": []}, "ollama": {"images": ["aW1n"]}},
    }
    body, call = sent([*HELLO, message, *HELLO])
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "So, no.",
        "images": ["aW1n"],
    }
    assert report_of(call) == [
        "messages[1].content merged",
        "messages[1].refusal converted",
        "messages[1].annotations dropped",
        "messages[1].provider_data.anthropic dropped",
    ]


def test_signatures_on_calls_are_reported() -> None:
    """Such as Gemini's, which it wants back from nobody else."""
    message = _called(thoughtSignature="abc")
    message["tool_calls"][0]["extra_content"] = {"google": {}}
    body, call = sent([*HELLO, message, {"role": "tool", "tool_call_id": "a", "content": "Sun"}])
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": {}}
    assert report_of(call) == [
        "messages[1].tool_calls[0].extra_content dropped",
        "messages[1].tool_calls[0].function.thoughtSignature dropped",
    ]


# --- defaults of the settings ---


def test_defaults_give_way_to_the_call() -> None:
    """Options of the settings are merged with those of the call, which count more."""
    provider = Ollama(keep_alive=-1, options={"num_ctx": 4096, "temperature": 1})
    body, _ = sent(
        provider=provider,
        temperature=0,
        extra_body={"keep_alive": "5m", "options": {"num_ctx": 2048}},
    )
    assert body["keep_alive"] == "5m"
    assert body["options"] == {"num_ctx": 2048, "temperature": 0}
    assert sent(provider=provider)[0]["options"] == {"num_ctx": 4096, "temperature": 1}
