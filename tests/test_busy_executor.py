"""A call does not wait for the threads of its loop's default executor, which are the user's."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmgate import Client
from llmgate._core import connections as _connections
from llmgate.errors import ConnectError, DeadlineExceededError, InvalidRequestError
from llmgate.hooks import Event
from llmgate.transports._resolver import ThreadResolver
from tests.faults.calls import HI, MODEL, client_of, lasting
from tests.faults.server import COMPLETION, FaultServer, reply
from tests.machine import wait_for_async

ROOT = Path(__file__).parents[1]
ANSWER = reply(body=COMPLETION)


@pytest.fixture
async def busy_executor() -> AsyncIterator[None]:
    """Every thread of the running loop's default executor is at work, and more work waits."""
    loop, released = asyncio.get_running_loop(), threading.Event()
    jobs = [loop.run_in_executor(None, released.wait, 30) for _ in range(64)]
    yield
    released.set()
    await asyncio.gather(*jobs)


FIRST_CALL = """
import asyncio, os, sys, threading, time
import llmgate

async def main():
    loop = asyncio.get_running_loop()
    for _ in range(64):
        loop.run_in_executor(None, time.sleep, 60)
    client = llmgate.Client()
    answer = await client.acompletion(
        "openai/gpt-4o", [{"role": "user", "content": "Hi"}], timeout=20, base_url=sys.argv[1],
        api_key="sk-x",
    )
    await client.aclose()
    print(answer.text, flush=True)
    os._exit(0)  # asyncio.run would wait for those jobs

asyncio.run(main())
"""


def test_the_first_call_of_a_process() -> None:
    """The provider and the transport are imported and the host's name is looked up meanwhile."""
    with FaultServer(ANSWER) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        done = subprocess.run(
            [sys.executable, "-c", FIRST_CALL, url],
            capture_output=True,
            text=True,
            timeout=40,
            cwd=ROOT,
            check=False,
        )
    assert ("Hi\n", "", 0) == (done.stdout, done.stderr, done.returncode)


@pytest.mark.usefixtures("busy_executor")
async def test_a_call_and_the_client_s_end() -> None:
    """A host's name is looked up, and hooks are called, on threads of our own."""
    events: list[Event] = []
    with FaultServer(ANSWER) as server, lasting(1.0, at_least=0):
        client = client_of(server.url.replace("127.0.0.1", "localhost"), hooks=[events.append])
        assert "Hi" == (await client.acompletion(MODEL, HI, stream=False)).text
        await client.aclose()
    assert 4 == len(events)


# --- the transport, as it is loaded -------------------------------------------------------


@pytest.fixture
def slow_import(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Importing the transport takes until this is called."""
    released = threading.Event()

    def slowly(_: str) -> None:
        released.wait(10)

    monkeypatch.setattr(_connections, "import_module", slowly)
    return released.set


async def test_an_import_that_takes_too_long(slow_import: Callable[[], None]) -> None:
    """The call's deadline holds, and the error says what took so long; the next call succeeds."""
    with FaultServer(ANSWER) as server:
        client = client_of(server)
        with lasting(0.2), pytest.raises(DeadlineExceededError, match="the transport did not load"):
            await client.acompletion(MODEL, HI, timeout=0.2)
        slow_import()
        assert "Hi" == (await client.acompletion(MODEL, HI, stream=False)).text
        await client.aclose()


async def test_calls_that_wait_for_one_import(slow_import: Callable[[], None]) -> None:
    """They share it, and the pool of connections that is made after it."""
    with FaultServer(ANSWER) as server:
        client = client_of(server)
        calls = [asyncio.ensure_future(client.acompletion(MODEL, HI)) for _ in range(3)]
        await asyncio.sleep(0.05)
        slow_import()
        pools = {id(pool) async for pool in _pools_of(client, calls)}
        await client.aclose()
    assert 1 == len(pools)


async def _pools_of(client: Client, calls: list[asyncio.Task[Any]]) -> AsyncIterator[Any]:
    for call in calls:
        await call
        yield client._connections.pools[asyncio.get_running_loop()]


async def test_certificates_are_read_once_they_are_there(tmp_path: Path) -> None:
    """A file of them that was missing is looked for again."""
    path = tmp_path / "bundle.pem"
    with FaultServer(ANSWER) as server:
        client = client_of(server, verify=str(path))
        for _ in range(2):
            with pytest.raises(InvalidRequestError, match="no CA bundle"):
                await client.acompletion(MODEL, HI)
        trustme.CA().cert_pem.write_to_path(path)
        assert "Hi" == (await client.acompletion(MODEL, HI, stream=False)).text
        await client.aclose()


# --- names of hosts -----------------------------------------------------------------------

ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))


class Names:
    """Stands in for ``socket.getaddrinfo``."""

    def __init__(self, *found: Any) -> None:
        self.found = found
        self.asked: list[tuple[Any, ...]] = []
        self.flags: list[int] = []
        self.threads: set[str] = set()

    def __call__(self, *question: Any, flags: int) -> list[Any]:
        self.asked.append(question)
        self.flags.append(flags)
        self.threads.add(threading.current_thread().name)
        answer = self.found[min(len(self.asked), len(self.found)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


def answering(monkeypatch: pytest.MonkeyPatch, *found: Any) -> Names:
    """Have the system answer so."""
    names = Names(*found)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


async def test_the_addresses_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As aiohttp wants them; those that this Python cannot use are left out."""
    names = answering(
        monkeypatch,
        [
            ADDRESS,
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 80, 0, 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (10, b"")),
        ],
    )
    found = await ThreadResolver().resolve("a.example", 80, socket.AF_UNSPEC)
    assert [("a.example", "127.0.0.1", 80), ("a.example", "2001:db8::1", 80)] == [
        (each["hostname"], each["host"], each["port"]) for each in found
    ]
    assert [("a.example", 80, socket.AF_UNSPEC, socket.SOCK_STREAM)] == names.asked
    assert {"llmgate-blocking"} == names.threads


async def test_an_address_of_one_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the interface, without which it leads nowhere."""
    scope = socket.if_nametoindex("lo")
    link_local = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, scope))
    answering(monkeypatch, [link_local])
    assert ["fe80::1%lo"] == [each["host"] for each in await ThreadResolver().resolve("a.example")]


async def test_a_machine_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no address itself, and still reaches itself."""
    names = answering(monkeypatch, socket.gaierror(-5, "none"), [ADDRESS])
    assert 1 == len(await ThreadResolver().resolve("LocalHost.", 80))
    assert [socket.AI_ADDRCONFIG, 0] == names.flags
    answering(monkeypatch, socket.gaierror(-5, "none"))
    with pytest.raises(socket.gaierror):
        await ThreadResolver().resolve("a.example", 80)


async def test_a_call_to_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so."""
    answering(monkeypatch, socket.gaierror(-2, "Name or service not known"))
    with pytest.raises(ConnectError, match="Name or service not known"):
        await client_of("http://a.example/v1").acompletion(MODEL, HI)


async def test_a_literal_address_takes_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anybody asked for it."""
    names = answering(monkeypatch, OSError("asked"))
    with FaultServer(ANSWER) as server:
        client = client_of(server)
        assert "Hi" == (await client.acompletion(MODEL, HI, stream=False)).text
        await client.aclose()
    assert [] == names.asked


async def test_name_servers_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen lookups at a time, the others wait; those whose callers left are never made."""
    released, asked = threading.Event(), list[str]()

    def hang(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        released.wait(10)
        return [ADDRESS]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = ThreadResolver()
    lookups = [asyncio.ensure_future(resolver.resolve(f"{number}.example")) for number in range(20)]
    assert await wait_for_async(lambda: len(asked) == 16)
    lookups[0].cancel()
    lookups[17].cancel()
    await asyncio.sleep(0.02)
    assert 16 == len(asked)
    released.set()
    await asyncio.wait(lookups)
    assert 19 == len(asked)
    assert "17.example" not in asked
    assert [0, 17] == [number for number, lookup in enumerate(lookups) if lookup.cancelled()]
    assert await wait_for_async(lambda: resolver._threads._free == 16)
