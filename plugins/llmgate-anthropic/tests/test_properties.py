"""Properties: nothing of a call is lost unsaid, and no reply breaks anything but itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llmgate_anthropic import Anthropic, MessagesDecoder, decode, encode

from llmgate.accumulate import accumulate
from llmgate.errors import LLMGateError, RequestError
from llmgate.testing import load_corpus
from llmgate.testing.driving import call_of, read_stream
from llmgate.wire import HttpReply, encode_json

PROVIDER = Anthropic(api_key="sk-ant-test")
WORDS = st.text("abcdefgh ø\n", min_size=1, max_size=8).map(lambda word: f"w{word}w")
MODELS = st.sampled_from(
    ["claude-3-opus-20240229", "claude-sonnet-4-0", "claude-haiku-4-5", "claude-opus-4-6"]
    + ["claude-opus-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-zebra-9", "smollm2"]
)
PARTS = st.one_of(
    st.builds(lambda word: {"type": "text", "text": word}, WORDS),
    st.builds(
        lambda word: {
            "type": "image_url",
            "image_url": {"url": f"https://a.example/{ord(word[1])}"},
        },
        WORDS,
    ),
    st.builds(lambda word: {"type": "file", "file": {"file_id": word}}, WORDS),
    st.builds(
        lambda word: {
            "type": "text",
            "text": word,
            "cache_control": {"type": "ephemeral", "ttl": word},
        },
        WORDS,
    ),
)
CONTENT = st.one_of(WORDS, st.lists(PARTS, min_size=1, max_size=3))
TEXT = st.one_of(WORDS, st.lists(PARTS.filter(lambda p: p["type"] == "text"), min_size=1))
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda content: {"role": "user", "content": content}, CONTENT),
        st.builds(lambda content: {"role": "system", "content": content}, TEXT),
        st.builds(lambda content: {"role": "assistant", "content": content}, TEXT),
        st.builds(
            lambda word, name: {
                "role": "assistant",
                "content": word,
                "tool_calls": [
                    {
                        "id": name,
                        "type": "function",
                        "function": {"name": "f", "arguments": encode_json({"a": word}).decode()},
                    }
                ],
            },
            WORDS,
            WORDS,
        ),
        st.builds(
            lambda content, name: {"role": "tool", "tool_call_id": name, "content": content},
            CONTENT,
            WORDS,
        ),
    ),
    min_size=1,
    max_size=6,
)
TOOL = {"type": "function", "function": {"name": "f", "description": "does", "parameters": {}}}
PARAMETERS = st.fixed_dictionaries(
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
PLAIN = {"auto": "auto", "none": "none", "required": "any", "default": "standard_only"}


def texts(value: Any) -> list[str]:
    """Every text in a JSON value, but for the names of kinds."""
    if isinstance(value, dict):
        said = [child for key, child in value.items() if key != "type"]  # pyright: ignore[reportUnknownVariableType]
        return [text for child in said for text in texts(child)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]  # pyright: ignore[reportUnknownVariableType]
    return [value] if isinstance(value, str) else []


@settings(max_examples=200, deadline=None)
@given(model=MODELS, messages=MESSAGES, parameters=PARAMETERS)
def test_all_that_is_given_is_sent_or_reported(
    model: str, messages: list[Any], parameters: dict[str, Any]
) -> None:
    """Each text of the messages, and each parameter, is in the body or has its path in the report."""
    call = call_of(PROVIDER, {"model": model, "messages": messages, **parameters})
    try:
        body = encode(call).body
    except RequestError as error:
        assert str(error)
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


def is_said(name: str, value: Any, body: dict[str, Any]) -> bool:
    """Whether the body says a parameter, in Anthropic's words."""
    choice = body.get("tool_choice", {})
    match name:
        case "max_tokens" | "max_completion_tokens":
            return bool(body["max_tokens"] == value)
        case "temperature" | "top_p":
            return bool(body[name] == value)
        case "stop":
            return (
                bool(body.get("stop_sequences", []) == ([value] if value is str else [*value]))
                or [value] == body["stop_sequences"]
            )
        case "user" | "safety_identifier":
            return bool(body["metadata"] == {"user_id": value})
        case "service_tier":
            return bool(body[name] == PLAIN[value])
        case "tools":
            return bool(body["tools"][0]["name"] == "f")
        case "tool_choice":
            sent = value["function"]["name"] if isinstance(value, dict) else PLAIN[value]  # pyright: ignore[reportUnknownVariableType]
            return sent in choice.values()
        case "parallel_tool_calls":
            return bool(choice["disable_parallel_tool_use"] is not value)
        case "response_format":
            return "output_config" in body
        case "stream":
            return value is bool(body.get("stream"))
        case _:
            return False


CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "anthropic"
BODIES = (
    [e.replies[-1].body for e in load_corpus(CORPUS) if len(e.replies[-1].body) < 20_000]
    if CORPUS.is_dir()
    else []
)
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=3),
            st.sampled_from([b"null", b"5", b"[]", b"{}", b'"x"', b'"', b"\n\n", rb"\ud800"]),
        ),
    ),
    max_size=4,
)


@pytest.mark.skipif(not BODIES, reason="the recordings are not on this machine")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(index=st.integers(0, 1000), edits=EDITS)
def test_damaged_replies_raise_our_errors(index: int, edits: list[Any]) -> None:
    """A recorded reply with bytes changed is an answer still, or raises one of our errors."""
    body = BODIES[index % len(BODIES)]
    for place, length, piece in edits:
        start = int(place * len(body))
        body = body[:start] + piece + body[start + length :]
    for read in (
        lambda: decode(HttpReply(200, {}, body), "c1"),
        lambda: accumulate(read_stream(MessagesDecoder("c1"), [body])),
        lambda: PROVIDER.error(HttpReply(400, {}, body)),
    ):
        try:
            read()
        except LLMGateError as error:
            assert str(error)
