"""The default client, and the functions of the package that use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Unpack

from llmgate._core.arguments import described
from llmgate._core.client import Client
from llmgate._core.prepare import hide_credentials
from llmgate.errors import RequestError
from llmgate.options import CallOptions, EmbeddingOptions, ListOptions, RerankOptions

if TYPE_CHECKING:
    from llmgate._core.stream import Stream
    from llmgate._core.sync import SyncStream
    from llmgate.embeddings import EmbeddingInput, Embeddings
    from llmgate.messages import MessageLike
    from llmgate.models import ModelList, TokenCount
    from llmgate.reranking import RerankDocuments, Reranking
    from llmgate.types import Completion

__all__ = [
    "acompletion",
    "acount_tokens",
    "aembedding",
    "alist_models",
    "arerank",
    "completion",
    "count_tokens",
    "default_client",
    "defaults",
    "embedding",
    "list_models",
    "rerank",
]


class _DefaultClient(Client):
    """Nobody can be expected to close it."""

    _warns = False


@cache
def default_client() -> Client:
    """The client of :func:`acompletion` and :func:`completion`, which nobody has to close."""
    return _prepared.get("client") or _DefaultClient()


_prepared: dict[str, Client] = {}


def defaults(**settings: Any) -> None:
    """Set up the client of the functions of this module, before the first call of one of them.

    Args:
        settings: What :class:`~llmgate.Client` takes: ``middleware``, ``hooks``, ``timeout``, …

    Raises:
        RequestError: when there was a call already.
    """
    if default_client.cache_info().currsize:
        raise RequestError(
            "the default client is in use: call llmgate.defaults before the first completion, "
            "or make a Client of your own"
        )
    _prepared["client"] = _DefaultClient(**settings)


@described(CallOptions)
async def acompletion(
    model: str | Sequence[str],
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | Stream:
    """A model's completion of a conversation, in OpenAI's shape, by the default client.

    An argument that is None counts as absent.

    Raises:
        LLMGateError: of one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
            passes unchanged.
    """
    hide_credentials(options)
    return await default_client().acompletion(model, messages, stream=stream, **options)


@described(CallOptions)
def completion(
    model: str | Sequence[str],
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | SyncStream:
    """:func:`acompletion` for code that is not async; it also works while a loop is running.

    An argument that is None counts as absent.

    Raises:
        LLMGateError: of one of the kinds in :mod:`llmgate.errors`.
    """
    hide_credentials(options)
    return default_client().completion(model, messages, stream=stream, **options)


@described(EmbeddingOptions)
async def aembedding(
    model: str | Sequence[str],
    input: EmbeddingInput,
    **options: Unpack[EmbeddingOptions],
) -> Embeddings:
    """The embeddings of texts, in OpenAI's shape and in their order, by the default client.

    An argument that is None counts as absent.

    Raises:
        LLMGateError: of one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
            passes unchanged.
    """
    hide_credentials(options)
    return await default_client().aembedding(model, input, **options)


@described(EmbeddingOptions)
def embedding(
    model: str | Sequence[str],
    input: EmbeddingInput,
    **options: Unpack[EmbeddingOptions],
) -> Embeddings:
    """:func:`aembedding` for code that is not async; it also works while a loop is running.

    An argument that is None counts as absent.

    Raises:
        LLMGateError: of one of the kinds in :mod:`llmgate.errors`.
    """
    hide_credentials(options)
    return default_client().embedding(model, input, **options)


@described(RerankOptions)
async def arerank(
    model: str,
    query: str,
    documents: RerankDocuments,
    **options: Unpack[RerankOptions],
) -> Reranking:
    """Documents by their relevance to a query, the most relevant first, by the default client.

    An argument that is None counts as absent. All documents go in one request, since scores of
    different requests cannot be compared.

    Raises:
        UnsupportedError: when the provider does not rerank documents.
        LLMGateError: of one of the other kinds, as for every call.
    """
    hide_credentials(options)
    return await default_client().arerank(model, query, documents, **options)


@described(RerankOptions)
def rerank(
    model: str,
    query: str,
    documents: RerankDocuments,
    **options: Unpack[RerankOptions],
) -> Reranking:
    """:func:`arerank` for code that is not async; it also works while a loop is running.

    Raises:
        UnsupportedError: when the provider does not rerank documents.
        LLMGateError: of one of the other kinds, as for every call.
    """
    hide_credentials(options)
    return default_client().rerank(model, query, documents, **options)


@described(CallOptions)
async def acount_tokens(
    model: str,
    messages: Iterable[MessageLike],
    **options: Unpack[CallOptions],
) -> TokenCount:
    """The number of tokens in the prompt of a call, tools included; no completion is made.

    The provider counts where it can; elsewhere it is an estimate, and says so, from the bytes of
    the prompt and from what the usage of earlier calls says since the first count.

    Raises:
        LLMGateError: of one of the kinds in :mod:`llmgate.errors`, as for every call.
    """
    hide_credentials(options)
    return await default_client().acount_tokens(model, messages, **options)


@described(CallOptions)
def count_tokens(
    model: str,
    messages: Iterable[MessageLike],
    **options: Unpack[CallOptions],
) -> TokenCount:
    """:func:`acount_tokens` for code that is not async; it also works while a loop is running.

    Raises:
        LLMGateError: of one of the kinds in :mod:`llmgate.errors`, as for every call.
    """
    hide_credentials(options)
    return default_client().count_tokens(model, messages, **options)


@described(ListOptions)
async def alist_models(provider: str | None = None, **options: Unpack[ListOptions]) -> ModelList:
    """The models that a provider lists, or those of every provider that has a key.

    Raises:
        UnsupportedError: when the provider does not list its models.
        LLMGateError: of one of the other kinds, as for every call.
    """
    hide_credentials(options)
    return await default_client().alist_models(provider, **options)


@described(ListOptions)
def list_models(provider: str | None = None, **options: Unpack[ListOptions]) -> ModelList:
    """:func:`alist_models` for code that is not async.

    Raises:
        UnsupportedError: when the provider does not list its models.
        LLMGateError: of one of the other kinds, as for every call.
    """
    hide_credentials(options)
    return default_client().list_models(provider, **options)
