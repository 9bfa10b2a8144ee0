"""The conformance kit for what is beside chat, as tests for a provider's author to run.

It needs pytest and nothing else, and sends nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

import pytest

from llmgate._core.embed import fit_embedding, parse_embedding
from llmgate._core.registry import Target
from llmgate._core.rerank import fit_rerank, parse_rerank
from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.errors import LLMGateError
from llmgate.models import Model
from llmgate.provider import Embedder, ModelLister, Provider, Reranker
from llmgate.provider.http import (
    Flow,
    HttpResponse,
    decode_json,
    encode_json,
    is_array,
    is_object,
)
from llmgate.provider.ranking import by_relevance
from llmgate.provider.vectors import one_for_each
from llmgate.reranking import RerankCall, Reranking
from llmgate.testing._basis import check, fail, only_our_errors, spread
from llmgate.testing._samples import MALFORMED
from llmgate.testing.driving import OutOfRepliesError, drive, first_request

__all__ = [
    "EmbeddingConformance",
    "ModelListConformance",
    "RecordedEmbeddings",
    "RecordedModels",
    "RecordedReranking",
    "RerankConformance",
]

Recording = TypeVar("Recording", "RecordedEmbeddings", "RecordedModels", "RecordedReranking")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RecordedEmbeddings:
    """A call for embeddings with the replies that were recorded for it, and what is expected.

    ``call`` holds the keywords of ``aembedding``; its ``model`` goes without the provider. What is
    expected may be left out: ``body``, the JSON that is to be sent, key by key; ``vectors``; and
    ``prompt_tokens``. ``error`` is the class of what is to be raised in place of embeddings.
    """

    name: str
    call: Mapping[str, Any]
    replies: Sequence[HttpResponse]
    body: Any = None
    vectors: Sequence[Sequence[float]] | None = None
    prompt_tokens: int | None = None
    error: type[LLMGateError] | None = None


@dataclass(frozen=True, slots=True)
class RecordedReranking:
    """A call for a reranking with the replies that were recorded for it, and what is expected.

    ``call`` holds the keywords of ``arerank``; its ``model`` goes without the provider. What is
    expected may be left out: ``body``, the JSON that is to be sent; ``scores``, by the places of
    the documents, the best first; and ``usage``, with the fields to look at. ``error`` is the class
    of what is to be raised in place of a reranking.
    """

    name: str
    call: Mapping[str, Any]
    replies: Sequence[HttpResponse]
    body: Any = None
    scores: Mapping[int, float] | None = None
    usage: Mapping[str, int] | None = None
    error: type[LLMGateError] | None = None


@dataclass(frozen=True, slots=True)
class RecordedModels:
    """The replies that were recorded for a list of models, page by page, and what is expected.

    ``models`` are those that are to be found, with the fields to look at; ``error`` is the class of
    what is to be raised in place of a list.
    """

    name: str
    replies: Sequence[HttpResponse]
    models: Sequence[Mapping[str, Any]] = ()
    error: type[LLMGateError] | None = None


class _Recorded(Generic[Recording]):
    """Tests that run once for each recording."""

    provider: ClassVar[Provider]
    recordings: ClassVar[Sequence[Any]]

    if TYPE_CHECKING:

        def _read(self, recording: Recording) -> Any: ...

    def make_provider(self) -> Any:
        """The provider under test."""
        return self.provider

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test that asks for recordings one run for each of them."""
        for argument, wanted in (("recording", None), ("answered", True)):
            if argument in metafunc.fixturenames:
                cases = [each for each in self.recordings if not (wanted and each.error)]
                metafunc.parametrize(argument, cases, ids=[each.name for each in cases])

    def _run(self, flow: Flow[Result], recording: Recording, doing: str) -> Result | None:
        """What a flow gives, or None where it raised what is expected."""
        provider: Provider = self.make_provider()
        try:
            with only_our_errors(doing):
                result = drive(flow, recording.replies, error=provider.error).result
        except LLMGateError as error:
            expected = recording.error
            if expected is None:
                raise
            check(isinstance(error, expected), f"expected {expected.__name__}, raised {error!r}")
            return None
        if recording.error is not None:
            fail(f"expected {recording.error.__name__}, got {result!r:.500}")
        return result

    def _check_damaged(self, recording: Recording, bodies: Mapping[str, bytes]) -> None:
        """Each of these bodies, as the last reply, raises one of our errors."""
        for what, body in bodies.items():
            last = replace(recording.replies[-1], body=body)
            damaged = replace(recording, replies=(*recording.replies[:-1], last))
            with suppress(LLMGateError, OutOfRepliesError), only_our_errors(f"decoding {what}"):
                result = self._read(damaged)
                if result == []:
                    continue  # a list may be empty
                fail(f"{what} was taken for a whole response: {result!r:.300}")

    def test_truncated_responses_are_refused(self, answered: Recording) -> None:
        """A body that ends too early raises one of our errors."""
        body = answered.replies[-1].body.strip()
        places = spread(len(body), 60)
        self._check_damaged(answered, {f"the first {n} bytes": body[:n] for n in places})

    def test_invalid_responses_are_refused(self, answered: Recording) -> None:
        """A body with status 200 that is no response of this kind raises one of our errors."""
        self._check_damaged(answered, MALFORMED)


class EmbeddingConformance(_Recorded[RecordedEmbeddings]):
    """All tests of embeddings; subclass it in a test module and say what is to be tested.

    Attributes:
        provider: The provider, made with ``api_key=CANARY``; or override ``make_provider``.
        recordings: Recorded :class:`RecordedEmbeddings`, at best one text, several texts, token
            ids, and each kind of error.
    """

    recordings: ClassVar[Sequence[RecordedEmbeddings]]

    def test_decodes_what_was_recorded(self, recording: RecordedEmbeddings) -> None:
        """The vectors, one for each input, or the error that the author expects."""
        call = self._call(recording)
        found = self._run(self._embed(call), recording, "decoding embeddings")
        if found is None:
            return
        found.data = one_for_each(found.data, len(call.input))
        for item in found.data:
            kinds = {type(number) for number in item.embedding}
            check(kinds == {float}, f"a vector has values of {kinds}")
        if recording.vectors is not None:
            vectors = [[*vector] for vector in recording.vectors]
            is_same = found.vectors == vectors
            check(is_same, f"expected {vectors!r:.300}, got {found.vectors!r:.300}")
        counted = None if found.usage is None else found.usage.prompt_tokens
        wrong = recording.prompt_tokens not in (None, counted)
        check(not wrong, f"expected {recording.prompt_tokens} tokens, got {counted}")

    def test_sends_what_is_written_down(self, recording: RecordedEmbeddings) -> None:
        """The body of the request, where the author gives it, and the same bytes each time."""
        first, second = (first_request(self._flow(recording)) for _ in range(2))
        check(first == second, f"two requests for one call differ: {first!r}, {second!r}")
        if recording.body is not None:
            sent = decode_json(first.body)
            check(sent == recording.body, f"expected {recording.body!r}, sent {sent!r}")

    def test_changes_nothing_it_is_given(self, recording: RecordedEmbeddings) -> None:
        """Neither the input nor the parameters of a call."""
        call = self._call(recording)
        before = copy.deepcopy((call.input, call.parameters, call.extra_body))
        first_request(self._embed(call))
        check(before == (call.input, call.parameters, call.extra_body), "the call was changed")

    def test_sends_the_extra_body(self, recording: RecordedEmbeddings) -> None:
        """What the caller put into ``extra_body`` is sent."""
        given = {**recording.call.get("extra_body", {}), "x_llmgate_extra": "as given"}
        with_extra = replace(recording, call={**recording.call, "extra_body": given})
        body = first_request(self._flow(with_extra)).body
        check(b"as given" in body, f"extra_body is not in the request: {body!r:.500}")

    def test_order_is_that_of_the_index(self, answered: RecordedEmbeddings) -> None:
        """Vectors that come in another order, each with its index, are put in order."""
        payload = _parsed(answered.replies[-1].body)
        lists = [each for each in _lists(payload) if len(each) > 1 and _is_indexed(each)]
        if not lists:
            pytest.skip("the response does not say which vector is which")
        expected = self._read(answered)
        for each in lists:
            each.reverse()
        last = replace(answered.replies[-1], body=encode_json(payload))
        found = self._read(replace(answered, replies=(*answered.replies[:-1], last)))
        check(found == expected, "the vectors are in the order in which they came")

    def test_usage_is_not_invented(self, answered: RecordedEmbeddings) -> None:
        """Where the response counts nothing, ``usage`` is None."""
        payload = _parsed(answered.replies[-1].body)
        if not is_object(payload) or not is_object(payload.get("usage")):
            pytest.skip("the response has no usage of its own")
        counted = {name: value for name, value in payload.items() if name != "usage"}
        last = replace(answered.replies[-1], body=encode_json(counted))
        found = drive(self._flow(answered), (*answered.replies[:-1], last)).result
        check(found.usage is None, f"the response counts nothing, and usage is {found.usage!r}")

    def _read(self, recording: RecordedEmbeddings) -> list[list[float]]:
        """The vectors, as the core looks at them."""
        call = self._call(recording)
        found = drive(self._embed(call), recording.replies).result
        return [item.embedding for item in one_for_each(found.data, len(call.input))]

    def _call(self, recording: RecordedEmbeddings) -> EmbeddingCall:
        """A fresh call, as a client hands it to this provider."""
        provider, options = self.make_provider(), copy.deepcopy(dict(recording.call))
        model, given = options.pop("model"), options.pop("input")
        asked = parse_embedding(model, given, cast("Any", options), unsupported="drop")
        fitted, _ = fit_embedding(asked, Target(provider.name, model), provider)
        return replace(fitted, id="call")

    def _embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        provider = self.make_provider()
        check(isinstance(provider, Embedder), "the provider makes no embeddings")
        return cast("Embedder", provider).embed(call)

    def _flow(self, recording: RecordedEmbeddings) -> Flow[Embeddings]:
        return self._embed(self._call(recording))


class RerankConformance(_Recorded[RecordedReranking]):
    """All tests of rerankings; subclass it in a test module and say what is to be tested.

    Attributes:
        provider: The provider, made with ``api_key=CANARY``; or override ``make_provider``.
        recordings: Recorded :class:`RecordedReranking`, at best of texts and of objects, with and
            without ``top_n``, and each kind of error.
    """

    recordings: ClassVar[Sequence[RecordedReranking]]

    def test_decodes_what_was_recorded(self, recording: RecordedReranking) -> None:
        """The scores and the usage, or the error that the author expects."""
        call = self._call(recording)
        found = self._run(self._rerank(call), recording, "decoding a reranking")
        if found is None:
            return
        results = by_relevance(found.results, len(call.documents))
        scores = {result.index: result.relevance_score for result in results}
        expected = scores if recording.scores is None else dict(recording.scores)
        is_same = [*expected.items()] == [*scores.items()]
        check(is_same, f"expected {expected!r}, got {scores!r}")
        for name, count in (recording.usage or {}).items():
            counted = None if found.usage is None else found.usage.get(name)
            check(counted == count, f"expected {count} {name}, got {counted}")

    def test_sends_what_is_written_down(self, recording: RecordedReranking) -> None:
        """The body of the request, where the author gives it, and the same bytes each time."""
        first, second = (first_request(self._flow(recording)) for _ in range(2))
        check(first == second, f"two requests for one call differ: {first!r}, {second!r}")
        if recording.body is not None:
            sent = decode_json(first.body)
            check(sent == recording.body, f"expected {recording.body!r}, sent {sent!r}")

    def test_changes_nothing_it_is_given(self, recording: RecordedReranking) -> None:
        """Neither the documents nor the parameters of a call."""
        call = self._call(recording)
        before = copy.deepcopy((call.documents, call.parameters, call.extra_body))
        first_request(self._rerank(call))
        is_same = before == (call.documents, call.parameters, call.extra_body)
        check(is_same, "the call was changed")

    def test_sends_the_extra_body(self, recording: RecordedReranking) -> None:
        """What the caller put into ``extra_body`` is sent."""
        given = {**recording.call.get("extra_body", {}), "x_llmgate_extra": "as given"}
        with_extra = replace(recording, call={**recording.call, "extra_body": given})
        body = first_request(self._flow(with_extra)).body
        check(b"as given" in body, f"extra_body is not in the request: {body!r:.500}")

    def _read(self, recording: RecordedReranking) -> Any:
        """The results, as the core looks at them."""
        call = self._call(recording)
        found = drive(self._rerank(call), recording.replies).result
        return by_relevance(found.results, len(call.documents))

    def _call(self, recording: RecordedReranking) -> RerankCall:
        """A fresh call, as a client hands it to this provider."""
        provider, options = self.make_provider(), copy.deepcopy(dict(recording.call))
        model, query, documents = (options.pop(name) for name in ("model", "query", "documents"))
        given = cast("Any", options)
        asked = parse_rerank(model, query, documents, given, unsupported="drop")
        return replace(fit_rerank(asked, Target(provider.name, model), provider), id="call")

    def _rerank(self, call: RerankCall) -> Flow[Reranking]:
        provider = self.make_provider()
        check(isinstance(provider, Reranker), "the provider does not rerank documents")
        return cast("Reranker", provider).rerank(call)

    def _flow(self, recording: RecordedReranking) -> Flow[Reranking]:
        return self._rerank(self._call(recording))


class ModelListConformance(_Recorded[RecordedModels]):
    """All tests of lists of models; subclass it in a test module and say what is to be tested.

    Attributes:
        provider: The provider, made with ``api_key=CANARY``; or override ``make_provider``.
        recordings: Recorded :class:`RecordedModels`.
    """

    recordings: ClassVar[Sequence[RecordedModels]]

    def test_lists_what_was_recorded(self, recording: RecordedModels) -> None:
        """The models in the order of the pages, or the error that the author expects."""
        found = self._run(self._flow(), recording, "decoding a list of models")
        if found is None:
            return
        check({Model}.issuperset(map(type, found)), f"not all are models: {found!r}")
        ids = [model.id for model in found]
        check(all(ids), f"a model has no id: {ids}")
        for expected in recording.models:
            model = next((model for model in found if model.id == expected["id"]), None)
            if model is None:
                fail(f"{expected['id']} is not among {ids}")
            fields = {name: model.get(name) for name in expected}
            check(fields == dict(expected), f"expected {dict(expected)!r}, got {fields!r}")

    def test_unknown_times_are_none(self, recording: RecordedModels) -> None:
        """A model is not of 1970: where the provider does not know, neither do we."""
        for model in self._run(self._flow(), recording, "decoding models") or ():
            check(model.created != 0, f"{model.id} was created at 0")

    def _read(self, recording: RecordedModels) -> list[Model]:
        return drive(self._flow(), recording.replies).result

    def _flow(self) -> Flow[list[Model]]:
        provider = self.make_provider()
        check(isinstance(provider, ModelLister), "the provider lists no models")
        return cast("ModelLister", provider).list_models()


def _parsed(body: bytes) -> Any:
    try:
        return decode_json(body)
    except LLMGateError:
        pytest.skip("the response is no JSON")


def _lists(value: Any) -> Iterator[list[Any]]:
    """Every list in a JSON value."""
    children = list[Any]()
    if is_object(value):
        children = [*value.values()]
    elif is_array(value):
        yield value
        children = value
    for child in children:
        yield from _lists(child)


def _is_indexed(items: list[Any]) -> bool:
    return all(is_object(item) and "index" in item for item in items)
