"""Runs a provider's flows by hand: replies in, requests and results out, and nothing is sent.

It does what the engine and the stream do with a provider, without waiting for anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Generic, NoReturn, TypeVar, cast

from llmgate import Client
from llmgate.errors import LLMGateError, ProviderError
from llmgate.provider import Decoder, Provider, Signing, status_error
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.report import Report
from llmgate.testing._variant import variant
from llmgate.testing.canned import Canned, CannedTransport, with_transport
from llmgate.testing.isolation import untouched
from llmgate.testing.recordings import Asked
from llmgate.types import Chunk, Completion

__all__ = [
    "GREETING",
    "Driven",
    "OutOfRepliesError",
    "Outcome",
    "StreamReader",
    "authorize",
    "call_of",
    "drive",
    "first_request",
    "frames_of",
    "read_stream",
    "sent_by_client",
    "watch_stream",
]

Result = TypeVar("Result")

GREETING: Sequence[Mapping[str, Any]] = ({"role": "user", "content": "Say hello."},)


class OutOfRepliesError(AssertionError):
    """A flow sent more requests than there were replies."""


@dataclass(frozen=True, slots=True)
class Driven(Generic[Result]):
    """What a flow returned, and the requests it sent."""

    result: Result
    requests: tuple[HttpRequest, ...]


def drive(
    flow: Flow[Result],
    replies: Iterable[HttpResponse],
    *,
    error: Callable[[HttpResponse], ProviderError] = status_error,
) -> Driven[Result]:
    """Run a flow to its end, as the engine does: a streamed reply's body is left to the decoder.

    Where a reply is a refusal, and the request has another to be sent in its place, the next reply
    is that one's.

    Raises:
        ProviderError: what ``error`` makes of a status that is no success.
        OutOfRepliesError: when the flow sends more requests than there are replies.
    """
    waiting, requests = iter(replies), list[HttpRequest]()
    try:
        request = next(flow)
        while True:
            requests.append(request)
            try:
                reply = _reply_to(request, waiting, error)
            except ProviderError as refusal:
                other = request.on_refusal(refusal) if request.on_refusal else None
                if other is None:
                    raise
                request = other
            else:
                request = flow.send(reply)
    except StopIteration as stop:
        return Driven(stop.value, tuple(requests))
    finally:
        flow.close()


def _reply_to(
    request: HttpRequest,
    waiting: Iterator[HttpResponse],
    error: Callable[[HttpResponse], ProviderError],
) -> HttpResponse:
    reply = next(waiting, None)
    if reply is None:
        raise OutOfRepliesError(f"the flow sent {request!r} when no reply was left")
    headers = {name.lower(): value for name, value in reply.headers.items()}
    if not 200 <= reply.status < 300:
        refusal = error(replace(reply, headers=headers))
        refusal.body = reply.body
        raise refusal
    return replace(reply, headers=headers, body=b"" if request.stream else reply.body)


def first_request(
    flow: Flow[Any], replies: Mapping[str, HttpResponse] | None = None
) -> HttpRequest:
    """The first request of a flow to another URL than these, to which it gets these replies. The
    flow is then abandoned."""
    try:
        request = next(flow)
        while replies and request.url in replies:
            request = flow.send(replies[request.url])
        return request
    except StopIteration:
        raise AssertionError("the flow ended without a request") from None
    finally:
        flow.close()


async def authorize(
    provider: Provider, request: HttpRequest, signing: Signing, *, guarded: bool = False
) -> HttpRequest:
    """The request with its credentials.

    Raises:
        TouchedError: when something outside but the clock is touched, with ``guarded``.
    """
    authorized = provider.authorize(request, signing)
    return await (_Guarded(authorized) if guarded else authorized)


class _Guarded:
    """A coroutine each step of which is watched; what it waits for is not."""

    def __init__(self, coroutine: Coroutine[Any, Any, HttpRequest]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, HttpRequest]:
        while True:
            with untouched(clock=True):
                try:
                    waited = self._coroutine.send(None)
                except StopIteration as stop:
                    return cast("HttpRequest", stop.value)
            yield waited


async def sent_by_client(provider: Provider, options: Mapping[str, Any]) -> HttpRequest:
    """The first request that a client sends for a call."""
    transport = CannedTransport([Canned(500)])
    with suppress(LLMGateError):
        await _ask(with_transport(provider, transport), dict(options))
    return transport.requests[0]


class StreamReader:
    """Reads a stream piece by piece, as :class:`~llmgate._core.stream.Stream` does."""

    def __init__(self, decoder: Decoder[Chunk]) -> None:
        self.decoder = decoder
        self.chunks: list[Chunk] = []

    def feed(self, piece: bytes) -> None:
        """Take the next piece; empty is the end. What comes after the terminator is not read."""
        if self.decoder.finished:
            return
        framer = self.decoder.framer
        self.take(framer.feed(piece) if piece else framer.close())
        if not piece and not self.decoder.finished:
            self.chunks.extend(self.decoder.close())

    def take(self, frames: Iterable[Frame]) -> None:
        """Take these frames, up to the terminator."""
        for frame in frames:
            self.chunks.extend(self.decoder.feed(frame))
            if self.decoder.finished:
                return


def read_stream(decoder: Decoder[Chunk], pieces: Iterable[bytes]) -> list[Chunk]:
    """All chunks of a stream that arrives in these pieces.

    Raises:
        LLMGateError: whatever the framer or the decoder raises.
    """
    reader = StreamReader(decoder)
    for piece in (*filter(None, pieces), b""):
        reader.feed(piece)
    return reader.chunks


def frames_of(decoder: Decoder[Chunk], body: bytes) -> list[Frame]:
    """The frames of a stream; the decoder is used up."""
    return [*decoder.framer.feed(body), *decoder.framer.close()]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user got out of a stream: the chunks, and then the whole answer or an error."""

    chunks: list[Chunk]
    completion: Completion | None = None
    error: LLMGateError | None = None


async def watch_stream(provider: Provider, decoder: Decoder[Chunk], reply: Canned) -> Outcome:
    """Have a client read a reply with this decoder, without retries.

    Raises:
        AssertionError: when the reply is left open.
    """
    transport = CannedTransport([reply])

    def stream(_: Provider, __: ProviderCall) -> Flow[Decoder[Chunk]]:
        yield HttpRequest("GET", "https://replay.invalid", stream=True)
        return decoder

    replayed = variant(with_transport(provider, transport), stream=stream, authorize=_unchanged)
    outcome = await _read_all(Client(providers={provider.name: replayed}, max_retries=0), replayed)
    if transport.still_open:
        raise AssertionError("the stream left its reply open")
    return outcome


async def _read_all(client: Client, provider: Provider) -> Outcome:
    chunks: list[Chunk] = []
    async with client:
        try:
            stream = await client.acompletion(f"{provider.name}/model", GREETING, stream=True)
            async for chunk in stream:
                chunks.append(chunk)  # noqa: PERF401 - what came before an error is kept
            return Outcome(chunks, completion=await stream.completion())
        except LLMGateError as error:
            return Outcome(chunks, error=error)


async def _unchanged(_: Provider, request: HttpRequest, __: Signing) -> HttpRequest:
    return request


class _CaughtError(LLMGateError):
    """A call has come as far as its provider."""


def call_of(provider: Provider, asked: Asked) -> ProviderCall:
    """A fresh call with an empty report, as a client hands it to this provider.

    Raises:
        RequestError: when the client refuses it.
    """
    if isinstance(asked, ProviderCall):
        return replace(
            asked,
            messages=deepcopy(asked.messages),
            parameters=deepcopy(asked.parameters),
            extra_body=deepcopy(asked.extra_body),
            report=Report(asked.report.policy),
        )
    caught: list[ProviderCall] = []

    def catch(_: Provider, call: ProviderCall) -> NoReturn:
        caught.append(call)
        raise _CaughtError("caught")

    catching = variant(with_transport(provider, CannedTransport()), complete=catch, stream=catch)
    with suppress(_CaughtError):
        asyncio.run(_ask(catching, deepcopy(dict(asked))))
    return replace(caught[0], id="call")


async def _ask(provider: Provider, options: dict[str, Any]) -> None:
    model = str(options.pop("model", "model")).removeprefix(f"{provider.name}/")
    async with Client(providers={provider.name: provider}, max_retries=0) as client:
        await client.acompletion(f"{provider.name}/{model}", **options)
