"""Middleware around a call: what it sees, what it may do, and its time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.embeddings import Embeddings
from llmgate.errors import (
    DeadlineExceededError,
    InvalidRequestError,
)
from llmgate.middleware import ChatCall, EmbeddingCall, EmbeddingHandler, Handler, Middleware
from llmgate.options import Timeout
from llmgate.testing import Canned, CannedTransport
from tests.middleware_calls import HI, Of, client_of
from tests.plain_provider import PlainProvider

HANGING = Canned(body=[b'{"say": "one "}\n'], hang=True)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_middleware_that_does_nothing_changes_nothing(stream: bool) -> None:
    """Each of its methods passes through."""
    async with client_of(Middleware(), answers=["Hi"]) as client:
        called = await client.acompletion("fake/m", HI, stream=stream)
        assert stream is hasattr(called, "aclose")
        whole = await called.completion() if stream else called
    assert "Hi" == whole.text


async def test_the_first_is_outermost() -> None:
    """What it passes on is what the next one sees; what comes back goes the other way."""
    seen = list[str]()

    def named(name: str) -> Middleware:
        async def chat(call: ChatCall, handler: Handler) -> Any:
            seen.append(f"{name} asks {call.model}")
            completion = await handler(replace(call, model=f"{call.model}-{name}"))
            seen.append(f"{name} has it")
            return completion

        return Of(chat)

    client = client_of(named("a"), named("b"))
    completion = await client.acompletion("fake/m", HI)
    assert ["a asks fake/m", "b asks fake/m-a", "b has it", "a has it"] == seen
    provider = client._registry._given["fake"]
    [request] = provider.transport.requests
    assert "m-a-b" == json.loads(request.body)["model"]
    assert "a" == completion.text


async def test_middleware_sees_the_call_as_it_was_asked_for() -> None:
    """Checked, with early spellings gone, and before anything was dropped."""
    calls = list[ChatCall]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        calls.append(call)
        return await handler(call)

    async with client_of(Of(chat)) as client:
        early: dict[str, Any] = {"fake": True, "force_timeout": 7}
        await client.acompletion("m", HI, temperature=0.5, labels={"a": 1}, **early)
    expected = ChatCall("fake/m", HI, {"temperature": 0.5}, timeout=Timeout(7), labels={"a": 1})
    assert [expected] == calls


async def test_mistakes_in_a_call_never_reach_middleware() -> None:
    """It gets calls that make sense."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        raise AssertionError

    async with client_of(Of(chat)) as client:
        with pytest.raises(InvalidRequestError, match="did you mean temperature"):
            await client.acompletion("fake/m", HI, temprature=1)


async def test_it_runs_on_the_task_of_the_call() -> None:
    """So context variables and cancellation are the caller's."""
    tasks = list[Any]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        tasks.append(asyncio.current_task())
        return await handler(call)

    async with client_of(Of(chat)) as client:
        await client.acompletion("fake/m", HI)
    assert [asyncio.current_task()] == tasks


def test_calls_without_await_have_it_too() -> None:
    """A stream that was changed is read with ``for``."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        called = await handler(call)
        return called.map(lambda chunk: chunk) if isinstance(called, Stream) else called

    client = client_of(Of(chat), answers=["one", "two"])
    assert "one" == client.completion("fake/m", HI).text
    assert ["two"] == [*client.completion("fake/m", HI, stream=True).text()]
    client.close()


VECTORS = Canned(
    body=b'{"object": "list", "data": [{"index": 0, "embedding": [0.5]}], "model": "e"}'
)


async def test_embeddings_have_middleware_of_their_own() -> None:
    """It sees each call for them, may change it, and passes on by default."""

    class Shouting(Middleware):
        async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
            texts = [text.upper() for text in call.input if isinstance(text, str)]
            return await handler(replace(call, input=texts))

    transport = CannedTransport([VECTORS])
    providers = {"openai": PlainProvider(api_key="k")}
    layers = [Middleware(), Shouting()]
    async with Client(providers=providers, transport=transport, middleware=layers) as client:
        made = await client.aembedding("openai/e", "hi", labels={"a": 1})
    assert [[0.5]] == made.vectors
    assert ["HI"] == json.loads(transport.requests[0].body)["input"]


async def test_embeddings_have_a_deadline_that_ends_middleware() -> None:
    """As every call has."""

    class Slow(Middleware):
        async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
            await asyncio.sleep(60)
            raise AssertionError

    async with client_of(Slow(), timeout=0.05) as client:
        with pytest.raises(DeadlineExceededError):
            await client.aembedding("fake/e", "hi")
