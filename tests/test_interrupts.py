"""^C in every form of a call, and event loops that are not asyncio's."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import RequestError
from llmgate.testing import FakeProvider
from tests.faults.calls import HI, MODEL, client_of
from tests.faults.server import COMPLETION, FaultServer, hang, reply
from tests.machine import undisturbed

HEAD = """
import asyncio, sys
import llmgate

MODEL, HI = "openai/gpt-4o", [{"role": "user", "content": "Hi"}]
OPTIONS = {"base_url": sys.argv[1], "api_key": "sk-x", "timeout": 60}

async def inside():
    llmgate.completion(MODEL, HI, **OPTIONS)

async def awaited():
    await llmgate.acompletion(MODEL, HI, **OPTIONS)

"""
FORMS = {
    "sync": "llmgate.completion(MODEL, HI, **OPTIONS)",
    "sync, streamed": "for _ in llmgate.completion(MODEL, HI, stream=True, **OPTIONS): pass",
    "sync, of a client": "with llmgate.Client() as c: c.completion(MODEL, HI, **OPTIONS)",
    "sync, in a loop": "asyncio.run(inside())",
    "async": "asyncio.run(awaited())",
}


def interrupted(code: str) -> tuple[int, str, float]:
    """How a process ends that is interrupted while it waits for a response: its return code, the
    last line that it wrote, and the seconds that it took."""
    with FaultServer(hang) as server:
        command = [sys.executable, "-c", HEAD + code, server.url]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            while not server.requests:
                time.sleep(0.02)
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, written = process.communicate(timeout=10)
        finally:
            process.kill()
        return process.returncode, written.splitlines()[-1], time.monotonic() - started


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS)
async def test_an_interrupt_ends_a_call_and_the_process(code: str) -> None:
    """Within a second, by the signal, as shells and supervisors expect."""

    async def attempt() -> None:
        status, last, seconds = await asyncio.to_thread(interrupted, code)
        assert (-signal.SIGINT, "KeyboardInterrupt") == (status, last)
        assert seconds < 1.0

    await undisturbed(attempt)


async def test_a_task_that_is_cancelled_while_a_sync_call_holds_up_its_loop() -> None:
    """As asyncio's own handler of ^C does it: nothing else can while the loop is held up."""
    task = asyncio.current_task()
    assert task is not None
    with FaultServer(hang, reply(body=COMPLETION)) as server:
        client = client_of(server)
        threading.Timer(0.3, task.cancel).start()
        with pytest.raises(KeyboardInterrupt):
            client.completion(MODEL, HI)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        task.uncancel()
        assert "Hi" == client.completion(MODEL, HI).text
        client.close()


CALLS: dict[str, Callable[[Client], Coroutine[Any, Any, Any]]] = {
    "chat": lambda client: client.acompletion("fake/m", [{"role": "user", "content": "Hi"}]),
    "chat, of an installed provider": lambda client: client.acompletion(
        "openai/m", [{"role": "user", "content": "Hi"}]
    ),
    "embeddings": lambda client: client.aembedding("fake/m", ["x"]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_another_library_s_event_loop(call: Callable[[Client], Coroutine[Any, Any, Any]]) -> None:
    """Trio, say: the error says what works there."""
    coroutine = call(Client(providers={"fake": FakeProvider(["Hi"])}))
    with pytest.raises(RequestError, match=r"trio\.to_thread\.run_sync"):
        coroutine.send(None)
