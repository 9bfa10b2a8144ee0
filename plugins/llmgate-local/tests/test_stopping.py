"""Every way to stop the real SmolLM2 stops it, and it serves whoever may call it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from llmgate import Client, Completion, Stream
from llmgate.errors import DeadlineExceededError, OverloadedError
from llmgate_local import Local
from llmgate_local.engine import engine_for
from llmgate_local.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("in_silence")]

Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Completion]]
Wait: TypeAlias = Callable[[], Awaitable[None]]
MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
STORY: list[dict[str, Any]] = [{"role": "user", "content": "Tell a very long story."}]
ENDLESS: dict[str, Any] = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}


async def started(client: Client, **options: Any) -> Stream:
    """A stream that has begun and would not end for long."""
    given: dict[str, Any] = {**ENDLESS, **options}
    stream: Stream = await client.acompletion(MODEL, STORY, stream=True, **given)
    await anext(stream)
    return stream


async def in_prompt(client: Client) -> None:
    """A call that reads a long prompt for long."""
    long = [{"role": "user", "content": "never " * 900}]
    await client.acompletion(MODEL, long, max_tokens=1, extra_body={"cache_prompt": False})


async def in_whole_answer(client: Client, **options: Any) -> None:
    """A call that generates for long."""
    await client.acompletion(MODEL, STORY, **ENDLESS, **options)


async def in_stream(client: Client, **options: Any) -> None:
    """A stream that is read."""
    stream = await client.acompletion(MODEL, STORY, stream=True, **ENDLESS, **options)
    await stream.completion()


@pytest.mark.parametrize("phase", [in_prompt, in_whole_answer, in_stream])
async def test_cancelling_stops_the_generation(
    until_idle: Wait, ask: Ask, client: Client, phase: Callable[[Client], Awaitable[None]]
) -> None:
    """The cancellation comes through unchanged, and the slot is free at once."""
    task = asyncio.ensure_future(phase(client))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_idle()
    assert "length" == (await ask(max_tokens=1)).choices[0].finish_reason


async def test_cancelling_a_load_leaves_the_model_for_the_next_call(
    ask: Ask, weights: Path
) -> None:
    """The load goes on, and whoever asks next gets its model."""
    settings = Settings(context=256, threads=1, parallel=1)
    async with Client(providers={"local": Local(context=256, threads=1, parallel=1)}) as other:
        task = asyncio.ensure_future(ask(client=other))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ask(client=other, max_tokens=1)).choices
        (await engine_for(weights, settings)).close()
        assert (await ask(client=other, max_tokens=1)).choices
    (await engine_for(weights, settings)).close()


@pytest.mark.parametrize("phase", [in_whole_answer, in_stream])
async def test_a_deadline_stops_the_generation(
    until_idle: Wait, client: Client, phase: Callable[..., Awaitable[None]]
) -> None:
    """It is kept to a fifth of a second, and the slot is free after it."""
    seconds = list[float]()
    for _ in range(3):  # the best counts: a busy machine may be late by itself
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError) as caught:
            await phase(client, timeout=0.5)
        seconds.append(time.monotonic() - began)
        assert "total" == caught.value.phase
        await until_idle()
        if seconds[-1] < 0.7:
            break
    assert 0.45 < min(seconds) < 0.7


async def left_by_break(client: Client) -> None:
    async for _ in await client.acompletion(MODEL, STORY, stream=True, **ENDLESS):
        break


async def let_go(client: Client) -> None:
    stream = await started(client)
    del stream
    gc.collect()


async def closed(client: Client) -> None:
    stream = await started(client)
    await stream.aclose()


@pytest.mark.parametrize("leave", [left_by_break, let_go, closed])
async def test_leaving_a_stream_stops_the_generation(
    until_idle: Wait, client: Client, leave: Callable[[Client], Awaitable[None]]
) -> None:
    """However it is left."""
    await leave(client)
    await until_idle()


async def test_an_engine_that_is_closed_ends_its_streams_with_an_error(weights: Path) -> None:
    """A typed one, after what came before it."""
    settings = Settings(context=512, threads=1, parallel=1)
    provider = Local(context=512, threads=1, parallel=1)
    async with Client(providers={"local": provider}, max_retries=0) as client:
        stream = await started(client)
        (await engine_for(weights, settings)).close()
        with pytest.raises(OverloadedError, match="closed") as caught:
            await stream.completion()
    assert ("unavailable_error", True) == (caught.value.code, caught.value.in_stream)


async def test_one_client_serves_loops_in_several_threads_and_sync_code(
    ask: Ask, client: Client
) -> None:
    """Also ``completion()`` while a loop is running, and a stream of it."""
    answers: list[str] = []

    def serve() -> None:
        answers.append(asyncio.run(ask(max_tokens=2)).text)

    def serve_in_sync() -> None:
        answers.append(client.completion(MODEL, HELLO, max_tokens=2, temperature=0, seed=1).text)
        stream = client.completion(MODEL, HELLO, stream=True, max_tokens=2, temperature=0, seed=1)
        answers.append("".join(stream.text()))

    threads = [threading.Thread(target=target) for target in (serve, serve, serve_in_sync)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 20)
    expected = (await ask(max_tokens=2)).text
    assert [expected] * 4 == answers
    serve_in_sync()
    assert expected == answers[-1]
