"""Drives a provider's flows: from a call to its answer, or to the stream of it.

It names no provider and reads no provider's format; what a reply means is the provider's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from llmgate._core.check import unwritable
from llmgate._core.failures import plugin_error
from llmgate._core.send import (
    Holder,
    attempt_started,
    authorized,
    pause_before_next,
    send,
    with_client_headers,
    with_given_headers,
)
from llmgate._core.state import AnyCall, CallState
from llmgate.errors import (
    LLMGateError,
    PluginError,
    RequestError,
    shown,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, IncomingResponse
from llmgate.types import Chunk, Completion, with_exchange

if TYPE_CHECKING:
    from llmgate.provider import Decoder

__all__ = [
    "CallState",
    "OpenStream",
    "abandon",
    "complete",
    "conclude",
    "leave",
    "open_stream",
    "reopen_stream",
    "run_flow",
]

_FAREWELL_SECONDS = 5.0
_FAREWELL_AFTER_DEADLINE = 0.1

Result = TypeVar("Result")
Made = TypeVar("Made")


@dataclass(slots=True, repr=False, eq=False)
class OpenStream:
    """A reply that is to be streamed, with the decoder of it."""

    context: CallState
    decoder: Decoder[Chunk]
    incoming: IncomingResponse


async def complete(context: CallState) -> Completion:
    """The whole answer to a call.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    completion = await conclude(lambda: _completed(context), context)
    sealed = with_exchange(completion, context.exchange())
    context.end("ok", completion=sealed)
    return sealed


async def open_stream(context: CallState) -> OpenStream:
    """The stream of a call, open and unread; whoever holds it closes it.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    return await conclude(lambda: _opened(context), context)


async def reopen_stream(context: CallState, error: LLMGateError) -> OpenStream | None:
    """The stream again, when it failed before anything of it was delivered; None when it is not to
    be tried again.

    Raises:
        LLMGateError: when it fails in another way.
    """
    wait = pause_before_next(error, context, answered=True)
    if wait is None:
        return None
    with context.deadline.limit():
        await asyncio.sleep(wait)
        return await _opened(context)
    raise context.deadline.exceeded()


async def conclude(work: Callable[[], Awaitable[Result]], context: CallState) -> Result:
    """Do a call's work within its limits; tell the hooks, and complete its error."""
    context.start()
    try:
        with context.deadline.limit():
            return await work()
        raise context.deadline.exceeded()
    except LLMGateError as error:  # without its frames: what they read may repeat the key
        context.end("error", context.explain(error))
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
    except BaseException:
        context.end("cancelled")
        raise


async def _completed(context: CallState) -> Completion:
    completion = await run_flow(context.provider.complete, context)
    if not isinstance(completion, Completion):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise PluginError(f"the provider's flow returned {shown(completion)}, not a completion")
    return completion


async def _opened(context: CallState) -> OpenStream:
    holder = Holder()
    try:
        decoder = await run_flow(context.provider.stream, context, holder)
        if not context.run(_reads, decoder):
            raise PluginError(f"the provider's flow returned {shown(decoder)}, not a decoder")
        return OpenStream(context, decoder, holder.release())
    finally:
        holder.close()


async def run_flow(
    begin: Callable[[Any], Flow[Result]], context: CallState, holder: Holder | None = None
) -> Result:
    """Run a flow to its end, sending what it yields."""
    flow = _translated(context, _begun, begin, context.call)
    try:
        request: HttpRequest = _translated(context, flow.send, None, may_stop=True)
        while isinstance(request, HttpRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            context.on_abandon = request.on_abandon
            if context.attempts:
                await asyncio.sleep(0)  # a flow without end does not hold up the loop
            reply = await send(request, context, holder)
            request = context.run(flow.send, reply, may_stop=True)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return] # typeshed does not say which
    except (LLMGateError, asyncio.CancelledError):
        await abandon(context)
        raise
    except Exception as error:  # noqa: BLE001 - what a request holds may be anything
        failure = plugin_error(error, context.provider, "make a request that can be sent")
    else:
        failure = PluginError(f"the provider's flow yielded {shown(request)}, not a request")
    finally:
        with suppress(Exception):  # a stranger's generator may raise anything
            flow.close()
    raise failure


def _translated(context: CallState, step: Callable[..., Made], *given: Any, **how: bool) -> Made:
    """A step before the first request; what it cannot write is named as the caller wrote it."""
    try:
        return context.run(step, *given, **how)
    except (RequestError, PluginError) as error:
        call, failure = context.call, error
        if isinstance(call, ProviderCall):
            failure = unwritable(call.messages) or error
    raise failure


def _begun(begin: Callable[[Any], Flow[Result]], call: AnyCall) -> Flow[Result]:
    flow = begin(call)
    if not callable(flow.send):
        raise TypeError(f"{shown(flow)} is not a flow")
    return flow


def _reads(decoder: Decoder[Chunk]) -> bool:
    """Whether it is a decoder, as far as can be seen."""
    parts = (decoder, "feed"), (decoder, "close"), (getattr(decoder, "framer", None), "feed")
    return all(callable(getattr(owner, name, None)) for owner, name in parts)


# --- farewells: what is sent when nobody waits for an answer any more ---------------------


async def abandon(context: CallState) -> None:
    """Tell the provider that nobody waits any more, even while this task is being cancelled.

    That is waited for within the deadline, and goes on behind it.
    """
    farewell = leave(context)
    if farewell is not None:
        patience = min(_FAREWELL_SECONDS, context.deadline.remaining())
        await asyncio.wait({farewell}, timeout=max(patience, _FAREWELL_AFTER_DEADLINE))


def leave(context: CallState) -> asyncio.Task[None] | None:
    """Begin to tell the provider so, if there is anything to be told."""
    request, context.on_abandon = context.on_abandon, None
    if request is None:
        return None
    farewell = asyncio.get_running_loop().create_task(_send_quietly(request, context))
    _farewells.add(farewell)  # the loop itself holds tasks weakly
    farewell.add_done_callback(_farewells.discard)
    return farewell


_farewells: set[asyncio.Task[None]] = set()


async def _send_quietly(request: HttpRequest, context: CallState) -> None:
    with suppress(Exception):  # the caller is gone: there is nobody to tell
        async with asyncio.timeout(_FAREWELL_SECONDS):
            request = with_given_headers(request, context.extra_headers)
            if context.headers is not None:
                number = len(context.attempts)
                started = attempt_started(request, context.call.id, number, context.labels)
                request = with_client_headers(request, context.headers, started)
            signed = await authorized(request, context)
            (await context.transport.open(signed, context.timeout)).close()
