"""The life of clients and loops: what is let go closes, however it ends, and nobody is warned.

Whole processes, with threads and forks, are in ``test_processes``.
"""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, cast

import pytest
import trustme

from llmgate import Client, Stream
from llmgate._core.default import default_client
from llmgate.hooks import CallEnded
from llmgate.transports._lifetime import Keeper
from tests import virtual_time
from tests.faults.calls import HI, MODEL, Recorder, client_of
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    chunk,
    event,
    framed,
    hang,
    reply,
    then,
)
from tests.machine import wait_for, wait_for_async

ANSWER = reply(body=COMPLETION)
ENDLESS = then(STREAM_HEAD, framed(event(chunk("a"))), last=hang)
PATHS = ["public", "fast"] if find_spec("llmgate.transports._fast") else ["public"]


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

    keeper = Keeper(close, lambda: closed.append("abandoned"), lambda: closed.append("warned"))
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
    await asyncio.gather(keeper.aclose(), keeper.aclose())
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
        assert await wait_for_async(lambda closed=closed: ["warned", "closed"] == closed)  # type: ignore[misc]


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
    keepers = [loop.run_until_complete(kept(owner, closed)) for _ in range(2)]
    loop.close()
    loop.close()
    assert ["closed", "abandoned", "abandoned"] == closed
    assert all(keeper.is_closed for keeper in keepers)
    del owner
    gc.collect()
    assert 3 == len(closed)


def test_an_owner_that_ends_with_its_loop() -> None:
    """As one that is local to what ``asyncio.run`` runs: it is closed, and nothing is warned of."""
    closed: list[str] = []

    async def main() -> None:
        await kept(Owner(), closed)

    asyncio.run(main())
    assert ["closed"] == closed


def test_a_loop_is_left_as_it_is() -> None:
    """None of its attributes is replaced, and what is closed leaves no timer in it."""
    closed: list[str] = []
    owner = Owner()
    loop = asyncio.new_event_loop()
    before = {*vars(loop)}
    keeper = loop.run_until_complete(kept(owner, closed))
    assert before == {*vars(loop)}
    loop.run_until_complete(keeper.aclose())
    loop.close()
    assert ["closed"] == closed


def test_a_loop_that_nobody_closes() -> None:
    """What is kept closes when the loop is collected."""
    closed: list[str] = []
    owner = Owner()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(kept(owner, closed))
    del owner
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # asyncio's, of that loop
        del loop
        gc.collect()
    assert ["abandoned"] == closed


def test_a_loop_that_runs_for_days() -> None:
    """Nothing happens before its end."""
    closed: list[str] = []
    owner = Owner()

    async def main() -> None:
        await kept(owner, closed)
        await asyncio.sleep(3 * 86400)
        assert [] == closed

    virtual_time.run(main)
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


@contextmanager
def one_warning(text: str) -> Generator[None]:
    """There is one warning, of connections that are left open."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [(ResourceWarning, True)] == [
        (warning.category, text in str(warning.message)) for warning in caught
    ]


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way through aiohttp."""
    name: str = request.param
    monkeypatch.setenv("LLMGATE_FAST_PATH", "1" if name == "fast" else "0")
    return name


def open_files() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


def files() -> set[tuple[str, str]]:
    """Those of this process: their numbers, and what they are."""
    found: set[tuple[str, str]] = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing itself
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


async def first_of(client: Client, *, streamed: bool) -> object:
    """A call's response, or a stream after its first chunk."""
    if not streamed:
        return await client.acompletion(MODEL, HI)
    answer = await client.acompletion(MODEL, HI, stream=True)
    await anext(answer)
    return answer


def serving(*, streamed: bool, secure: bool) -> tuple[FaultServer, dict[str, Any]]:
    """A server, and what a client needs to speak to it."""
    step = ENDLESS if streamed else ANSWER
    if not secure:
        return FaultServer(step), {}
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] # it is pyOpenSSL's, too
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)  # pyright: ignore[reportUnknownMemberType] # likewise
    return FaultServer(step, tls=context), {"verify": trusting}


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("secure", [False, True])
def test_a_loop_that_is_closed_by_hand(streamed: bool, secure: bool) -> None:
    """Its connections close with it, no file stays open, and there is one warning."""
    serves, settings = serving(streamed=streamed, secure=secure)
    with serves as server:
        client = client_of(server, **settings)
        before = open_files()
        loop = asyncio.new_event_loop()
        with one_warning("its event loop was closed"):
            answer = loop.run_until_complete(first_of(client, streamed=streamed))
            loop.close()
            assert server.wait_until_left()
            assert before == open_files()
            del answer, loop
        assert 0 == len(client._connections.pools)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_the_default_client(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it ends, nothing is warned of, and no file stays open."""
    default_client.cache_clear()
    with FaultServer(ENDLESS if streamed else ANSWER) as server, no_warning():
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        client = cast("Client", default_client())  # as checkers know the public one
        before = set[tuple[str, str]]()
        for number, by_hand in enumerate((True, False, True, False)):
            if number == 1:  # what a process opens but once was opened by the first call
                before = files()
            loop = asyncio.new_event_loop()
            answer = loop.run_until_complete(first_of(client, streamed=streamed))
            if not by_hand:
                loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            assert server.wait_until_left()
            del answer, loop
        wait_for(lambda: not files() - before)  # the server closes its own end a little later
        assert set() == files() - before
    default_client.cache_clear()


def test_a_loop_that_ends_in_a_forked_child() -> None:
    """Connections are its parent's: they are not warned of there, and go on here."""
    with FaultServer(ANSWER) as server:
        client = client_of(server)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(client.acompletion(MODEL, HI))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with no_warning():
                    loop.close()
                code = 0
            finally:
                os._exit(code)
        assert (child, 0) == os.waitpid(child, 0)
        loop.run_until_complete(client.acompletion(MODEL, HI))
        assert 1 == server.connections
        loop.run_until_complete(client.aclose())
        loop.close()


async def test_a_client_that_is_let_go() -> None:
    """Its connections close; after answers, after failures, and with a stream open."""
    for step in (ANSWER, reply(404), ENDLESS):
        is_open = step is not ENDLESS  # whose connection was closed with it
        with FaultServer(step) as server, one_warning("collected") if is_open else no_warning():
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
    return client._connections.pools[asyncio.get_running_loop()]


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


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_stream_that_outlives_its_loop(by_hand: bool) -> None:
    """Its connection closes with the loop, and the hooks are told when it is let go."""
    hook = Recorder()
    with FaultServer(ENDLESS) as server, one_warning("closed") if by_hand else no_warning():
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
