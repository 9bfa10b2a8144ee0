"""Every way to stop the real SmolLM2 stops it, as llama.cpp itself says."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from llmgate import Client, Completion, Stream
from llmgate.errors import DeadlineExceededError

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("in_silence")]

Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Completion]]
Wait: TypeAlias = Callable[[], Awaitable[list[dict[str, Any]]]]
MODEL = "local/smollm2"
STORY: list[dict[str, Any]] = [{"role": "user", "content": "Tell a very long story."}]
LONG: list[dict[str, Any]] = [{"role": "user", "content": "never " * 900}]
ENDLESS: dict[str, Any] = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}


async def started(client: Client) -> Stream:
    """A stream that has begun and would not end for long."""
    stream: Stream = await client.acompletion(MODEL, STORY, stream=True, **ENDLESS)
    await anext(stream)
    return stream


async def in_prompt(client: Client) -> None:
    """A call that reads a long prompt for long."""
    await client.acompletion(MODEL, LONG, max_tokens=1, extra_body={"cache_prompt": False})


async def in_completion(client: Client, **options: Any) -> None:
    """A call that generates for long."""
    await client.acompletion(MODEL, STORY, **ENDLESS, **options)


async def in_stream(client: Client, **options: Any) -> None:
    """A stream that is read."""
    stream = await client.acompletion(MODEL, STORY, stream=True, **ENDLESS, **options)
    await stream.completion()


@pytest.mark.parametrize(
    "phase", [pytest.param(in_prompt, marks=pytest.mark.exhaustive), in_completion, in_stream]
)
async def test_cancelling_stops_the_generation(
    until_idle: Wait, ask: Ask, client: Client, phase: Callable[[Client], Awaitable[None]]
) -> None:
    """The cancellation comes through unchanged, and the slot is free at once."""
    task = asyncio.ensure_future(phase(client))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slots = await until_idle()
    assert max(slot.get("n_prompt_tokens", 0) for slot in slots) < 900
    assert "length" == (await ask(max_tokens=1)).choices[0].finish_reason


@pytest.mark.parametrize("phase", [in_completion, in_stream])
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


@pytest.mark.parametrize(
    "leave", [left_by_break, pytest.param(let_go, marks=pytest.mark.exhaustive), closed]
)
async def test_leaving_a_stream_stops_the_generation(
    until_idle: Wait, client: Client, leave: Callable[[Client], Awaitable[None]]
) -> None:
    """However it is left."""
    await leave(client)
    await until_idle()


@pytest.mark.exhaustive
async def test_more_calls_than_slots_wait_for_their_turn(until_idle: Wait, ask: Ask) -> None:
    """And are all served; one for several choices is not overtaken for ever."""
    calls = [ask(f"Hi {number}", max_tokens=2) for number in range(12)]
    answers = await asyncio.gather(*calls, ask(n=4, max_tokens=2), ask(n=3, max_tokens=2))
    assert [1] * 12 + [4, 3] == [len(answer.choices) for answer in answers]
    await until_idle()


@pytest.mark.exhaustive
async def test_the_progress_of_the_prompt_is_shown_on_request(client: Client) -> None:
    """Chunks tell of the prompt's batches, only where they are asked for."""
    text = [{"role": "user", "content": "word " * 260}]
    shown = list[Any]()
    for body in ({"return_progress": True}, {}):
        stream = await client.acompletion(MODEL, text, stream=True, max_tokens=1, extra_body=body)
        chunks = [chunk async for chunk in stream]
        shown.append([chunk.extra.get("prompt_progress") for chunk in chunks])
    assert not any(shown[1])
    progress = [one for one in shown[0] if one]
    assert len(progress) >= 2
    assert progress[-1]["processed"] == progress[-1]["total"] > 260
