"""The contract of middleware: code that runs around every call of a client, and may change it.

A client is given middleware outermost first, ``Client(middleware=[Cache(), Fallback()])``; each is
called on the task of the call, inside the call's deadline. Installed packages offer theirs as entry
points of the group ``llmgate.middleware``, which a client asks for by name:
``Client(middleware=["name"])``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from llmgate._exchange import StreamEnd
from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.options import ChatCall
from llmgate.reranking import RerankCall, Reranking

if TYPE_CHECKING:
    from llmgate._core.registry import Target as ResolvedTarget
    from llmgate._core.retry import RetryBudget, RetryPolicy
    from llmgate._core.stream import Stream
    from llmgate.cost import Prices
    from llmgate.types import Completion

__all__ = [
    "ChatCall",
    "EmbeddingCall",
    "EmbeddingHandler",
    "Handler",
    "Middleware",
    "RerankCall",
    "RerankHandler",
    "Shared",
    "StreamEnd",
]

Handler: TypeAlias = Callable[[ChatCall], Awaitable["Completion | Stream"]]
"""What is further in: the next middleware, and behind the last one the provider."""
EmbeddingHandler: TypeAlias = Callable[[EmbeddingCall], Awaitable[Embeddings]]
"""The same for embeddings."""
RerankHandler: TypeAlias = Callable[[RerankCall], Awaitable[Reranking]]
"""The same for rerankings."""


class Shared(NamedTuple):
    """What a client shares with its middleware.

    ``policy`` says how often a call is retried whose ``max_retries`` is None. ``budget`` is what
    all retries of the client come from: who sends a call again for a reason of its own asks
    ``budget.spend()``, and leaves it where that is False. ``prices`` are the client's own.
    ``target`` gives the provider and its own name of a model as a call names it, and raises an
    :class:`~llmgate.errors.UnknownProviderError` where it is nobody's.
    """

    policy: RetryPolicy
    budget: RetryBudget
    prices: Prices | None
    target: Callable[[str], ResolvedTarget]


class Middleware:
    """Code that runs around the calls of a client. Each method passes its call on by default.

    A method may change the call (give the handler another one, made by
    :func:`dataclasses.replace`; what it was given stays as it is), return something of its own
    without calling the handler, and call the handler again: after a failure, for another model, or
    several times at once from child tasks. Every time, the provider is chosen anew and the call
    fitted to it. What the call was given for one provider (``settings``: the key, the address) is
    not meant for another.

    All of it has the time that the call has, and ends with it. A ``timeout`` that the call is given
    on the way counts from there, and cannot be longer than what is left. What a method raises
    reaches the caller unchanged.

    One object serves all calls of its client, at once, and on any event loop.
    """

    observes = False
    """True where a middleware only watches: it gives the handler its call, once and unchanged but
    for hooks, waits for nothing else, and returns what it was returned, or a stream of it that is
    mapped. A client all of whose middleware does so makes no copies and no deadline around it."""

    changes_calls = True
    """False where a middleware changes nothing of a call in place, as by changing its messages: a
    call that it hands on differently is another one. Where no middleware of a client's does, no
    call is copied for them."""

    waits_in_time = False
    """True where it ``observes`` but for what else it waits for, which ends with the time of the
    call. Only llmgate's own can do that."""

    def only_asks(self, call: ChatCall | EmbeddingCall) -> bool:
        """Whether this middleware waits, for such a call, for nothing but what its handler returns,
        changes nothing of the call in place, and returns what it was returned. Where all of a
        client's do so or observe, no call is copied, and no deadline is set around them: each
        request has that of the call anyway."""
        del call
        return False

    def used_by(self, shared: Shared) -> None:
        """What each client that has this middleware tells it when it is made."""

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion of a call, or the stream of it where ``call.stream`` is true.

        A stream is open when the handler returns it; ``await stream.start()`` waits for its first
        chunk, ``stream.map`` changes its chunks, and ``stream.when_done`` tells how it ended. One
        that is not passed on has to be closed.
        """
        return await handler(call)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings of a call."""
        return await handler(call)

    async def rerank(self, call: RerankCall, handler: RerankHandler) -> Reranking:
        """The reranking of a call."""
        return await handler(call)
