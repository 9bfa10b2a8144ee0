"""What is sent for a call's parameters, by the schema that the model publishes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall

HI = [{"role": "user", "content": "Hi"}]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
]
TOOL = {
    "type": "function",
    "function": {
        "name": "find_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
URL = "https://example.com/cat.png"

Table = list[tuple[str, Any, dict[str, Any], set[tuple[str, str]]]]


def reported(call: ProviderCall) -> set[tuple[str, str]]:
    return {(deviation.kind, deviation.path) for deviation in call.report}


PARAMETERS: Table = [
    ("acme/openai", {"temperature": 0.5}, {"temperature": 0.5}, set()),
    ("acme/openai", {"top_p": 0.5}, {"top_p": 0.5}, set()),
    ("acme/openai", {"max_tokens": 9}, {"max_completion_tokens": 9}, set()),
    ("acme/openai", {"max_completion_tokens": 9}, {"max_completion_tokens": 9}, set()),
    (
        "acme/openai",
        {"max_tokens": 7, "max_completion_tokens": 9},
        {"max_completion_tokens": 9},
        {("dropped", "max_tokens")},
    ),
    (
        "acme/openai",
        {"max_tokens": 9, "max_completion_tokens": 9},
        {"max_completion_tokens": 9},
        set(),
    ),
    (
        "acme/openai",
        {"max_tokens": 99999},
        {"max_completion_tokens": 16384},
        {("clamped", "max_tokens")},
    ),
    ("acme/claude", {"max_tokens": 9}, {"max_tokens": 1024}, {("clamped", "max_tokens")}),
    ("acme/gemini", {"max_tokens": 9}, {"max_output_tokens": 9}, set()),
    ("acme/verbatim", {"max_tokens": 9}, {"max_new_tokens": 9}, set()),
    ("acme/raw", {"max_tokens": 9}, {"max_length": 9}, {("renamed", "max_tokens")}),
    ("acme/plain", {"max_tokens": 9}, {}, {("dropped", "max_tokens")}),
    ("acme/raw", {"temperature": 0}, {"temperature": 0.01}, {("clamped", "temperature")}),
    ("acme/llama3", {"seed": 3}, {"seed": 3}, set()),
    ("acme/openai", {"seed": 3}, {}, {("dropped", "seed")}),
    (
        "acme/openai",
        {"presence_penalty": 1, "frequency_penalty": -1},
        {"presence_penalty": 1, "frequency_penalty": -1},
        set(),
    ),
    ("acme/raw", {"presence_penalty": 1}, {}, {("dropped", "presence_penalty")}),
    ("acme/openai", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}, set()),
    (
        "acme/openai",
        {"reasoning_effort": "xhigh"},
        {"reasoning_effort": "high"},
        {("converted", "reasoning_effort")},
    ),
    (
        "acme/openai",
        {"reasoning_effort": "none"},
        {"reasoning_effort": "minimal"},
        {("converted", "reasoning_effort")},
    ),
    (
        "acme/claude",
        {"reasoning_effort": "low"},
        {"extended_thinking": True},
        {("converted", "reasoning_effort")},
    ),
    (
        "acme/claude",
        {"reasoning_effort": "none"},
        {"extended_thinking": False},
        {("converted", "reasoning_effort")},
    ),
    (
        "acme/gemini",
        {"reasoning_effort": "minimal"},
        {"thinking_level": "low"},
        {("converted", "reasoning_effort")},
    ),
    ("acme/openai", {"verbosity": "low"}, {"verbosity": "low"}, set()),
    ("acme/llama3", {"stop": "END"}, {"stop_sequences": "END"}, set()),
    ("acme/llama3", {"stop": ["a", "b"]}, {"stop_sequences": "a,b"}, set()),
    ("acme/llama3", {"stop": ["a", "b,c"]}, {"stop_sequences": "a"}, {("emulated", "stop")}),
    ("acme/raw", {"stop": ["a", "b,c"]}, {"stop": ["a", "b,c"]}, set()),
    ("acme/openai", {"stop": ["a"]}, {}, {("emulated", "stop")}),
    ("acme/openai", {"response_format": {"type": "text"}}, {}, set()),
    ("acme/openai", {"user": "u"}, {}, {("dropped", "user")}),
    ("acme/openai", {"logprobs": True}, {}, {("dropped", "logprobs")}),
    ("acme/openai", {"logit_bias": {"5": 1}}, {}, {("dropped", "logit_bias")}),
    ("acme/openai", {"extra_body": {"image_input": [URL]}}, {"image_input": [URL]}, set()),
    ("acme/openai", {"extra_body": {"input": {"top_k": 5}}}, {"top_k": 5}, set()),
    ("acme/openai", {"extra_body": {"prompt": "Ho"}}, {"prompt": "Ho"}, set()),
]


@pytest.mark.parametrize(("model", "given", "expected", "report"), PARAMETERS)
def test_parameters(
    sent: Any,
    model: str,
    given: dict[str, Any],
    expected: dict[str, Any],
    report: set[tuple[str, str]],
) -> None:
    """Each parameter is sent as the input that the model has for it, within its bounds."""
    inputs, call = sent(model, **given)
    assert {"prompt": "Hi", **expected} == inputs
    assert report == reported(call)


def test_whole_numbers_stay_whole(sent: Any) -> None:
    """A bound of an integer is sent as an integer."""
    inputs, _ = sent("acme/claude", max_tokens=9)
    assert isinstance(inputs["max_tokens"], int)


@pytest.mark.parametrize("name", ["seed", "temperature", "reasoning_effort"])
def test_raises_for_a_knob_when_asked_to(sent: Any, name: str) -> None:
    """With ``unsupported="raise"`` an input that the model lacks is refused."""
    value: Any = {"seed": 1, "temperature": 1, "reasoning_effort": "low"}[name]
    with pytest.raises(UnsupportedError, match=f"{name} is not supported"):
        sent("acme/plain", unsupported="raise", **{name: value})


def test_extra_body_beside_the_input(asked: Any) -> None:
    """What is no input of the model goes beside the inputs, last of all."""
    extra = {"webhook": "https://example.com/hook", "temperature": 0.25}
    body, _ = asked("acme/openai", extra_body=extra)
    expected = {
        "input": {"prompt": "Hi", "temperature": 0.25},
        "webhook": "https://example.com/hook",
    }
    assert expected == body


# --- tools and schemas --------------------------------------------------------------------


def test_tools_are_put_into_words(sent: Any) -> None:
    """Functions are described in the instructions, and that is reported."""
    inputs, call = sent("acme/openai", tools=[TOOL], parallel_tool_calls=False)
    assert "find_weather" in inputs["system_prompt"]
    assert inputs["prompt"] == "Hi"
    assert {"tools", "parallel_tool_calls"} <= {deviation.path for deviation in call.report}


def test_a_forced_call_is_asked_for_by_its_schema(sent: Any) -> None:
    """The schema of the call stands in the instructions."""
    inputs, call = sent("acme/openai", tools=[TOOL], tool_choice="required")
    assert '"required": ["name", "arguments"]' in inputs["system_prompt"]
    assert {"tools", "tool_choice"} <= {deviation.path for deviation in call.report}


def test_calls_and_results_are_put_into_words_with_the_callers_paths(sent: Any) -> None:
    """Reports name messages by the caller's own places, whatever stands for them."""
    called = {
        "id": "c1",
        "type": "function",
        "function": {"name": "find_weather", "arguments": '{"city": "Rome"}'},
    }
    messages = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [called, {**called, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sun"},
        {"role": "tool", "tool_call_id": "c2", "content": "Rain"},
        {"role": "user", "name": "Al", "content": "And?"},
    ]
    inputs, call = sent("acme/openai", messages, tools=[TOOL])
    roles = [message["role"] for message in inputs["messages"]]
    assert roles == ["system", "user", "assistant", "user", "user"]
    assert "Rome" in inputs["messages"][2]["content"]
    assert "Sun" in inputs["messages"][3]["content"]
    assert "Rain" in inputs["messages"][3]["content"]
    paths = {deviation.path for deviation in call.report}
    assert {"messages[1].tool_calls", "messages[2]", "messages[3]", "messages[4].name"} <= paths


def test_custom_tools_are_refused(sent: Any) -> None:
    """A tool of free text cannot be put into words."""
    with pytest.raises(UnsupportedError, match="only functions"):
        sent("acme/openai", tools=[{"type": "custom", "custom": {"name": "x"}}])


JSON_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": JSON_SCHEMA}}


def test_a_schema_is_asked_for_in_the_instructions(sent: Any) -> None:
    """Without an input for it, the schema is part of the instructions, and reported."""
    inputs, call = sent("acme/claude", TALK, response_format=SCHEMA_FORMAT)
    assert inputs["system_prompt"].startswith("Be brief.\n\nAnswer with nothing but JSON")
    assert json.dumps(JSON_SCHEMA) in inputs["system_prompt"]
    assert {("emulated", "response_format")} == reported(call)


def test_an_object_is_asked_for_in_the_instructions(sent: Any) -> None:
    """JSON mode is an instruction too."""
    inputs, call = sent("acme/claude", response_format={"type": "json_object"})
    assert inputs["system_prompt"] == "Answer with nothing but one JSON object."
    assert {("emulated", "response_format")} == reported(call)


def test_a_schema_is_sent_where_the_model_takes_one(sent: Any) -> None:
    """A model with an input for a schema is sent the schema itself."""
    inputs, call = sent("acme/chat", response_format=SCHEMA_FORMAT)
    assert json.loads(inputs["jsonschema"]) == JSON_SCHEMA
    assert not call.report
