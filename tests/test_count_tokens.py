"""Counts of tokens: a provider's own, and estimates that learn from the usage of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client, TokenCount
from llmgate.errors import (
    BadRequestError,
    InvalidRequestError,
    LLMGateError,
    PluginError,
    ProviderError,
    UnsupportedError,
)
from llmgate.hooks import CallEnded, Event
from llmgate.middleware import Middleware, Shared
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.routing import Router
from llmgate.options import ChatParameters
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow
from llmgate.testing import FakeProvider
from llmgate.types import Completion, Usage

HI: Any = [{"role": "user", "content": "Hi there, how are you today?"}]


class Counting(FakeProvider):
    """Counts the characters, or fails."""

    outcome: Any = None

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """What the test wants."""
        if isinstance(self.outcome, LLMGateError):
            raise self.outcome
        yield from ()
        said: Any = call.messages[0]
        counted: TokenCount = self.outcome or TokenCount(len(said["content"]))
        return counted


class Billing(FakeProvider):
    """Bills two bytes of the text a token, or says nothing of it."""

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The completion, with another usage."""
        found = yield from super().complete(call)
        sent = sum(len(str(each.get("content"))) for each in call.messages)
        found.usage = Usage(sent // 2, 1, sent // 2 + 1) if "quiet" not in call.model else None
        return found


def counts(provider: FakeProvider, messages: Any = HI, **options: Any) -> TokenCount:
    """A count without async."""
    with Client(providers={"fake": provider}) as client:
        return client.count_tokens("fake/fake-1", messages, **options)


def test_a_provider_counts_where_it_can() -> None:
    """Hooks see that no model was asked."""
    seen: list[Event] = []
    found = counts(Counting(), hooks=[seen.append])
    assert (found.tokens, int(found), found.is_estimate, found.basis) == (28, 28, False, "")
    (end,) = [event for event in seen if isinstance(event, CallEnded)]
    assert (end.operation, end.outcome) == ("count_tokens", "ok")


@pytest.mark.parametrize(
    "outcome",
    [UnsupportedError("no"), ProviderError("no", status=405), ProviderError("no", status=501)],
)
def test_it_is_an_estimate_where_the_host_has_no_such_path(outcome: Any) -> None:
    """As for a provider that cannot count."""
    provider = Counting()
    provider.outcome = outcome
    found = counts(provider)
    assert found == counts(FakeProvider())
    assert found.is_estimate
    assert (found.tokens, found.basis) == (12, "4 bytes per token, as in English")


@pytest.mark.parametrize(
    ("outcome", "error"), [(BadRequestError("no", status=400), BadRequestError), (5, PluginError)]
)
def test_failures_are_those_of_calls(outcome: Any, error: type[LLMGateError]) -> None:
    """No estimate hides them."""
    provider = Counting()
    provider.outcome = outcome
    with pytest.raises(error):
        counts(provider)


def test_an_estimate_counts_texts_tools_and_images() -> None:
    """What only the provider understands is sent as well, and is not counted."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9999}}
    parts = [{"type": "text", "text": "a" * 396}, image]
    said: Any = [{"role": "user", "content": parts}]
    plain = counts(FakeProvider(), said)
    assert plain.tokens == (396 + 4 + 4) // 4 + 4 + 765
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert counts(FakeProvider(), said, tools=[tool]).tokens > plain.tokens
    thought = {"role": "assistant", "content": "a", "provider_data": {"fake": {"x": "y" * 999}}}
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    call = {"role": "assistant", "content": None, "tool_calls": [called], "place": 5}
    assert 5 < counts(FakeProvider(), [call]).tokens < 20
    assert counts(FakeProvider(), [thought]).tokens < 20


def test_an_estimate_learns_from_the_usage_of_calls() -> None:
    """Once the client was asked for one: whole calls and streams, by provider and model."""
    with Client(providers={"fake": Billing(["a"] * 9)}, middleware=[Cache()]) as client:
        client.completion("fake/fake-1", HI)
        first = client.count_tokens("fake/fake-1", HI)
        assert "English" in first.basis
        longer: Any = [{"role": "user", "content": "x" * 2000}]
        client.completion("fake/fake-1", longer)
        client.completion("fake/fake-1", longer)  # of the cache
        learnt = client.count_tokens("fake/fake-1", [{"role": "user", "content": "y" * 500}])
        assert (learnt.is_estimate, learnt.basis) == (True, "2.00 bytes per token in 1 calls")
        assert 248 <= learnt.tokens <= 252
        assert "English" in client.count_tokens("fake/fake-2", HI).basis
        client.completion("fake/quiet", longer)
        assert "English" in client.count_tokens("fake/quiet", HI).basis
        with client.completion("fake/fake-1", [*longer, *HI], stream=True) as stream:
            assert [*stream.text()] == ["a"]
        assert "in 2 calls" in client.count_tokens("fake/fake-1", HI).basis
        image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
        client.completion("fake/fake-1", [{"role": "user", "content": [image]}])
        assert "in 2 calls" in client.count_tokens("fake/fake-1", HI).basis


class OnlyTools(Counting):
    """Its model knows no formats: one is emulated, by a view of the provider."""

    def abilities(self, model: str, parameters: ChatParameters) -> Mapping[str, Support]:
        return {"tools": Support.NATIVE}


def test_a_provider_counts_a_call_whose_format_is_emulated() -> None:
    """On every version of Python, though a view is an instance of no protocol since 3.12."""
    count = counts(OnlyTools(), response_format=list[int])
    assert (len(HI[0]["content"]), False) == (count.tokens, count.is_estimate)


@pytest.mark.parametrize("middleware", [[], [Router()]], ids=["a list", "a router of one's own"])
def test_an_estimate_learns_from_calls_with_fallbacks(middleware: list[Middleware]) -> None:
    """Also where the client made some of these before it was asked for a count."""
    provider = Billing(["a"] * 9)
    with Client(providers={"fake": provider}, middleware=middleware) as client:
        models, text = ["fake/fake-1", "fake/fake-2"], "x" * 2000
        client.completion(models, HI)
        client.count_tokens("fake/fake-1", HI)
        client.completion(models, [{"role": "user", "content": text}])
        assert "in 1 calls" in client.count_tokens("fake/fake-1", HI).basis


class Told(Router):
    """A router that counts how often a client says that it uses it."""

    times = 0

    def used_by(self, shared: Shared) -> None:
        self.times += 1
        super().used_by(shared)


def test_a_router_is_told_once_who_uses_it() -> None:
    """By the client, and by none of its calls."""
    router = Told()
    with Client(providers={"fake": Billing(["a"] * 9)}, middleware=[router, Cache()]) as client:
        for _ in range(2):
            client.completion(["fake/fake-1", "fake/fake-2"], HI)
    assert 1 == router.times


def test_old_calls_count_less() -> None:
    """A model may have changed: what it does now outweighs what it did."""

    class Changing(FakeProvider):
        each = 10

        def complete(self, call: ProviderCall) -> Flow[Completion]:
            found = yield from super().complete(call)
            found.usage = Usage(1000 // self.each, 1, 1000 // self.each + 1)
            return found

    provider = Changing(["a"] * 400)
    said: Any = [{"role": "user", "content": "x" * 996}]
    with Client(providers={"fake": provider}) as client:
        client.count_tokens("fake/fake-1", said)
        for _ in range(60):
            client.completion("fake/fake-1", said)
        provider.each = 2
        for _ in range(300):
            client.completion("fake/fake-1", said)
        assert 480 <= client.count_tokens("fake/fake-1", said).tokens <= 500


def test_files_are_read_and_mistakes_named(tmp_path: Path) -> None:
    """As for a call, with and without async; a traceback ends where the mistake was made."""
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    said: Any = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, llmgate.image(path)]}]
    with Client(providers={"fake": FakeProvider()}) as client:
        found = client.count_tokens("fake/fake-1", said)
        again = asyncio.run(client.acount_tokens("fake/fake-1", said))
        assert found == again
        assert found.tokens > 765
        with pytest.raises(InvalidRequestError) as refused:
            client.count_tokens("fake/fake-1", 5)  # type: ignore[arg-type] # pyright: ignore
        assert "count_tokens" == refused.traceback[-1].name
        with pytest.raises(InvalidRequestError) as refused:
            asyncio.run(client.acount_tokens("fake/fake-1", 5))  # type: ignore[arg-type] # pyright: ignore
        assert "acount_tokens" == refused.traceback[-1].name


def test_the_modules_functions_use_the_default_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without async."""
    client = Client(providers={"fake": Counting()})
    monkeypatch.setattr("llmgate._core.default.default_client", lambda: client)
    assert llmgate.count_tokens("fake/fake-1", HI).tokens == 28
    assert asyncio.run(llmgate.acount_tokens("fake/fake-1", HI)).tokens == 28
    client.close()
