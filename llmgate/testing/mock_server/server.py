"""The mock server itself: a thread with an event loop and aiohttp's server on it.

What it answers is made elsewhere. It listens on this machine alone unless it is asked otherwise,
and holds no credential: of headers, it records the names and what is known to be harmless.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

from aiohttp import web

from llmgate._text.redact import redact_headers, redact_query
from llmgate.errors import InvalidRequestError, RequestError, describe_error
from llmgate.provider.http import is_object
from llmgate.testing.canned import check_list
from llmgate.testing.fake_operations import vector_for
from llmgate.testing.mock_server.answers import Answer, Asked
from llmgate.testing.mock_server.delivery import DEFAULT_TEXT, Delivery, deliver, refusal
from llmgate.testing.mock_server.faults import Fault
from llmgate.testing.mock_server.shapes import SHAPES, Shape, shape_of

__all__ = ["MockServer", "Received", "server"]

_DIMENSIONS = 8
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """A request: ``shape`` is whose format it has; ``headers`` are as they may be shown."""

    method: str
    path: str
    shape: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None

    @property
    def operation(self) -> str:
        """``chat``, ``embeddings`` or ``models``; empty where there is no such address."""
        asked = SHAPES[self.shape].asked(self.path.partition("?")[0], self.table)
        return asked.operation if asked is not None else ""

    @property
    def table(self) -> Mapping[str, Any]:
        """The body, where it is an object."""
        return self.body if is_object(self.body) else {}


Script: TypeAlias = Iterable[Answer] | Callable[[Received], Answer]


def server(
    script: Script | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    models: Iterable[str] = ("mock-1", "mock-2"),
) -> MockServer:
    """A server that speaks the formats of OpenAI, Anthropic, Gemini, Cohere and Ollama, while
    ``with`` or ``async with`` lasts.

    Args:
        script: What chats are answered, one after the other: texts, tool calls, lists of both,
            ``Canned`` responses and ``Fault``\\ s; or a callable that is given each
            :class:`Received`. Without one, every chat is answered the same text.
        host: Where it listens; other machines reach it only on another address than that.
        port: 0 takes a free one.
        models: The names that it lists.

    Raises:
        RequestError: on entry, where it cannot listen there.
    """
    return MockServer(script, host=host, port=port, models=models)


class MockServer:
    """What :func:`server` gives. ``requests`` holds what was asked, in order."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        models: Iterable[str] = ("mock-1", "mock-2"),
    ) -> None:
        self.requests: list[Received] = []
        self._answer = script if callable(script) else _one_after_another(script)
        self._host, self._port = host, port
        self._models = [*check_list(models, "models")]
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] = lambda: None

    # --- its addresses ---

    @property
    def url(self) -> str:
        """The address, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def base_url(self, shape: str) -> str:
        """The base URL for clients of one of the formats: ``openai``, ``anthropic``, ``gemini``,
        ``cohere``, ``ollama``.

        Raises:
            InvalidRequestError: for another name.
        """
        if shape not in SHAPES:
            known = ", ".join(SHAPES)
            raise InvalidRequestError(f"must be one of {known}; got {shape!r:.40}", path="shape")
        return f"{self.url}/{shape}{SHAPES[shape].base_path}"

    def __repr__(self) -> str:
        state = "running" if self._thread is not None else "stopped"
        return f"<MockServer {self.url}, {state}, {len(self.requests)} requests>"

    # --- its life ---

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RequestError(f"the server {self.url} is running already")
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="llmgate-mock", daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except Exception as error:  # noqa: BLE001 - also what is no host or port at all
            self._thread.join()
            self._thread = None
            reason = getattr(error, "strerror", None) or describe_error(error)
        else:
            return self
        raise RequestError(f"no server can listen on {self._host}, port {self._port}: {reason}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            with suppress(RuntimeError):  # its loop has ended
                self._stop()
            thread.join()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.__exit__, None, None, None)

    def wait(self) -> None:
        """Wait until it is stopped, as by an interrupt."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)

    async def _serve(self, started: Future[None]) -> None:
        application = web.Application(client_max_size=_MAX_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.05
        )
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        try:
            await runner.setup()
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            self._port = runner.addresses[0][1]
            self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        except Exception as error:  # noqa: BLE001 - whoever started it is waiting for that
            started.set_exception(error)
        else:
            started.set_result(None)
            await stopped.wait()
        finally:
            await runner.cleanup()

    # --- its requests ---

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        shape, path = shape_of(request.path, headers)
        body = _read_json(await request.read())
        name = next(each for each in SHAPES if SHAPES[each] is shape)
        shown = redact_query(f"{path}?{request.query_string}" if request.query_string else path)
        received = Received(request.method, shown, name, redact_headers(headers), body)
        self.requests.append(received)
        asked = shape.asked(path, received.table)
        try:
            delivery = self._delivery(received, asked, shape)
        except Exception as error:  # noqa: BLE001 - a script of the caller's
            delivery = refusal(
                shape, 400, f"the mock server has no answer: {describe_error(error)}"
            )
        return await _send(delivery, request)

    def _delivery(self, received: Received, asked: Asked | None, shape: Shape) -> Delivery:
        if asked is None:
            path = received.path.partition("?")[0]
            return refusal(shape, 404, f"the mock server has no {received.method} {path}")
        if asked.operation == "models":
            return deliver_json(shape.models(self._models))
        if asked.operation == "embeddings":
            wanted: Any = received.table.get("dimensions") or received.table.get("output_dimension")
            texts = shape.inputs(asked)
            vectors = [vector_for(text, int(wanted or _DIMENSIONS)) for text in texts]
            return deliver_json(shape.embeddings(vectors, asked))
        return deliver(self._answer(received), asked, shape)


def deliver_json(value: Any) -> Delivery:
    """A whole response."""
    headers = {"Content-Type": "application/json", "X-Request-Id": "req_mock"}
    return Delivery(200, headers, [json.dumps(value).encode()])


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _one_after_another(script: Iterable[Answer] | None) -> Callable[[Received], Answer]:
    if script is None:
        return lambda _: DEFAULT_TEXT
    waiting = _repeated(check_list(script, "script"))

    def answer(_: Received) -> Answer:
        following = next(waiting, None)
        if following is None:
            raise RequestError("the script is over")
        return following

    return answer


def _repeated(script: Iterable[Answer]) -> Iterator[Answer]:
    for answer in script:
        for _ in range(answer.times if isinstance(answer, Fault) else 1):
            yield answer


# --- how a response is sent ---


async def _send(delivery: Delivery, request: web.Request) -> web.StreamResponse:
    if delivery.head_pause:
        await asyncio.sleep(delivery.head_pause)
    response = web.StreamResponse(status=delivery.status, headers=delivery.headers)
    if delivery.is_reset:
        request.protocol.force_close()
        return response
    if not delivery.is_stream:
        response.content_length = sum(map(len, delivery.pieces))
    with suppress(ConnectionError):  # the client is gone
        await response.prepare(request)
        await _send_body(delivery, request, response)
    return response


async def _send_body(
    delivery: Delivery, request: web.Request, response: web.StreamResponse
) -> None:
    sent = 0
    ends = [end for end in (delivery.cut_at, delivery.hang_at) if end is not None]
    for piece in delivery.pieces:
        if delivery.pause:
            await asyncio.sleep(delivery.pause)
        part = piece[: max(0, ends[0] - sent)] if ends else piece
        if part:
            await response.write(part)
        sent += len(part)
        if len(part) < len(piece):
            break
    if delivery.cut_at is not None:
        request.protocol.force_close()
    elif delivery.hang_at is not None:
        await asyncio.Event().wait()
    else:
        await response.write_eof()
