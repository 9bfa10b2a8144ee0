"""A transport that answers from memory: it opens no socket, reads no clock and no environment.

It hands out what it was given and counts what was opened and closed, and judges nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from llmgate.errors import ClosedError, InvalidRequestError, LLMGateError, RequestError
from llmgate.options import Timeout
from llmgate.provider import Provider
from llmgate.provider.http import HttpRequest, IncomingResponse, Transport, encode_json
from llmgate.testing._variant import variant

__all__ = ["Answerer", "Canned", "CannedTransport", "check_list", "with_transport"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Canned:
    """A reply that is kept ready.

    ``body`` is given whole, or as the pieces in which it is to arrive. After it comes its end; or
    ``then`` is raised in place of the end, as when the connection breaks; or, with ``hang``,
    nothing more comes until whoever reads is cancelled.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | Sequence[bytes] = field(default=b"", repr=False)
    then: LLMGateError | None = None
    hang: bool = False

    @classmethod
    def json(
        cls, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Canned:
        """A reply with this JSON value for its body."""
        sent = {"content-type": "application/json", **(headers or {})}
        return cls(status, sent, encode_json(value))

    def pieces(self) -> list[bytes]:
        """The body as it arrives; no piece is empty, since an empty one would be the end."""
        body = [self.body] if isinstance(self.body, bytes) else self.body
        return [piece for piece in body if piece]


Answerer: TypeAlias = Callable[[HttpRequest], Canned]
"""What a server would do: it receives each request as it would be sent, credentials and all."""


def check_list(given: Iterable[Item], path: str) -> Iterable[Item]:
    """What was given for a parameter that takes several.

    Raises:
        InvalidRequestError: for one thing in place of a list, also a text, whose characters would
            be taken for its items.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequestError.expected("a list", given, path)
    return given


class CannedTransport:
    """Replies from memory, in their order or as a callable chooses them.

    ``Client(transport=CannedTransport([Canned.json({…})]))`` runs everything but the network.

    An error among the replies is raised in place of a reply, as when no connection can be made.
    ``requests`` are those that were sent, credentials and all; their ``repr`` shows none.
    """

    def __init__(self, replies: Iterable[Canned | LLMGateError] | Answerer = ()) -> None:
        self.requests: list[HttpRequest] = []
        self.opened = 0
        self.closed = 0
        self._answer = replies if callable(replies) else _one_after_another(replies)

    @property
    def still_open(self) -> int:
        """How many replies were opened and not closed."""
        return self.opened - self.closed

    async def open(
        self,
        request: HttpRequest,
        timeout: Timeout,  # noqa: ARG002 - what is in memory is never late
    ) -> IncomingResponse:
        """The reply to this request.

        Raises:
            LLMGateError: when that is what stands in the place of the reply.
            RequestError: when no reply is left.
        """
        self.requests.append(request)
        canned = self._answer(request)
        self.opened += 1
        return _CannedReply(canned, self._count_closed)

    async def aclose(self) -> None:
        """Nothing: replies are closed by those who opened them, and :attr:`still_open` tells."""

    def __repr__(self) -> str:
        sent = len(self.requests)
        return f"CannedTransport(<{sent} requests, {self.still_open} replies still open>)"

    def _count_closed(self) -> None:
        self.closed += 1


def _one_after_another(replies: Iterable[Canned | LLMGateError]) -> Answerer:
    waiting = iter(check_list(replies, "replies"))

    def answer(request: HttpRequest) -> Canned:
        canned = next(waiting, None)
        if canned is None:
            raise RequestError(f"no reply is left for {request!r}")
        if isinstance(canned, LLMGateError):
            raise canned
        return canned

    return answer


class _CannedReply:
    """A reply that is being read."""

    def __init__(self, canned: Canned, on_close: Callable[[], None]) -> None:
        self.status = canned.status
        self.headers = {name.lower(): value for name, value in canned.headers.items()}
        self._canned = canned
        self._pieces = iter(canned.pieces())
        self._on_close = on_close
        self._is_closed = False

    async def read(self) -> bytes:
        if self._is_closed:
            raise ClosedError("the reply was read after it had been closed")
        piece = next(self._pieces, b"")
        if not piece and self._canned.then is not None:
            raise self._canned.then
        if not piece and self._canned.hang:
            await asyncio.Event().wait()
        return piece

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._on_close()


AnyProvider = TypeVar("AnyProvider", bound=Provider)


def with_transport(provider: AnyProvider, transport: Transport) -> AnyProvider:
    """The same provider, whose requests go over another transport.

    ``Client(providers={"openai": with_transport(OpenAI(api_key="…"), CannedTransport([…]))})``
    runs everything but the network. What is made of it by ``configured`` keeps that transport.
    """

    def always(_: AnyProvider) -> Transport:
        return transport

    return variant(provider, transport=property(always))
