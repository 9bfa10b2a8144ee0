"""A real Redis server for the tests, which they stop, kill and start again, and cut off."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from llmgate import Client
from llmgate.middlewares.limits import Limits
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]


class Server:
    """A Redis server on loopback, which keeps nothing on disk."""

    def __init__(self, program: str, *further: str) -> None:
        self._program, self._further = program, further
        self._folder = tempfile.mkdtemp(prefix="llmgate-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        while self.port == 0 or not self._starts():
            self.port = _free_port()  # which another one may take before it is used
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        assert self._starts()

    def _starts(self) -> bool:
        self.client: Any = redis.Redis(port=self.port)
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder]
        settings += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        command = [self._program, *settings, *self._further]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            with suppress(redis.ConnectionError):
                self.client.ping()
                return self._process.poll() is None
            if self._process.poll() is not None:
                return False
            assert time.monotonic() < until, "redis-server does not start"
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP, SIGCONT."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and leave nothing behind."""
        self.client.close()
        self.kill()
        shutil.rmtree(self._folder)


def _free_port() -> int:
    """One that nobody has, and which leaves room for a cluster's second one, 10,000 above."""
    while True:
        port = random.randrange(20_000, 50_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class Proxy:
    """A way to a server that can be cut: nothing is refused, and nothing passes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_open, self.answers = asyncio.Event(), asyncio.Event()
        self._is_open.set()
        self.answers.set()
        self._tasks = set[asyncio.Task[None]]()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Let nothing pass, in either direction."""
        self._is_open.clear()

    def mend(self) -> None:
        """Let everything pass again."""
        self._is_open.set()

    async def aclose(self) -> None:
        """Close all connections."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait([*self._tasks])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, back, self._is_open))
                    group.create_task(self._pass(there, writer, self.answers))
            finally:
                back.close()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            await gate.wait()
            await self._is_open.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@pytest.fixture(scope="session")
def program() -> str:
    """Where ``redis-server`` is: Debian's package of that name."""
    found = shutil.which("redis-server")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("CI=true, but there is no redis-server")
    if found is None:
        pytest.skip("there is no redis-server: install the package of that name")
    return found


@pytest.fixture(scope="session")
def shared(program: str) -> Iterator[Server]:
    """One server for all tests that do not disturb it."""
    server = Server(program)
    yield server
    server.close()


@pytest.fixture
def server(program: str) -> Iterator[Server]:
    """A server of the test's own."""
    server = Server(program)
    yield server
    server.close()


@pytest.fixture
def cluster(program: str) -> Iterator[Server]:
    """A cluster of one server, which has all slots."""
    server = Server(program, "--cluster-enabled", "yes")
    server.client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    until = time.monotonic() + 20
    while b"cluster_state:ok" not in server.client.execute_command("CLUSTER", "INFO"):
        assert time.monotonic() < until, "the cluster does not begin"
        time.sleep(0.01)
    yield server
    server.close()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    """A way to that server which can be cut."""
    proxy = Proxy(server.port)
    await proxy.start()
    yield proxy
    await proxy.aclose()


@pytest.fixture
def namespace() -> str:
    """Keys of a test's own."""
    return uuid.uuid4().hex


@pytest.fixture
def keys(shared: Server, namespace: str) -> Callable[[], dict[str, int]]:
    """The keys of the test, with the milliseconds that they have left."""

    def found() -> dict[str, int]:
        names: list[bytes] = [*shared.client.scan_iter(f"{{{namespace}}}*")]
        return {name.decode(): int(shared.client.pttl(name)) for name in names}

    return found


Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def asking() -> AsyncIterator[Callable[..., Ask]]:
    """Makes functions that send one call through limits; the stores are closed at the end."""
    opened = list[Limits]()

    def made(limits: Limits, *further: Any, answers: Any = None) -> Ask:
        opened.append(limits)
        provider = FakeProvider(["word"] * 10_000 if answers is None else answers)
        client = Client(providers={"fake": provider}, middleware=[limits, *further], max_retries=0)

        async def ask(model: str = "fake/m", **options: Any) -> Any:
            return await client.acompletion(model, HI, **options)

        return ask

    yield made
    for limits in opened:
        await limits.aclose()


class Fleet:
    """Three processes, which run what they are given at the same time."""

    def __init__(self) -> None:
        self._spare = [self._begin() for _ in range(5)]  # they need a while until they are ready
        self._processes = [self.start() for _ in range(3)]

    def _begin(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(Path(__file__).with_name("process.py"))]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self) -> subprocess.Popen[str]:
        """A process, which waits for its first run."""
        process = self._spare.pop() if self._spare else self._begin()
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        return process

    def give(self, process: subprocess.Popen[str], settings: dict[str, Any]) -> None:
        """Let it begin."""
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()

    def run(self, **settings: Any) -> list[dict[str, Any]]:
        """What came of a run of all three."""
        for process in self._processes:
            self.give(process, settings)
        results = list[dict[str, Any]]()
        for process in self._processes:
            assert process.stdout is not None
            results.append(json.loads(process.stdout.readline()))
        return results

    def close(self) -> None:
        """End them."""
        for process in [*self._processes, *self._spare]:
            process.communicate()


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """The same three processes for all tests."""
    fleet = Fleet()
    yield fleet
    fleet.close()
