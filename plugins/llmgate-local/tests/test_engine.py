"""Tests of the engine on the real SmolLM2: each shows one promise that engine.py makes."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from llmgate_local import _constraints, _jobs, _loading, _replies
from llmgate_local.engine import Engine, EngineError, Generation, Settings, engine_for
from llmgate_local.gguf import GgufError

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
    assert caught.value.status == status
    assert caught.value.payload["message"] == str(caught.value)


# Answers


async def test_completes_as_llama_cpp_does_in_one_piece(engine: Engine) -> None:
    body = ask("Name two colours.", logprobs=True, top_logprobs=2, temperature=0)
    server: Any = engine._core._server
    # the first fills the slot's cache, so that all that follow compute alike
    ours = [await engine.complete(body) for _ in range(2)][1]
    theirs: dict[str, Any] = await asyncio.to_thread(server.handle_chat_completions, body)
    for reply in (ours, theirs):
        for key in ("id", "created", "timings"):
            assert reply.pop(key)
    assert ours == theirs
    assert ours["model"] == "SmolLM2-135M-Instruct.Q4_1"


async def test_streams_chunk_by_chunk_in_order(engine: Engine) -> None:
    body = ask("Name two colours.", stream_options={"include_usage": True})
    chunks = await collect(await engine.stream(body))
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": None}
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 8
    assert len(chunks) >= 8
    assert not any("prompt_progress" in chunk for chunk in chunks)
    reply = await engine.complete(body)
    assert reply["choices"][0]["message"]["content"] == text_of(chunks)


async def test_shows_the_progress_of_the_prompt_on_request(engine: Engine) -> None:
    body = ask("word " * 300, max_tokens=1, return_progress=True)
    chunks = await collect(await engine.stream(body))
    progress = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
    assert progress[-1]["processed"] == progress[-1]["total"] > 300
    assert len(progress) >= 3


async def test_the_same_seed_gives_the_same_answer(engine: Engine) -> None:
    body = ask("Tell a story.", seed=7, temperature=0.8)
    replies = [await engine.complete(body) for _ in range(3)]
    assert replies[1]["choices"] == replies[2]["choices"]


async def test_several_choices_stops_and_schemas(engine: Engine) -> None:
    schema = {"enum": ["red", "blue"]}
    two = await engine.complete(ask("Hi", n=2))
    assert [choice["index"] for choice in two["choices"]] == [0, 1]
    assert two["usage"]["completion_tokens"] == 16
    assert two["usage"]["total_tokens"] == two["usage"]["prompt_tokens"] + 16
    body = ask("Count.", grammar='root ::= "1, 2, 3, 4"', stop=["3"], max_tokens=20)
    [choice] = (await engine.complete(body))["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("1, 2, ", "stop")
    response_format = {"type": "json_schema", "json_schema": {"name": "colour", "schema": schema}}
    reply = await engine.complete(ask("A colour?", response_format=response_format, max_tokens=20))
    assert json.loads(reply["choices"][0]["message"]["content"]) in schema["enum"]


# Stopping


async def test_stop_frees_the_slots_and_the_next_call_is_served_at_once(engine: Engine) -> None:
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
    body = ask("never " * 900, max_tokens=1, return_progress=True, cache_prompt=False)
    generation = await engine.stream(body)
    first = await generation.next()
    assert first is not None
    generation.stop()
    assert first["prompt_progress"]["processed"] == 0
    await until_idle(engine)


async def test_stop_may_come_from_another_thread(engine: Engine) -> None:
    generation = await engine.stream(STORY)
    assert await generation.next() is not None
    timer = threading.Timer(0.1, generation.stop)
    timer.start()
    await asyncio.wait_for(collect(generation), SOON)
    timer.join()
    await until_idle(engine)


async def test_a_forgotten_generation_stops(engine: Engine) -> None:
    generation = await engine.stream(STORY)
    assert await generation.next() is not None
    del generation
    gc.collect()
    await until_idle(engine)


@pytest.mark.parametrize("streamed", [True, False])
async def test_cancelling_the_task_stops_the_generation(engine: Engine, streamed: bool) -> None:
    async def run() -> object:
        return await (collect(await engine.stream(STORY)) if streamed else engine.complete(STORY))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run(), 0.3)
    await until_idle(engine)


# Waiting


async def test_more_calls_than_slots_wait_and_can_be_cancelled(engine: Engine) -> None:
    running = [await engine.stream(STORY) for _ in range(2)]
    for generation in running:
        await generation.next()
    waiting = asyncio.create_task(engine.complete(ask("Hi", max_tokens=1)))
    cancelled = asyncio.create_task(engine.complete(STORY))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    cancelled.cancel()
    await asyncio.wait([cancelled], timeout=0.1)
    assert cancelled.cancelled()
    running[0].stop()
    reply = await asyncio.wait_for(waiting, SOON)
    assert reply["choices"][0]["finish_reason"] == "length"
    running[1].stop()
    await until_idle(engine)


async def test_a_call_for_two_slots_waits_for_two(engine: Engine) -> None:
    running = await engine.stream(STORY)
    await running.next()
    two = asyncio.create_task(engine.complete(ask("Hi", n=2, max_tokens=1)))
    given_up = asyncio.create_task(engine.complete({**STORY, "n": 2}))
    await asyncio.sleep(0.1)
    given_up.cancel()
    assert not two.done()
    running.stop()
    assert len((await asyncio.wait_for(two, SOON))["choices"]) == 2
    await until_idle(engine)


async def test_the_loop_goes_on_during_a_generation(engine: Engine) -> None:
    async with lag() as late:
        await engine.complete({**STORY, "max_tokens": 40})
    assert len(late) > 5
    assert sorted(late)[len(late) // 2] < 0.05


async def test_several_loops_in_several_threads_are_served(engine: Engine) -> None:
    replies: list[dict[str, Any]] = []

    def serve() -> None:
        replies.append(asyncio.run(engine.complete(ask("Hi", max_tokens=2))))

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 10)
    assert len(replies) == 4


async def test_a_loop_that_is_gone_harms_nobody(engine: Engine) -> None:
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
    with refused(400, message):
        await engine.complete(body)
    with refused(400, message):
        await (await engine.stream(body)).next()


@pytest.mark.parametrize("pattern", [r"^(a|[b-z]{2,3})+\.\[$", '^(?:"x").*?$', "^$", r"^\x41é$"])
def test_patterns_that_llama_cpp_enforces_pass(pattern: str) -> None:
    _constraints.check_constraints({"json_schema": {"pattern": pattern, "enum": [MANY]}})


@pytest.mark.parametrize("pattern", [r"^\d$", "^(?=a)$", "^a^b$", r"^[\w]$", "^\x00$", "^a", "a$"])
def test_patterns_that_it_would_ignore_do_not(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot enforce"):
        _constraints.check_constraints({"json_schema": {"pattern": pattern}})


def test_braces_in_texts_of_a_grammar_are_no_repetitions() -> None:
    _constraints.check_constraints({"grammar": 'root ::= "{5,2}" [{5,2}] # {5,2}\n'})


def test_an_error_survives_pickling() -> None:
    error = EngineError(400, {"code": 400, "message": "no"})
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert (copy.status, copy.payload, str(copy)) == (400, error.payload, "no")


def test_an_error_in_mid_stream_ends_it() -> None:
    job = _jobs.Job({}, lambda: None)
    assert job.receive(b'{"choices": []}') is False
    assert job.receive(b'{"error": {"code": 500, "message": "broke"}}') is True
    assert job.take() == {"choices": []}
    with refused(500, "broke"):
        job.take()


def test_an_answer_that_is_not_json_is_an_error() -> None:
    job = _jobs.Job({}, lambda: None)
    assert job.receive(b"nonsense") is True
    with refused(500, "not JSON"):
        job.take()


def test_a_reply_is_put_together_from_tool_calls_and_reasoning() -> None:
    reply = _replies.Reply()
    for delta in (
        {"reasoning_content": "Let "},
        {"reasoning_content": "me"},
        {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
    ):
        reply.add({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reply.add({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    [choice] = reply.finish()["choices"]
    function = {"name": "f", "arguments": '{"a":1}'}
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Let me",
        "tool_calls": [{"type": "function", "id": "1", "function": function}],
    }
    assert choice["finish_reason"] == "tool_calls"


# Loading and closing


async def test_the_loop_goes_on_while_the_file_is_read(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is done before xllamacpp builds the model, for which it holds the GIL."""
    builders: list[threading.Thread] = []

    def build(*_: object) -> None:
        builders.append(threading.current_thread())
        raise RuntimeError("this is where the GIL would be held")

    monkeypatch.setattr(_loading, "_open_server", build)
    async with lag() as late:
        with refused(500, "this is where the GIL would be held"):
            await Engine.load(weights)
    assert sorted(late)[len(late) // 2] < 0.05
    assert "llmgate-local load" == builders[0].name


async def test_what_cannot_be_loaded_is_said(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="no such file"):
        await Engine.load(tmp_path / "none.gguf")
    with pytest.raises(ValueError, match="parallel must be at least 1"):
        await Engine.load(weights, parallel=0)
    damaged = tmp_path / "damaged.gguf"
    await asyncio.to_thread(lambda: damaged.write_bytes(weights.read_bytes()[:-1]))
    with refused(500, r"damaged\.gguf: llama\.cpp cannot load this model \(llama\)"):
        await Engine.load(damaged, context=256)


async def test_one_load_serves_all_and_a_failed_one_none(weights: Path, tmp_path: Path) -> None:
    settings = Settings(context=256, threads=1, parallel=1)
    others: list[Engine] = []
    other_loop = threading.Thread(
        target=lambda: others.append(asyncio.run(engine_for(weights, settings)))
    )
    other_loop.start()
    first, second = await asyncio.gather(*(engine_for(weights, settings) for _ in range(2)))
    await asyncio.to_thread(other_loop.join)
    assert first is second is others[0]
    link = tmp_path / "link.gguf"
    link.symlink_to(weights)
    assert await engine_for(link, settings) is first

    missing = tmp_path / "late.gguf"
    with pytest.raises(GgufError):
        await engine_for(missing, settings)
    missing.symlink_to(weights)
    assert await engine_for(missing, settings) is first

    first.close()
    again = await engine_for(weights, settings)
    assert again is not first
    again.close()


async def test_close_ends_what_runs_and_waits_and_frees_the_model(weights: Path) -> None:
    engine = await Engine.load(weights, context=512, threads=1, parallel=1)
    running = await engine.stream(STORY)
    assert await running.next() is not None
    waiting = asyncio.create_task(engine.complete(STORY))
    await asyncio.sleep(0.05)
    engine.close()
    engine.close()
    with refused(503, "closed"):
        await running.next()
    with refused(503, "closed"):
        await waiting
    with refused(503, "closed"):
        await engine.complete(STORY)
    assert engine.closed
    await asyncio.to_thread(engine._core.join)
    assert engine._core._server is None


async def test_a_forgotten_engine_is_closed_and_its_http_needs_the_key(weights: Path) -> None:
    engine = await Engine.load(weights, context=256, threads=1, parallel=1)
    core, (address, key) = engine._core, engine.http_api

    def post(key: str) -> int:
        request = urllib.request.Request(  # noqa: S310 - the engine's own address
            f"{address}/v1/chat/completions",
            json.dumps(ask("Hi", max_tokens=1)).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SOON) as response:  # noqa: S310 - likewise
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    assert address.startswith("http://127.0.0.1:")
    assert await asyncio.to_thread(post, key) == 200
    assert await asyncio.to_thread(post, "wrong") == 401
    del engine
    gc.collect()
    assert core.closed
    await asyncio.to_thread(core.join)
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(post, key)


SCRIPT = """
    import asyncio, os, sys, threading, time
    from pathlib import Path
    from llmgate_local.engine import Engine, EngineError
    STORY = {"messages": [{"role": "user", "content": "Tell a long story."}],
             "ignore_eos": True, "max_tokens": 900}
    async def load():
        return await Engine.load(Path(sys.argv[1]), context=1024, threads=1, parallel=2)
    async def begin(engine):
        generation = await engine.stream(STORY)
        await generation.next()
        return generation
"""
ENDS = {
    "by leaving generations running": """
        async def main():
            engine = await load()
            return engine, [await begin(engine) for _ in range(2)]
        kept = asyncio.run(main())
    """,
    "in a daemon thread": """
        engine = asyncio.run(load())
        thread = threading.Thread(
            target=lambda: asyncio.run(engine.complete(STORY)), daemon=True)
        thread.start()
        time.sleep(0.2)
    """,
    "with a use of the engine after its end": """
        import atexit
        async def use():
            for use in (generation.next, lambda: begin(engine), load):
                try:
                    await use()
                except EngineError as error:
                    assert error.status == 503
                else:
                    os._exit(9)
        # registered before the engine's, thus called after
        from llmgate_local import engine as module
        atexit.unregister(module._close_all)
        atexit.register(lambda: asyncio.run(use()))
        atexit.register(module._close_all)
        async def main():
            engine = await load()
            return engine, await begin(engine)
        engine, generation = asyncio.run(main())
    """,
    "while loading": """
        from llmgate_local import _loading, engine
        load = _loading.start_load(Path(sys.argv[1]), engine.Settings(), engine.Engine)
    """,
    "after a fork whose child was refused": """
        engine = asyncio.run(load())
        child = os.fork()
        if not child:
            async def main():
                try:
                    await engine.complete(STORY)
                except EngineError as error:
                    os._exit(7 if error.status == 503 else 8)
            asyncio.run(main())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        asyncio.run(engine.complete({**STORY, "max_tokens": 1}))
    """,
}


@pytest.mark.parametrize("end", ENDS)
def test_the_process_ends_well_and_without_a_word(weights: Path, end: str) -> None:
    script = textwrap.dedent(SCRIPT) + textwrap.dedent(ENDS[end])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(weights)],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
