"""Properties: nothing of a call is lost unsaid, and no reply breaks anything but itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate.errors import RequestError
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.testing.driving import call_of
from llmgate_anthropic import Anthropic, encode

PROVIDER = Anthropic(api_key="sk-ant-test")
WORDS: Any = st.text("abcdefgh ø\n", min_size=1, max_size=8).map(lambda word: f"w{word}w")
MODELS: Any = st.sampled_from(
    [
        "claude-3-opus-20240229",
        "claude-sonnet-4-0",
        "claude-haiku-4-5",
        "claude-opus-4-6",
        "claude-opus-5",
        "claude-sonnet-5-5",
        "claude-opus-5-5",
        "claude-zebra-9",
        "smollm2",
    ]
)


def text_part(word: str) -> Any:
    """A part of text."""
    return {"type": "text", "text": word}


def cached_part(word: str, mark: str) -> Any:
    """A part of text with a key that OpenAI does not have."""
    return {"type": "text", "text": word, "cache_control": {"type": "ephemeral", "ttl": mark}}


def image_part(word: str) -> Any:
    """A part that is an image."""
    return {"type": "image_url", "image_url": {"url": f"https://a.example/{word.encode().hex()}"}}


def file_part(word: str) -> Any:
    """A part that is a file."""
    return {"type": "file", "file": {"file_id": word}}


def said(role: str, content: Any) -> Any:
    """A message."""
    return {"role": role, "content": content}


def called(word: str, name: str) -> Any:
    """A message with a call."""
    function = {"name": "f", "arguments": encode_json({"a": word}).decode()}
    call = {"id": name, "type": "function", "function": function}
    return {"role": "assistant", "content": word, "tool_calls": [call]}


def result(content: Any, name: str) -> Any:
    """A message with a call's result."""
    return {"role": "tool", "tool_call_id": name, "content": content}


TEXT_PARTS: Any = st.one_of(st.builds(text_part, WORDS), st.builds(cached_part, WORDS, WORDS))
PARTS: Any = st.one_of(TEXT_PARTS, st.builds(image_part, WORDS), st.builds(file_part, WORDS))
CONTENT: Any = st.one_of(WORDS, st.lists(PARTS, min_size=1, max_size=3))
TEXT: Any = st.one_of(WORDS, st.lists(TEXT_PARTS, min_size=1, max_size=3))
MESSAGES: Any = st.lists(
    st.one_of(
        st.builds(said, st.just("user"), CONTENT),
        st.builds(said, st.sampled_from(["system", "assistant"]), TEXT),
        st.builds(called, WORDS, WORDS),
        st.builds(result, CONTENT, WORDS),
    ),
    min_size=1,
    max_size=6,
)
TOOL: Any = {"type": "function", "function": {"name": "f", "description": "does", "parameters": {}}}
PARAMETERS: Any = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 200_000),
        "max_completion_tokens": st.integers(1, 200_000),
        "temperature": st.floats(0, 2).map(lambda value: round(value, 3)),
        "top_p": st.floats(0.1, 1).map(lambda value: round(value, 3)),
        "stop": st.one_of(WORDS, st.lists(WORDS, max_size=4)),
        "user": WORDS,
        "safety_identifier": WORDS,
        "service_tier": st.sampled_from(["auto", "default", "flex", "priority"]),
        "reasoning_effort": st.sampled_from(
            ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
        ),
        "tools": st.just([TOOL]),
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]
        ),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.sampled_from(
            [
                {"type": "text"},
                {"type": "json_object"},
                {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
            ]
        ),
        "seed": st.integers(0, 9),
        "metadata": st.just({"k": "v"}),
        "stream": st.booleans(),
    },
)


def texts(value: Any) -> list[str]:
    """Every text in a JSON value, but for the names of kinds."""
    if is_object(value):
        return [text for key in value if key != "type" for text in texts(value[key])]
    if is_array(value):
        return [text for child in value for text in texts(child)]
    return [value] if isinstance(value, str) else []


@settings(max_examples=200, deadline=None)
@given(model=MODELS, messages=MESSAGES, parameters=PARAMETERS)
def test_all_that_is_given_is_sent_or_reported(
    model: str, messages: list[Any], parameters: dict[str, Any]
) -> None:
    """Each text of the messages and each parameter is in the body, or its path in the report."""
    call = call_of(PROVIDER, {"model": model, "messages": messages, **parameters})
    try:
        body = encode(call).body
    except RequestError:
        return
    found = {*texts(body)}
    reported = [deviation.path for deviation in call.report]
    for index, message in enumerate(messages):
        ends = {text.rstrip() for text in texts(message["content"])}
        lost = ends - {text.rstrip() for text in found}
        assert not lost or any(path.startswith(f"messages[{index}]") for path in reported)
    for name, value in parameters.items():
        is_named = any(path.startswith(name) for path in reported)
        assert is_named or is_said(name, value, body), f"{name}={value!r} in {body!r}"


def is_said(name: str, value: Any, body: Any) -> bool:
    """Whether the body says a parameter, in Anthropic's words."""
    words = {"auto": "auto", "none": "none", "required": "any", "default": "standard_only"}
    choice = body.get("tool_choice", {})
    named: Any = value["function"]["name"] if is_object(value) and "function" in value else ""
    says: dict[str, Any] = {
        "max_tokens": lambda: body["max_tokens"] == value,
        "max_completion_tokens": lambda: body["max_tokens"] == value,
        "temperature": lambda: body["temperature"] == value,
        "top_p": lambda: body["top_p"] == value,
        "stop": lambda: (
            body.get("stop_sequences", []) == ([value] if isinstance(value, str) else value)
        ),
        "user": lambda: body["metadata"] == {"user_id": value},
        "safety_identifier": lambda: body["metadata"] == {"user_id": value},
        "service_tier": lambda: body["service_tier"] == words.get(str(value)),
        "tools": lambda: body["tools"][0]["name"] == "f",
        "tool_choice": lambda: (named or words.get(str(value))) in choice.values(),
        "parallel_tool_calls": lambda: choice["disable_parallel_tool_use"] is not value,
        "response_format": lambda: "output_config" in body,
        "stream": lambda: value is bool(body.get("stream")),
    }
    return bool(says[name]())
