"""Requests that are sent to a host of OpenAI's API, for tests of what is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgate import Client
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_openai import OpenAI

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
STREAM = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
ELSEWHERE = "https://compatible.invalid/v1"


async def sent_request(**given: Any) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The body that a call sends, and the paths of its report with their kinds."""
    options: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO, "base_url": None, **given}
    base_url, model = options.pop("base_url"), options.pop("model")
    is_stream = bool(options.get("stream"))
    transport = CannedTransport([Canned(body=STREAM if is_stream else ANSWER)])
    provider = with_transport(OpenAI(api_key="sk-test", base_url=base_url, api="chat"), transport)
    async with Client(providers={"openai": provider}) as client:
        call: Any = client.acompletion  # which of its overloads is meant, only the options tell
        answer = await call(f"openai/{model}", **options)
        if is_stream:
            await answer.completion()
    (request,) = transport.requests
    reported = {deviation.path: deviation.kind for deviation in answer.report}
    return json.loads(request.body), reported


TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
