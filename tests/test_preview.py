"""A preview shows what would be sent, byte for byte, and sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError, PluginError, UnsupportedError
from llmgate.provider import Decoder, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest
from llmgate.provider.threads import run_in_thread
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate.types import Chunk, Completion
from tests.plain_provider import PlainProvider

KEY = "canary-71d0c2b5e4"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ANSWER = (
    b'{"choices": [{"message": {"content": "Hi", "role": "assistant"}, "finish_reason": "stop"}]}'
)


class Waiting(PlainProvider):
    """A provider whose token has to be fetched."""

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        await Suspended()
        return request


class Suspended:
    """Something that has to be waited for."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Broken(Provider):
    """A provider that fails while it translates."""

    protocol = 2
    name = "broken"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        raise KeyError("model")
        yield

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        return self.complete(call)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def test_a_preview_is_what_is_sent() -> None:
    """Method, address and body are those of the request that follows."""
    transport = CannedTransport([Canned(200, {}, ANSWER)])
    provider = with_transport(PlainProvider(api_key=KEY), transport)
    async with Client(providers={"openai": provider}) as client:
        options: Mapping[str, Any] = {"temperature": 0.5, "extra_headers": {"x-team": "7"}}
        shown = client.preview("gpt-4o", HELLO, **options)
        assert [] == transport.requests
        await client.acompletion("gpt-4o", HELLO, stream=False, **options)
    [sent] = transport.requests
    assert (sent.method, sent.url, sent.body) == (shown.method, shown.url, shown.body)
    assert {"model": "gpt-4o", "messages": HELLO, "temperature": 0.5} == shown.json()


def test_no_credential_is_shown() -> None:
    """The names of all headers are there, and the key is not."""
    client = Client(providers={"openai": PlainProvider(api_key=KEY)})
    shown = client.preview("gpt-4o", HELLO, extra_headers={"x-secret": KEY})
    assert {"content-type": "application/json", "x-secret": "***", "Authorization": "***"} == dict(
        shown.headers
    )
    assert KEY not in repr(shown)


class Querying(PlainProvider):
    """A provider that is authorized by its address."""

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return replace(request, url=f"{request.url}?tier=gold&key={KEY}")


def test_the_address_is_that_which_is_authorized() -> None:
    """With the names of all that is added last, and without the key."""
    shown = Client(providers={"openai": Querying()}).preview("gpt-4o", HELLO)
    assert "https://api.openai.com/v1/chat/completions?tier=gold&key=***" == shown.url


@pytest.mark.parametrize(
    "provider", [PlainProvider(), Waiting(api_key=KEY)], ids=["no key", "a token"]
)
def test_a_preview_needs_no_credential(provider: Provider) -> None:
    """Without a key, or with a token that would have to be fetched, the rest is shown."""
    shown = Client(providers={"openai": provider}).preview("gpt-4o", HELLO)
    assert {"content-type": "application/json"} == dict(shown.headers)


class Loading(PlainProvider):
    """A provider whose credentials are loaded on a thread."""

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        await run_in_thread(list)
        return request


async def test_a_look_begins_nothing_on_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that would have to be waited for are not loaded there either."""
    before = asyncio.all_tasks()
    test_a_look_begins_no_thread(monkeypatch)
    assert before == asyncio.all_tasks()


async def test_a_look_from_a_loop_is_authorized() -> None:
    """What is there at once, as it is without a loop; the caller's context is seen."""
    name = ContextVar[str]("name")
    name.set("mine")

    class Named(PlainProvider):
        """Sends what the context says."""

        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            sent = await super().authorize(request, signing)
            return replace(sent, url=f"{sent.url}?name={name.get()}")

    shown = Client(providers={"plain": Named(api_key=KEY)}).preview("plain/m", HELLO)
    assert shown.url.endswith("?name=mine")
    assert "***" == shown.headers["Authorization"]


def test_a_look_begins_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a loop nothing is begun that would have to be waited for, nor is a loop made."""
    begun: list[Any] = []
    monkeypatch.setattr("llmgate.provider.threads.start_in_thread", begun.append)
    preview = Client(providers={"plain": Loading(api_key=KEY)}).preview("plain/m", HELLO)
    assert HELLO == preview.json()["messages"]
    assert not begun


class Reasoning(PlainProvider):
    """A provider that samples in its own way."""

    parameters = MappingProxyType({"temperature": Support.UNSUPPORTED})


def test_a_preview_has_the_report() -> None:
    """What would differ from the call is known before anything is sent."""
    client = Client(providers={"openai": Reasoning(api_key=KEY)})
    shown = client.preview("o3", HELLO, stream=True, temperature=0.5)
    assert "temperature" in shown.report
    assert "temperature" not in shown.json()
    assert True is shown.json()["stream"]


def test_what_would_be_refused_is_refused() -> None:
    """A preview raises what the call would raise before sending."""
    client = Client(providers={"openai": Reasoning(api_key=KEY), "fake": FakeProvider([])})
    misspelt: dict[str, Any] = {"temprature": 1}
    with pytest.raises(InvalidRequestError, match="temprature"):
        client.preview("gpt-4o", HELLO, **misspelt)
    with pytest.raises(UnsupportedError):
        client.preview("o3", HELLO, temperature=0.5, unsupported="raise")


def test_a_failure_of_the_provider_is_an_error_of_ours() -> None:
    """No exception of a plugin's own code escapes."""
    with pytest.raises(PluginError, match=r"KeyError: 'model' at tests/test_preview\.py:\d+ in "):
        Client(providers={"broken": Broken()}).preview("broken/x", HELLO)


def test_a_request_without_a_body_has_no_json() -> None:
    """A first question, such as for a model's schema, has no body."""

    class Asking(Broken):
        name = "asking"

        def complete(self, call: ProviderCall) -> Flow[Completion]:
            yield HttpRequest("GET", "https://a:b@example.com/schema?version=2&api-key=1")
            raise AssertionError

    shown = Client(providers={"asking": Asking()}).preview("asking/x", HELLO)
    assert ("GET", None) == (shown.method, shown.json())
    assert "https://example.com/schema?version=2&api-key=***" == shown.url


class Refusing(Broken):
    """A provider that refuses every call while it translates it."""

    name = "refusing"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        raise UnsupportedError("no such thing", parameter="messages[0]")
        yield


def test_a_call_that_is_refused_has_no_preview() -> None:
    """The refusal is the one that the call itself would raise."""
    with pytest.raises(UnsupportedError, match="no such thing") as caught:
        Client(providers={"refusing": Refusing()}).preview("refusing/m", HELLO)
    assert "messages[0]" == caught.value.parameter
