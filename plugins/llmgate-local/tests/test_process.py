"""The child processes that run models: one for each model, gone with its last client or parent."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmgate import Client
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    RequestError,
    ServerError,
)
from llmgate_local import server
from tests.integration.local_processes import (
    HELLO,
    MODEL,
    children,
    client_of,
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


# --- how many there are -----------------------------------------------------------------


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


# --- what it shows ----------------------------------------------------------------------


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


# --- loading ----------------------------------------------------------------------------


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
