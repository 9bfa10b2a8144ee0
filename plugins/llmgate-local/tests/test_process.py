"""The child processes that run models: one for each model, gone with its last client or parent."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Completion, Stream
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    ReadError,
    RequestError,
    ServerError,
    StreamTruncatedError,
)
from llmgate_local import Local, server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("weights"),
    pytest.mark.timeout(90),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc"),
]

MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
ENDLESS: dict[str, Any] = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}


@pytest.fixture(autouse=True)
async def no_child_is_left() -> AsyncIterator[None]:
    """No test leaves a child. Those of other modules, as of the default client, do not count."""
    OTHERS.clear()
    OTHERS.update(children())
    yield
    await until(lambda: not children())


OTHERS = set[int]()
"""The children that were there before the test."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client with a small model, which retries nothing."""
    async with client_of() as made:
        yield made


def client_of(**settings: Any) -> Client:
    """A client whose model is small."""
    small: dict[str, Any] = {"context": 1024, "threads": 1, "parallel": 2, **settings}
    return Client(providers={"local": Local(**small)}, max_retries=0, timeout=60)


async def say(client: Client, **options: Any) -> str:
    """A short text."""
    given: dict[str, Any] = {"max_tokens": 2, "temperature": 0, **options}
    answer: Completion = await client.acompletion(MODEL, HELLO, stream=False, **given)
    return answer.text


async def started(client: Client) -> Stream:
    """A stream that has begun and would not end for long."""
    stream: Stream = await client.acompletion(MODEL, HELLO, stream=True, **ENDLESS)
    await anext(stream)
    return stream


def children(parent: int | None = None) -> set[int]:
    """The processes that run models for this one, or for another."""
    of = os.getpid() if parent is None else parent
    found = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    return {child for child in found if parent_of(child) == of and runs_model(child)} - OTHERS


def parent_of(process: int) -> int:
    """The parent of a process; 0 once it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    return 0


def runs_model(process: int) -> bool:
    """Whether a process is a child that runs a model, and has not ended."""
    with suppress(OSError):
        return b"llmgate_local.serve" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came so"
        await asyncio.sleep(0.02)


# --- how many there are -------------------------------------------------------------------


async def test_one_child_serves_all_clients_loops_and_threads(
    client: Client, weights: Path, tmp_path: Path
) -> None:
    """However the path of the model is written; a second model has a child of its own."""
    texts: list[str] = []
    other = client_of()
    link = tmp_path / "link.gguf"
    link.symlink_to(weights)

    def in_sync() -> None:
        texts.append(client.completion(MODEL, HELLO, max_tokens=2, temperature=0).text)

    async def by_link() -> None:
        answer = await client.acompletion(f"local/{link}", HELLO, max_tokens=2, temperature=0)
        texts.append(answer.text)

    threads = [
        threading.Thread(target=lambda: texts.append(asyncio.run(say(other)))),
        threading.Thread(target=lambda: asyncio.run(by_link())),
        threading.Thread(target=in_sync),
    ]
    for thread in threads:
        thread.start()
    texts += await asyncio.gather(say(client), say(other), say(client_of()))
    for thread in threads:
        await asyncio.to_thread(thread.join, 30)
    assert {texts[0]: 6} == {text: texts.count(text) for text in texts}
    assert 1 == len(children())
    async with client_of(context=512) as second:
        await say(second)
        assert 2 == len(children())
    await other.aclose()
    assert await say(client)


@pytest.mark.exhaustive
async def test_the_last_client_that_closes_frees_the_memory() -> None:
    """Not before; and the next one loads the model anew."""
    for _ in range(2):
        first, second = client_of(), client_of()
        await asyncio.gather(say(first), say(second))
        [child] = children()
        await first.aclose()
        assert await say(second)
        assert {child} == children()
        await second.aclose()
        await until(lambda: not children(), 2)


@pytest.mark.exhaustive
async def test_a_stream_of_another_loop_outlives_the_client_that_closes(client: Client) -> None:
    """The child ends behind it."""
    stream = await started(client)
    closing = threading.Thread(target=lambda: asyncio.run(client.aclose()))
    closing.start()
    await asyncio.to_thread(closing.join, 10)
    assert (await anext(stream)).choices
    await stream.aclose()
    await until(lambda: not children(), 2)


@pytest.mark.exhaustive
async def test_a_model_that_nobody_asks_is_unloaded() -> None:
    """After the documented time, but not during a call; the next call loads it."""
    async with client_of(idle_timeout=0.5) as client:
        stream = await started(client)
        [child] = children()
        await asyncio.sleep(1)
        assert (await anext(stream)).choices
        await stream.aclose()
        await until(lambda: not children(), 3)
        assert await say(client)
        assert child not in children()


# --- what it shows ------------------------------------------------------------------------


@pytest.mark.exhaustive
async def test_the_key_is_in_no_command_line_and_no_environment(client: Client) -> None:
    """Others on the machine can read these, and without the key the server answers nobody."""
    await say(client)
    [child] = children()
    [running] = [
        one for one in server._servers.values() if one._process and one._process.pid == child
    ]
    assert len(running.key) > 30
    for name in ("cmdline", "environ"):
        shown = await asyncio.to_thread(Path(f"/proc/{child}/{name}").read_bytes)
        assert shown
        assert running.key.encode() not in shown
    host, _, port = running.address.removeprefix("http://").partition(":")
    assert "127.0.0.1" == host
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


# --- loading ------------------------------------------------------------------------------


async def test_loading_holds_up_nothing_and_obeys_the_deadline(client: Client) -> None:
    """The child goes on for the next call."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticker = asyncio.ensure_future(tick())
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        await say(client, timeout=0.2)
    assert "total" == caught.value.phase
    assert 0.19 < time.monotonic() - began < 1
    assert ticks > 5
    [child] = children()
    assert await say(client)
    assert {child} == children()
    ticker.cancel()


async def test_closing_the_client_ends_a_child_that_is_still_loading() -> None:
    """At once, since it could hear nothing."""
    client = client_of()
    with pytest.raises(DeadlineExceededError):
        await say(client, timeout=0.2)
    assert children()
    await client.aclose()
    await until(lambda: not children(), 1)


@pytest.mark.exhaustive
async def test_a_process_that_cannot_be_started_is_an_error_of_ours(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when there is no interpreter, or no package in it; the next call tries again."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(ServerError, match="cannot be started") as caught:
            await say(client)
        assert False is caught.value.retryable
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", shutil.which("false"))
        with pytest.raises(ServerError, match="process ended with status 1"):
            await say(client)
    assert await say(client)


async def test_a_frozen_program_is_not_run_as_the_child(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its executable is no interpreter, and would begin the program once more."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(RequestError, match="no Python interpreter"):
        await say(client)


@pytest.mark.exhaustive
async def test_a_process_that_ends_starts_no_thread(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one of ours."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    await say(client)
    async with client_of(context=300) as other:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refused)
            with pytest.raises(ClosedError, match="no model can be loaded"):
                await say(other)


# --- crashes ------------------------------------------------------------------------------


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


async def test_a_crash_while_loading_is_a_typed_error(client: Client) -> None:
    """The message says how the process ended."""
    loading = asyncio.ensure_future(say(client))
    await until(children)
    os.kill(children().pop(), signal.SIGSEGV)
    with pytest.raises(ServerError, match=r"cannot load this model: .* ended by SIGSEGV"):
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


# --- the end of the parent ----------------------------------------------------------------

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
