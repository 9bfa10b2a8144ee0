"""What recording a call costs, beside the same spans and metrics made by hand.

Functions that are entered are counted, Python's and C's: that does not depend on the machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind

from llmgate import Client
from llmgate.testing import Canned, CannedTransport
from llmgate_openai import OpenAI
from llmgate_otel import OpenTelemetry

Record = Callable[..., Any]
BODY = {
    "id": "c-1",
    "model": "gpt-4o",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Paris. " * 60},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 60, "total_tokens": 65},
}
HI: Any = [{"role": "user", "content": "Hi"}]
CALLED: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
}
HOST: dict[str, Any] = {"server.address": "api.openai.com", "server.port": 443}
SENT: dict[str, Any] = {
    "http.request.method": "POST",
    "url.full": "https://api.openai.com/v1/chat/completions",
    **HOST,
}


def client_of(**settings: Any) -> Any:
    """A client that is answered from memory."""
    canned = Canned.json(BODY)
    providers = {"openai": OpenAI(api_key="none")}
    return Client(providers=providers, transport=CannedTransport(lambda _: canned), **settings)


def by_hand(tracers: Any, meters: Any) -> Callable[..., Awaitable[Any]]:
    """A call with the spans and metrics that people write around one."""
    client = client_of()
    tracer = trace.get_tracer("mine", tracer_provider=tracers)
    meter = metrics.get_meter("mine", meter_provider=meters)
    duration = meter.create_histogram("gen_ai.client.operation.duration", unit="s")
    tokens = meter.create_histogram("gen_ai.client.token.usage", unit="{token}")

    async def call(**given: Any) -> Any:
        began, kind, headers = time.monotonic(), SpanKind.CLIENT, dict[str, str]()
        begin = tracer.start_as_current_span
        with begin("chat gpt-4o", kind=kind, attributes=CALLED) as span:
            span.set_attribute("gen_ai.request.temperature", given["temperature"])
            with begin("POST", kind=kind, attributes=SENT) as attempt:
                inject(headers)
                made = await client.acompletion(**given, extra_headers=headers)
                attempt.set_attribute("http.response.status_code", 200)
            about = {**CALLED, **HOST, "gen_ai.response.model": made.model}
            used = {
                "gen_ai.usage.input_tokens": made.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": made.usage.completion_tokens,
            }
            reasons = tuple(choice.finish_reason for choice in made.choices)
            answered = {"gen_ai.response.id": made.id, "gen_ai.response.finish_reasons": reasons}
            span.set_attributes({**about, **used, **answered})
            duration.record(time.monotonic() - began, about)
            tokens.record(made.usage.prompt_tokens, {**about, "gen_ai.token.type": "input"})
            tokens.record(made.usage.completion_tokens, {**about, "gen_ai.token.type": "output"})
        return made

    return call


async def functions_of(call: Callable[..., Awaitable[Any]]) -> int:
    """How many functions a call enters, once all is warm."""
    given: dict[str, Any] = {"model": "openai/gpt-4o", "messages": HI, "temperature": 0.5}
    for _ in range(3):
        await call(**given)
    entered = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal entered
        entered += event in ("call", "c_call")

    before = sys.getprofile()
    async with AsyncExitStack() as stack:
        stack.callback(sys.setprofile, before)
        sys.setprofile(note)
        await call(**given)
    return entered


async def test_with_an_sdk(record: Record) -> None:
    """At most 1.3 times what they cost by hand."""
    made, other = record(), record()
    recorded = await functions_of(client_of(**made.telemetry.settings()).acompletion)
    assert recorded <= 1.3 * await functions_of(by_hand(other.tracers, other.meters))
    assert 8 == len(made.spans) == len(other.spans)


async def test_with_the_api_alone() -> None:
    """At most 1.05 times that, and little more than a call without."""
    recorded = await functions_of(client_of(**OpenTelemetry().settings()).acompletion)
    assert recorded <= 1.05 * await functions_of(by_hand(None, None))
    assert recorded <= 1.2 * await functions_of(client_of().acompletion)
