"""Sends one request of a flow: credentials, retries, and the response with its status checked.

The provider reads the response's body.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from llmgate._core.failures import authorize_error
from llmgate._core.retried import notify_of_retry
from llmgate._core.settings import HeaderSource, as_headers
from llmgate._core.signing import CallSigning
from llmgate._core.state import CallState, request_id
from llmgate._text.redact import has_credentials, redact_query
from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    InternalError,
    LLMGateError,
    PluginError,
    ProviderError,
    ReadError,
    RequestError,
    ResponseTooLargeError,
    describe_error,
    describe_value,
    origin_of,
)
from llmgate.hooks import AttemptEnded, AttemptStarted, ConnectionQueued, Event, RetryScheduled
from llmgate.provider import status_error
from llmgate.provider.http import HttpRequest, HttpResponse, IncomingResponse
from llmgate.transports._waiting import LONG_WAIT, listen_for_pool_wait, stop_listening
from llmgate.types import Attempt

if TYPE_CHECKING:
    from llmgate._core.retry import RetryPolicy

MAX_BODY = 64 * 1024 * 1024
"""The largest body of a completion, in bytes after decompression."""
MAX_ERROR_BODY = 1024 * 1024
"""The largest body of an error response, likewise; the rest is not read."""
_ERROR_SECONDS = 5.0
"""How long an error's body may take to read, in seconds."""


class ResponseScope:
    """Owns an open response, and closes it at the end of the scope unless a stream detaches it."""

    def __init__(self) -> None:
        self._incoming: IncomingResponse | None = None

    def own(self, incoming: IncomingResponse) -> None:
        """Own this response, and close the previous one."""
        self._close()
        self._incoming = incoming

    def detach(self) -> IncomingResponse:
        """Hand over the response, which the caller must then close."""
        incoming, self._incoming = self._incoming, None
        if incoming is None:
            raise PluginError("the provider's flow ended without a streamed response")
        return incoming

    def _close(self) -> None:
        if self._incoming is not None:
            self._incoming.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()


async def send_with_retries(
    request: HttpRequest, state: CallState, scope: ResponseScope | None
) -> HttpResponse:
    """The response to a request, which is retried as the policy allows.

    With a scope, the response to a streaming request is left open, and the scope owns it.
    """
    request = with_given_headers(request, state.extra_headers)
    if request.delay > 0:
        await asyncio.sleep(request.delay)
    wait, state.previous = 0.0, None
    while True:
        attempt = _Attempt(request, state, wait)
        try:
            response = await attempt.send_once(scope)
        except LLMGateError as error:
            other = None
            if request.on_refusal is not None and isinstance(error, ProviderError):
                other = state.run(request.on_refusal, error)
            if other is None:
                pause = attempt.pause_after(error)
            else:
                pause = attempt.pause_after_rejection(cast("ProviderError", error))
                request = with_given_headers(other, state.extra_headers)
            if pause is None:
                raise
            wait, state.previous = pause, state.response
        else:
            state.budget.succeeded()
            return response
        await asyncio.sleep(wait)


def pause_before_next(error: LLMGateError, state: CallState, *, answered: bool) -> float | None:
    """The seconds to wait before another attempt; None when there is to be no other."""
    try:
        wait = _pause_of(state.retry_policy, error, state.retries + 1, answered=answered)
    except Exception as failure:  # noqa: BLE001 - a policy's functions are the caller's
        error.message += f"; not retried: the retry policy failed: {describe_error(failure)}"
        error.args = (error.message,)
        return None
    if wait is None:
        return None
    if not _is_unprocessed(error) and (
        wait >= state.deadline.remaining() or not state.budget.spend()
    ):
        return None
    state.retries += 1
    notify_of_retry(error)
    if state.emit is not None:
        following = state.reserve_number()
        state.emit(RetryScheduled(state.call.id, following, wait, error, state.labels))
    return wait


def _pause_of(
    policy: RetryPolicy, error: LLMGateError, number: int, *, answered: bool
) -> float | None:
    """The pause that the policy asks for, in seconds; None if it allows no other attempt."""
    if not policy.allows(error, number, answered=answered):
        return None
    # a request that was not processed is sent again at once
    return 0.0 if _is_unprocessed(error) else policy.pause(error, number)


def attempt_started(
    request: HttpRequest, call_id: str, number: int, labels: Mapping[str, Any]
) -> AttemptStarted:
    """The event of an attempt, with the request redacted for hooks."""
    if has_credentials(request.url):  # seldom
        request = replace(request, url=redact_query(request.url))
    return AttemptStarted(call_id, number, request.redacted(), labels)


def with_given_headers(request: HttpRequest, headers: Mapping[str, str]) -> HttpRequest:
    """The request with the call's ``extra_headers``, which replace its own of the same name.
    ``authorize`` sees them."""
    if not headers:
        return request
    given = frozenset(name.lower() for name in headers)
    return replace(request.with_headers(headers), given_headers=given)


def with_client_headers(
    request: HttpRequest, headers: HeaderSource, started: AttemptStarted
) -> HttpRequest:
    """The request with the client's headers for this attempt; the call's own headers win."""
    try:
        given = as_headers(headers(started), "headers")
        if not given:
            return request
        names = frozenset(name.lower() for name in given)
        request = request.with_headers(given)
        return replace(request, given_headers=request.given_headers | names)
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - it is third-party code
        kind, origin = type(error).__name__, origin_of(error)
    raise RequestError(f"the client's headers could not be made ({kind} in {origin})")


async def authorize_request(request: HttpRequest, state: CallState) -> HttpRequest:
    """The request with its credentials, ready to be sent."""
    try:
        signed = await state.provider.authorize(request, CallSigning(state))
    except LLMGateError:
        raise
    except BaseException as error:
        if must_propagate(error):
            raise
        failure = authorize_error(error, state.provider)
    else:
        if isinstance(signed, HttpRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            return signed
        failure = PluginError(f"the provider authorized {type(signed).__name__}, not a request")
    raise failure


def _is_unprocessed(error: LLMGateError) -> bool:
    """Whether the server cannot have acted on the request that failed with this error."""
    return isinstance(error, ReadError) and error.unprocessed


def must_propagate(error: BaseException) -> bool:
    """Whether an exception must reach the caller unchanged: a cancellation of this task, or an
    interrupt of the process. Third-party code may raise the same types by itself."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return not isinstance(error, Exception | GeneratorExit)


def _join_and_clear(pieces: list[bytes]) -> bytes:
    body = b"".join(pieces)
    pieces.clear()
    return body


_NOT_PROCESSED = frozenset({408, 425, 429, 503, 529})
"""Statuses of requests that were not processed; after a gateway's 502 or 504, one may have been."""


class _Attempt:
    """One attempt at a request. ``answered`` is True once a status of success has come."""

    def __init__(self, request: HttpRequest, state: CallState, wait: float) -> None:
        self.answered = False
        self._request = request
        self._state = state
        self._wait = wait
        self._number = state.take_number()
        self._started = time.monotonic()

    def pause_after(self, error: LLMGateError) -> float | None:
        """The seconds to wait before another attempt; None when there is to be no other."""
        response = self._state.response
        was_not_processed = response is not None and response.status in _NOT_PROCESSED
        # a DeadlineExceededError is retried only in its phase ``connect``
        was_not_sent = isinstance(error, ConnectError | DeadlineExceededError)
        is_harmless = self._request.idempotent or was_not_processed or was_not_sent
        is_requested = isinstance(error, ReadError) and self._state.retry_policy.retry_reads
        if not (is_harmless or _is_unprocessed(error) or is_requested):
            return None  # the server may have acted on it
        if self._state.is_rejected_again(error):
            return None
        return pause_before_next(error, self._state, answered=self.answered)

    def pause_after_rejection(self, error: ProviderError) -> float | None:
        """The same if another request replaces one that the host rejected: it is sent at once, as a
        retry. If no retry is left, the error says that one would have helped."""
        marked, most = (error.retryable, error.retry_after), self._state.retry_policy.max_retries
        error.retryable, error.retry_after = True, 0.0
        pause = self.pause_after(error)
        if pause is not None:
            return pause
        error.retryable, error.retry_after = marked
        if self._request.idempotent and self._state.retries >= most:
            what = (
                "no retry was left to send it" if most else "with max_retries=1 or more it is sent"
            )
            error.message += f"; {what} again without that"
            error.args = (error.message,)
        return None

    async def send_once(self, scope: ResponseScope | None) -> HttpResponse:
        """Send the request once; a streamed response is left open, owned by the scope."""
        state = self._state
        state.response = state.response_headers = state.sent = None
        if state.headers is not None:
            started = self._event()
            self._request = with_client_headers(self._request, state.headers, started)
        if state.emit is not None and state.is_wanted(AttemptStarted):
            state.emit(self._event())
        try:
            response = await self._open(scope)
        except LLMGateError as error:
            self._end(type(error).__name__, error)
            raise
        except BaseException as cause:
            late = state.deadline.exceeded() if state.deadline.explains(cause) else None
            self._end(type(late or cause).__name__, late)
            raise
        self._end()
        return response

    def _event(self) -> AttemptStarted:
        state = self._state
        return attempt_started(self._request, state.call.id, self._number, state.labels)

    def _end(self, name: str | None = None, error: LLMGateError | None = None) -> None:
        state, seconds = self._state, time.monotonic() - self._started
        status, identifier = None, None
        if state.response is not None:
            state.response_headers = state.redacted_headers(state.response)
            status, identifier = state.response.status, request_id(state.response_headers)
        attempt = Attempt(self._number, seconds, self._wait, status, name, identifier)
        state.attempts.append(attempt)
        if error is not None:
            state.explain(error)
        if state.emit is not None and state.is_wanted(AttemptEnded, is_failure=error is not None):
            ended = AttemptEnded(state.call.id, self._number, seconds, status, error, state.labels)
            state.emit(ended)

    async def _open(self, scope: ResponseScope | None) -> HttpResponse:
        state = self._state
        signed = await authorize_request(self._request, state)
        state.sent = (self._request, signed)
        try:
            if state.emit is None:
                incoming = await state.transport.open(signed, state.timeout)
            else:
                listening = listen_for_pool_wait(partial(self._emit_pool_wait, state.emit))
                try:
                    incoming = await state.transport.open(signed, state.timeout)
                finally:
                    stop_listening(listening)
            return await self._receive(incoming, scope)
        except LLMGateError:
            raise
        except BaseException as error:
            if must_propagate(error):
                raise
            kind, origin = type(error).__name__, origin_of(error)
        raise InternalError(f"the transport failed with {kind}", origin=origin)

    def _emit_pool_wait(self, emit: Callable[[Event], object]) -> None:
        state = self._state
        emit(ConnectionQueued(state.call.id, self._number, LONG_WAIT, state.labels))

    async def _receive(
        self, incoming: IncomingResponse, scope: ResponseScope | None
    ) -> HttpResponse:
        state = self._state
        response = state.response = HttpResponse(incoming.status, incoming.headers)
        self.answered = 200 <= response.status < 300
        if self.answered and self._request.stream and scope is not None:
            scope.own(incoming)
            return response
        pieces: list[bytes] = []
        try:
            if self.answered:
                await self._read(incoming, pieces)
            else:
                await self._read_error_body(incoming, pieces)
        except LLMGateError:
            pieces.clear()  # a traceback shows this frame, and a server may repeat the key
            raise
        finally:
            incoming.close()
        response.body = _join_and_clear(pieces)
        if self.answered:
            return response
        raise self._error_of(response)

    async def _read_error_body(self, incoming: IncomingResponse, pieces: list[bytes]) -> None:
        """Read as much of an error's body as arrives in time. The status is known, even if the body
        is truncated, endless, slow or unreadable."""
        timeout, remaining = self._state.timeout, self._state.deadline.remaining()
        seconds = min(_ERROR_SECONDS, 0.9 * remaining, 0.9 * (timeout.idle or math.inf))
        with suppress(LLMGateError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._read(incoming, pieces)

    async def _read(self, incoming: IncomingResponse, pieces: list[bytes]) -> None:
        """Collect the pieces of a body, up to the limit of its kind."""
        deadline, size = self._state.deadline, 0
        limit = MAX_BODY if self.answered else MAX_ERROR_BODY
        deadline.begun = True
        try:
            deadline.update(idle=True)
            while piece := await incoming.read():
                if not isinstance(piece, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f"{describe_value(piece)} is not a piece of a body")
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise ResponseTooLargeError(f"the response is larger than {limit} bytes")
                deadline.update(idle=True)
        finally:  # the next request or attempt has its own first token
            deadline.begun = False
            deadline.update()

    def _error_of(self, response: HttpResponse) -> LLMGateError:
        """The provider's error for a response with a status of 300 or more."""
        with suppress(Exception, asyncio.CancelledError, GeneratorExit):  # it may raise anything
            error = self._state.provider.error(response)
            if isinstance(error, LLMGateError):  # pyright: ignore[reportUnnecessaryIsInstance]
                return error
        return status_error(response)
