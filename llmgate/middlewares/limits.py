"""Lets calls through as fast as they are allowed to be made, and no faster.

What a call used is read from its response; whose turn it is, a store decides, by default ``turns``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate._core.stream import Stream
from llmgate._text.json import encode_json
from llmgate.errors import (
    InvalidRequestError,
    LLMGateError,
    RateLimitError,
    describe_value,
)
from llmgate.middleware import EmbeddingHandler, Handler, Middleware, StreamEnd
from llmgate.middlewares.limit_store import Admission, LimitStore, Share
from llmgate.middlewares.rate_headers import pause_in
from llmgate.middlewares.turns import AnyCall, Limit, MemoryLimits
from llmgate.options import ChatCall

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.types import Completion, Usage

__all__ = ["Limit", "Limits"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")
Result = TypeVar("Result", bound="Completion | Stream | Embeddings")


class Limits(Middleware):
    """Keeps calls within limits, of whatever they have in common.

    A call waits for its turn, first come, first served, unless it would wait for longer than
    ``max_wait`` seconds (or its deadline is sooner): then it is refused with a
    :class:`~llmgate.errors.RateLimitError`, which names the limit and has ``retry_after``. One that
    is refused by one limit uses nothing of the others. Tokens are estimated before a call, from its
    length and from what earlier calls of its model used, and counted as they were afterwards;
    so are the requests that were sent again. What a provider says of its own limits, in headers of
    a response or with a refusal, holds the group back as long as it says.

    Args:
        limits: One or more; each call is held to all of them.
        max_wait: Seconds; None for as long as it takes, 0 to refuse at once.
        store: What keeps the state; by default this process does.

    Raises:
        InvalidRequestError: where there is no limit, or one that the store cannot enforce.
    """

    def __init__(
        self, *limits: Limit, max_wait: float | None = None, store: LimitStore | None = None
    ) -> None:
        if not limits or not all(isinstance(limit, Limit) for limit in cast("Any", limits)):
            raise InvalidRequestError(
                f"expected limits, got {describe_value(limits)}", path="limits"
            )
        self._store = MemoryLimits() if store is None else store
        if not isinstance(self._store, LimitStore):  # pyright: ignore[reportUnnecessaryIsInstance]
            reason = f"expected a store of limits, got {describe_value(store)}"
            raise InvalidRequestError(reason, path="store")
        for number, limit in enumerate(limits):
            for name in sorted(limit.amounts - self._store.amounts):
                reason = f"{type(self._store).__name__} cannot keep {name} within limits"
                raise InvalidRequestError(reason, path=f"limits[{number}].{name}")
        self._limits = limits
        self._max_wait = max_wait
        self._estimates: dict[str, _Estimate] = {}

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion, when it is the call's turn."""
        return await self._held(call, handler)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings, when it is the call's turn."""
        return await self._held(call, handler)

    async def aclose(self) -> None:
        """Close the store of the limits."""
        await self._store.aclose()

    async def _held(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        shares = self._shares_of(call)
        estimate = self._estimate_of(call.model)
        length = _length(call) if any(share.limit.tokens for share in shares) else 0
        amounts = {"requests": 1, "tokens": estimate.of(call, length) if length else 0}
        turn = await self._store.admit(shares, amounts, self._max_wait)
        settle = partial(_settle, turn, estimate, length)
        is_streaming = False
        try:
            result = await handler(call)
            if isinstance(result, Stream):
                result.when_done(partial(_stream_ended, settle, turn))
                is_streaming = True
            else:
                settle(result.usage, result.attempts, result.rate_limit)
        except LLMGateError as error:
            settle(None, error.attempts, error.headers or {})
            if isinstance(error, RateLimitError):
                turn.hold_back(error.retry_after or 0.0)
            raise
        except BaseException:
            turn.give_back()
            raise
        finally:
            if not is_streaming:
                turn.leave()
        return result

    def _shares_of(self, call: AnyCall) -> list[Share]:
        found = list[Share]()
        for number, limit in enumerate(self._limits):
            name = limit.group_of(call)
            if name is not None:
                found.append(Share(number, limit, name))
        return found

    def _estimate_of(self, model: str) -> _Estimate:
        if len(self._estimates) >= _MOST_MODELS:
            self._estimates.clear()
        return self._estimates.setdefault(model, _Estimate())


_MOST_MODELS = 10_000


def _settle(
    turn: Admission,
    estimate: _Estimate,
    length: int,
    usage: Usage | None,
    attempts: Any,
    headers: Any,
) -> None:
    """Count what a call used, and learn from it."""
    used: dict[str, float] = {"requests": max(len(attempts), 1)}
    if usage is not None:
        used["tokens"] = usage.total_tokens
    turn.settle(used)
    if usage is not None and length:
        estimate.learn(length, usage.prompt_tokens, usage.completion_tokens)
    pause = pause_in(headers)
    if pause:
        turn.hold_back(pause)


def _stream_ended(settle: Callable[..., None], turn: Admission, end: StreamEnd) -> None:
    known = end.completion or end.error
    if known is not None:
        settle(end.usage, known.attempts, known.headers or {})
    turn.leave()


def _length(call: AnyCall) -> int:
    """The bytes of what a model is given to read."""
    if isinstance(call, ChatCall):
        tools = call.parameters.get("tools") or []
        return len(encode_json(call.messages)) + (len(encode_json(tools)) if tools else 0)
    return len(encode_json(call.input))


class _Estimate:
    """How many tokens calls of one model take: a mean in which the latest calls count most."""

    def __init__(self) -> None:
        self._tokens_per_byte = 0.25
        self._completion = 250.0

    def of(self, call: AnyCall, length: int) -> float:
        prompt = length * self._tokens_per_byte
        if not isinstance(call, ChatCall):
            return prompt
        given = call.parameters
        most = given.get("max_completion_tokens") or given.get("max_tokens")
        expected = self._completion if most is None else min(most, self._completion)
        return prompt + expected * (given.get("n") or 1)

    def learn(self, length: int, prompt: int, completion: int) -> None:
        self._tokens_per_byte += (prompt / length - self._tokens_per_byte) / 10
        self._completion += (completion - self._completion) / 10
