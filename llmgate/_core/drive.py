"""Drives a provider's flow from a call to its completion or stream.

A flow is a generator without I/O: it yields requests and is sent responses. No provider's format is
read here.
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
    ResponseScope,
    attempt_started,
    authorize_request,
    pause_before_next,
    send_with_retries,
    with_client_headers,
    with_given_headers,
)
from llmgate._core.state import CallState, FittedCall
from llmgate.errors import (
    LLMGateError,
    PluginError,
    RequestError,
    describe_value,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, IncomingResponse
from llmgate.types import Chunk, Completion, with_exchange

if TYPE_CHECKING:
    from llmgate.provider import Decoder


_CANCEL_SECONDS = 5.0
_CANCEL_SECONDS_AFTER_DEADLINE = 0.1

Result = TypeVar("Result")
Made = TypeVar("Made")


@dataclass(slots=True, repr=False, eq=False)
class OpenStream:
    """An open streamed response, with its decoder and the state of its call."""

    state: CallState
    decoder: Decoder[Chunk]
    incoming: IncomingResponse


async def complete(state: CallState) -> Completion:
    """The completion of a call.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    completion = await run_call(lambda: _complete(state), state)
    sealed = with_exchange(completion, state.exchange())
    state.end("ok", completion=sealed)
    return sealed


async def open_stream(state: CallState) -> OpenStream:
    """The stream of a call, open and unread; the caller closes it.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    return await run_call(lambda: _open(state), state)


async def reopen_stream(state: CallState, error: LLMGateError) -> OpenStream | None:
    """The stream of another attempt, after one failed before anything was delivered; None if the
    call must not be retried.

    Raises:
        LLMGateError: when the new attempt fails.
    """
    wait = pause_before_next(error, state, answered=True)
    if wait is None:
        return None
    with state.deadline.limit():
        await asyncio.sleep(wait)
        return await _open(state)
    raise state.deadline.exceeded()


async def run_call(work: Callable[[], Awaitable[Result]], state: CallState) -> Result:
    """Run the work of a call within its deadline; emit its events, and explain its error."""
    state.start()
    try:
        with state.deadline.limit():
            return await work()
        raise state.deadline.exceeded()
    except LLMGateError as error:  # without its frames: what they read may repeat the key
        state.end("error", state.explain(error))
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
    except BaseException as error:
        state.attach_attempts(error)
        state.end("cancelled")
        raise


async def _complete(state: CallState) -> Completion:
    completion = await run_flow(state.provider.complete, state)
    if not isinstance(completion, Completion):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise PluginError(
            f"the provider's flow returned {describe_value(completion)}, not a completion"
        )
    return completion


async def _open(state: CallState) -> OpenStream:
    async with ResponseScope() as scope:
        decoder = await run_flow(state.provider.stream, state, scope)
        if not state.run(_is_decoder, decoder):
            raise PluginError(
                f"the provider's flow returned {describe_value(decoder)}, not a decoder"
            )
        return OpenStream(state, decoder, scope.detach())


async def run_flow(
    begin: Callable[[Any], Flow[Result]], state: CallState, scope: ResponseScope | None = None
) -> Result:
    """Run a flow to its end, sending what it yields."""
    flow = _run_before_sending(state, _start_flow, begin, state.call)
    try:
        request: HttpRequest = _run_before_sending(state, flow.send, None, may_stop=True)
        while isinstance(request, HttpRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            state.on_abandon = request.on_abandon
            if state.attempts:
                await asyncio.sleep(0)  # an endless flow must not block the loop
            response = await send_with_retries(request, state, scope)
            request = state.run(flow.send, response, may_stop=True)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return] # typeshed does not say which
    except (LLMGateError, asyncio.CancelledError):
        await cancel_at_provider(state)
        raise
    except Exception as error:  # noqa: BLE001 - the request may hold anything
        failure = plugin_error(error, state.provider, "make a request that can be sent")
    else:
        failure = PluginError(
            f"the provider's flow yielded {describe_value(request)}, not a request"
        )
    finally:
        try:  # noqa: SIM105 - it costs a third of `suppress`
            flow.close()
        except Exception:  # noqa: BLE001, S110 - a third-party generator may raise anything
            pass
    raise failure


def _run_before_sending(
    state: CallState, step: Callable[..., Made], *given: Any, may_stop: bool = False
) -> Made:
    """Run a step of the flow before its first request. The error for a value that cannot be encoded
    names its path in the caller's messages."""
    try:
        return state.run(step, *given, may_stop=may_stop)
    except (RequestError, PluginError) as error:
        call, failure = state.call, error
        if isinstance(call, ProviderCall):
            failure = unwritable(call.messages) or error
    raise failure


def _start_flow(begin: Callable[[Any], Flow[Result]], call: FittedCall) -> Flow[Result]:
    flow = begin(call)
    if not callable(flow.send):
        raise TypeError(f"{describe_value(flow)} is not a flow")
    return flow


def _is_decoder(decoder: Decoder[Chunk]) -> bool:
    """Whether it has the methods of a decoder."""
    parts = (decoder, "feed"), (decoder, "close"), (getattr(decoder, "framer", None), "feed")
    return all(callable(getattr(owner, name, None)) for owner, name in parts)


# --- cancelling a call at its provider ------------------------------------------------------------


async def cancel_at_provider(state: CallState) -> None:
    """Send the request that cancels the call at its provider, even while this task is cancelled.

    It is awaited until the deadline, and continues in the background after that.
    """
    task = start_cancelling(state)
    if task is not None:
        seconds = min(_CANCEL_SECONDS, state.deadline.remaining())
        await asyncio.wait({task}, timeout=max(seconds, _CANCEL_SECONDS_AFTER_DEADLINE))


def start_cancelling(state: CallState) -> asyncio.Task[None] | None:
    """Start to send that request, if the flow has provided one."""
    request, state.on_abandon = state.on_abandon, None
    if request is None:
        return None
    task = asyncio.get_running_loop().create_task(_send_cancellation(request, state))
    _cancelling.add(task)  # the loop itself holds tasks weakly
    task.add_done_callback(_cancelling.discard)
    return task


_cancelling: set[asyncio.Task[None]] = set()


async def _send_cancellation(request: HttpRequest, state: CallState) -> None:
    with suppress(Exception):  # nobody is left to receive an error
        async with asyncio.timeout(_CANCEL_SECONDS):
            request = with_given_headers(request, state.extra_headers)
            if state.headers is not None:
                number = len(state.attempts)
                started = attempt_started(request, state.call.id, number, state.labels)
                request = with_client_headers(request, state.headers, started)
            signed = await authorize_request(request, state)
            (await state.transport.open(signed, state.timeout)).close()
