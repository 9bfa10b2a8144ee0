"""What a client holds for its providers: made once, shared by all calls, closed at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import ClosedError, RequestError
from llmgate.hooks import CallEnded
from llmgate.options import ChatParameters
from llmgate.provider import Signing, Support
from llmgate.provider.http import HttpRequest
from llmgate.testing import CannedTransport, FakeProvider
from llmgate.testing.script import script
from tests.faults.calls import HI, KEY, Recorder
from tests.faults.server import COMPLETION, FaultServer, reply
from tests.plain_provider import PlainProvider


class Closing(CannedTransport):
    """It counts how often it was closed, and may fail then."""

    def __init__(self, answers: Any = (), failure: Exception | None = None) -> None:
        super().__init__(script(answers))
        self.times_closed, self.failure = 0, failure

    async def aclose(self) -> None:
        self.times_closed += 1
        if self.failure is not None:
            raise self.failure


@dataclass
class Token:
    """A token for good."""

    value: str
    expires: datetime | None = None


VALUE = '{"value": [1]}'


class Local(FakeProvider):
    """A model in this process that knows tools and no formats, and signs with a token."""

    def __init__(self, *answers: Any, failure: Exception | None = None) -> None:
        super().__init__()
        self.own = Closing(answers, failure)
        self.asked = self.made = 0
        self.meet: Callable[[], object] = lambda: None

    @property
    def transport(self) -> CannedTransport:
        self.asked += 1
        self.meet()
        return self.own

    def abilities(self, model: str, parameters: ChatParameters) -> Mapping[str, Support]:
        return {"tools": Support.NATIVE}

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        token = await signing.once("token", self._make)
        return request.with_headers({"Authorization": token.value})

    async def _make(self) -> Token:
        self.made += 1
        return Token(f"t{self.made}")


FORMATS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a type that is emulated and wrapped": {"response_format": list[int]},
    "functions": {"functions": [{"name": "f", "parameters": {"type": "object"}}]},
}


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
async def test_a_provider_is_asked_once_and_what_it_gave_is_closed(options: dict[str, Any]) -> None:
    """The transport and the token, also where each call sees the provider through views."""
    provider = Local(VALUE, VALUE, VALUE)
    async with Client(providers={"local": provider}) as client:
        for _ in range(3):
            await client.acompletion("local/m", HI, **options)
    assert (1, 1, 1) == (provider.asked, provider.made, provider.own.times_closed)


class Broken(Local):
    """A model whose code has a bug."""

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        raise KeyError(KEY)


async def test_a_bug_is_named_through_views() -> None:
    """By the line of the provider's own code."""
    async with Client(providers={"local": Broken()}) as client:
        with pytest.raises(Exception, match="failed to authorize") as caught:
            await client.acompletion("local/m", HI, response_format=list[int])
    assert "test_closing.py" in f"{getattr(caught.value, 'origin', None)}"


def test_two_threads_that_ask_at_once_use_one_transport() -> None:
    """Each has its own event loop; the client closes what either got."""
    given, both = list[Closing](), threading.Barrier(2)

    def transport(_: Local) -> Closing:
        if len(given) < 2:
            both.wait(20)
        given.append(Closing([VALUE, VALUE]))
        return given[-1]

    kind = type("Local", (Local,), {"transport": property(transport)})
    client = Client(providers={"local": kind()})

    def call(_: int) -> object:
        return asyncio.run(client.acompletion("local/m", HI))

    with ThreadPoolExecutor(2) as threads:
        assert 2 == len([*threads.map(call, range(2))])
    asyncio.run(client.aclose())
    assert [0, 2] == sorted(len(each.requests) for each in given)
    assert [1, 1] == [each.times_closed for each in given]


async def test_a_call_that_begins_while_the_client_is_closed_opens_nothing() -> None:
    """A provider's own transport would be left open."""
    provider = Local(VALUE)
    client = Client(providers={"local": provider})
    provider.meet = lambda: _run_in_thread(client.aclose)
    with pytest.raises(ClosedError, match="during the call"):
        await client.acompletion("local/m", HI)
    assert [] == provider.own.requests


def _run_in_thread(work: Any) -> None:
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join(20)


class ClosesItsClient(PlainProvider):
    """It has no transport of its own, and where it is asked for one, its client is closed."""

    client: Client
    closing: asyncio.Task[None]

    @property
    def transport(self) -> None:
        self.closing = asyncio.ensure_future(self.client.aclose())


async def test_a_first_call_beside_the_end_of_its_client_leaves_no_connection() -> None:
    """The pool that it makes is closed at once."""
    with FaultServer(reply(body=COMPLETION)) as server:
        provider = ClosesItsClient(api_key=KEY, base_url=server.url)
        provider.client = client = Client(providers={"openai": provider})
        with pytest.raises(ClosedError, match="during the call"):
            await client.acompletion("openai/m", HI)
        await provider.closing
        assert 0 == server.connections
    assert [] == [*client._connections.pools]


async def test_a_transport_that_fails_to_close_keeps_nothing_open() -> None:
    """The other transports are closed, hooks have had their events, and the failure is raised."""
    first, second = Local(VALUE, failure=OSError(5, "no")), Local(VALUE)
    common, recorder = Closing(), Recorder()
    providers = {"first": first, "second": second}
    client = Client(providers=providers, transport=common, hooks=[recorder])
    for name in providers:
        await client.acompletion(f"{name}/m", HI)
    with pytest.raises(OSError, match="no"):
        await client.aclose()
    assert [1, 1, 1] == [first.own.times_closed, second.own.times_closed, common.times_closed]
    assert 2 == len(recorder.all(CallEnded))
    assert client._dispatcher._queue._is_ending  # its thread


class HalfMade:
    """A transport with a mistake."""

    open = 5
    aclose = Closing.aclose


@pytest.mark.parametrize(
    ("given", "reason"), [(5, "AttributeError"), (HalfMade(), "is not a transport")]
)
async def test_what_is_no_transport_is_said(given: object, reason: str) -> None:
    """By the call that needs it."""
    kind = type("Local", (Local,), {"transport": given})
    async with Client(providers={"local": kind()}) as client:
        with pytest.raises(RequestError, match=f"has no transport: .*{reason}"):
            await client.acompletion("local/m", HI)
