"""Requests: what is sent for a call, and what the report says of the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from llmgate import Client
from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_openai import OpenAI

_HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
_ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
_STREAM = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
_ELSEWHERE = "https://compatible.invalid/v1"


async def _sent(**given: Any) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The body that a call sends, and the paths of its report with their kinds."""
    options: dict[str, Any] = {"model": "gpt-4o", "messages": _HELLO, "base_url": None, **given}
    base_url, model = options.pop("base_url"), options.pop("model")
    is_stream = bool(options.get("stream"))
    transport = CannedTransport([Canned(body=_STREAM if is_stream else _ANSWER)])
    provider = with_transport(OpenAI(api_key="sk-test", base_url=base_url, api="chat"), transport)
    async with Client(providers={"openai": provider}) as client:
        call: Any = client.acompletion  # which of its overloads is meant, only the options tell
        answer = await call(f"openai/{model}", **options)
        if is_stream:
            await answer.completion()
    (request,) = transport.requests
    reported = {deviation.path: deviation.kind for deviation in answer.report}
    return json.loads(request.body), reported


_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
_CUSTOM_TOOL = {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}
_CALLS = [
    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"X"}'}},
    {"id": "b", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
]
_PIXEL = "data:image/png;base64,iVBORw0KGgo="

_PARAMETERS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.2, "top_p": 0.9, "presence_penalty": -1, "frequency_penalty": 0.5},
    {"max_tokens": 5},
    {"max_completion_tokens": 5},
    {"n": 2, "seed": -7, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"},
    {"stop": "\n"},
    {"stop": ["a", "b", "c", "d"]},
    {"logit_bias": {"50256": -100}},
    {"logprobs": True, "top_logprobs": 20},
    {"response_format": {"type": "json_object"}},
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
        }
    },
    {"tools": [_TOOL, _CUSTOM_TOOL], "tool_choice": "required", "parallel_tool_calls": False},
    {"tools": [_TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    {"tools": [_CUSTOM_TOOL], "tool_choice": {"type": "custom", "custom": {"name": "sql"}}},
    {
        "tools": [_TOOL],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [_TOOL]},
        },
    },
    {"functions": [_TOOL["function"]], "function_call": {"name": "weather"}},
    {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    {"prediction": {"type": "content", "content": "x"}},
    {"metadata": {"a": "b"}, "store": True, "service_tier": "flex", "verbosity": "low"},
    {"web_search_options": {"search_context_size": "low"}},
    {"prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "explicit"}},
    {"moderation": {"model": "omni-moderation-latest"}},
    {"reasoning_effort": "low"},
]

_HISTORIES: list[list[dict[str, Any]]] = [
    [{"role": "developer", "content": "Be brief", "name": "d"}, *_HELLO],
    [{"role": "system", "content": [{"type": "text", "text": "Be brief"}]}, *_HELLO],
    [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": _PIXEL, "detail": "high"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    ],
    [
        *_HELLO,
        {"role": "assistant", "content": None, "tool_calls": _CALLS},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "1"}]},
    ],
    [
        *_HELLO,
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "weather", "arguments": "{}"},
        },
        {"role": "function", "name": "weather", "content": "sunny"},
    ],
    [*_HELLO, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}, *_HELLO],
    [*_HELLO, {"role": "assistant", "audio": {"id": "audio_1"}, "content": None}, *_HELLO],
]


@pytest.mark.parametrize("parameters", _PARAMETERS, ids=lambda given: ",".join(given) or "none")
async def test_parameters_are_sent_as_they_are(parameters: dict[str, Any]) -> None:
    """The format is OpenAI's own: nothing is added, renamed or left out."""
    model = "gpt-4o-search-preview" if "web_search_options" in parameters else "gpt-4o"
    sent, reported = await _sent(model=model, **parameters)
    assert {"model": model, "messages": _HELLO, **parameters} == sent
    assert {} == reported
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(sent)


@pytest.mark.parametrize("history", _HISTORIES)
@pytest.mark.parametrize("base_url", [None, _ELSEWHERE])
async def test_messages_are_sent_as_they_are(history: list[Any], base_url: str | None) -> None:
    """Every role and every part, with its unknown fields, goes to OpenAI as it was given.

    Elsewhere the legacy form is said in terms of tools, since few hosts know it.
    """
    sent, reported = await _sent(messages=history, base_url=base_url)
    if base_url is None or not any(message["role"] == "function" for message in history):
        assert history == sent["messages"]
        assert {} == reported
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(sent)


async def test_fields_that_nobody_knows_are_sent() -> None:
    """A field of tomorrow inside a message or a tool reaches the host."""
    message = {"role": "user", "content": [{"type": "text", "text": "x", "cache": 1}], "y": 2}
    sent, _ = await _sent(messages=[message], tools=[{**_TOOL, "z": 3}])
    assert ([message], [{**_TOOL, "z": 3}]) == (sent["messages"], sent["tools"])


async def test_the_extra_body_is_merged_last() -> None:
    """It may add what no argument says, and override what one says."""
    sent, _ = await _sent(temperature=0.5, extra_body={"temperature": 1, "top_k": 3})
    assert (1, 3) == (sent["temperature"], sent["top_k"])


async def test_objects_of_the_extra_body_are_merged_recursively() -> None:
    """What it does not name stays; lists, and what is not an object on both sides, are replaced."""
    schema = {"name": "a", "schema": {"type": "object", "required": ["b"]}}
    given = {"type": "json_schema", "json_schema": schema}
    extra: dict[str, Any] = {
        "response_format": {"json_schema": {"strict": True, "schema": {"required": []}}},
        "stop": {"tokens": [1]},
    }
    sent, _ = await _sent(response_format=given, stop=["x"], extra_body=extra)
    merged: dict[str, Any] = {
        "name": "a",
        "schema": {"type": "object", "required": []},
        "strict": True,
    }
    assert {"type": "json_schema", "json_schema": merged} == sent["response_format"]
    assert {"tokens": [1]} == sent["stop"]


# --- streams --------------------------------------------------------------------------------


async def test_a_stream_asks_for_its_usage() -> None:
    """Nobody has to know ``stream_options`` to see what was billed; the report says so."""
    sent, reported = await _sent(stream=True)
    assert (True, {"include_usage": True}) == (sent["stream"], sent["stream_options"])
    assert {"stream_options.include_usage": "injected"} == reported
    TypeAdapter(CompletionCreateParamsStreaming).validate_python(sent)


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({"include_usage": False}, ["stream_options.include_usage"]),
        ({"include_usage": True}, []),
        (
            {"include_obfuscation": False},
            ["stream_options.include_obfuscation", "stream_options.include_usage"],
        ),
    ],
)
async def test_every_stream_asks_for_its_usage(
    options: dict[str, bool], reported: list[str]
) -> None:
    """``stream_options`` only says whether the chunk of the usage is delivered."""
    sent, paths = await _sent(stream=True, stream_options=options)
    assert {"include_usage": True} == sent["stream_options"]
    assert reported == list(paths)


async def test_further_options_of_a_stream() -> None:
    """They are given in the body, which is merged with what is sent."""
    extra = {"stream_options": {"include_obfuscation": False}}
    sent, _ = await _sent(stream=True, extra_body=extra)
    assert {"include_usage": True, "include_obfuscation": False} == sent["stream_options"]


async def test_another_host_is_asked_for_usage_where_the_caller_does() -> None:
    """Whoever asks for it knows that host."""
    options = {"include_usage": True}
    sent, reported = await _sent(stream=True, base_url=_ELSEWHERE, stream_options=options)
    assert options == sent["stream_options"]
    assert {} == reported


async def test_another_host_is_asked_for_usage_as_well() -> None:
    """What is done where it refuses that is in ``test_stream_usage``."""
    sent, reported = await _sent(stream=True, base_url=_ELSEWHERE)
    assert {"include_usage": True} == sent["stream_options"]
    assert {"stream_options.include_usage": "injected"} == reported


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_no_limit_is_for_other_hosts_to_read(name: str) -> None:
    """OpenAI's own refuses -1, which some others take for no limit."""
    sent, _ = await _sent(base_url=_ELSEWHERE, **{name: -1})
    assert -1 == sent[name]
    with pytest.raises(InvalidRequestError, match=f"{name}: expected 1 or more, got -1"):
        await _sent(**{name: -1})


# --- models that reason ---------------------------------------------------------------------

_KNOBS = {
    "temperature": 0.5,
    "top_p": 0.5,
    "frequency_penalty": 1,
    "presence_penalty": 1,
    "logit_bias": {"1": 1},
    "logprobs": True,
    "top_logprobs": 2,
}


@pytest.mark.parametrize(
    ("model", "effort", "reasons"),
    [
        ("gpt-4o", None, False),
        ("gpt-4.1-mini", None, False),
        ("gpt-3.5-turbo", None, False),
        ("chatgpt-4o-latest", None, False),
        ("ft:gpt-4o:org::id", None, False),
        ("o1", None, True),
        ("o3-mini", None, True),
        ("o4-mini-2025-04-16", None, True),
        ("ft:o4-mini:org::id", None, True),
        ("gpt-5", None, True),
        ("gpt-5-nano", "minimal", True),
        ("gpt-5-chat-latest", None, False),
        ("gpt-5.1", None, False),
        ("gpt-5.1", "none", False),
        ("gpt-5.1", "low", True),
        ("gpt-5.1-codex-mini", None, True),
        ("gpt-5.1-chat-latest", None, True),
        ("gpt-5.2", None, False),
        ("gpt-5.2-pro", None, True),
        ("gpt-5.4", None, False),
        ("gpt-5.4-pro", None, True),
        ("gpt-5.5", None, True),
        ("gpt-5.5", "none", False),
        ("gpt-6-astra", None, True),
        ("gpt-6-luna", "none", False),
        ("gpt-6.1-sol", None, True),
        ("a-deployment-of-mine", None, False),
    ],
)
async def test_a_model_that_reasons_takes_no_sampling(
    model: str, effort: str | None, reasons: bool
) -> None:
    """OpenAI answers 400 to these; they are left out, each with its entry in the report."""
    knobs = {**_KNOBS, "reasoning_effort": effort} if effort else dict(_KNOBS)
    sent, reported = await _sent(model=model, **knobs)
    expected = dict.fromkeys(_KNOBS, "dropped") if reasons else {}
    assert expected == reported
    assert set(knobs) - set(expected) == set(sent) - {"model", "messages"}


async def test_values_that_a_model_that_reasons_accepts_are_sent() -> None:
    """The defaults, said aloud, are fine."""
    defaults = {"temperature": 1, "top_p": 1.0, "frequency_penalty": 0, "presence_penalty": 0.0}
    sent, reported = await _sent(model="gpt-5", **defaults)
    assert {} == reported
    assert defaults == {name: sent[name] for name in defaults}


_REFUSED: list[tuple[str, dict[str, Any], bool]] = [
    ("o3", {"stop": ["a"]}, True),
    ("o4-mini-2025-04-16", {"stop": "a"}, True),
    ("gpt-5-mini", {"stop": "a"}, True),
    ("o1", {"stop": "a"}, False),
    ("o3-mini", {"stop": "a"}, False),
    ("gpt-5.1", {"stop": "a"}, False),
    ("o1", {"parallel_tool_calls": False, "tools": [_TOOL]}, True),
    ("o3-mini", {"parallel_tool_calls": True, "tools": [_TOOL]}, True),
    ("gpt-5", {"parallel_tool_calls": False, "tools": [_TOOL]}, False),
    ("gpt-5.1", {"reasoning_effort": "minimal"}, True),
    ("gpt-5.1-2025-11-13", {"reasoning_effort": "xhigh"}, True),
    ("gpt-5.1", {"reasoning_effort": "high"}, False),
    ("gpt-5.6", {"reasoning_effort": "max"}, True),
    ("gpt-5.6-mini", {"reasoning_effort": "xhigh"}, False),
    ("gpt-4o-search-preview", {"temperature": 0.5}, True),
    ("gpt-4o-mini-search-preview-2025-03-11", {"seed": 1}, True),
    ("gpt-5-search-api", {"presence_penalty": 0}, True),
    ("gpt-4o-search-preview", {"web_search_options": {}}, False),
    ("gpt-4o", {"web_search_options": {}}, True),
    ("a-model-of-mine", {"web_search_options": {}}, False),
]


@pytest.mark.parametrize(("model", "given", "is_refused"), _REFUSED)
async def test_what_else_a_model_refuses(
    model: str, given: dict[str, Any], is_refused: bool
) -> None:
    """That is left out and reported, and nothing is that it takes."""
    sent, reported = await _sent(model=model, **given)
    name = next(iter(given))
    assert ({name: "dropped"} if is_refused else {}) == reported
    assert (not is_refused) is (name in sent)


async def test_a_meaning_that_a_model_refuses() -> None:
    """It is not left out, but refused."""
    with pytest.raises(UnsupportedError, match="n is not supported: gpt-4o-search-preview refuses"):
        await _sent(model="gpt-4o-search-preview", n=2)


async def test_an_effort_that_is_left_out_does_not_count() -> None:
    """The model then does not reason, and takes the rest."""
    sent, reported = await _sent(model="gpt-5.1", reasoning_effort="minimal", temperature=0.5)
    assert {"reasoning_effort": "dropped"} == reported
    assert 0.5 == sent["temperature"]


async def test_a_preview_shows_what_a_model_refuses() -> None:
    """As the request that is sent."""
    async with Client(providers={"openai": OpenAI(api_key="sk-test")}) as client:
        shown = client.preview("o3", _HELLO, temperature=0.5, max_tokens=5)
    assert {"temperature": "dropped", "max_tokens": "renamed"} == {
        deviation.path: deviation.kind for deviation in shown.report
    }
    assert 5 == shown.json()["max_completion_tokens"]


@pytest.mark.parametrize("name", _KNOBS)
async def test_the_caller_may_refuse_to_have_it_left_out(name: str) -> None:
    """Under ``unsupported="raise"`` nothing is sent."""
    with pytest.raises(UnsupportedError) as caught:
        await _sent(model="o3", unsupported="raise", **{name: _KNOBS[name]})
    assert name == caught.value.parameter


@pytest.mark.parametrize(
    ("model", "base_url", "given", "expected"),
    [
        ("gpt-5", None, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("gpt-5.1", None, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("o3", None, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("gpt-4o", None, {"max_tokens": 5}, {"max_tokens": 5}),
        ("gpt-5", _ELSEWHERE, {"max_tokens": 5}, {"max_tokens": 5}),
    ],
)
async def test_the_limit_is_sent_under_the_name_that_the_model_knows(
    model: str, base_url: str | None, given: dict[str, int], expected: dict[str, int]
) -> None:
    """OpenAI's reasoning models refuse the old name, and other hosts may not know the new one."""
    sent, reported = await _sent(model=model, base_url=base_url, **given)
    assert expected == {name: value for name, value in sent.items() if name.startswith("max")}
    assert ({} if given == expected else {"max_tokens": "renamed"}) == reported


async def test_both_limits_are_left_for_the_host_to_judge() -> None:
    """Which of them was meant is not ours to say."""
    limits = {"max_tokens": 5, "max_completion_tokens": 6}
    sent, reported = await _sent(model="gpt-5", **limits)
    assert limits == {name: sent[name] for name in limits}
    assert {} == reported


async def test_another_host_is_sent_everything() -> None:
    """OpenAI's rules are OpenAI's alone: a name like its own means nothing elsewhere."""
    sent, reported = await _sent(model="gpt-5", base_url=_ELSEWHERE, **_KNOBS)
    assert {} == reported
    assert _KNOBS == {name: sent[name] for name in _KNOBS}


@pytest.mark.parametrize(
    ("model", "given", "sent_effort", "expected"),
    [
        ("gpt-5.2", None, None, None),
        ("gpt-5.2", "high", None, "dropped"),
        ("gpt-5.4-mini", "low", None, "dropped"),
        ("gpt-5.4", "none", "none", None),
        ("gpt-5.5", None, "none", "injected"),
        ("gpt-5.5", "none", "none", None),
        ("gpt-5.6-mini", None, "none", "injected"),
        ("gpt-6-luna", None, "none", "injected"),
        ("ft:gpt-5.6:acme::abc", None, "none", "injected"),
        ("gpt-5.1", "high", "high", None),
        ("gpt-5", "low", "low", None),
        ("gpt-4o", None, None, None),
    ],
)
@pytest.mark.parametrize("form", ["tools", "functions"])
async def test_models_that_take_tools_only_while_they_do_not_reason(
    model: str, given: str | None, sent_effort: str | None, expected: str | None, form: str
) -> None:
    """Tools cannot be done without; an effort can, and the report says so."""
    options = {} if given is None else {"reasoning_effort": given}
    tools = {"tools": [_TOOL]} if form == "tools" else {"functions": [_TOOL["function"]]}
    sent, reported = await _sent(model=model, temperature=0.5, **tools, **options)
    assert sent_effort == sent.get("reasoning_effort")
    assert expected == reported.get("reasoning_effort")
    is_reasoning = model in ("gpt-5", "gpt-5.1")
    assert is_reasoning == ("temperature" in reported)


async def test_an_effort_that_is_to_be_taken_at_its_word() -> None:
    """It is refused beside tools where nothing is to be dropped; without tools it is sent, and
    what is high enough for a model by itself is left to it."""
    with pytest.raises(UnsupportedError, match="takes tools only while it does not reason"):
        await _sent(model="gpt-5.6", tools=[_TOOL], reasoning_effort="high", unsupported="raise")
    sent, reported = await _sent(model="gpt-5.6", reasoning_effort="high", tools=[])
    assert ("high", {}) == (sent["reasoning_effort"], reported)
    sent, reported = await _sent(model="gpt-5.6", tools=[])
    assert "reasoning_effort" not in sent


async def test_the_limit_is_renamed_beside_tools_as_well() -> None:
    """As for each model that can reason."""
    sent, _ = await _sent(model="gpt-5.6", max_tokens=5, tools=[_TOOL])
    assert (5, False) == (sent["max_completion_tokens"], "max_tokens" in sent)
