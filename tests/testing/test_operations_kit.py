"""The conformance kit for embeddings and lists passes a sound provider, and finds faulty ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from llmgate import Client
from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError, RateLimitError
from llmgate.models import Model
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.reranking import RerankCall, Reranking, RerankResult
from llmgate.testing import (
    CANARY,
    EmbeddingConformance,
    FakeProvider,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
    RecordedReranking,
    RerankConformance,
)
from llmgate.types import Usage


def said(payload: Any, status: int = 200) -> HttpResponse:
    """A response in JSON."""
    return HttpResponse(status, {}, json.dumps(payload).encode())


PAYLOAD: Any = {
    "vectors": [{"index": 0, "values": [0.5, 1]}, {"index": 1, "values": [0.25, -1]}],
    "usage": {"in": 2},
}
TWO = RecordedEmbeddings(
    "two",
    {"model": "fake-1", "input": ["a", "b"], "dimensions": 2, "extra_body": {"x": 1}},
    (said(PAYLOAD),),
    body={"model": "fake-1", "texts": ["a", "b"], "with": {"dimensions": 2}, "x": 1},
    vectors=[[0.5, 1.0], [0.25, -1.0]],
    prompt_tokens=2,
)
TOKENS = RecordedEmbeddings(
    "tokens",
    {"model": "fake-1", "input": [1, 2]},
    (said({"vectors": [{"index": 0, "values": "AACAPw=="}]}),),
)
REFUSED = RecordedEmbeddings(
    "refused", {"model": "fake-1", "input": "a"}, (said({}, 429),), error=RateLimitError
)
MISTAKEN = replace(REFUSED, error=DecodeError)
LISTED = said({"names": ["a", "b"]})
NAMES = RecordedModels("names", (LISTED,), models=[{"id": "b", "created": None}])
NO_NAMES = RecordedModels("no names", (said({}, 429),), error=RateLimitError)


class TestEmbeddings(EmbeddingConformance):
    """The fake provider conforms."""

    provider = FakeProvider(api_key=CANARY)
    recordings = (TWO, TOKENS, REFUSED)


class TestModels(ModelListConformance):
    """Likewise."""

    provider = FakeProvider(api_key=CANARY)
    recordings = (NAMES, NO_NAMES)


SCORES: Any = {
    "scores": [{"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 1}],
    "usage": {"in": 2},
}
RANKED = RecordedReranking(
    "ranked",
    {"model": "fake-1", "query": "q", "documents": ["a", {"b": "c"}], "extra_body": {"x": 1}},
    (said(SCORES),),
    body={"model": "fake-1", "for": "q", "sort": ["a", {"b": "c"}], "with": {}, "x": 1},
    scores={0: 1.0, 1: 0.5},
    usage={"prompt_tokens": 2},
)
UNRANKED = RecordedReranking(
    "unranked",
    {"model": "fake-1", "query": "q", "documents": ["a"]},
    (said({}, 429),),
    error=RateLimitError,
)


class TestRerankings(RerankConformance):
    """Likewise."""

    provider = FakeProvider(api_key=CANARY)
    recordings = (RANKED, UNRANKED)


class Reversing(FakeProvider):
    """What it sends is changed, and so is what it was given."""

    sent: ClassVar[int] = 0

    def rerank(self, call: RerankCall) -> Flow[Reranking]:
        """The flow, whose request is another each time, and whose result is what it likes."""
        Reversing.sent += 1
        call.documents.reverse()
        yield replace(next(super().rerank(call)), body=b'{"n": %d}' % Reversing.sent)
        return Reranking([RerankResult(0, 1.0), RerankResult(1, 0.5)])


@pytest.mark.parametrize(
    ("provider", "test", "recording", "finding"),
    [
        (
            FakeProvider(),
            "decodes_what_was_recorded",
            replace(RANKED, scores={1: 1}),
            "expected {",
        ),
        (
            FakeProvider(),
            "decodes_what_was_recorded",
            replace(RANKED, scores={1: 0.5, 0: 1.0}),
            "expected {1: 0.5",
        ),
        (FakeProvider(), "decodes_what_was_recorded", replace(RANKED, usage={"a": 1}), "1 a, got"),
        (Reversing(), "decodes_what_was_recorded", RANKED, "2 prompt_tokens, got None"),
        (FakeProvider(), "sends_what_is_written_down", replace(RANKED, body={}), "expected {}"),
        (Reversing(), "sends_what_is_written_down", RANKED, "differ"),
        (Reversing(), "changes_nothing_it_is_given", RANKED, "was changed"),
        (Reversing(), "sends_the_extra_body", RANKED, "not in the request"),
        (Reversing(), "truncated_responses_are_refused", RANKED, "taken for a whole response"),
    ],
)
def test_a_fault_of_rerankings_is_found(
    provider: FakeProvider, test: str, recording: RecordedReranking, finding: str
) -> None:
    """Each by the test that is made for it."""
    suite: Any = RerankConformance()
    suite.make_provider = lambda: provider
    with pytest.raises(AssertionError) as caught:
        getattr(suite, f"test_{test}")(recording)
    assert finding in str(caught.value)


# --- providers with a fault ---------------------------------------------------------------


class Faulty(FakeProvider):
    """What it makes of a response is changed."""

    change: ClassVar[Callable[[Any], Any]]

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """The embeddings, with a fault."""
        return type(self).change((yield from super().embed(call)))  # type: ignore[no-any-return]

    def list_models(self) -> Flow[list[Model]]:
        """The models, with a fault."""
        return type(self).change((yield from super().list_models()))  # type: ignore[no-any-return]


def faulty(change: Callable[[Any], Any]) -> FakeProvider:
    """A provider with this fault."""
    kind: Any = type("Kind", (Faulty,), {"change": staticmethod(change)})
    made: FakeProvider = kind(api_key=CANARY)
    return made


def swapped(found: Embeddings) -> Embeddings:
    """Vectors whose numbers are those of their place in the response."""
    for place, item in enumerate(found.data):
        item.index = place
    return found


def invented(found: Embeddings) -> Embeddings:
    """Usage where there is none."""
    found.usage = found.usage or Usage()
    return found


def of_integers(found: Embeddings) -> Embeddings:
    """Vectors of integers."""
    for item in found.data:
        numbers: Any = [1, 2]
        item.embedding = numbers
    return found


class Sending(FakeProvider):
    """What it sends is changed."""

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """The flow, whose request is another each time."""
        Sending.sent += 1
        flow = super().embed(call)
        request: HttpRequest = next(flow)
        call.input.reverse()
        body = b'{"n": %d}' % Sending.sent
        response = yield replace(request, body=body)
        try:
            flow.send(response)
        except StopIteration as stop:
            found: Embeddings = stop.value
            return found
        raise AssertionError("one request is all")

    sent: ClassVar[int] = 0


@pytest.mark.parametrize(
    ("provider", "test", "recording", "finding"),
    [
        (faulty(swapped), "order_is_that_of_the_index", TWO, "in the order in which they came"),
        (faulty(invented), "usage_is_not_invented", TWO, "counts nothing"),
        (faulty(of_integers), "decodes_what_was_recorded", TWO, "values of"),
        (FakeProvider(), "decodes_what_was_recorded", replace(TWO, vectors=[[1.0]]), "expected"),
        (FakeProvider(), "decodes_what_was_recorded", replace(TWO, prompt_tokens=3), "3 tokens"),
        (FakeProvider(), "decodes_what_was_recorded", replace(TWO, error=DecodeError), "got Embed"),
        (
            FakeProvider(),
            "decodes_what_was_recorded",
            replace(REFUSED, error=DecodeError),
            "raised",
        ),
        (FakeProvider(), "sends_what_is_written_down", replace(TWO, body={}), "expected {}"),
        (Sending(), "sends_what_is_written_down", TWO, "differ"),
        (Sending(), "changes_nothing_it_is_given", TWO, "was changed"),
        (Sending(), "sends_the_extra_body", TWO, "not in the request"),
    ],
)
def test_a_fault_of_embeddings_is_found(
    provider: FakeProvider, test: str, recording: RecordedEmbeddings, finding: str
) -> None:
    """Each by the test that is made for it."""
    suite = EmbeddingConformance()
    suite.make_provider = lambda: provider  # type: ignore[method-assign]
    run: Callable[[RecordedEmbeddings], None] = getattr(suite, f"test_{test}")
    with pytest.raises(AssertionError) as caught:
        run(recording)
    assert finding in str(caught.value)


@pytest.mark.parametrize(
    ("found", "test", "finding"),
    [
        ([Model("a")], "lists_what_was_recorded", "b is not among ['a']"),
        ([Model("")], "lists_what_was_recorded", "has no id"),
        (["b"], "lists_what_was_recorded", "not all are models"),
        ([Model("b", created=5)], "lists_what_was_recorded", "expected {'id': 'b'"),
        ([Model("b", created=0)], "unknown_times_are_none", "created at 0"),
    ],
)
def test_a_fault_of_lists_is_found(found: list[Any], test: str, finding: str) -> None:
    """Likewise."""

    def change(_: Any) -> list[Any]:
        return found

    suite = ModelListConformance()
    suite.make_provider = lambda: faulty(change)  # type: ignore[method-assign]
    with pytest.raises(AssertionError) as caught:
        getattr(suite, f"test_{test}")(NAMES)
    assert finding in str(caught.value)


def test_a_gullible_provider_is_found() -> None:
    """One that takes whatever comes."""

    class Gullible(FakeProvider):
        def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
            yield next(super().embed(call))
            return Embeddings([Embedding([0.5], index) for index in (0, 1)])

        def list_models(self) -> Flow[list[Model]]:
            yield next(super().list_models())
            return [Model("a")]

    embeddings, models = EmbeddingConformance(), ModelListConformance()
    for suite, recording in ((embeddings, TWO), (models, NAMES)):
        kit: Any = suite
        kit.make_provider = Gullible
        for name in ("truncated", "invalid"):
            with pytest.raises(AssertionError, match="was taken for a whole response"):
                getattr(kit, f"test_{name}_responses_are_refused")(recording)


def test_what_is_not_expected_is_left_to_its_author() -> None:
    """An error passes as it was raised; and a list may be empty."""
    suite: Any = EmbeddingConformance()
    suite.provider = FakeProvider()
    with pytest.raises(RateLimitError):
        suite.test_decodes_what_was_recorded(replace(REFUSED, error=None))

    class Bare(FakeProvider):
        def list_models(self) -> Flow[list[Model]]:
            return [Model(id=name) for name in (yield next(super().list_models())).json()]

    models: Any = ModelListConformance()
    models.provider = Bare()
    models._check_damaged(NAMES, {"an empty list": b"[]"})


@pytest.mark.parametrize("payload", [[1], {"vectors": []}])
def test_what_cannot_be_tested_is_skipped(payload: Any) -> None:
    """A response without indexes or a usage of its own, or that is no JSON."""
    suite: Any = EmbeddingConformance()
    suite.provider = FakeProvider()
    for test in ("order_is_that_of_the_index", "usage_is_not_invented"):
        for response in (said(payload), HttpResponse(200, {}, b"\x00")):
            with pytest.raises(pytest.skip.Exception):
                getattr(suite, f"test_{test}")(replace(TWO, replies=(response,)))


# --- the fake provider, in the place of a model -------------------------------------------


def test_the_same_text_has_the_same_vector() -> None:
    """Of length one, and of as many dimensions as were asked for."""

    async def scenario() -> tuple[Embeddings, list[Model]]:
        async with Client(providers={"fake": FakeProvider()}) as client:
            found = await client.aembedding("fake/fake-1", ["a", "b c", "a"], dimensions=40)
            tokens = await client.aembedding("fake/fake-1", [1, 2, 3])
            assert tokens.usage is not None
            assert (8, 3) == (len(tokens.vectors[0]), tokens.usage.prompt_tokens)
            return found, await client.alist_models("fake")

    found, models = asyncio.run(scenario())
    first, other, same = found.vectors
    assert first == same != other
    assert 40 == len(first)
    assert 1 == pytest.approx(sum(number * number for number in first))
    usage: Mapping[str, Any] = found["usage"]
    assert 4 == usage["prompt_tokens"]
    assert ["fake/fake-1", "fake/fake-2"] == [model.name for model in models]


NONSENSE: list[Any] = [{}, {"vectors": [{}]}, {"vectors": [{"index": 0}]}]


@pytest.mark.parametrize("payload", NONSENSE)
def test_nonsense_is_no_embeddings_of_it(payload: Any) -> None:
    """It refuses what any provider is to refuse."""
    suite: Any = EmbeddingConformance()
    suite.provider = FakeProvider()
    with pytest.raises(Exception, match="vector"):
        suite.test_decodes_what_was_recorded(replace(TWO, replies=(said(payload),)))
