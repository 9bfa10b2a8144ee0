"""The life of clients and loops: what is let go closes, however it ends, and nobody is warned.

Whole processes, with threads and forks, are in ``test_processes``.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.hooks import CallEnded
from llmgate.transports._lifetime import Keeper
from tests.faults.calls import HI, MODEL, Recorder, client_of
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    Step,
    chunk,
    event,
    framed,
    hang,
    reply,
    then,
    wait_for,
    wait_for_async,
)

ANSWER = reply(body=COMPLETION)
ENDLESS = then(STREAM_HEAD, framed(event(chunk("a"))), last=hang)
ROOT = Path(__file__).parents[1]


@contextmanager
def no_warning() -> Generator[None]:
    """Nothing is warned of, also not by what is collected now."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [] == [str(warning.message) for warning in caught]


async def kept(owner: object, closed: list[str]) -> Keeper:
    """A keeper that notes when it closes."""

    async def close() -> None:
        await asyncio.sleep(0)
        closed.append("closed")

    keeper = Keeper(close)
    await keeper.start(owner)
    return keeper


class Owner:
    """Something that can be let go."""


# --- keepers ------------------------------------------------------------------------------


async def test_asked_to_close() -> None:
    """Once."""
    closed: list[str] = []
    owner = Owner()
    keeper = await kept(owner, closed)
    await keeper.aclose()
    await keeper.aclose()
    del owner
    await asyncio.sleep(0)
    assert ["closed"] == closed


async def test_letting_the_owner_go_closes() -> None:
    """Soon, on its own loop, whichever thread let go."""
    for collect in (gc.collect, lambda: _on_a_thread(gc.collect)):
        closed: list[str] = []
        cycle: list[Any] = [Owner()]
        cycle.append(cycle)
        await kept(cycle[0], closed)
        del cycle
        collect()
        assert await wait_for_async(lambda closed=closed: ["closed"] == closed)  # type: ignore[misc]


def _on_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_the_end_of_a_loop_closes() -> None:
    """By ``asyncio.run``, or by hand; and the owner's end after that changes nothing."""
    closed: list[str] = []
    owner = Owner()
    asyncio.run(kept(owner, closed))
    assert ["closed"] == closed
    loop = asyncio.new_event_loop()
    for _ in range(2):
        loop.run_until_complete(kept(owner, closed))
    loop.close()
    loop.close()
    assert ["closed"] * 3 == closed
    del owner
    gc.collect()


def test_a_loop_whose_close_cannot_be_replaced() -> None:
    """It is closed as it is; ``shutdown_asyncgens`` works there, too."""

    class Fixed(asyncio.SelectorEventLoop):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "close":
                raise AttributeError(name)
            super().__setattr__(name, value)

    closed: list[str] = []
    owner = Owner()
    loop = Fixed()
    loop.run_until_complete(kept(owner, closed))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert ["closed"] == closed


async def test_closing_a_running_loop() -> None:
    """It is refused as it ever was."""
    closed: list[str] = []
    owner = Owner()
    keeper = await kept(owner, closed)
    with pytest.raises(RuntimeError, match="running"):
        asyncio.get_running_loop().close()
    await keeper.aclose()


# --- clients ------------------------------------------------------------------------------


async def test_a_client_that_is_let_go() -> None:
    """Its connections close; after answers, after failures, and with a stream open."""
    for step in (ANSWER, reply(404), ENDLESS):
        with FaultServer(step) as server, no_warning():
            client = client_of(server)
            pool = weakref.ref(await _used(client, streamed=step is ENDLESS))
            del client
            gc.collect()
            assert await wait_for_async(lambda server=server: server.open_connections == 0)  # type: ignore[misc]
            assert pool() is None


async def _used(client: Client, *, streamed: bool) -> Any:
    """The pool of a client that has made a call."""
    try:
        if streamed:
            await anext(await client.acompletion(MODEL, HI, stream=True))
        else:
            await client.acompletion(MODEL, HI)
    except Exception:  # noqa: BLE001, S110 - which call it was does not matter
        pass
    return client._pools[asyncio.get_running_loop()]


def test_failures_leave_no_cycle() -> None:
    """What a failed call held, such as its prompt, goes without the garbage collector."""

    async def fail(url: str) -> list[weakref.ref[Any]]:
        client = client_of(url)
        pool = weakref.ref(await _used(client, streamed=False))
        return [weakref.ref(client), pool]

    gc.collect()
    gc.disable()
    try:
        with FaultServer(reply(404)) as server:
            for url in (server.url, "http://127.0.0.1:9/v1"):
                assert [None, None] == [left() for left in asyncio.run(fail(url))]
    finally:
        gc.enable()


def test_loops_leave_nothing_in_the_client() -> None:
    """A pool goes with its loop, by whichever end."""
    with FaultServer(ANSWER) as server, no_warning():
        client = client_of(server)
        for _ in range(20):
            asyncio.run(client.acompletion(MODEL, HI))
        assert 0 == len(client._pools)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(client.acompletion(MODEL, HI))
        assert 1 == len(client._pools)
        loop.close()
        assert 0 == len(client._pools)
        assert server.wait_until_left(1.0)


def test_a_client_that_is_gone_before_its_loop() -> None:
    """Nothing is left to be forgotten."""
    with FaultServer(ANSWER) as server, no_warning():

        async def call() -> None:
            await client_of(server).acompletion(MODEL, HI)

        asyncio.run(call())
        assert server.wait_until_left(1.0)


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_stream_that_outlives_its_loop(by_hand: bool) -> None:
    """Its connection closes with the loop, and the hooks are told when it is let go."""
    hook = Recorder()
    with FaultServer(ENDLESS) as server, no_warning():
        client = client_of(server, hooks=[hook])
        loop = asyncio.new_event_loop()
        answer: Stream = loop.run_until_complete(client.acompletion(MODEL, HI, stream=True))
        if not by_hand:
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        assert server.wait_until_left()
        assert 0 == len(hook.all(CallEnded))
        answer.drop()
        answer.drop()
        assert wait_for(lambda: ["abandoned"] == [end.outcome for end in hook.all(CallEnded)])
        del answer, client


def test_a_stream_that_is_let_go_while_its_loop_rests() -> None:
    """It closes when the loop goes on, or ends."""
    with FaultServer(ENDLESS) as server, no_warning():
        client = client_of(server)
        loop = asyncio.new_event_loop()
        answer: Stream = loop.run_until_complete(client.acompletion(MODEL, HI, stream=True))
        answer.drop()
        answer.drop()
        loop.run_until_complete(asyncio.sleep(0))
        assert server.wait_until_left()
        del answer
        loop.close()


# --- whole processes ----------------------------------------------------------------------

HEAD = """
import asyncio, logging, os, sys
import llmgate
logging.getLogger("asyncio").setLevel("ERROR")  # slow steps are of no interest here
from llmgate_openai import OpenAI
URL, MODEL, HI = sys.argv[1], "openai/gpt-4o", [{"role": "user", "content": "Hi"}]
client = llmgate.Client(providers={"openai": OpenAI(api_key="sk-x", base_url=URL)})
"""
SCRIPTS: dict[str, tuple[Step, str]] = {
    "a child that ends as its parent does": (
        ANSWER,
        """
print(client.completion(MODEL, HI, hooks=[lambda event: None]).text, flush=True)
child = os.fork()
print(client.completion(MODEL, HI, hooks=[lambda event: None]).text, flush=True)
if child:
    assert (child, 0) == os.waitpid(child, 0)
""",
    ),
    "everything at once, with asyncio's own checks": (
        ENDLESS,
        """
async def main():
    left = await client.acompletion(MODEL, HI, stream=True)
    async for chunk in left:
        break
    held = await client.acompletion(MODEL, HI, stream=True)
    await anext(held)
    globals()["held"] = held
    globals()["call"] = asyncio.ensure_future(client.acompletion(MODEL, HI))
    await asyncio.sleep(0.05)
for _ in range(2):
    asyncio.run(main())
loop = asyncio.new_event_loop()
loop.run_until_complete(client.acompletion(MODEL, HI, stream=True))
loop.close()
next(client.completion(MODEL, HI, stream=True))
kept = client.completion(MODEL, HI, stream=True)
next(kept)
print("Hi")
""",
    ),
}


@pytest.mark.parametrize(("step", "script"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_process_in_development_mode(step: Step, script: str) -> None:
    """Standard error stays empty with every warning an error and ``-X dev``."""
    with FaultServer(step) as server:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", HEAD + script, server.url]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, cwd=ROOT, check=False
        )
    assert ("", 0) == (done.stderr, done.returncode)
    assert "Hi" in done.stdout


def test_an_interrupted_process() -> None:
    """Ctrl-C in a stream ends it with KeyboardInterrupt alone; the server sees the close."""
    script = """
async def main():
    async for chunk in await client.acompletion(MODEL, HI, stream=True):
        print("Hi", flush=True)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""
    with FaultServer(ENDLESS) as server:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", HEAD + script, server.url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stdout is not None
            assert "Hi\n" == process.stdout.readline()
            os.kill(process.pid, signal.SIGINT)
            said, wrong = process.communicate(timeout=10)
        assert ("interrupted\n", "") == (said, wrong)
        assert server.wait_until_left()
