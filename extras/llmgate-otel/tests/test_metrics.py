"""Metrics under the names of both generations, content where it is asked for, and events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber

from llmgate import InvalidRequestError, RateLimitError
from llmgate.middleware import ChatCall
from llmgate.types import (
    Choice,
    Completion,
    CompletionTokensDetails,
    Function,
    Message,
    PromptTokensDetails,
    ToolCall,
    Usage,
)
from llmgate_otel import OpenTelemetry, names

Record = Callable[..., Any]
USAGE = b"""{"say": "Hi", "end": "done", "tokens": {"in": 5, "out": 7}}"""


async def ask(made: Any, **options: Any) -> Any:
    """A completion, read to its end."""
    answer = await made.client.acompletion("fake/m", made.hi, **options)
    return await answer.completion() if options.get("stream") else answer


async def test_the_names_of_today(record: Record) -> None:
    """Histograms of seconds and tokens, by provider, model and address."""
    made = record("Paris it is.", "Rome")
    await ask(made)
    await ask(made, stream=True)
    found = made.metrics
    assert {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    } == found.keys()
    (duration,) = found["gen_ai.client.operation.duration"]
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "m",
        "server.address": "fake.invalid",
        "server.port": 443,
    }
    assert expected == dict(duration.attributes)
    assert 2 == duration.count
    assert names.SECONDS == tuple(duration.explicit_bounds)
    tokens = {
        point.attributes["gen_ai.token.type"]: point for point in found["gen_ai.client.token.usage"]
    }
    assert (2, 4) == (tokens["input"].sum, tokens["output"].sum)
    assert names.TOKENS == tuple(tokens["input"].explicit_bounds)
    assert 67_108_864 == names.TOKENS[-1]


async def test_the_latest_names(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters of tokens, which count 0 where nothing was said."""
    monkeypatch.setenv("OTEL_SEMCONV_EXPERIMENTAL_OPT_IN", "http, gen_ai_latest_experimental")
    made = record("Paris it is.", RateLimitError("no", status=429), client={"max_retries": 0})
    await ask(made)
    with pytest.raises(RateLimitError):
        await ask(made)
    found = made.metrics
    inference = "gen_ai.client.inference"
    assert {
        f"{inference}.duration",
        f"{inference}.usage.input_tokens",
        f"{inference}.usage.output_tokens",
    } == found.keys()
    outputs = found[f"{inference}.usage.output_tokens"]
    assert 3 == sum(point.value for point in outputs)
    assert {"unknown"} == {point.attributes["gen_ai.token.modality"] for point in outputs}
    kinds = {point.attributes.get("error.type") for point in found[f"{inference}.duration"]}
    assert {None, "llmgate.errors.RateLimitError"} == kinds


async def test_the_time_per_chunk(record: Record) -> None:
    """Is recorded where it is asked for; otherwise no chunk is touched."""
    made = record("Paris it is.", time_per_chunk=True)
    await ask(made, stream=True)
    (point,) = made.metrics["gen_ai.client.operation.time_per_output_chunk"]
    assert point.count >= 3
    plain = record("Paris it is.")
    stream = await plain.client.acompletion("fake/m", plain.hi, stream=True)
    direct = await plain.client.acompletion("local/m", plain.hi, stream=True)
    assert type(stream._source) is type(direct._source)
    assert "LiveSource" == type(stream._source).__name__
    await stream.aclose()
    await direct.aclose()


# --- what was said ---


TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "It", "parameters": {"type": "object"}},
}
HISTORY: Any = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": "https://h.invalid/x.png"}},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Let me see.",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
            },
            {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{"}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "sun"},
    {"role": "tool", "tool_call_id": "c2", "content": "rain"},
    {"role": "user", "content": "And?"},
]
CALL = ToolCall("c3", Function("weather", "{}"))


async def test_content_is_recorded_where_it_is_asked_for(record: Record) -> None:
    """In the form of the conventions, as JSON."""
    made = record(["Sun", CALL], content="span")
    await made.client.acompletion("fake/m", HISTORY, tools=[TOOL])
    found = {name: json.loads(text) for name, text in contents(made.call).items()}
    assert [{"type": "text", "content": "Be brief."}] == found["gen_ai.system_instructions"]
    user, assistant, tool, _, last = found["gen_ai.input.messages"]
    assert {"type": "text", "content": "Hi"} == user["parts"][0]
    assert "image_url" == user["parts"][1]["type"]
    assert {"type": "reasoning", "content": "Let me see."} == assistant["parts"][0]
    call = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Rome"}}
    assert call == assistant["parts"][1]
    assert "{" == assistant["parts"][2]["arguments"]
    assert [{"type": "tool_call_response", "id": "c1", "response": "sun"}] == tool["parts"]
    assert "user" == last["role"]
    (answer,) = found["gen_ai.output.messages"]
    assert "tool_calls" == answer["finish_reason"]
    assert ["text", "tool_call"] == [part["type"] for part in answer["parts"]]
    assert "weather" == found["gen_ai.tool.definitions"][0]["name"]


def contents(span: Any) -> dict[str, str]:
    """The attributes that hold texts of messages."""
    kinds = ("messages", "instructions", "definitions")
    return {name: value for name, value in span.attributes.items() if name.endswith(kinds)}


@pytest.mark.parametrize(
    ("value", "in_span", "in_event"),
    [
        ("", False, None),
        ("false", False, None),
        ("nonsense", False, None),
        ("true", True, None),
        ("span_only", True, None),
        ("EVENT_ONLY", False, True),
        ("SPAN_AND_EVENT", True, True),
    ],
)
async def test_content_as_the_environment_says(
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    in_span: bool,
    in_event: bool | None,
) -> None:
    """Nowhere by default: a prompt is private."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    made = record("Paris")
    await ask(made)
    assert in_span == bool(contents(made.call))
    if in_event is None:
        assert [] == made.events
        assert "Hi" not in str(dict(made.call.attributes)) or in_span
    else:
        (event,) = made.events
        assert "Paris" in str(event.attributes["gen_ai.output.messages"])


async def test_events(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without content, where only they are asked for; they belong to the call's span."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "TRUE")
    made = record("Paris")
    await ask(made)
    (event,) = made.events
    assert "gen_ai.client.inference.operation.details" == event.event_name
    assert 1 == event.attributes["gen_ai.usage.output_tokens"]
    assert "gen_ai.output.messages" not in event.attributes
    assert made.call.context.span_id == event.span_id
    silent = record("Paris", events=False, content="event")
    await ask(silent)
    assert [] == silent.events


async def test_a_span_that_is_not_sampled(record: Record) -> None:
    """Is no reason to lose metrics."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    from llmgate import Client

    made = record("Paris")
    tracers = TracerProvider(sampler=ALWAYS_OFF)
    telemetry = OpenTelemetry(tracer_provider=tracers, meter_provider=made.meters)
    client: Any = Client(providers=made.providers, **telemetry.settings())
    await client.acompletion("fake/m", made.hi)
    assert "gen_ai.client.operation.duration" in made.metrics


@pytest.mark.parametrize("name", ["generation", "content"])
def test_settings_that_are_none(name: str) -> None:
    """Are refused."""
    given: Any = {name: "never"}
    with pytest.raises(InvalidRequestError, match="must be one of") as caught:
        OpenTelemetry(**given)
    assert name == caught.value.path


def test_usage_in_parts() -> None:
    """Cache reads, cache writes and reasoning are recorded where there are any."""
    from llmgate.types import CompletionTokensDetails, PromptTokensDetails, Usage
    from llmgate_otel.attributes import of_usage

    prompt = PromptTokensDetails(cached_tokens=3, cache_write_tokens=2)
    completion = CompletionTokensDetails(reasoning_tokens=4)
    found = of_usage(Usage(9, 5, 14, prompt, completion))
    assert [9, 5, 3, 2, 4] == [*found.values()]
    assert "gen_ai.usage.cache_write.input_tokens" in found
    assert {} == of_usage(None)


async def test_the_tokens_of_each_modality(record: Record) -> None:
    """On the span, and in the counters; what nobody says is unknown, and the sum is the whole."""
    made = record(generation="latest")
    audio = PromptTokensDetails(cached_tokens=3, audio_tokens=40, image_tokens=20)
    spoken = CompletionTokensDetails(reasoning_tokens=1, audio_tokens=6, text_tokens=4)
    overlapping = PromptTokensDetails(text_tokens=9, audio_tokens=9)
    for usage in (Usage(100, 10, 110, audio, spoken), Usage(10, 0, 10, overlapping)):
        await answered(made, usage)
    found = [dict(each.attributes or {}) for each in made.spans if " " in each.name]
    assert {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "gen_ai.usage.image.input_tokens": 20,
        "gen_ai.usage.audio.input_tokens": 40,
        "gen_ai.usage.text.output_tokens": 4,
        "gen_ai.usage.audio.output_tokens": 6,
    } == {name: value for name, value in found[0].items() if ".usage." in name}
    counted = {
        (name.rpartition(".usage.")[2], point.attributes["gen_ai.token.modality"]): point.value
        for name, points in made.metrics.items()
        for point in points
        if ".usage." in name
    }
    assert {
        ("input_tokens", "audio"): 40,
        ("input_tokens", "image"): 20,
        ("input_tokens", "unknown"): 40 + 10,
        ("output_tokens", "audio"): 6,
        ("output_tokens", "text"): 4,
        ("output_tokens", "unknown"): 0,
        ("cache_read.input_tokens", "unknown"): 3,
        ("reasoning.output_tokens", "unknown"): 1,
    } == counted


async def answered(made: Any, usage: Usage) -> None:
    """A call whose response says that this was billed."""

    async def respond(_: Any) -> Completion:
        message = Message("Paris.")
        return Completion([Choice(message, 0, "stop")], model="m", usage=usage)

    await made.telemetry.chat(ChatCall("fake/m", made.hi, {}), respond)


async def test_the_event_of_a_failure(record: Record) -> None:
    """Where events are asked for: the class and the message, and no traceback."""
    made = record(RateLimitError("slow down", status=429), events=True, client={"max_retries": 0})
    with pytest.raises(RateLimitError):
        await ask(made)
    event, details = made.events
    assert "gen_ai.client.operation.exception" == event.event_name
    assert SeverityNumber.WARN == event.severity_number
    assert "llmgate.errors.RateLimitError" == event.attributes["exception.type"]
    assert str(event.attributes["exception.message"]).startswith("slow down")
    assert "fake" == event.attributes["gen_ai.provider.name"]
    assert "exception.stacktrace" not in event.attributes
    assert made.call.context.span_id == event.span_id == details.span_id
    silent = record(RateLimitError("no", status=429), client={"max_retries": 0})
    with pytest.raises(RateLimitError):
        await ask(silent)
    assert [] == silent.events


def test_tools_of_other_types() -> None:
    """Are as they are."""
    from llmgate.middleware import ChatCall
    from llmgate_otel.content import request_content

    tools: list[Any] = [
        {"type": "custom", "custom": {"name": "x"}},
        {"type": "x", "function": True},
    ]
    found = request_content(ChatCall("m", [], {"tools": tools}))
    assert {"gen_ai.tool.definitions": tools} == found


def test_calls_of_other_types() -> None:
    """Have what they have; the field of another role is no list of calls."""
    from llmgate.middleware import ChatCall
    from llmgate_otel.content import request_content

    calls: list[Any] = [{"type": "x", "function": "f", "id": "a"}, {"type": "x", "custom": 1}]
    messages: list[Any] = [
        {"role": "user", "content": "Hi", "tool_calls": [1]},
        {"role": "assistant", "content": None, "tool_calls": calls},
    ]
    found = request_content(ChatCall("m", messages, {}))["gen_ai.input.messages"]
    empty: dict[str, Any] = {"type": "tool_call", "id": None, "name": None, "arguments": None}
    assert [
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
        {"role": "assistant", "parts": [{**empty, "id": "a"}, empty]},
    ] == found
