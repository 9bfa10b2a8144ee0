"""Sends one request of a flow: credentials, the reply, what its status means, and retries.

What the reply's body says is the provider's to read.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmgate._core.failures import authorize_error
from llmgate._core.settings import HeaderSource, as_headers
from llmgate._core.signing import CallSigning
from llmgate._core.state import CallState, request_id
from llmgate._text.redact import has_credentials, redact_query
from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    InternalError,
    LLMGateError,
    PluginError,
    ReadError,
    RequestError,
    ResponseTooLargeError,
    origin_of,
    shown,
    told,
)
from llmgate.hooks import AttemptEnded, AttemptStarted, RetryScheduled
from llmgate.provider import status_error
from llmgate.provider.http import HttpRequest, HttpResponse, IncomingResponse, redacted
from llmgate.types import Attempt

if TYPE_CHECKING:
    from llmgate._core.retry import RetryPolicy

__all__ = [
    "MAX_BODY",
    "MAX_ERROR_BODY",
    "Holder",
    "attempt_started",
    "authorized",
    "is_own",
    "pause_before_next",
    "send",
    "with_client_headers",
    "with_given_headers",
]

MAX_BODY = 64 * 1024 * 1024
"""The largest body of an answer, in bytes after decompression."""
MAX_ERROR_BODY = 1024 * 1024
"""The largest body of an error, likewise; what is beyond it is not read."""
_ERROR_SECONDS = 5.0
"""How long an error's body is read; likewise."""


class Holder:
    """Owns the reply that a flow left open until its stream takes it over."""

    def __init__(self) -> None:
        self._incoming: IncomingResponse | None = None

    def hold(self, incoming: IncomingResponse) -> None:
        """Own this reply, and no longer the one before."""
        self.close()
        self._incoming = incoming

    def release(self) -> IncomingResponse:
        """Give the reply away."""
        incoming, self._incoming = self._incoming, None
        if incoming is None:
            raise DecodeError("the provider's flow ended without a reply to be streamed")
        return incoming

    def close(self) -> None:
        """Close the reply, unless it was given away."""
        if self._incoming is not None:
            self._incoming.close()


async def send(request: HttpRequest, context: CallState, holder: Holder | None) -> HttpResponse:
    """The reply to a request, which is sent again as often as the policy allows.

    With a holder, the reply to a request that asks for a stream is left open with it.
    """
    request = with_given_headers(request, context.extra_headers)
    if request.delay > 0:
        await asyncio.sleep(request.delay)
    wait, context.previous = 0.0, None
    while True:
        attempt = _Attempt(request, context, wait)
        try:
            reply = await attempt.make(holder)
        except LLMGateError as error:
            pause = attempt.pause_after(error)
            if pause is None:
                raise
            wait, context.previous = pause, context.reply
        else:
            context.budget.succeeded()
            return reply
        await asyncio.sleep(wait)


def pause_before_next(error: LLMGateError, context: CallState, *, answered: bool) -> float | None:
    """The seconds to wait before another attempt; None when there is to be no other."""
    try:
        wait = _pause_of(context.policy, error, context.retries + 1, answered=answered)
    except Exception as failure:  # noqa: BLE001 - a policy's functions are the caller's
        error.message += f"; not retried: the retry policy failed: {told(failure)}"
        error.args = (error.message,)
        return None
    if wait is None:
        return None
    if not is_unprocessed(error) and (
        wait >= context.deadline.remaining() or not context.budget.spend()
    ):
        return None
    context.retries += 1
    if context.emit is not None:
        following = context.reserve_number()
        context.emit(RetryScheduled(context.call.id, following, wait, error, context.labels))
    return wait


def _pause_of(
    policy: RetryPolicy, error: LLMGateError, number: int, *, answered: bool
) -> float | None:
    """The seconds that a policy wants to be waited; None where it wants no other attempt."""
    if not policy.allows(error, number, answered=answered):
        return None
    # where the request was not processed, the server is asked once in all
    return 0.0 if is_unprocessed(error) else policy.pause(error, number)


def attempt_started(
    request: HttpRequest, call_id: str, number: int, labels: Mapping[str, Any]
) -> AttemptStarted:
    """The event of an attempt, with the request as hooks may see it."""
    if has_credentials(request.url):  # seldom
        request = replace(request, url=redact_query(request.url))
    request = replace(request, headers=redacted(request.headers))
    return AttemptStarted(call_id, number, request, labels)


def with_given_headers(request: HttpRequest, headers: Mapping[str, str]) -> HttpRequest:
    """The request as ``authorize`` is to see it: with the headers that the caller gave for this
    call, in place of its own of the same name."""
    if not headers:
        return request
    given = frozenset(name.lower() for name in headers)
    return replace(request.with_headers(headers), given_headers=given)


def with_client_headers(
    request: HttpRequest, headers: HeaderSource, started: AttemptStarted
) -> HttpRequest:
    """The request with what the client gives for this attempt; the call's own headers win."""
    try:
        given = as_headers(headers(started), "headers")
        names = frozenset(name.lower() for name in given)
        request = request.with_headers(given)
        return replace(request, given_headers=request.given_headers | names)
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - it is a stranger's
        kind, origin = type(error).__name__, origin_of(error)
    raise RequestError(f"the client's headers could not be made ({kind} in {origin})")


async def authorized(request: HttpRequest, context: CallState) -> HttpRequest:
    """The request with its credentials, as it is then sent."""
    try:
        signed = await context.provider.authorize(request, CallSigning(context))
    except LLMGateError:
        raise
    except BaseException as error:
        if is_own(error):
            raise
        failure = authorize_error(error, context.provider)
    else:
        if isinstance(signed, HttpRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            return signed
        failure = PluginError(f"the provider authorized {type(signed).__name__}, not a request")
    raise failure


def is_unprocessed(error: LLMGateError) -> bool:
    """Whether the server cannot have acted on the request that failed so."""
    return isinstance(error, ReadError) and error.unprocessed


def is_own(error: BaseException) -> bool:
    """Whether an exception is for us, and no accident of a stranger's code: a cancellation of this
    task, an interrupt of the process."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return not isinstance(error, Exception | GeneratorExit)


def _taken_from(pieces: list[bytes]) -> bytes:
    body = b"".join(pieces)
    pieces.clear()
    return body


_NOT_DONE = frozenset({408, 425, 429, 503, 529})
"""The statuses that say so; behind a gateway's 502 or 504 the request may well have been done."""


class _Attempt:
    """One request on its way. ``answered`` is None until something of a reply has come, False when
    the provider refused, and True when an answer had begun."""

    def __init__(self, request: HttpRequest, context: CallState, wait: float) -> None:
        self.answered: bool | None = None
        self._request = request
        self._context = context
        self._wait = wait
        self._number = context.take_number()
        self._started = time.monotonic()

    def pause_after(self, error: LLMGateError) -> float | None:
        """The seconds to wait before another attempt; None when there is to be no other."""
        reply = self._context.reply
        was_not_done = reply is not None and reply.status in _NOT_DONE
        never_left = isinstance(error, ConnectError | DeadlineExceededError)  # of connecting alone
        is_harmless = self._request.idempotent or was_not_done or never_left
        is_wished = isinstance(error, ReadError) and self._context.policy.retry_reads
        if not (is_harmless or is_unprocessed(error) or is_wished):
            return None  # it could be done twice
        return pause_before_next(error, self._context, answered=bool(self.answered))

    async def make(self, holder: Holder | None) -> HttpResponse:
        """The reply; a streamed one is left open with the holder."""
        context = self._context
        context.reply = context.sent = None
        if context.headers is not None:
            started = self._event()
            self._request = with_client_headers(self._request, context.headers, started)
        if context.emit is not None:
            context.emit(self._event())
        try:
            reply = await self._exchange(holder)
        except LLMGateError as error:
            self._over(type(error).__name__, error)
            raise
        except BaseException as cause:
            late = context.deadline.exceeded() if context.deadline.explains(cause) else None
            self._over(type(late or cause).__name__, late)
            raise
        self._over()
        return reply

    def _event(self) -> AttemptStarted:
        context = self._context
        return attempt_started(self._request, context.call.id, self._number, context.labels)

    def _over(self, name: str | None = None, error: LLMGateError | None = None) -> None:
        context, seconds = self._context, time.monotonic() - self._started
        status, identifier = None, None
        if context.reply is not None:
            status, identifier = context.reply.status, request_id(context.response_headers())
        attempt = Attempt(self._number, seconds, self._wait, status, name, identifier)
        context.attempts.append(attempt)
        if error is not None:
            context.explain(error)
        if context.emit is not None:
            ended = AttemptEnded(
                context.call.id, self._number, seconds, status, error, context.labels
            )
            context.emit(ended)

    async def _exchange(self, holder: Holder | None) -> HttpResponse:
        context = self._context
        signed = await authorized(self._request, context)
        context.sent = (self._request, signed)
        try:
            incoming = await context.transport.open(signed, context.timeout)
            return await self._take(incoming, holder)
        except LLMGateError:
            raise
        except BaseException as error:
            if is_own(error):
                raise
            kind, origin = type(error).__name__, origin_of(error)
        raise InternalError(f"the transport failed with {kind}", origin=origin)

    async def _take(self, incoming: IncomingResponse, holder: Holder | None) -> HttpResponse:
        context = self._context
        reply = context.reply = HttpResponse(incoming.status, incoming.headers)
        self.answered = 200 <= reply.status < 300
        if self.answered and self._request.stream and holder is not None:
            holder.hold(incoming)
            return reply
        pieces = list[bytes]()
        try:
            if self.answered:
                await self._read(incoming, pieces)
            else:
                await self._read_refusal(incoming, pieces)
        except LLMGateError:
            pieces.clear()  # a traceback shows this frame, and a server may repeat the key
            raise
        finally:
            incoming.close()
        reply = context.reply = HttpResponse(reply.status, reply.headers, _taken_from(pieces))
        if self.answered:
            return reply
        raise self._refusal(reply)

    async def _read_refusal(self, incoming: IncomingResponse, pieces: list[bytes]) -> None:
        """Collect what comes of an error's body. The status is known: a body that is cut, endless,
        slow or unreadable does not hide it."""
        timeout, remaining = self._context.timeout, self._context.deadline.remaining()
        patience = min(_ERROR_SECONDS, 0.9 * remaining, 0.9 * (timeout.idle or math.inf))
        with suppress(LLMGateError, TimeoutError):
            async with asyncio.timeout(patience):
                await self._read(incoming, pieces)

    async def _read(self, incoming: IncomingResponse, pieces: list[bytes]) -> None:
        """Collect the pieces of a body, up to the limit of its kind."""
        deadline, size = self._context.deadline, 0
        limit = MAX_BODY if self.answered else MAX_ERROR_BODY
        deadline.begun = True
        try:
            deadline.move(silence=True)
            while piece := await incoming.read():
                if not isinstance(piece, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f"{shown(piece)} is no piece of a body")
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise ResponseTooLargeError(f"the reply is larger than {limit} bytes")
                deadline.move(silence=True)
        finally:  # whatever follows, another step or another attempt, is to bring the answer
            deadline.begun = False
            deadline.move()

    def _refusal(self, reply: HttpResponse) -> LLMGateError:
        """The error that a status of 300 or more stands for, as the provider explains it."""
        with suppress(Exception, asyncio.CancelledError, GeneratorExit):  # it may raise anything
            error = self._context.provider.error(reply)
            if isinstance(error, LLMGateError):  # pyright: ignore[reportUnnecessaryIsInstance]
                return error
        return status_error(reply)
