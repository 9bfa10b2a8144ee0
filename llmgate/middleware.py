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
"""What comes next: the next middleware, or after the last one the provider."""
EmbeddingHandler: TypeAlias = Callable[[EmbeddingCall], Awaitable[Embeddings]]
"""The same for embeddings."""
RerankHandler: TypeAlias = Callable[[RerankCall], Awaitable[Reranking]]
"""The same for rerankings."""


class Shared(NamedTuple):
    """What a client shares with its middleware.

    ``policy`` is the retry policy of calls whose own ``max_retries`` is None. ``budget`` is the
    budget of all retries of the client: a middleware that sends a call again first calls
    ``budget.spend()``, and does not send it if that is False. ``prices`` are the client's own.
    ``target`` returns the provider of a model and the provider's own name of it, and raises an
    :class:`~llmgate.errors.UnknownProviderError` if no provider has it.
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

    All of this happens within the call's deadline. A ``timeout`` that a middleware gives the call
    counts from that moment, and cannot exceed the remaining time. What a method raises reaches the
    caller unchanged.

    One object serves all calls of its client, at once, and on any event loop.
    """

    observes = False
    """True for a middleware that only watches: it passes its call to the handler, once and
    unchanged except for hooks, waits for nothing else, and returns the handler's result, or a
    mapped stream of it. If all of a client's middleware does so, there are no copies and no extra
    deadline."""

    changes_calls = True
    """False for a middleware that never changes a call in place, for example its messages: if it
    passes on a different call, that is a new object. If this holds for all of a client's
    middleware, calls are not copied."""

    waits_in_time = False
    """True if it ``observes`` except that it also waits for something else, which ends with the
    call's time. Only llmgate's own middleware can do that."""

    def only_asks(self, call: ChatCall | EmbeddingCall) -> bool:
        """Whether this middleware, for this call, waits for nothing but its handler, changes
        nothing of the call in place, and returns the handler's result. If all of a client's
        middleware does so or observes, no call is copied, and no deadline is set around it: each
        request has the call's deadline anyway."""
        del call
        return False

    def used_by(self, shared: Shared) -> None:
        """Called by each client that has this middleware, when the client is made."""

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion of a call, or the stream of it where ``call.stream`` is true.

        A stream is open when the handler returns it; ``await stream.start()`` waits for its first
        chunk, ``stream.map`` changes its chunks, and ``stream.when_done`` reports how it ended. A
        stream that is not passed on must be closed.
        """
        return await handler(call)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings of a call."""
        return await handler(call)

    async def rerank(self, call: RerankCall, handler: RerankHandler) -> Reranking:
        """The reranking of a call."""
        return await handler(call)
