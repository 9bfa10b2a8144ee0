"""Properties: nothing given is lost in silence, and no reply raises anything but our errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate.errors import RequestError
from llmgate.provider.http import encode_json
from llmgate.testing.driving import call_of
from llmgate_cohere import Cohere, encode

PROVIDER = Cohere(api_key="co-test")
MODELS = st.sampled_from(["command-r", "command-a-03-2025", "command-a-reasoning-08-2025"])
WORDS = st.text("abcxyz é", min_size=1, max_size=8)
NAMES = st.sampled_from(["f", "g-h", "2x"])


def text_part(text: str) -> dict[str, Any]:
    """A text as a part."""
    return {"type": "text", "text": text}


def image_part(name: str) -> dict[str, Any]:
    """An image as a part."""
    return {"type": "image_url", "image_url": {"url": f"https://a.example/{name!a}"}}


PART = st.one_of(st.builds(text_part, WORDS), st.builds(image_part, WORDS))
TEXTS = st.lists(st.builds(text_part, WORDS), min_size=1)


def calling(word: str, name: str, plan: str | None) -> dict[str, Any]:
    """An assistant's message with a call."""
    function = {"name": name, "arguments": encode_json({"a": word}).decode()}
    called = {"id": word, "type": "function", "function": function}
    return {"role": "assistant", "content": plan, "tool_calls": [called]}


def saying(role: str) -> Callable[[Any], dict[str, Any]]:
    """Messages of a role."""
    return lambda content: {"role": role, "content": content}


def result(content: Any, word: str) -> dict[str, Any]:
    """A tool's result."""
    return {"role": "tool", "tool_call_id": word, "content": content}


MESSAGES = st.lists(
    st.one_of(
        st.builds(saying("user"), st.one_of(WORDS, st.lists(PART, min_size=1, max_size=3))),
        st.builds(saying("system"), st.one_of(WORDS, TEXTS)),
        st.builds(saying("developer"), WORDS),
        st.builds(saying("assistant"), st.one_of(WORDS, TEXTS, st.just(""))),
        st.builds(calling, WORDS, NAMES, st.one_of(st.none(), WORDS)),
        st.builds(result, st.one_of(WORDS, TEXTS), WORDS),
    ),
    min_size=1,
    max_size=6,
)


def tool(name: str, strict: bool | None, parameters: Any) -> dict[str, Any]:
    """A tool."""
    function = {"name": name, "strict": strict, "parameters": parameters}
    kept = {key: value for key, value in function.items() if value is not None}
    return {"type": "function", "function": kept}


CITY = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOLS = st.lists(
    st.builds(
        tool,
        NAMES,
        st.sampled_from([None, True, False]),
        st.sampled_from([None, CITY, {"type": "object"}]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda item: str(item["function"]["name"]),
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 200_000),
        "max_completion_tokens": st.integers(1, 200_000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "frequency_penalty": st.floats(-2, 2),
        "presence_penalty": st.floats(-2, 2),
        "seed": st.integers(-(2**63), 2**64 - 1),
        "stop": st.one_of(WORDS, st.lists(WORDS, max_size=4)),
        "logprobs": st.booleans(),
        "top_logprobs": st.integers(0, 5),
        "user": WORDS,
        "service_tier": st.sampled_from(["auto", "flex"]),
        "reasoning_effort": st.sampled_from(["none", "low", "high", "max"]),
        "tools": TOOLS,
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]
        ),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.sampled_from(
            [
                {"type": "text"},
                {"type": "json_object"},
                {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}},
            ]
        ),
        "modalities": st.just(["text"]),
        "stream": st.booleans(),
    },
)
THEIRS = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "top_p": "p",
    "none": "NONE",
    "required": "REQUIRED",
}
"""What some names and words are in Cohere's."""


def texts(value: Any) -> list[str]:
    """Every text in a JSON value, but for the names of kinds and roles."""
    if isinstance(value, dict):
        said = [child for key, child in value.items() if key not in ("type", "role")]  # pyright: ignore[reportUnknownVariableType]
        return [text for child in said for text in texts(child)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]  # pyright: ignore[reportUnknownVariableType]
    return [value] if isinstance(value, str) else []


@settings(max_examples=200, deadline=None)
@given(model=MODELS, messages=MESSAGES, parameters=PARAMETERS)
def test_all_that_is_given_is_sent_or_reported(
    model: str, messages: list[Any], parameters: dict[str, Any]
) -> None:
    """Each text and each parameter is in the body, or has its path in the report."""
    call = call_of(PROVIDER, {"model": model, "messages": messages, **parameters})
    try:
        body = encode(call).body
    except RequestError:
        return
    reported = [deviation.path for deviation in call.report]
    found = {*texts(body["messages"])}
    for index, message in enumerate(messages):
        lost = {*texts(message)} - found - {""}
        assert not lost or any(path.startswith(f"messages[{index}]") for path in reported)
    for name, value in parameters.items():
        is_named = any(path.startswith(name) for path in reported)
        assert is_named or is_said(name, value, body), f"{name}={value!r} in {body!r}"


def is_said(name: str, value: Any, body: dict[str, Any]) -> bool:
    """Whether the body says a parameter, in Cohere's words."""
    sent = body.get(THEIRS.get(name, name))
    if name == "tools":
        return [item["function"]["name"] for item in value] == [
            item["function"]["name"] for item in body["tools"]
        ]
    if name == "stop" and isinstance(value, str):
        return bool(sent == [value])
    return bool(sent == (THEIRS.get(value, value) if isinstance(value, str) else value))
