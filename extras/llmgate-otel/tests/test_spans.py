"""One span for a call and one below it for each attempt, however the call ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from llmgate import Client, OverloadedError, RateLimitError, StreamTruncatedError
from llmgate.errors import ReadError
from llmgate.hooks import AttemptStarted, Event
from llmgate.middleware import ChatCall, Handler, Middleware
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate_openai import OpenAI
from llmgate_otel import OpenTelemetry

BUSY = OverloadedError("busy", status=503)
Record = Callable[..., Any]


def hexadecimal(span: Any) -> tuple[str, str]:
    """The ids of a span's trace and of the span."""
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def attributes_of(span: Any) -> dict[str, Any]:
    """The attributes."""
    return dict(span.attributes)


async def test_a_call_and_its_attempts(record: Record) -> None:
    """The retry is a span of its own, and each request has the id of its own."""
    made = record(BUSY, "Paris it is.")
    parameters = {"temperature": 0.5, "max_tokens": 9, "seed": 3, "stop": "x", "n": 2}
    answer = await made.client.acompletion("fake/m", made.hi, **parameters, top_p=0.5)
    assert "Paris it is." == answer.text
    first, second, call = made.spans
    assert ("chat m", SpanKind.CLIENT, StatusCode.UNSET) == (
        call.name,
        call.kind,
        call.status.status_code,
    )
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 3,
        "server.address": "fake.invalid",
        "server.port": 443,
    }
    assert expected == attributes_of(call)
    assert call.context.span_id == first.parent.span_id == second.parent.span_id
    assert [f"00-{'-'.join(hexadecimal(span))}" for span in (first, second)] == made.sent
    assert "OverloadedError" == attributes_of(first)["error.type"]
    assert StatusCode.ERROR == first.status.status_code
    assert 1 == attributes_of(second)["http.request.resend_count"]
    assert 200 == attributes_of(second)["http.response.status_code"]
    assert call.start_time <= first.start_time <= first.end_time <= second.end_time <= call.end_time


async def test_what_a_response_says_of_itself(record: Record) -> None:
    """Its id and its model, where it has them."""
    body = b'{"say": "Hi", "end": "done", "id": "r-1", "model": "m-2026"}'
    made = record(Canned(200, {}, body))
    await made.client.acompletion("fake/m", made.hi)
    found = attributes_of(made.call)
    assert "r-1" == found["gen_ai.response.id"]
    assert "m-2026" == found["gen_ai.response.model"]
    (duration,) = made.metrics["gen_ai.client.operation.duration"]
    assert "m-2026" == duration.attributes["gen_ai.response.model"]


@pytest.mark.parametrize("provider", ["openai", "fake"])
async def test_what_openai_alone_says(record: Record, provider: str) -> None:
    """The service tier that was asked for, the one that was given, and the fingerprint."""
    message = {"role": "assistant", "content": "Hi"}
    said: Any = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    said |= {"service_tier": "flex", "system_fingerprint": "fp_1"}
    host = with_transport(OpenAI(api_key="k"), CannedTransport([Canned.json(said)]))
    made = record()
    providers: Any = {"openai": host, "fake": FakeProvider(["Hi"])}
    async with Client(providers=providers, **made.telemetry.settings()) as client:
        await client.acompletion(f"{provider}/m", made.hi, service_tier="auto")
    found = attributes_of(made.call)
    expected = {
        "openai.request.service_tier": "auto",
        "openai.response.service_tier": "flex",
        "openai.response.system_fingerprint": "fp_1",
    }
    names = {name: value for name, value in found.items() if name.startswith("openai.")}
    assert names == (expected if provider == "openai" else {})


async def test_a_call_that_fails(record: Record) -> None:
    """The span says how, and its attempts are ended."""
    made = record(RateLimitError("slow down", status=429), client={"max_retries": 0})
    with pytest.raises(RateLimitError):
        await made.client.acompletion("fake/m", made.hi)
    attempt, call = made.spans
    assert "llmgate.errors.RateLimitError" == attributes_of(call)["error.type"]
    assert StatusCode.ERROR == call.status.status_code
    assert "slow down" in call.status.description
    assert call.context.span_id == attempt.parent.span_id


async def test_a_refusal_with_a_status(record: Record) -> None:
    """An attempt's error is its status, where it has one."""
    made = record(Canned.json({"say": "no"}, status=429), client={"max_retries": 0})
    with pytest.raises(RateLimitError):
        await made.client.acompletion("fake/m", made.hi)
    assert "429" == attributes_of(made.attempts[0])["error.type"]


async def test_what_is_refused_before_it_is_sent(record: Record) -> None:
    """Is a call without attempts."""
    made = record()
    with pytest.raises(Exception, match="nobody"):
        await made.client.acompletion("nobody/m", made.hi)
    assert "llmgate.errors.UnknownProviderError" == attributes_of(made.call)["error.type"]
    assert [] == made.attempts


async def test_a_cancellation(record: Record) -> None:
    """Ends both spans, and passes."""
    made = record(Canned(200, {}, b"", hang=True))
    task = asyncio.create_task(made.client.acompletion("fake/m", made.hi))
    while not made.fake.transport.requests:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "asyncio.exceptions.CancelledError" == attributes_of(made.call)["error.type"]
    assert 1 == len(made.attempts)


async def test_a_stream(record: Record) -> None:
    """Its span lasts until its end, and knows the first chunk."""
    made = record("Paris it is.")
    stream = await made.client.acompletion("fake/m", made.hi, stream=True, max_completion_tokens=7)
    assert ["POST"] == [span.name for span in made.spans]
    assert "Paris it is." == (await stream.completion()).text
    found = attributes_of(made.call)
    assert found["gen_ai.request.stream"] is True
    assert 7 == found["gen_ai.request.max_tokens"]
    assert 3 == found["gen_ai.usage.output_tokens"]
    assert 0 < found["gen_ai.response.time_to_first_chunk"] < 5
    assert 200 == attributes_of(made.attempts[0])["http.response.status_code"]


async def test_a_stream_that_is_left(record: Record) -> None:
    """Is no failure; of a broken one the error is recorded."""
    made = record("Paris it is.")
    stream = await made.client.acompletion("fake/m", made.hi, stream=True)
    await stream.start()
    await stream.aclose()
    assert StatusCode.UNSET == made.call.status.status_code
    line = b'{"say": "Pa"}\n'
    broken = record(Canned(200, {}, [line], then=ReadError("reset")))
    stream = await broken.client.acompletion("fake/m", made.hi, stream=True)
    with pytest.raises(StreamTruncatedError):
        await stream.completion()
    assert "llmgate.errors.StreamTruncatedError" == attributes_of(broken.call)["error.type"]


async def test_a_stream_that_is_left_unread(record: Record) -> None:
    """Has no completion, and ends all the same."""
    made = record("Paris")
    stream = await made.client.acompletion("fake/m", made.hi, stream=True)
    await stream.aclose()
    assert "gen_ai.response.id" not in attributes_of(made.call)


async def test_a_stream_that_is_begun_again(record: Record) -> None:
    """Its second attempt, which is made while it is read, is below the same span."""
    failed = b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'
    choice = b'{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}'
    bodies = [failed, b'data: {"choices": [' + choice + b"]}\n\ndata: [DONE]\n\n"]
    headers = {"content-type": "text/event-stream"}
    transport = CannedTransport([Canned(200, headers, [body]) for body in bodies])
    made = record()
    providers = {"openai": OpenAI(api_key="none")}
    client: Any = Client(providers=providers, transport=transport, **made.telemetry.settings())
    stream = await client.acompletion("openai/m", made.hi, stream=True)
    assert "Hi" == (await stream.completion()).text
    assert 2 == len(made.attempts)
    parents = {attempt.parent.span_id for attempt in made.attempts}
    assert {made.call.context.span_id} == parents
    sent = [request.headers["traceparent"][:-3] for request in transport.requests]
    assert [f"00-{'-'.join(hexadecimal(each))}" for each in made.attempts] == sent


async def test_embeddings(record: Record) -> None:
    """They have no output tokens."""
    made = record()
    await made.client.aembedding("fake/m", ["one two"], dimensions=4, encoding_format="float")
    found = attributes_of(made.call)
    assert ("embeddings m", "embeddings") == (made.call.name, found["gen_ai.operation.name"])
    assert 4 == found["gen_ai.embeddings.dimension.count"]
    assert ("float",) == found["gen_ai.request.encoding_formats"]
    assert 2 == found["gen_ai.usage.input_tokens"]
    assert "gen_ai.usage.output_tokens" not in found


async def test_names_of_models_and_providers(record: Record) -> None:
    """A provider that the name does not say is that of the response."""
    made = record("one")
    await made.client.acompletion("fake-1", made.hi)
    await made.client.acompletion("azure/x/y", made.hi)
    await made.client.acompletion("local/m", made.hi)
    bare, azure, local = (each for each in made.spans if " " in each.name)
    assert ("chat fake-1", "fake") == (bare.name, attributes_of(bare)["gen_ai.provider.name"])
    assert ("chat x/y", "azure.ai.openai") == (
        azure.name,
        attributes_of(azure)["gen_ai.provider.name"],
    )
    assert SpanKind.INTERNAL == local.kind


async def test_formats_of_output(record: Record) -> None:
    """JSON or text; several stop sequences."""
    made = record("{}", "text")
    format = {"type": "json_object"}
    await made.client.acompletion("fake/m", made.hi, response_format=format, stop=["a", "b"])
    await made.client.acompletion("fake/m", made.hi, response_format={"type": "text"})
    first, second = (attributes_of(each) for each in made.spans if " " in each.name)
    assert ("json", ("a", "b")) == (
        first["gen_ai.output.type"],
        first["gen_ai.request.stop_sequences"],
    )
    assert "text" == second["gen_ai.output.type"]


async def test_the_call_s_span_is_current_within(record: Record) -> None:
    """For what else is traced there; outside it is not."""
    seen: list[Any] = []

    class Look(Middleware):
        """It looks at the current span."""

        async def chat(self, call: ChatCall, handler: Handler) -> Any:
            seen.append(get_current_span().get_span_context().span_id)
            return await handler(call)

    made = record("Paris")
    settings = made.telemetry.settings(middleware=[Look()], headers={"X-Mine": "1"})
    client: Any = Client(providers={"fake": made.fake}, **settings)
    tracer = made.tracers.get_tracer("test")
    with tracer.start_as_current_span("mine outside") as outside:
        await client.acompletion("fake/m", made.hi)
        assert outside is get_current_span()
    call = next(each for each in made.spans if each.name == "chat m")
    assert [call.context.span_id] == seen
    assert call.parent is not None
    assert outside.get_span_context().span_id == call.parent.span_id
    assert "1" == made.fake.transport.requests[0].headers["X-Mine"]


async def test_headers_that_are_made(record: Record) -> None:
    """A callable of the program's own is asked as well."""
    made = record("Paris")

    def number(started: AttemptStarted) -> dict[str, str]:
        return {"X-Number": str(started.number)}

    settings = made.telemetry.settings(headers=number)
    client: Any = Client(providers={"fake": made.fake}, **settings)
    await client.acompletion("fake/m", made.hi)
    headers = made.fake.transport.requests[0].headers
    assert "1" == headers["X-Number"]
    assert "traceparent" in headers


async def test_a_call_that_is_made_twice_within(record: Record) -> None:
    """As a fallback does: all attempts are below the one span."""

    class Twice(Middleware):
        """It asks again, whatever came."""

        async def chat(self, call: ChatCall, handler: Handler) -> Any:
            await handler(call)
            return await handler(replace(call, model="azure/m"))

    made = record("one")
    settings = made.telemetry.settings(middleware=[Twice()])
    client: Any = Client(providers=made.providers, **settings)
    assert "azure" == (await client.acompletion("fake/m", made.hi)).text
    assert 2 == len(made.attempts)
    assert "azure.ai.openai" == attributes_of(made.call)["gen_ai.provider.name"]


async def test_with_the_api_alone() -> None:
    """Nothing is recorded, and what comes from afar is passed on."""
    fake = FakeProvider(["one", "two"])
    client: Any = Client(providers={"fake": fake}, **OpenTelemetry().settings())
    token = attach(baggage.set_baggage("who", "me"))
    try:
        await client.acompletion("fake/m", [{"role": "user", "content": "Hi"}])
        await client.aembedding("fake/m", ["a"])
    finally:
        detach(token)
    assert "who=me" == fake.transport.requests[0].headers["baggage"]
    assert "traceparent" not in fake.transport.requests[0].headers


async def test_it_can_be_switched_off(record: Record) -> None:
    """And on again."""
    made = record("one", "two")
    made.telemetry.is_enabled = False
    await made.client.acompletion("fake/m", made.hi)
    assert [] == made.spans
    made.telemetry.is_enabled = True
    await made.client.acompletion("fake/m", made.hi)
    assert 2 == len(made.spans)


async def test_an_address_without_a_host(record: Record) -> None:
    """Such as that of a model in a process, or of a port that is not said."""
    from llmgate_otel.attributes import of_address

    assert {} == of_address("local:m")
    assert {"server.address": "h"} == of_address("ftp://h/x")
    assert {"server.address": "h", "server.port": 8} == of_address("http://h:8/x")


async def test_hooks_of_the_call_are_told_as_well(record: Record) -> None:
    """The watcher of a stream takes nothing from them."""
    seen: list[str] = []

    def note(event: Event) -> None:
        seen.append(type(event).__name__)

    made = record("Paris", client={"hooks": [note]})
    stream = await made.client.acompletion("fake/m", made.hi, stream=True)
    await stream.completion()
    await made.client.aclose()
    assert "FirstToken" in seen
    assert "CallEnded" in seen
