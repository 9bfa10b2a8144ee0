"""The life of clients: several loops, threads, forks, and processes that just end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from llmgate.errors import ClosedError
from tests.faults.calls import HI, MODEL, client_of
from tests.faults.server import COMPLETION, FaultServer, Step, hang, reply, stream, then

ROOT = Path(__file__).parents[1]

SCRIPTS: dict[str, tuple[Step, str]] = {
    "three runs of one client": (
        reply(200, COMPLETION),
        "for _ in range(3):\n    print(asyncio.run(client.acompletion(MODEL, HI)).text)",
    ),
    "three runs of the module's function": (
        reply(200, COMPLETION),
        "for _ in range(3):\n"
        "    print(asyncio.run(llmgate.acompletion(MODEL, HI, base_url=URL, api_key='k')).text)",
    ),
    "a loop that is closed by hand": (
        reply(200, COMPLETION),
        "loop = asyncio.new_event_loop()\n"
        "print(loop.run_until_complete(client.acompletion(MODEL, HI)).text)\n"
        "loop.close()",
    ),
    "a stream that is left": (
        then(stream("Hi", end=b"", last=b""), last=hang),
        "async def main():\n"
        "    async for text in (await client.acompletion(MODEL, HI, stream=True)).text():\n"
        "        print(text)\n"
        "        break\n"
        "asyncio.run(main())",
    ),
    "a stream that is held": (
        then(stream("Hi", end=b"", last=b""), last=hang),
        "async def main():\n"
        "    global held\n"
        "    held = await client.acompletion(MODEL, HI, stream=True)\n"
        "    print((await anext(held)).choices[0].delta.content)\n"
        "asyncio.run(main())",
    ),
    "a call in flight": (
        hang,
        "async def main():\n"
        "    task = asyncio.create_task(client.acompletion(MODEL, HI))\n"
        "    await asyncio.sleep(0.1)\n"
        "    print('Hi')\n"
        "asyncio.run(main())",
    ),
    "without async": (reply(200, COMPLETION), "print(client.completion(MODEL, HI).text)"),
    "a stream without async that is left": (
        then(stream("Hi", end=b"", last=b""), last=hang),
        "for text in client.completion(MODEL, HI, stream=True).text():\n    print(text)\n    break",
    ),
    "a call of a daemon thread in flight": (
        hang,
        "threading.Thread(target=client.completion, args=(MODEL, HI), daemon=True).start()\n"
        "time.sleep(0.2)\nprint('Hi')",
    ),
    "after a fork": (
        reply(200, COMPLETION),
        "print(client.completion(MODEL, HI).text)\n"
        "child = os.fork()\n"
        "print(client.completion(MODEL, HI).text, flush=True)\n"
        "print(asyncio.run(client.acompletion(MODEL, HI)).text, flush=True)\n"
        "os.waitpid(child, 0) if child else os._exit(0)",
    ),
}
HEAD = """\
import asyncio, os, sys, threading, time
import llmgate
from llmgate_openai import OpenAI
URL, MODEL, HI = sys.argv[1], "openai/gpt-4o", [{"role": "user", "content": "Hi"}]
client = llmgate.Client(providers={"openai": OpenAI(api_key="sk-x", base_url=URL)})
"""


def run(script: str, url: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, "-c", HEAD + script, url]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, cwd=ROOT, check=False
    )


@pytest.mark.parametrize(("step", "script"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_process_ends_without_a_word(step: Step, script: str) -> None:
    """No warning, no traceback, whatever was not closed; and the answers are all there."""
    with FaultServer(step) as server:
        done = run(script, server.url, "-W", "error")
    assert ("", 0) == (done.stderr, done.returncode)
    assert ("", True) == (done.stdout.replace("Hi", "").strip(), "Hi" in done.stdout)


def test_eight_threads_with_loops_of_their_own() -> None:
    """One client keeps a pool for each."""
    said: list[str] = []
    with FaultServer(reply(200, COMPLETION)) as server:
        client = client_of(server)

        def work() -> None:
            runs = (asyncio.run(client.acompletion(MODEL, HI, stream=False)) for _ in range(2))
            said.extend(answer.text for answer in runs)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ["Hi"] * 16 == said
        assert server.wait_until_left(1.0)
    assert 0 == len(client._pools)


def test_fifty_loops_leave_no_socket() -> None:
    """Each loop's pool is closed with it."""
    with FaultServer(reply(200, COMPLETION), stream("Hi")) as server:
        client = client_of(server)

        async def both() -> Sequence[str]:
            whole = await client.acompletion(MODEL, HI, stream=False)
            return (whole.text,)

        for _ in range(50):
            if len(server.requests) == 0:
                assert ("Hi",) == asyncio.run(both())
            else:
                asyncio.run(_streamed(client))
        assert server.wait_until_left(1.0)


async def _streamed(client: object) -> None:
    opened = await client.acompletion(MODEL, HI, stream=True)  # type: ignore[attr-defined]  # pyright: ignore
    assert "Hi" == (await opened.completion()).text  # pyright: ignore


def test_a_client_is_used_up_when_it_was_closed() -> None:
    """On whichever loop."""
    with FaultServer(reply(200, COMPLETION)) as server:
        client = client_of(server)

        async def once() -> None:
            async with client:
                await client.acompletion(MODEL, HI)

        asyncio.run(once())
        with pytest.raises(ClosedError):
            asyncio.run(once())
