"""Chat calls and embeddings with litellm's arguments; llmgate makes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, overload

import llmgate
from llmgate.cost import load_prices
from llmgate_litellm import _budget, _cache, _schema, _verbose
from llmgate_litellm._arguments import Asked, asked_for
from llmgate_litellm._builder import stream_chunk_builder
from llmgate_litellm._callbacks import Watch
from llmgate_litellm._convert import (
    embedding_response,
    hidden_params,
    model_response,
    rerank_response,
)
from llmgate_litellm._cost import cost_or_none
from llmgate_litellm._errors import translated
from llmgate_litellm._messages import as_messages
from llmgate_litellm._mock import as_chunks, mocked
from llmgate_litellm.litellm_core_utils.streaming_handler import (
    AsyncStream,
    CustomStreamWrapper,
    SyncStream,
)
from llmgate_litellm.types.utils import (
    EmbeddingResponse,
    ModelResponse,
    ModelResponseStream,
    RerankResponse,
)

__all__ = [
    "acompletion",
    "aembedding",
    "arerank",
    "batch_completion",
    "completion",
    "embedding",
    "rerank",
    "stream_chunk_builder",
]


@overload
def completion(
    model: str, messages: Iterable[Any] = (), *, stream: Literal[True], **kwargs: Any
) -> SyncStream: ...
@overload
def completion(
    model: str, messages: Iterable[Any] = (), *, stream: Literal[False] | None = None, **kwargs: Any
) -> ModelResponse: ...
@overload
def completion(model: str, messages: Iterable[Any] = (), *, stream: Any, **kwargs: Any) -> Any: ...
def completion(
    model: str, messages: Iterable[Any] = (), **kwargs: Any
) -> ModelResponse | CustomStreamWrapper:
    """What a model adds to a conversation.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``; where ``fallbacks`` were tried, the
            first model's.
    """
    failures: list[Exception] = []
    for name, changes in _targets(model, kwargs):
        call = _Call(asked_for(name, {**kwargs, **changes, "messages": messages}), is_async=False)
        try:
            return call.run()
        except Exception as error:  # noqa: BLE001 - the next model is tried, then it is raised
            failures.append(error)
    raise failures[0]


@overload
async def acompletion(
    model: str, messages: Iterable[Any] = (), *, stream: Literal[True], **kwargs: Any
) -> AsyncStream: ...
@overload
async def acompletion(
    model: str, messages: Iterable[Any] = (), *, stream: Literal[False] | None = None, **kwargs: Any
) -> ModelResponse: ...
@overload
async def acompletion(
    model: str, messages: Iterable[Any] = (), *, stream: Any, **kwargs: Any
) -> Any: ...
async def acompletion(
    model: str, messages: Iterable[Any] = (), **kwargs: Any
) -> ModelResponse | CustomStreamWrapper:
    """:func:`completion` for async code.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``; where ``fallbacks`` were tried, the
            first model's.
    """
    failures: list[Exception] = []
    for name, changes in _targets(model, kwargs):
        call = _Call(asked_for(name, {**kwargs, **changes, "messages": messages}), is_async=True)
        try:
            return await call.arun()
        except Exception as error:  # noqa: BLE001 - the next model is tried, then it is raised
            failures.append(error)
    raise failures[0]


def _targets(model: str, kwargs: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The model, then its fallbacks: names, or dictionaries of arguments that differ."""
    found: list[tuple[str, dict[str, Any]]] = [(model, {})]
    for other in kwargs.get("fallbacks") or ():
        if isinstance(other, str):
            found.append((other, _NO_SETTINGS))
        else:
            found.append((other.get("model", model), {**_NO_SETTINGS, **other}))
    return found


_NO_SETTINGS: dict[str, Any] = {}


class _Call:
    """One call of one model: sent, translated, and handed to the callbacks."""

    def __init__(self, asked: Asked, *, is_async: bool) -> None:
        self.asked = asked
        self.streams = bool(asked.given.get("stream"))
        self.messages = as_messages(asked.given.get("messages") or ())
        _verbose.watch(asked)
        self.watch = Watch(asked, is_async=is_async)
        self.key = _cache.key_of(asked, self.messages)

    def run(self) -> ModelResponse | CustomStreamWrapper:
        """Make the call here."""
        try:
            _budget.check()
            known = self._known()
            if known is not None:
                return self._stream(iter(as_chunks(known)), SyncStream) if self.streams else known
            answer = llmgate.completion(
                self.asked.llmgate_model, self.messages, stream=self.streams, **self.asked.options
            )
        except llmgate.OutputError as error:
            answer = self._as_it_came(error)
        except Exception as error:
            raise self.failed(error) from error
        if self.streams:
            return self._stream(answer, SyncStream)
        load_prices()
        return self._whole(answer)

    async def arun(self) -> ModelResponse | CustomStreamWrapper:
        """Make the call on the running loop."""
        try:
            _budget.check()
            known = self._known()
            if known is not None:
                chunks = _all_of(as_chunks(known))
                return self._stream(chunks, AsyncStream) if self.streams else known
            answer = await llmgate.acompletion(
                self.asked.llmgate_model, self.messages, stream=self.streams, **self.asked.options
            )
        except llmgate.OutputError as error:
            answer = self._as_it_came(error)
        except Exception as error:
            raise self.failed(error) from error
        if self.streams:
            return self._stream(answer, AsyncStream)
        await asyncio.to_thread(load_prices)
        return self._whole(answer)

    def failed(self, error: Exception) -> Exception:
        """The exception of litellm's for what was raised; the callbacks are called with it."""
        made = error
        if isinstance(error, llmgate.LLMGateError):
            made = translated(error, self.asked.model, self.asked.provider)
        self.watch.failed(made)
        return made

    def _as_it_came(self, error: llmgate.OutputError) -> Any:
        """The response to a class that it does not fit: that is the caller's to find out, unless
        validation was asked for."""
        if _schema.is_checked(self.asked):
            raise self.failed(_schema.misfit(self.asked, error.text, str(error))) from error
        return error.completion

    def _known(self) -> ModelResponse | None:
        """A response that needs no request: a made up one, or one of the cache."""
        if "mock_response" in self.asked.given:
            return self._finished(mocked(self.asked))
        return None if self.key is None or self.streams else _cache.get(self.key)

    def _whole(self, answer: Any) -> ModelResponse:
        response = model_response(answer, model=self.asked.model)
        try:
            _schema.check(self.asked, response)
        except Exception as error:
            raise self.failed(error) from error
        response.hide(**hidden_params(answer, provider=self.asked.provider))
        seconds = sum(each.seconds + each.wait for each in answer.attempts)
        response.record(answer.headers, 1000 * seconds)
        if self.key is not None:
            _cache.put(self.key, response)
        return self._finished(response)

    def _finished(self, response: ModelResponse) -> ModelResponse:
        asked = self.asked
        cost = cost_or_none(response, model=asked.model, provider=asked.provider)
        response.hide(response_cost=cost, model=asked.model)
        _budget.add(cost)
        self.watch.succeeded(response, cost)
        return response

    def _stream(self, chunks: Any, kind: type[CustomStreamWrapper]) -> CustomStreamWrapper:
        options: dict[str, Any] = self.asked.given.get("stream_options") or {}
        return kind(
            chunks,
            model=self.asked.model,
            provider=self.asked.provider,
            with_usage=bool(options.get("include_usage")),
            on_chunk=lambda chunk: self.watch.succeeded(chunk, None),
            on_done=self._streamed,
            on_error=self.failed,
        )

    def _streamed(self, chunks: list[ModelResponseStream]) -> None:
        response = stream_chunk_builder(chunks, self.messages)
        if response is not None:
            self._finished(response)


async def _all_of(chunks: Iterable[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


def embedding(model: str, input: Any = (), **kwargs: Any) -> EmbeddingResponse:
    """The vectors of a text, or of several.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``.
    """
    asked, options = _embedding_call(model, kwargs)
    try:
        answer = llmgate.embedding(asked.llmgate_model, input, **options)
    except llmgate.LLMGateError as error:
        raise translated(error, asked.model, asked.provider) from error
    return _vectors(answer, asked)


async def aembedding(model: str, input: Any = (), **kwargs: Any) -> EmbeddingResponse:
    """:func:`embedding` for async code.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``.
    """
    asked, options = _embedding_call(model, kwargs)
    try:
        answer = await llmgate.aembedding(asked.llmgate_model, input, **options)
    except llmgate.LLMGateError as error:
        raise translated(error, asked.model, asked.provider) from error
    return _vectors(answer, asked)


def _embedding_call(model: str, kwargs: dict[str, Any]) -> tuple[Asked, dict[str, Any]]:
    names = ("dimensions", "encoding_format", "input_type", "truncate", "user")
    return _operation_call(model, kwargs, names)


def _operation_call(
    model: str, kwargs: dict[str, Any], names: Iterable[str]
) -> tuple[Asked, dict[str, Any]]:
    """What is asked, and the arguments of llmgate's; these are parameters of the operation."""
    asked = asked_for(model, kwargs)
    options = dict(asked.options)
    body = dict(options.pop("extra_body", {}))
    for name in names:
        if name in body:
            options[name] = body.pop(name)
    if body:
        options["extra_body"] = body
    return asked, options


def _vectors(answer: llmgate.Embeddings, asked: Asked) -> EmbeddingResponse:
    response = embedding_response(answer, model=asked.model)
    response.hide(**hidden_params(answer, provider=asked.provider))
    return response


def rerank(model: str, query: str, documents: Any = (), **kwargs: Any) -> RerankResponse:
    """Documents by their relevance to a query, the most relevant first.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``.
    """
    asked, options = _rerank_call(model, kwargs)
    try:
        answer = llmgate.rerank(asked.llmgate_model, query, documents, **options)
    except llmgate.LLMGateError as error:
        raise translated(error, asked.model, asked.provider) from error
    return _ranked(answer, asked)


async def arerank(model: str, query: str, documents: Any = (), **kwargs: Any) -> RerankResponse:
    """:func:`rerank` for async code.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``.
    """
    asked, options = _rerank_call(model, kwargs)
    try:
        answer = await llmgate.arerank(asked.llmgate_model, query, documents, **options)
    except llmgate.LLMGateError as error:
        raise translated(error, asked.model, asked.provider) from error
    return _ranked(answer, asked)


def _rerank_call(model: str, kwargs: dict[str, Any]) -> tuple[Asked, dict[str, Any]]:
    kwargs = {"return_documents": True, **kwargs}  # as litellm has it
    return _operation_call(model, kwargs, ("return_documents", "top_n", "truncate"))


def _ranked(answer: llmgate.Reranking, asked: Asked) -> RerankResponse:
    response = rerank_response(answer)
    response.hide(**hidden_params(answer, provider=asked.provider))
    return response


def batch_completion(
    model: str, messages: Iterable[list[Any]] = (), max_workers: int = 100, **kwargs: Any
) -> list[Any]:
    """A response for each conversation, in order; in place of a failed one stands its exception."""

    call: Callable[..., Any] = completion

    def one(conversation: list[Any]) -> Any:
        try:
            return call(model, conversation, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is handed back
            return error

    with ThreadPoolExecutor(max_workers or 100) as threads:
        return [*threads.map(one, messages)]
