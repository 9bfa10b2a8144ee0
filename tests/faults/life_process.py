"""Whole processes: how they end, what signals do to them, forks, and what importing does.

Each plays in a fresh interpreter with every warning an error; whatever it writes to standard error
is a fault. Processes are slow to start, and so each tries several things, for one or two providers:
what they try is the same for all.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llmgate_anthropic import Anthropic
from llmgate_azure import AzureOpenAI
from llmgate_cohere import Cohere
from llmgate_openai import OpenAI
from llmgate_replicate import Replicate
from tests.faults.calls import KEY
from tests.faults.dialect import Dialect
from tests.faults.networks import server_tls
from tests.faults.peer import Peer
from tests.faults.programs import (
    AT_ONCE,
    EVERYTHING_LEFT,
    EXITED,
    FORKED,
    HEAD,
    INTERRUPTED,
    TERMINATED,
    UNCAUGHT,
    WATCHED,
)
from tests.faults.server import FaultServer, hang
from tests.faults.table import Case, Player, Scene, serving
from tests.machine import wait_for_async

__all__ = ["CASES"]

ROOT = Path(__file__).parents[2]
PLUGINS = {
    "openai": OpenAI,
    "azure": AzureOpenAI,
    "anthropic": Anthropic,
    "cohere": Cohere,
    "replicate": Replicate,
}
ONE = ("openai",)
FEW = ("openai", "anthropic")


def answering(dialect: Dialect) -> Callable[[Peer], Awaitable[None]]:
    """Answers by what is asked: "hang" never, "half" by half a stream, and the rest whole."""

    async def step(peer: Peer) -> None:
        seen = peer.server.requests[-1]
        is_streamed = bool(seen.json.get("stream"))
        if b'"half"' in seen.body:
            await peer.send(dialect.streamed(*dialect.begun, last=b""))
            await look_away(peer)
        elif b'"hang"' in seen.body:
            await hang(peer)
        else:
            await peer.send(dialect.streamed() if is_streamed else dialect.reply())

    return step


async def look_away(peer: Peer) -> None:
    """Take no notice for a while of what the client does, such as to say goodbye by TLS."""
    peer.transport.pause_reading()
    await asyncio.sleep(0.3)
    peer.transport.resume_reading()
    await hang(peer)


class Process:
    """An interpreter that runs a script, and what it says line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def said(self, *words: str) -> None:
        """It says these lines next."""
        assert self._process.stdout is not None
        for word in words:
            line = await asyncio.wait_for(self._process.stdout.readline(), 20)
            assert word == line.decode().strip(), f"{line!r}, {await self.error()}"

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def error(self) -> str:
        """What it writes to standard error, to its end."""
        assert self._process.stderr is not None
        return (await asyncio.wait_for(self._process.stderr.read(), 20)).decode()

    async def ends(self, code: int = 0) -> None:
        """It ends so, and without a word."""
        wrote = await self.error()
        assert not wrote, wrote
        assert code == await asyncio.wait_for(self._process.wait(), 20)


@asynccontextmanager
async def started(script: str, *arguments: str) -> AsyncGenerator[Process]:
    """A process that runs this script; it does not outlive those who watch it."""
    command = ["-X", "dev", "-W", "error", "-c", script, *arguments]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=pipe, stderr=pipe, cwd=ROOT
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def process(
    name: str,
    script: str,
    watch: Callable[[Process, FaultServer], Awaitable[None]],
    providers: tuple[str, ...] = ONE,
    *,
    code: int = 0,
    **server: Any,
) -> Scene:
    """A process with a client, which is watched, ends so, and leaves no connection open."""

    async def scene(player: Player) -> None:
        dialect, make = player.dialect, PLUGINS[player.dialect.name]
        async with serving(dialect.serve(answering(dialect), **server)) as served:
            url = served.url if dialect.name == "openai" else served.url.removesuffix("/v1")
            plugin = make.__module__.partition(".")[0]
            arguments = (url, dialect.model, plugin, make.__name__, KEY)
            async with started(HEAD + script, *arguments) as child:
                await watch(child, served)
                await child.ends(code)
            assert await wait_for_async(lambda: served.open_connections == 0, 0.5), "left open"

    return Scene(name, scene, providers, ((False, False),))


def saying(*words: str) -> Callable[[Process, FaultServer], Awaitable[None]]:
    """It says just these lines."""

    async def watch(child: Process, server: FaultServer) -> None:
        await child.said(*words)

    return watch


# --- forks --------------------------------------------------------------------------------


async def watch_forked(child: Process, server: FaultServer) -> None:
    """The child makes connections of its own, and its end does no harm to its parent's."""
    await child.said("Hello")
    ours = list(server.peers)
    await child.said("Hello", "Hello", "Hello", "parent")
    assert not any(peer.gone.is_set() for peer in ours), "the child closed what is its parent's"
    before = server.connections
    await child.said("Hello")
    assert before == server.connections, "the parent lost its connection"
    await child.said("Hello")
    await child.said("Hello")
    before = server.connections
    await child.said("Hello")
    assert before == server.connections, "the parent's loop lost its connection"


# --- signals ------------------------------------------------------------------------------


async def interrupt(child: Process, server: FaultServer) -> None:
    """Ctrl-C at each of these, which the server sees at once; afterwards all goes on."""
    for number in range(2, 6):
        await child.said("ready")
        assert await wait_for_async(lambda: len(server.requests) == number, 10.0)  # noqa: B023
        peer = server.peers[-1]
        await asyncio.sleep(0.05)
        child.signal(signal.SIGINT)
        assert await wait_for_async(peer.gone.is_set, 1.0), "left open"
        await child.said("interrupted")
    await child.said("Hello", "Hello")


def signalled(number: int, *words: str) -> Callable[[Process, FaultServer], Awaitable[None]]:
    """It is sent a signal when it is ready, and then says these lines."""

    async def watch(child: Process, server: FaultServer) -> None:
        await child.said("ready")
        await asyncio.sleep(0.05)
        child.signal(number)
        await child.said(*words)

    return watch


# --- importing ----------------------------------------------------------------------------


async def _importing(player: Player) -> None:
    """No part opens a socket or a file other than a module, or starts a thread."""
    plugins = ", ".join(each.__module__.partition(".")[0] for each in PLUGINS.values())
    async with started(WATCHED.format(plugins=plugins)) as child:
        await child.ends()


async def terminate(child: Process, server: FaultServer) -> None:
    """Once in a loop that takes it for a cancellation, and once anywhere."""
    await signalled(signal.SIGTERM, "cancelled")(child, server)
    await signalled(signal.SIGTERM)(child, server)


left = saying("Hello", "left")

CASES: tuple[Case | Scene, ...] = (
    process("a process ends with everything left open", EVERYTHING_LEFT, left),
    process(
        "a process ends with everything left open, with TLS",
        EVERYTHING_LEFT,
        left,
        ("anthropic",),
        tls=server_tls(),
    ),
    process("a process exits in a stream", EXITED, saying("exits"), code=3),
    process("a process forks", FORKED, watch_forked, FEW, tls=server_tls()),
    process("Ctrl-C, again and again", INTERRUPTED, interrupt, FEW),
    process(
        "Ctrl-C that nobody catches",
        UNCAUGHT,
        signalled(signal.SIGINT, "KeyboardInterrupt"),
        code=-signal.SIGINT,
    ),
    process("SIGTERM", AT_ONCE, signalled(signal.SIGTERM), code=-signal.SIGTERM),
    process("SIGTERM that is caught", TERMINATED, terminate, code=5),
    Scene("importing does nothing", _importing, ONE, ((False, False),)),
)
