"""How the child processes end: by a crash, and with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from llmgate import Client
from llmgate.errors import (
    ReadError,
    ServerError,
    StreamTruncatedError,
)
from tests.integration.local_processes import (
    ENDLESS,
    children,
    client_of,
    runs_model,
    say,
    started,
    until,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("weights", "no_child_is_left"),
    pytest.mark.timeout(90),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc"),
]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client with a small model, which retries nothing."""
    async with client_of() as made:
        yield made


# --- crashes ----------------------------------------------------------------------------


async def test_a_crash_is_a_typed_error_and_the_next_call_starts_another(client: Client) -> None:
    """In a stream and in a whole completion; what came before it was delivered."""
    stream = await started(client)
    [child] = children()
    whole = asyncio.ensure_future(say(client, **ENDLESS))
    await asyncio.sleep(0.3)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(StreamTruncatedError, match="was ended by SIGKILL"):
        await stream.completion()
    with pytest.raises(ReadError, match="was ended by SIGKILL"):
        await whole
    assert await say(client)
    assert child not in children()


@pytest.mark.parametrize(("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (40, "signal 40")])
async def test_a_crash_while_loading_is_a_typed_error(
    client: Client, number: int, name: str
) -> None:
    """The message says how the process ended."""
    loading = asyncio.ensure_future(say(client))
    await until(children)
    os.kill(children().pop(), number)
    with pytest.raises(ServerError, match=rf"cannot load this model: .* ended by {name}"):
        await loading


@pytest.mark.exhaustive
async def test_a_child_that_hangs_is_killed_a_second_after_it_was_told() -> None:
    """A stopped process stands for one that hangs: it closes nothing and hears nothing."""
    async with client_of() as client:
        await say(client)
        [child] = children()
        os.kill(child, signal.SIGSTOP)
    began = time.monotonic()
    await until(lambda: not children(), 4)
    assert 0.8 < time.monotonic() - began < 3


# --- the end of the parent --------------------------------------------------------------


SCRIPT = """
    import asyncio, atexit, os, signal, sys, threading, time
    from llmgate import Client, completion
    from llmgate.errors import LLMGateError
    from llmgate_local import Local
    client = Client(providers={"local": Local(context=1024, threads=1, parallel=2)}, max_retries=0)
    HELLO = [{"role": "user", "content": "Hi"}]
    ENDLESS = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}
    def say():
        return client.completion("local/smollm2", HELLO, max_tokens=1)
    async def start():
        stream = await client.acompletion("local/smollm2", HELLO, stream=True, **ENDLESS)
        await anext(stream)
        return stream
"""


def program(body: str) -> list[str]:
    """The command of a program that uses a model."""
    script = textwrap.dedent(SCRIPT) + textwrap.dedent(body)
    return [sys.executable, "-W", "error", "-c", script]


@pytest.fixture
def killed() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Whatever happens, no program of a test goes on behind it."""
    begun: list[subprocess.Popen[bytes]] = []
    yield begun.append
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "body",
    ["say()\nprint('ready', flush=True)\ntime.sleep(60)", "print('ready', flush=True)\nsay()"],
    ids=["serving", "loading"],
)
async def test_no_child_outlives_a_parent_that_is_killed(
    killed: Callable[[subprocess.Popen[bytes]], None], body: str
) -> None:
    """By the signal that no process can handle, while the model serves or is being loaded."""
    pipe = subprocess.PIPE
    parent = subprocess.Popen(program(body), stdin=pipe, stdout=pipe)  # noqa: ASYNC220 - it is quick
    killed(parent)
    assert parent.stdout is not None
    assert b"ready\n" == await asyncio.to_thread(parent.stdout.readline)
    await until(lambda: children(parent.pid), 20)
    found = children(parent.pid)
    parent.kill()
    await until(lambda: not any(map(runs_model, found)), 2)


async def test_an_interrupt_ends_the_call_within_a_second_and_not_the_child(
    killed: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    """As a terminal sends it: to the whole group of the program, which asks again after it."""
    body = """
        say()
        print("ready", flush=True)
        try:
            client.completion("local/smollm2", HELLO, **ENDLESS)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        sys.stdin.readline()
        say()
    """
    pipe = subprocess.PIPE
    parent = subprocess.Popen(  # noqa: ASYNC220 - it is quick
        program(body), stdin=pipe, stdout=pipe, start_new_session=True
    )
    killed(parent)
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert b"ready\n" == await asyncio.to_thread(parent.stdout.readline)
    [child] = children(parent.pid)
    await asyncio.sleep(0.3)
    began = time.monotonic()
    os.killpg(parent.pid, signal.SIGINT)
    os.kill(child, signal.SIGINT)
    assert b"interrupted\n" == await asyncio.to_thread(parent.stdout.readline)
    assert time.monotonic() - began < 1
    assert {child} == children(parent.pid)
    await asyncio.to_thread(parent.communicate, b"\n", 30)
    assert 0 == parent.returncode


ENDS = {
    "by leaving streams open": """
        kept = asyncio.run(start())
    """,
    "in a daemon thread": """
        threading.Thread(target=lambda: asyncio.run(client.acompletion(
            "local/smollm2", HELLO, **ENDLESS)), daemon=True).start()
        say()
        time.sleep(0.2)
    """,
    "while loading": """
        threading.Thread(target=say, daemon=True).start()
        time.sleep(0.3)
    """,
    "with a call at its end": """
        def last():
            try:
                say()
            except LLMGateError:
                pass
        say()
        atexit.register(last)
    """,
    "after a fork whose child asked as well": """
        say()
        kept = asyncio.run(start())
        child = os.fork()
        if not child:
            del kept
            answer = say()
            os._exit(7 if answer.usage.completion_tokens == 1 else 8)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        say()
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        say()
    """,
}


@pytest.mark.parametrize(
    "end",
    [
        "after a fork whose child asked as well",
        *(
            pytest.param(end, marks=pytest.mark.exhaustive)
            for end in ENDS
            if not end.startswith("after a fork")
        ),
    ],
)
async def test_the_process_ends_well_and_without_a_word(end: str) -> None:
    """With status 0, whatever its models are doing."""
    ended = await asyncio.to_thread(
        lambda: subprocess.run(program(ENDS[end]), capture_output=True, timeout=60, check=False)
    )
    assert (0, b"", b"") == (ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.exhaustive
async def test_a_fork_that_outlives_its_parent_keeps_no_child_alive() -> None:
    """The pipe whose end ends the child is closed in the fork."""
    body = """
        say()
        if not os.fork():
            time.sleep(30)
            os._exit(0)
        async def main():
            began = time.monotonic()
            await client.aclose()
            while os.path.exists(f"/proc/{child}/stat"):
                await asyncio.sleep(0.01)
            print(time.monotonic() - began, flush=True)
        from llmgate_local import server
        [running] = server._servers.values()
        child = running._process.pid
        asyncio.run(main())
        os.killpg(0, signal.SIGKILL)
    """
    ended = await asyncio.to_thread(
        lambda: subprocess.run(
            program(body), capture_output=True, timeout=60, check=False, start_new_session=True
        )
    )
    assert float(ended.stdout) < 0.9, ended.stderr
