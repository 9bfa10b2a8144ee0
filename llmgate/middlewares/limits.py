"""Lets calls through as fast as they are allowed to be made, and no faster, within this process.

What a call used is read from its response; whose turn it is, ``turns`` decides.
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
from llmgate.middlewares.rate_headers import pause_in
from llmgate.middlewares.turns import AnyCall, Group, Limit, Turn
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
    """

    def __init__(self, *limits: Limit, max_wait: float | None = None) -> None:
        if not limits or not all(isinstance(limit, Limit) for limit in cast("Any", limits)):
            raise InvalidRequestError(
                f"expected limits, got {describe_value(limits)}", path="limits"
            )
        self._limits = limits
        self._max_wait = max_wait
        self._groups: dict[tuple[int, str], Group] = {}
        self._estimates: dict[str, _Estimate] = {}

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion, when it is the call's turn."""
        return await self._held(call, handler)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings, when it is the call's turn."""
        return await self._held(call, handler)

    async def _held(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        groups = self._groups_of(call)
        estimate = self._estimate_of(call.model)
        length = _length(call) if any(group.limit.tokens for group in groups) else 0
        tokens = estimate.of(call, length) if length else 0
        turn = Turn(groups, tokens)
        await turn.take(self._max_wait)
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

    def _groups_of(self, call: AnyCall) -> list[Group]:
        found = list[Group]()
        for number, limit in enumerate(self._limits):
            name = limit.group_of(call)
            if name is None:
                continue
            group = self._groups.get((number, name))
            if group is None:
                self._forget_idle()
                group = self._groups[number, name] = Group(limit, name)
            found.append(group)
        return found

    def _forget_idle(self) -> None:
        """Groups of which nothing is known that a new one would not say as well."""
        if len(self._groups) >= _MOST_GROUPS:
            for key in [key for key, group in self._groups.items() if group.is_idle()]:
                del self._groups[key]

    def _estimate_of(self, model: str) -> _Estimate:
        if len(self._estimates) >= _MOST_GROUPS:
            self._estimates.clear()
        return self._estimates.setdefault(model, _Estimate())


_MOST_GROUPS = 10_000


def _settle(
    turn: Turn, estimate: _Estimate, length: int, usage: Usage | None, attempts: Any, headers: Any
) -> None:
    """Count what a call used, and learn from it."""
    tokens = None if usage is None else usage.total_tokens
    turn.settle(max(len(attempts) - 1, 0), tokens)
    if usage is not None and length:
        estimate.learn(length, usage.prompt_tokens, usage.completion_tokens)
    pause = pause_in(headers)
    if pause:
        turn.hold_back(pause)


def _stream_ended(settle: Callable[..., None], turn: Turn, end: StreamEnd) -> None:
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
