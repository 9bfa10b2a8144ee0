"""The usage of a stream at other hosts: it is asked for, until the host refuses that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import BadRequestError, ProviderError
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_openai import OpenAI

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
USAGE = "stream_options.include_usage"
STREAM = Canned(
    body=b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
REFUSALS: dict[str, Canned] = {
    "the parameter": Canned(
        400, body=b'{"error":{"message":"Unrecognized request argument: stream_options"}}'
    ),
    "its option": Canned(400, body=b'{"message":"include_usage is not supported"}'),
    "by its place": Canned(
        422, body=b'{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs"}]}'
    ),
}


def client_of(*replies: Canned, **settings: Any) -> tuple[Client, CannedTransport]:
    """A client of one host, and what that is sent."""
    transport = CannedTransport([*replies])
    provider = OpenAI(api_key="sk-test", base_url="https://compatible.invalid/v1")
    return Client(providers={"openai": with_transport(provider, transport)}, **settings), transport


def asked(transport: CannedTransport) -> list[bool]:
    """Whether each request asks for the usage."""
    return ["stream_options" in json.loads(request.body) for request in transport.requests]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_host_that_refuses_is_asked_again_without(refusal: Canned) -> None:
    """Once, and that is remembered for the client; each report says what became of it."""
    client, transport = client_of(refusal, STREAM, STREAM, STREAM)
    async with client:
        stream = await client.acompletion("openai/m", HELLO, stream=True)
        first = await stream.completion()
        second = await (await client.acompletion("openai/m", HELLO, stream=True)).completion()
        options: Any = {"include_usage": True}
        stream = await client.acompletion("openai/m", HELLO, stream=True, stream_options=options)
        third = await stream.completion()
    assert [True, False, False, False] == asked(transport)
    assert ["Hi"] * 3 == [each.text for each in (first, second, third)]
    assert [400, 200] == [min(each.status or 0, 400) for each in first.attempts]
    assert [("injected", USAGE), ("dropped", USAGE)] == [(d.kind, d.path) for d in first.report]
    assert [[], [USAGE]] == [[d.path for d in each.report] for each in (second, third)]


async def test_a_usage_that_the_caller_asked_for_is_left_out_likewise() -> None:
    """The report says that the host refuses it."""
    client, transport = client_of(REFUSALS["the parameter"], STREAM)
    options: Any = {"include_usage": True}
    async with client:
        stream = await client.acompletion("openai/m", HELLO, stream=True, stream_options=options)
        completion = await stream.completion()
    assert [True, False] == asked(transport)
    assert [("dropped", USAGE)] == [(each.kind, each.path) for each in completion.report]


async def test_without_retries_the_error_says_what_to_set() -> None:
    """It is an attempt like any other."""
    client, transport = client_of(REFUSALS["the parameter"], STREAM, max_retries=0)
    async with client:
        with pytest.raises(BadRequestError, match="with max_retries=1 or more") as caught:
            await client.acompletion("openai/m", HELLO, stream=True)
    assert [True] == asked(transport)
    assert "stream_options" in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Canned(400, body=b'{"error":{"message":"The model has no such thing"}}'),
        Canned(401, body=b'{"error":{"message":"stream_options"}}'),
    ],
)
async def test_any_other_error_is_the_callers(reply: Canned) -> None:
    """Nothing is sent again."""
    client, transport = client_of(reply, STREAM)
    async with client:
        with pytest.raises(ProviderError) as caught:
            await client.acompletion("openai/m", HELLO, stream=True)
    assert [True] == asked(transport)
    assert "max_retries" not in str(caught.value)


async def test_openai_itself_is_always_asked() -> None:
    """It never refuses."""
    transport = CannedTransport([REFUSALS["the parameter"], STREAM])
    provider = with_transport(OpenAI(api_key="sk-test"), transport)
    async with Client(providers={"openai": provider}) as client:
        with pytest.raises(BadRequestError):
            await client.acompletion("openai/gpt-4o", HELLO, stream=True)
    assert [True] == asked(transport)
