"""Rerankings: calls through a client, with a provider of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

import llmgate
from llmgate import Client, Reranking
from llmgate.errors import (
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    PluginError,
    RequestError,
    UnsupportedError,
)
from llmgate.hooks import CallEnded, Event
from llmgate.middleware import Middleware, RerankCall, RerankHandler
from llmgate.provider import (
    Decoder,
    Provider,
    ProviderCall,
    RerankAbilities,
    Reranker,
    Signing,
    Support,
)
from llmgate.provider.http import Flow, HttpRequest, decode_json, encode_json
from llmgate.provider.ranking import by_relevance, results_in
from llmgate.reranking import RerankResult, RerankUsage
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate.types import Chunk, Completion

DOCUMENTS: list[Any] = ["a cat", {"text": "big dogs"}, "a big dog"]


class Texts(FakeProvider):
    """Takes what the test says."""

    given: Any = RerankAbilities({"truncate": Support.NATIVE})

    def rerank_abilities(self, model: str) -> RerankAbilities:
        """What the test wants."""
        if isinstance(self.given, Exception):
            raise self.given
        found: RerankAbilities = self.given
        return found


def sent(provider: FakeProvider) -> Any:
    """The body of the last request."""
    return decode_json(provider.transport.requests[-1].body)


def rerank(provider: FakeProvider, documents: Any = DOCUMENTS, **options: Any) -> Reranking:
    """A call without async."""
    with Client(providers={"fake": provider}) as client:
        return client.rerank("fake/fake-1", "big dog", documents, **options)


class Plain(FakeProvider):
    """Says nothing of what it takes."""

    rerank_abilities = Reranker.rerank_abilities


def test_a_provider_that_says_nothing_takes_texts() -> None:
    """And all parameters."""
    provider = Plain()
    assert [1, 0] == rerank(provider, ["a cat", "a big dog"], top_n=2).indexes
    assert RerankAbilities() == provider.rerank_abilities("fake-1")


def test_documents_come_by_relevance() -> None:
    """With their places in the call, and the documents where they are asked for."""
    provider = FakeProvider()
    found = rerank(provider, labels={"a": 1})
    assert found.indexes == [2, 1, 0]
    assert [each.relevance_score for each in found.results] == [1.0, 0.5, 0.0]
    assert (found.model, found.provider) == ("fake-1", "fake")
    assert found.usage == RerankUsage(9, 9)
    assert not found.report
    assert all(not each.document for each in found.results)
    assert sent(provider) == {
        "model": "fake-1",
        "for": "big dog",
        "sort": DOCUMENTS,
        "with": {},
    }
    best = rerank(provider, top_n=2, return_documents=True, extra_body={"x": 1})
    assert [each.document for each in best.results] == [{"text": "a big dog"}, {"text": "big dogs"}]
    assert sent(provider)["with"] == {"top_n": 2}
    assert sent(provider)["x"] == 1


def test_a_tuple_and_messages_of_other_types_are_documents() -> None:
    """Whatever can be iterated over, and what dumps to an object."""
    usage = llmgate.Usage(1, 2, 3)
    found = rerank(FakeProvider(), (each for each in ("dog", usage)))
    assert found.indexes == [0, 1]


WRONG: list[tuple[Any, str]] = [
    ({"query": ""}, "query"),
    ({"query": 5}, "query"),
    ({"query": "\ud800"}, "query"),
    ({"documents": []}, "documents"),
    ({"documents": "a"}, "documents"),
    ({"documents": ["a", {}]}, "documents[1]"),
    ({"documents": ["a", 5]}, "documents[1]"),
    ({"documents": ["a", {"text": {1}}]}, "documents[1].text"),
    ({"top_n": 0}, "top_n"),
    ({"return_documents": 1}, "return_documents"),
    ({"top_k": 3}, "top_k"),
    ({"timeout": -1}, "timeout"),
]


@pytest.mark.parametrize(("changed", "path"), WRONG)
def test_what_is_wrong_is_named_before_anything_is_sent(changed: Any, path: str) -> None:
    """With its path, with and without async."""
    provider = FakeProvider()
    arguments: Any = {"query": "q", "documents": ["a"], **changed}
    with Client(providers={"fake": provider}) as client:
        with pytest.raises(InvalidRequestError) as caught:
            client.rerank("fake/fake-1", **arguments)
        assert caught.value.path == path
        with pytest.raises(InvalidRequestError):
            asyncio.run(client.arerank("fake/fake-1", **arguments))
    assert not provider.transport.requests


def test_what_the_provider_lacks_is_cut_here_or_dropped() -> None:
    """Results are cut without it; a parameter that is dropped is in the report."""
    provider = Texts()
    found = rerank(provider, top_n=1, truncate=True)
    assert found.indexes == [2]
    assert sent(provider)["with"] == {"truncate": True}
    assert sent(provider)["sort"] == ["a cat", "big dogs", "a big dog"]
    assert not found.report
    provider.given = RerankAbilities({})
    assert [each.path for each in rerank(provider, truncate=True).report] == ["truncate"]
    with pytest.raises(UnsupportedError):
        rerank(provider, truncate=True, unsupported="raise")
    provider.given = RerankAbilities()
    rerank(provider, top_n=1)
    assert sent(provider)["with"] == {"top_n": 1}


def test_an_object_is_refused_where_texts_are_read() -> None:
    """Unless it is a text alone."""
    with pytest.raises(UnsupportedError, match=r"documents\[0\] must be a string"):
        rerank(Texts(), [{"text": "a", "title": "b"}])
    with pytest.raises(UnsupportedError):
        rerank(Texts(), [{"text": 5}])


def test_a_provider_without_the_ability_is_named() -> None:
    """As for every operation."""

    class Chat(Provider):
        protocol: ClassVar[int] = 2
        name = "chat"

        def complete(self, call: ProviderCall) -> Flow[Completion]:
            raise NotImplementedError

        def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
            raise NotImplementedError

    with (
        Client(providers={"chat": Chat()}) as client,
        pytest.raises(UnsupportedError, match="does not rerank documents"),
    ):
        client.rerank("chat/a", "q", ["a"])


@pytest.mark.parametrize(
    ("given", "error"),
    [(5, PluginError), (ValueError("x"), PluginError), (RequestError("no"), RequestError)],
)
def test_strange_abilities_raise_our_errors(given: Any, error: type[LLMGateError]) -> None:
    """Whatever the provider's code says."""
    provider = Texts()
    provider.given = given
    with pytest.raises(error):
        rerank(provider)


def answering(payload: Mapping[str, Any]) -> Any:
    """The fake provider with this response."""
    return with_transport(FakeProvider(), CannedTransport([Canned(body=encode_json(payload))]))


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([{"index": 3, "relevance_score": 1}], "a result for document 3 of 3"),
        ([{"index": -1, "relevance_score": 1}], "a result for document -1 of 3"),
        ([{"index": 0, "relevance_score": 1}] * 2, "two results for one document"),
        ([], "no result for 3 documents"),
        ({}, "expected a list of results, got dict"),
        ([5], r"scores\[0\] is not an object"),
        ([{"relevance_score": 1}], r"scores\[0\].index is not an integer"),
        ([{"index": True, "relevance_score": 1}], "is not an integer"),
        ([{"index": 0}], r"scores\[0\].relevance_score is not a number"),
        ([{"index": 0, "relevance_score": True}], "is not a number"),
    ],
)
def test_results_that_do_not_fit_are_refused(scores: Any, said: str) -> None:
    """Rather than giving a document the score of another."""
    with (
        Client(providers={"fake": answering({"scores": scores})}) as client,
        pytest.raises(DecodeError, match=said),
    ):
        client.rerank("fake/fake-1", "q", DOCUMENTS)


def test_ties_are_in_the_order_of_the_call_and_unknown_fields_are_kept() -> None:
    """A score that is no finite number is none."""
    found = results_in(
        [
            {"index": 1, "relevance_score": 0, "text": "b"},
            {"index": 0, "relevance_score": 0, "x": 5},
        ],
        "data",
    )
    assert [each.index for each in by_relevance(found, 2)] == [0, 1]
    assert [each.extra for each in found] == [{}, {"x": 5}]
    for score in (float("nan"), float("inf"), 10**400):
        with pytest.raises(DecodeError, match="is not a number"):
            results_in([{"index": 0, "score": score}], "data", "score")


def test_what_is_no_reranking_is_an_error() -> None:
    """A provider's bug is called one."""

    class Strange(FakeProvider):
        def rerank(self, call: Any) -> Flow[Any]:
            yield next(super().rerank(call))
            return 5

    with pytest.raises(PluginError, match="returned 5, not a reranking"):
        rerank(Strange())


def test_a_missing_key_is_looked_for_again() -> None:
    """When it may have been set."""
    keys = ["none", "key"]

    class Keyed(FakeProvider):
        async def authorize(self, request: HttpRequest, signing: Signing, /) -> HttpRequest:
            if self._key.reveal() == "none":
                raise MissingKeyError("fake needs a key")
            return request

    with Client(providers={"fake": lambda: Keyed(api_key=keys.pop(0))}) as client:
        with pytest.raises(MissingKeyError):
            client.rerank("fake/fake-1", "q", ["a"])
        assert client.rerank("fake/fake-1", "q", ["a"]).indexes == [0]


def test_middleware_and_hooks_see_the_call() -> None:
    """Either may answer itself, or pass it on."""
    seen: list[Event] = []

    class Once(Middleware):
        async def rerank(self, call: RerankCall, handler: RerankHandler) -> Reranking:
            if call.query == "known":
                return Reranking([RerankResult(0, 1.0)])
            return await super().rerank(call, handler)

    with Client(
        providers={"fake": FakeProvider()}, middleware=[Once()], hooks=[seen.append]
    ) as client:
        assert client.rerank("fake/fake-1", "known", ["a"]).indexes == [0]
        assert client.rerank("fake/fake-1", "dog", DOCUMENTS).indexes == [2, 0, 1]
    (end,) = [event for event in seen if isinstance(event, CallEnded)]
    assert (end.operation, end.outcome) == ("rerank", "ok")
    assert end.usage is not None
    assert end.usage.prompt_tokens == 8


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, None),
        (RerankUsage(search_units=1), None),
        (RerankUsage(total_tokens=5), (5, 0, 5)),
        (RerankUsage(4, 5), (4, 1, 5)),
    ],
)
def test_hooks_are_given_tokens_where_these_are_counted(usage: Any, counted: Any) -> None:
    """Search units are none."""
    seen: list[Event] = []

    class Counted(FakeProvider):
        def rerank(self, call: Any) -> Flow[Reranking]:
            found = yield from super().rerank(call)
            found.usage = usage
            return found

    rerank(Counted(), hooks=[seen.append])
    (end,) = [event for event in seen if isinstance(event, CallEnded)]
    got = end.usage
    assert counted == (got and (got.prompt_tokens, got.completion_tokens, got.total_tokens))


def test_the_modules_functions_use_the_default_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without async."""
    client = Client(providers={"fake": FakeProvider()})
    monkeypatch.setattr("llmgate._core.default.default_client", lambda: client)
    assert llmgate.rerank("fake/fake-1", "dog", DOCUMENTS).indexes[0] == 2
    found = asyncio.run(llmgate.arerank("fake/fake-1", "dog", DOCUMENTS, top_n=1))
    assert found.indexes == [2]
    client.close()
