"""Tests of the engine on the real SmolLM2: each shows one promise that engine.py makes."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from llmgate_local.engine import Engine, EngineError, Generation

pytestmark = pytest.mark.anyio

# Slow enough machines read 150 tokens a second. A story lasts until it is stopped.
CONTEXT = 1024
STORY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Tell a very long story."}],
    "ignore_eos": True,
    "max_tokens": 900,
}
SOON = 5.0


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[Engine]:
    loaded = asyncio.run(Engine.load(weights, context=CONTEXT, threads=1, parallel=2))
    yield loaded
    loaded.close()


def ask(text: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 8, "seed": 1, **fields}


async def collect(generation: Generation) -> list[dict[str, Any]]:
    chunks: list[dict[str, Any]] = []
    while (chunk := await generation.next()) is not None:
        chunks.append(chunk)
    return chunks


def text_of(chunks: list[dict[str, Any]]) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


async def until_idle(engine: Engine, within: float = SOON) -> float:
    """Wait until no slot is taken; the seconds it took."""
    began = time.monotonic()
    while engine._core._free_slots < engine._core._parallel:
        assert time.monotonic() - began < within, "the generation goes on"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


@asynccontextmanager
async def lag() -> AsyncGenerator[list[float]]:
    """The seconds by which a 10 ms ticker came late."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            late.append(time.monotonic() - began - 0.01)

    ticker = asyncio.create_task(tick())
    yield late
    ticker.cancel()
    with suppress(asyncio.CancelledError):
        await ticker


@contextmanager
def refused(status: int, message: str) -> Generator[None]:
    with pytest.raises(EngineError, match=message) as caught:
        yield
    assert status == caught.value.status
    assert caught.value.payload["message"] == str(caught.value)


# Answers


async def test_completes_as_llama_cpp_does_in_one_piece(engine: Engine) -> None:
    """What is put together from a stream is what llama.cpp itself gives whole."""
    body = ask("Name two colours.", logprobs=True, top_logprobs=2, temperature=0)
    server: Any = engine._core._server
    # the first fills the slot's cache, so that all that follow compute alike
    ours = [await engine.complete(body) for _ in range(2)][1]
    theirs: dict[str, Any] = await asyncio.to_thread(server.handle_chat_completions, body)
    for reply in (ours, theirs):
        for key in ("id", "created", "timings"):
            assert reply.pop(key)
    assert ours == theirs
    assert "SmolLM2-135M-Instruct.Q4_1" == ours["model"]


async def test_streams_chunk_by_chunk_in_order(engine: Engine) -> None:
    """A role, a chunk for each token, why it ended, and the usage."""
    body = ask("Name two colours.", stream_options={"include_usage": True})
    chunks = await collect(await engine.stream(body))
    assert {"role": "assistant", "content": None} == chunks[0]["choices"][0]["delta"]
    assert "length" == chunks[-2]["choices"][0]["finish_reason"]
    assert 8 == chunks[-1]["usage"]["completion_tokens"]
    assert len(chunks) >= 8
    assert not any("prompt_progress" in chunk for chunk in chunks)
    reply = await engine.complete(body)
    assert reply["choices"][0]["message"]["content"] == text_of(chunks)


async def test_shows_the_progress_of_the_prompt_on_request(engine: Engine) -> None:
    """Chunks tell of the prompt's batches, only where they are asked for."""
    body = ask("word " * 300, max_tokens=1, return_progress=True)
    chunks = await collect(await engine.stream(body))
    progress = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
    assert progress[-1]["processed"] == progress[-1]["total"] > 300
    assert len(progress) >= 3


async def test_the_same_seed_gives_the_same_answer(engine: Engine) -> None:
    """Also at a temperature at which answers differ."""
    body = ask("Tell a story.", seed=7, temperature=0.8)
    replies = [await engine.complete(body) for _ in range(3)]
    assert replies[1]["choices"] == replies[2]["choices"]


async def test_several_choices_stops_and_schemas(engine: Engine) -> None:
    """Choices keep their order and share one usage; stops and schemas hold."""
    schema = {"enum": ["red", "blue"]}
    two = await engine.complete(ask("Hi", n=2))
    assert [0, 1] == [choice["index"] for choice in two["choices"]]
    assert 16 == two["usage"]["completion_tokens"]
    assert two["usage"]["total_tokens"] == two["usage"]["prompt_tokens"] + 16
    body = ask("Count.", grammar='root ::= "1, 2, 3, 4"', stop=["3"], max_tokens=20)
    [choice] = (await engine.complete(body))["choices"]
    assert ("1, 2, ", "stop") == (choice["message"]["content"], choice["finish_reason"])
    response_format = {"type": "json_schema", "json_schema": {"name": "colour", "schema": schema}}
    reply = await engine.complete(ask("A colour?", response_format=response_format, max_tokens=20))
    assert json.loads(reply["choices"][0]["message"]["content"]) in schema["enum"]


# Stopping


async def test_stop_frees_the_slots_and_the_next_call_is_served_at_once(engine: Engine) -> None:
    """It may be called twice, and nothing more comes."""
    generations = [await engine.stream(STORY) for _ in range(2)]
    for generation in generations:
        assert await generation.next() is not None
    for generation in generations:
        generation.stop()
        generation.stop()
        assert await generation.next() is None
    assert await until_idle(engine) < 1
    began = time.monotonic()
    await engine.complete(ask("Hi", max_tokens=1))
    assert time.monotonic() - began < SOON


async def test_stop_works_while_the_prompt_is_read(engine: Engine) -> None:
    """Not only after the first token."""
    body = ask("never " * 900, max_tokens=1, return_progress=True, cache_prompt=False)
    generation = await engine.stream(body)
    first = await generation.next()
    assert first is not None
    generation.stop()
    assert 0 == first["prompt_progress"]["processed"]
    await until_idle(engine)


async def test_stop_may_come_from_another_thread(engine: Engine) -> None:
    """Whoever waits for the next chunk is let go."""
    generation = await engine.stream(STORY)
    assert await generation.next() is not None
    timer = threading.Timer(0.1, generation.stop)
    timer.start()
    await asyncio.wait_for(collect(generation), SOON)
    timer.join()
    await until_idle(engine)


async def test_a_forgotten_generation_stops(engine: Engine) -> None:
    """Nobody can ask for the rest of it."""
    generation = await engine.stream(STORY)
    assert await generation.next() is not None
    del generation
    gc.collect()
    await until_idle(engine)


@pytest.mark.parametrize("streamed", [True, False])
async def test_cancelling_the_task_stops_the_generation(engine: Engine, streamed: bool) -> None:
    """Of an answer in one piece, too."""

    async def run() -> object:
        return await (collect(await engine.stream(STORY)) if streamed else engine.complete(STORY))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run(), 0.3)
    await until_idle(engine)


# Waiting


async def test_more_calls_than_slots_wait_and_can_be_cancelled(engine: Engine) -> None:
    """One that waits is served as soon as a slot is free."""
    running = [await engine.stream(STORY) for _ in range(2)]
    for generation in running:
        await generation.next()
    waiting = asyncio.create_task(engine.complete(ask("Hi", max_tokens=1)))
    cancelled = asyncio.create_task(engine.complete(STORY))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    cancelled.cancel()
    await asyncio.wait([cancelled], timeout=SOON)
    assert cancelled.cancelled()
    running[0].stop()
    reply = await asyncio.wait_for(waiting, SOON)
    assert "length" == reply["choices"][0]["finish_reason"]
    running[1].stop()
    await until_idle(engine)


async def test_a_call_for_two_slots_waits_for_two(engine: Engine) -> None:
    """It is not refused, and one that was given up takes none."""
    running = await engine.stream(STORY)
    await running.next()
    two = asyncio.create_task(engine.complete(ask("Hi", n=2, max_tokens=1)))
    given_up = asyncio.create_task(engine.complete({**STORY, "n": 2}))
    await asyncio.sleep(0.1)
    given_up.cancel()
    assert not two.done()
    running.stop()
    assert 2 == len((await asyncio.wait_for(two, SOON))["choices"])
    await until_idle(engine)


async def test_the_loop_goes_on_during_a_generation(engine: Engine) -> None:
    """A generation never keeps other tasks waiting for 50 ms."""
    async with lag() as late:
        await engine.complete({**STORY, "max_tokens": 40})
    assert len(late) > 5
    assert sorted(late)[len(late) // 2] < 0.05


async def test_several_loops_in_several_threads_are_served(engine: Engine) -> None:
    """By one engine, at the same time."""
    replies: list[dict[str, Any]] = []

    def serve() -> None:
        replies.append(asyncio.run(engine.complete(ask("Hi", max_tokens=2))))

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 10)
    assert 4 == len(replies)


async def test_a_loop_that_is_gone_harms_nobody(engine: Engine) -> None:
    """Its generation goes on for whoever still has it."""
    kept: list[Generation] = []

    async def begin() -> None:
        generation = await engine.stream(STORY)
        kept.append(generation)
        await generation.next()
        generation._job.waiter()

    await asyncio.to_thread(asyncio.run, begin())
    assert await kept[0].next() is not None
    kept.clear()
    await until_idle(engine)


# Errors

MANY: dict[str, Any] = {"type": "string", "minLength": 5, "maxLength": 2}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'messages' is required"),
        ({"messages": "x"}, "to be an array"),
        (ask("Hi", temperature="hot"), "temperature"),
        (ask("Hi", n=3), "between 1 <= value <= 2"),
        (ask("Hi", max_tokens=object()), "not JSON serializable"),
        (ask("Hi", temperature=float("nan")), "not JSON compliant"),
        (ask("\ud800"), "surrogate"),
        (ask("Hi", response_format={"type": "xml"}), "response_format type"),
        (ask("Hi", json_schema={"type": "nonsense"}), "unrecognized type"),
        (ask("word " * 2000), "exceeds the available context size"),
        # these would kill the process, or write to stderr and be ignored
        (ask("Hi", grammar='root ::= "a"{5,2}'), "minimum 5 is above its maximum 2"),
        (ask("Hi", json_schema=MANY), "minLength 5 is above maxLength 2"),
        (ask("Hi", response_format={"schema": {"items": [MANY]}}), "minLength 5 is above"),
        (ask("Hi", tools=[{"function": {"parameters": MANY}}]), "minLength 5 is above"),
        (ask("Hi", json_schema={"minItems": 2001}), "minItems is above 2000"),
        (ask("Hi", json_schema={"pattern": "^a{5,2}$"}), "minimum 5 is above its maximum 2"),
        (ask("Hi", json_schema={"pattern": "a"}), "cannot enforce the pattern 'a'"),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(
    engine: Engine, body: dict[str, Any], message: str
) -> None:
    """As an error with status 400, whole and streamed; the process lives."""
    with refused(400, message):
        await engine.complete(body)
    with refused(400, message):
        await (await engine.stream(body)).next()
