"""Drives flows and sends their requests: deadline, retries, credentials, hooks and clean-up.

It names no provider and reads no provider's format; what a reply means is the provider's to say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from llmgate.errors import (
    DeadlineExceededError,
    DecodeError,
    LLMGateError,
    RequestError,
    ResponseTooLargeError,
)
from llmgate.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallStarted,
    Event,
    RetryScheduled,
)
from llmgate.provider import status_error
from llmgate.types import Attempt, Completion, Exchange
from llmgate.wire import Flow, HttpReply, HttpRequest, IncomingReply, Transport

if TYPE_CHECKING:
    from llmgate._retry import RetryBudget, RetryPolicy
    from llmgate.options import Call, Timeout
    from llmgate.provider import Decoder, Provider

__all__ = [
    "MAX_BODY",
    "Context",
    "OpenStream",
    "abandon",
    "complete",
    "open_stream",
    "reopen_stream",
]

MAX_BODY = 64 * 1024 * 1024
"""The largest body of an answer, in bytes after decompression."""
MAX_ERROR_BODY = 1024 * 1024
"""The largest body of an error, likewise; what is beyond it is not read."""
_ABANDON_SECONDS = 5.0

Result = TypeVar("Result")


@dataclass(slots=True)
class Context:
    """One call while it runs."""

    call: Call
    provider: Provider
    transport: Transport
    timeout: Timeout
    policy: RetryPolicy
    budget: RetryBudget
    emit: Callable[[Event], None] | None = None
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    started: float = field(default_factory=time.monotonic)
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    reply: HttpReply | None = None
    on_abandon: HttpRequest | None = None
    sent: tuple[HttpRequest, HttpRequest] | None = None
    ended: bool = False

    def remaining(self) -> float | None:
        """Seconds until the deadline; None without one."""
        total = self.timeout.total
        return None if total is None else self.started + total - time.monotonic()

    def exchange(self) -> Exchange:
        """What an answer tells of how it was got."""
        reply = self.reply or HttpReply(0)
        return Exchange(
            provider=self.provider.name,
            report=self.call.report,
            headers=reply.headers,
            raw=reply.body,
            request_id=_request_id(reply.headers),
            attempts=tuple(self.attempts),
        )

    def explain(self, error: LLMGateError) -> LLMGateError:
        """The error with whose call it was and what was tried."""
        error.provider = error.provider or self.provider.name
        error.model = error.model or self.call.model
        error.attempts = tuple(self.attempts)
        error.report = self.call.report
        return error

    def start(self) -> None:
        """Tell the hooks that the call begins."""
        if self.emit is not None:
            call = self.call
            self.emit(CallStarted(call.id, self.provider.name, call.model, call.stream))

    def end(self, outcome: Any, error: LLMGateError | None = None, completion: Any = None) -> None:
        """Tell the hooks that the call is over; only the first time counts."""
        if self.ended or self.emit is None:
            return
        self.ended = True
        self.emit(
            CallEnded(
                self.call.id,
                self.provider.name,
                self.call.model,
                outcome,
                time.monotonic() - self.started,
                len(self.attempts),
                usage=None if completion is None else completion.usage,
                error=error,
                completion=completion,
                report=self.call.report,
            )
        )


@dataclass(slots=True)
class OpenStream:
    """A reply that is to be streamed, with the decoder of it."""

    context: Context
    decoder: Decoder
    incoming: IncomingReply


async def complete(context: Context) -> Completion:
    """The whole answer to a call.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    async with _call(context):
        async with _deadline(context):
            completion = await _drive(context.provider.complete(context.call), context)
        sealed = replace(completion, exchange=context.exchange())
        context.end("ok", completion=sealed)
        return sealed


async def open_stream(context: Context) -> OpenStream:
    """The stream of a call, open and unread; whoever holds it closes it.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    async with _call(context):
        return await _opened(context)


async def reopen_stream(context: Context, error: LLMGateError) -> OpenStream:
    """The stream again, when it failed before anything of it was delivered.

    Raises:
        LLMGateError: the given one, when it is not to be tried again.
    """
    wait = pause_before_next(error, context, len(context.attempts), answered=True)
    await asyncio.sleep(wait)
    return await _opened(context)


async def _opened(context: Context) -> OpenStream:
    holder = _Holder()
    try:
        async with _deadline(context):
            decoder = await _drive(context.provider.stream(context.call), context, holder)
        return OpenStream(context, decoder, holder.release())
    finally:
        holder.close()


class _Holder:
    """Owns the reply that a flow left open until its stream takes it over."""

    incoming: IncomingReply | None = None

    def release(self) -> IncomingReply:
        incoming, self.incoming = self.incoming, None
        if incoming is None:
            raise DecodeError("the provider's flow ended without a reply to be streamed")
        return incoming

    def close(self) -> None:
        if self.incoming is not None:
            self.incoming.close()


@asynccontextmanager
async def _call(context: Context) -> AsyncGenerator[None, None]:
    """Starts and ends a call for the hooks, and completes its errors."""
    context.start()
    try:
        yield
    except LLMGateError as error:
        context.explain(error)
        context.end("error", error)
        raise
    except asyncio.CancelledError:
        context.end("cancelled")
        raise


@asynccontextmanager
async def _deadline(context: Context) -> AsyncGenerator[None, None]:
    """One scope around everything that a call waits for."""
    remaining = context.remaining()
    try:
        async with asyncio.timeout(remaining):
            yield
    except TimeoutError as error:
        if isinstance(error, LLMGateError):
            raise
        phase = getattr(error.__cause__, "llmgate_phase", "total")
    else:
        return
    raise DeadlineExceededError(f"no answer within {context.timeout.total} s", phase=phase)


async def _drive(flow: Flow[Result], context: Context, holder: _Holder | None = None) -> Result:
    """Run a flow to its end, sending what it yields."""
    try:
        request = _step(flow, None, context)
        while isinstance(request, HttpRequest):
            context.on_abandon = request.on_abandon
            reply = context.reply = await _send(request, context, holder)
            request = _step(flow, reply, context)
    except BaseException:
        if context.on_abandon is not None:
            await abandon(context)
        raise
    finally:
        flow.close()
    return request.value


@dataclass(slots=True)
class _Returned(Generic[Result]):
    value: Result


def _step(
    flow: Flow[Result], reply: HttpReply | None, context: Context
) -> HttpRequest | _Returned[Result]:
    """One step of a provider's code; whatever it raises becomes one of our errors."""
    try:
        return next(flow) if reply is None else flow.send(reply)
    except StopIteration as stop:
        return _Returned(stop.value)
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
        failure = foreign_error(error, context)
    raise failure


def foreign_error(error: Exception, context: Context) -> LLMGateError:
    """Our error for an exception of a provider's own code."""
    what = f"{type(error).__name__}: {error}"
    if context.reply is None:
        return RequestError(f"the provider could not translate the call ({what})")
    body = context.reply.body
    return DecodeError(f"the provider could not read the reply ({what})", frame=body or None)


async def _send(request: HttpRequest, context: Context, holder: _Holder | None) -> HttpReply:
    """Send one request, again as often as the policy allows."""
    if context.extra_headers:
        request = replace(request, headers={**request.headers, **context.extra_headers})
    if request.delay:
        await asyncio.sleep(request.delay)
    wait, first = 0.0, len(context.attempts)
    while True:
        attempt = _Attempt(request, context, wait, len(context.attempts) + 1)
        try:
            reply = await attempt.make(holder)
        except LLMGateError as error:
            wait = _pause_before_next(error, attempt, len(context.attempts) - first)
        else:
            context.budget.succeeded()
            return reply
        await asyncio.sleep(wait)


def _pause_before_next(error: LLMGateError, attempt: _Attempt, number: int) -> float:
    if not attempt.request.idempotent and attempt.answered is not False:
        raise error
    return pause_before_next(error, attempt.context, number, answered=bool(attempt.answered))


def pause_before_next(
    error: LLMGateError, context: Context, number: int, *, answered: bool
) -> float:
    """The seconds to wait after attempt ``number``; raises the error if there is to be no other."""
    if not context.policy.allows(error, number, answered=answered):
        raise error
    wait = context.policy.pause(error, number)
    remaining = context.remaining()
    if (remaining is not None and wait >= remaining) or not context.budget.spend():
        raise error
    if context.emit is not None:
        following = len(context.attempts) + 1
        context.emit(RetryScheduled(context.call.id, following, wait, error))
    return wait


class _Attempt:
    """One request on its way. ``answered`` is None until something of a reply has come, False when
    the provider refused, and True when an answer had begun."""

    def __init__(self, request: HttpRequest, context: Context, wait: float, number: int) -> None:
        self.request = request
        self.context = context
        self.number = number
        self.answered: bool | None = None
        self._wait = wait
        self._status: int | None = None
        self._request_id: str | None = None

    async def make(self, holder: _Holder | None) -> HttpReply:
        """The reply; a streamed one is left open with the holder."""
        started = time.monotonic()
        context = self.context
        if context.emit is not None:
            context.emit(AttemptStarted(context.call.id, self.number, self.request))
        failure: LLMGateError | None = None
        try:
            return await self._exchange(holder)
        except LLMGateError as error:
            failure = error
            raise
        finally:
            seconds = time.monotonic() - started
            name = type(failure).__name__ if failure is not None else None
            context.attempts.append(
                Attempt(self.number, seconds, self._wait, self._status, name, self._request_id)
            )
            if context.emit is not None:
                context.emit(
                    AttemptEnded(context.call.id, self.number, seconds, self._status, failure)
                )

    async def _exchange(self, holder: _Holder | None) -> HttpReply:
        context = self.context
        authorized = await context.provider.authorize(self.request)
        context.sent = (self.request, authorized)
        incoming = await context.transport.open(authorized, context.timeout)
        try:
            self._status = incoming.status
            self._request_id = _request_id(incoming.headers)
            if not 200 <= incoming.status < 300:
                self.answered = False
                raise await self._refusal(incoming)
            self.answered = True
            if self.request.stream and holder is not None:
                holder.incoming, incoming = incoming, _NOTHING
                return HttpReply(holder.incoming.status, holder.incoming.headers)
            body = await _read_all(incoming, MAX_BODY)
            return HttpReply(incoming.status, incoming.headers, body)
        finally:
            incoming.close()

    async def _refusal(self, incoming: IncomingReply) -> LLMGateError:
        """The error that a status of 300 or more stands for, as the provider explains it."""
        try:
            body = await _read_all(incoming, MAX_ERROR_BODY)
        except ResponseTooLargeError:
            body = b""
        context = self.context
        headers = {name.lower(): value for name, value in incoming.headers.items()}
        reply = HttpReply(incoming.status, headers, scrub(body, context))
        context.reply = reply
        try:
            error = context.provider.error(reply)
        except Exception:  # noqa: BLE001 - a stranger's code may raise anything
            error = status_error(reply)
        return describe_error(error, reply)


class _Nothing:
    """Stands in for a reply that another has taken over."""

    status = 0
    headers: Mapping[str, str] = {}

    async def read(self) -> bytes:
        return b""

    def close(self) -> None:
        pass


_NOTHING = _Nothing()


async def _read_all(incoming: IncomingReply, limit: int) -> bytes:
    piece = await incoming.read()
    following = await incoming.read() if piece else b""
    if not following and len(piece) <= limit:
        return piece  # nearly every answer: one piece
    pieces, size = [piece], len(piece)
    while following:
        size += len(following)
        if size > limit:
            break
        pieces.append(following)
        following = await incoming.read()
    if size > limit:
        raise ResponseTooLargeError(f"the reply is larger than {limit} bytes")
    return b"".join(pieces)


def describe_error(error: LLMGateError, reply: HttpReply) -> LLMGateError:
    """The provider's error with what the reply itself says."""
    from llmgate._retry import parse_retry_after  # noqa: PLC0415 - only after a failure

    error.status = reply.status if error.status is None else error.status
    error.request_id = error.request_id or _request_id(reply.headers)
    error.headers = reply.headers
    error.body = reply.body
    if error.retry_after is None:
        error.retry_after = parse_retry_after(reply.headers)
    return error


def scrub(text: bytes, context: Context) -> bytes:
    """The text without what ``authorize`` added: a server may repeat it, and no error may."""
    if context.sent is None:
        return text
    request, authorized = context.sent
    added = [
        value for name, value in authorized.headers.items() if request.headers.get(name) != value
    ]
    for secret in {word for value in added for word in (value, *value.split())}:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret.encode(), b"***")
    return text


_SHORTEST_SECRET = 8
"""Shorter words ("Bearer") are no secrets, and replacing them would mangle the text."""

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


async def abandon(context: Context) -> None:
    """Tell the provider that nobody waits any more, even while this task is being cancelled."""
    request, context.on_abandon = context.on_abandon, None
    if request is not None:
        task = asyncio.ensure_future(_send_quietly(request, context))
        _abandoning.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(_abandoning.discard)
        await asyncio.shield(task)


_abandoning: set[asyncio.Future[None]] = set()


async def _send_quietly(request: HttpRequest, context: Context) -> None:
    try:
        async with asyncio.timeout(_ABANDON_SECONDS):
            authorized = await context.provider.authorize(request)
            (await context.transport.open(authorized, context.timeout)).close()
    except (LLMGateError, TimeoutError):
        pass  # the caller is gone: there is nobody to tell
