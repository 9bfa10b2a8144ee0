"""An engine from its loading to its end, and the process's, on the real SmolLM2."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from llmgate_local import _loading
from llmgate_local.engine import Engine, EngineError, Settings, engine_for
from llmgate_local.gguf import GgufError

pytestmark = pytest.mark.anyio

STORY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Tell a very long story."}],
    "ignore_eos": True,
    "max_tokens": 900,
}
SOON = 5.0


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
    """A missing file, a wrong number, a file that was cut short by one byte."""
    with pytest.raises(GgufError, match="no such file"):
        await Engine.load(tmp_path / "none.gguf")
    with pytest.raises(ValueError, match="parallel must be at least 1"):
        await Engine.load(weights, parallel=0)
    damaged = tmp_path / "damaged.gguf"
    await asyncio.to_thread(lambda: damaged.write_bytes(weights.read_bytes()[:-1]))
    with refused(500, r"damaged\.gguf: llama\.cpp cannot load this model \(llama\)"):
        await Engine.load(damaged, context=256)


async def test_one_load_serves_all_and_a_failed_one_none(weights: Path, tmp_path: Path) -> None:
    """Of any loop, by any path to the file; a closed engine is loaded anew."""
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
    """It may be called twice, and nothing is served after it."""
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
    """Nobody else on this machine may use it."""
    engine = await Engine.load(weights, context=256, threads=1, parallel=1)
    core, (address, key) = engine._core, engine.http_api

    def post(key: str) -> int:
        request = urllib.request.Request(  # noqa: S310 - the engine's own address
            f"{address}/v1/chat/completions",
            json.dumps({**STORY, "max_tokens": 1}).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SOON) as response:  # noqa: S310 - likewise
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    assert address.startswith("http://127.0.0.1:")
    assert 200 == await asyncio.to_thread(post, key)
    assert 401 == await asyncio.to_thread(post, "wrong")
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
    """With status 0, whatever the engine is doing."""
    script = textwrap.dedent(SCRIPT) + textwrap.dedent(ENDS[end])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(weights)],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (0, b"", b"") == (ended.returncode, ended.stdout, ended.stderr)
