"""The default client, and the functions that use it: what everybody begins with."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Literal, Unpack, overload

from llmgate._core.client import Client
from llmgate._core.prepare import hide_credentials
from llmgate.options import CallOptions

if TYPE_CHECKING:
    from llmgate._core.stream import Stream
    from llmgate._core.sync import SyncStream
    from llmgate.embeddings import EmbeddingInput, EmbeddingOptions, Embeddings
    from llmgate.messages import MessageLike
    from llmgate.models import ModelList
    from llmgate.options import OwnOptions
    from llmgate.types import Completion

__all__ = [
    "acompletion",
    "aembedding",
    "alist_models",
    "completion",
    "default_client",
    "embedding",
    "list_models",
]


class _DefaultClient(Client):
    """Nobody can be expected to close it."""

    _warns = False


@cache
def default_client() -> Client:
    """The client of :func:`acompletion` and :func:`completion`, which nobody has to close."""
    return _DefaultClient()


@overload
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[True],
    **options: Unpack[CallOptions],
) -> Stream: ...
@overload
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[False] | None = False,
    **options: Unpack[CallOptions],
) -> Completion: ...
@overload
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | Stream: ...
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | Stream:
    """:meth:`Client.acompletion` of a client with the default settings."""
    hide_credentials(options)
    return await default_client().acompletion(model, messages, stream=stream, **options)


@overload
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[True],
    **options: Unpack[CallOptions],
) -> SyncStream: ...
@overload
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[False] | None = False,
    **options: Unpack[CallOptions],
) -> Completion: ...
@overload
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | SyncStream: ...
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | SyncStream:
    """:meth:`Client.completion` of a client with the default settings."""
    hide_credentials(options)
    return default_client().completion(model, messages, stream=stream, **options)


async def aembedding(
    model: str,
    input: EmbeddingInput,
    **options: Unpack[EmbeddingOptions],
) -> Embeddings:
    """:meth:`Client.aembedding` of a client with the default settings."""
    hide_credentials(options)
    return await default_client().aembedding(model, input, **options)


def embedding(
    model: str,
    input: EmbeddingInput,
    **options: Unpack[EmbeddingOptions],
) -> Embeddings:
    """:meth:`Client.embedding` of a client with the default settings."""
    hide_credentials(options)
    return default_client().embedding(model, input, **options)


async def alist_models(provider: str | None = None, **options: Unpack[OwnOptions]) -> ModelList:
    """:meth:`Client.alist_models` of a client with the default settings."""
    hide_credentials(options)
    return await default_client().alist_models(provider, **options)


def list_models(provider: str | None = None, **options: Unpack[OwnOptions]) -> ModelList:
    """:meth:`Client.list_models` of a client with the default settings."""
    hide_credentials(options)
    return default_client().list_models(provider, **options)
