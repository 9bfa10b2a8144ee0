"""``cassette``: within it, requests of all clients are recorded in a file, or replayed from it.

What is hidden, matched and written is the matter of the modules beside this one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import ExitStack
from functools import wraps
from inspect import isasyncgenfunction, isclass, iscoroutinefunction, isgeneratorfunction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast, get_args

from llmgate._core.connections import interceptors
from llmgate.errors import InvalidRequestError, RequestError, describe_value
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, IncomingResponse, Transport
from llmgate.testing.canned import check_list
from llmgate.testing.cassettes.file import (
    CassetteError,
    Exchange,
    RecordedRequest,
    RecordedResponse,
    load_exchanges,
    save_exchanges,
)
from llmgate.testing.cassettes.matching import difference, matching
from llmgate.testing.cassettes.scrubbing import Scrubber
from llmgate.testing.cassettes.transport import (
    CassetteTransport,
    RecordingResponse,
    ReplayedResponse,
)

__all__ = ["Cassette", "Mode", "UnknownRequestError", "cassette"]

Mode = Literal["once", "none", "new", "all"]
Function = TypeVar("Function", bound=Callable[..., Any])


class UnknownRequestError(RequestError):
    """A request that the cassette does not hold; the message shows how it differs."""


def cassette(
    path: str | os.PathLike[str],
    *,
    mode: Mode = "once",
    timing: bool = False,
    ignore: Iterable[str] = (),
) -> Cassette:
    """Record what every client sends within ``with`` or ``async with``, or replay it; also a
    decorator of functions, async or not.

    Args:
        path: The file, whose directories are made where there are none.
        mode: ``"once"`` records where there is no file yet, and else replays it; ``"none"`` only
            replays; ``"new"`` replays what is known and records what is not; ``"all"`` records
            everything again.
        timing: Record the seconds between the pieces of a response, and wait as long in replays.
        ignore: Names of fields, anywhere in a JSON body, that may differ in a replay.

    Raises:
        CassetteError: on entry, where the file is no cassette, or there is none in mode ``none``.
        UnknownRequestError: from the call whose request is not in a cassette that records nothing.
    """
    return Cassette(path, mode=mode, timing=timing, ignore=ignore)


class Cassette:
    """What :func:`cassette` gives."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Mode = "once",
        timing: bool = False,
        ignore: Iterable[str] = (),
    ) -> None:
        if mode not in get_args(Mode):
            known = ", ".join(map(repr, get_args(Mode)))
            reason = f"must be one of {known}; got {describe_value(mode)}"
            raise InvalidRequestError(reason, path="mode")
        self.path = Path(path)
        self.mode: Mode = mode
        self._timing = timing
        self._ignore: Collection[str] = frozenset(check_list(ignore, "ignore"))
        self._lock = threading.Lock()
        self._scope: ExitStack | None = None
        self._start()

    def _start(self) -> None:
        self._loaded: list[Exchange] = []
        self._waiting: list[Exchange] = []
        self._tapes: list[tuple[HttpRequest, RecordedResponse]] = []
        self._records = False
        self._scrubber = Scrubber()

    # --- what it tells ---

    @property
    def recorded(self) -> int:
        """How many requests were sent and recorded."""
        return len(self._tapes)

    @property
    def replayed(self) -> int:
        """How many requests were replayed."""
        return len(self._loaded) - len(self._waiting)

    @property
    def unused(self) -> list[str]:
        """The requests of the file that were not made, as method and address."""
        return [f"{each.request.method} {each.request.url}" for each in self._waiting]

    def __repr__(self) -> str:
        return f"<Cassette {str(self.path)!r}, mode={self.mode!r}>"

    # --- its scope ---

    def __enter__(self) -> Self:
        if self._scope is not None:
            raise RequestError(f"the cassette {self.path} is in use already")
        self._start()
        self._load()
        with ExitStack() as scope:
            scope.enter_context(self._scrubber.watch())
            interceptors.append(self._intercept)
            scope.callback(interceptors.remove, self._intercept)
            self._scope = scope.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.close()
        if self._tapes:
            before = [] if self.mode == "all" else self._loaded
            save_exchanges(self.path, [*before, *self._exchanges()])

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Function) -> Function:
        """The function, each call of which is within the cassette.

        Raises:
            InvalidRequestError: for a generator or a class, which would run outside it.
        """
        if isgeneratorfunction(function) or isasyncgenfunction(function) or isclass(function):
            reason = "cannot decorate a generator or a class: write `with cassette(…):` inside it"
            raise InvalidRequestError(reason, path="cassette")

        @wraps(function)
        async def asynchronous(*arguments: Any, **named: Any) -> Any:
            async with self._another():
                return await function(*arguments, **named)

        @wraps(function)
        def plain(*arguments: Any, **named: Any) -> Any:
            with self._another():
                return function(*arguments, **named)

        made: Any = asynchronous if iscoroutinefunction(function) else plain
        return cast("Function", made)

    def _another(self) -> Cassette:
        return Cassette(self.path, mode=self.mode, timing=self._timing, ignore=self._ignore)

    def _load(self) -> None:
        is_there = self.path.exists()
        self._records = self.mode in ("new", "all") or (self.mode == "once" and not is_there)
        if self.mode == "all" or (self._records and not is_there):
            return
        if not is_there:
            raise CassetteError(
                f"there is no cassette {self.path}, and mode='none' records none: run it once with "
                "mode='once'"
            )
        self._loaded = load_exchanges(self.path)
        self._waiting = [*self._loaded]

    # --- its requests ---

    def _intercept(self, real: Callable[[], Awaitable[Transport]]) -> Transport:
        return CassetteTransport(self._open, real)

    async def _open(
        self, request: HttpRequest, timeout: Timeout, real: Callable[[], Awaitable[Transport]]
    ) -> IncomingResponse:
        self._scrubber.learn_request(request)
        found = self._take(request)
        if found is not None:
            return ReplayedResponse(found.response, is_timed=self._timing)
        if not self._records:
            raise self._unknown(request)
        incoming = await (await real()).open(request, timeout)
        is_stream = request.stream and 200 <= incoming.status < 300
        tape = RecordedResponse(incoming.status, incoming.headers, is_stream=is_stream)
        with self._lock:
            self._tapes.append((request, tape))
        return RecordingResponse(incoming, tape)

    def _take(self, request: HttpRequest) -> Exchange | None:
        """The exchange of this request that comes next."""
        with self._lock:
            if not self._waiting:
                return None
            found = matching(self._scrubbed(request), self._waiting, self._ignore)
            if found is not None:
                self._waiting = [each for each in self._waiting if each is not found]
            return found

    def _unknown(self, request: HttpRequest) -> UnknownRequestError:
        sought = self._scrubbed(request)
        used = matching(sought, self._loaded, self._ignore)
        if used is not None:
            reason = "holds this request, but fewer times than it is made"
        else:
            reason = "does not hold this request"
        shown = difference(sought, self._loaded) if used is None else ""
        return UnknownRequestError(
            f"the cassette {self.path} {reason}: {sought.method} {sought.url}. mode='new' adds it, "
            f"mode='all' records everything again{shown and chr(10)}{shown}"
        )

    # --- what is written ---

    def _exchanges(self) -> list[Exchange]:
        """What was recorded, without credentials; a token of a later one is hidden in all."""
        self._as_written()  # which learns of tokens
        return self._as_written()

    def _as_written(self) -> list[Exchange]:
        return [Exchange(self._scrubbed(sent), self._tape(tape)) for sent, tape in self._tapes]

    def _scrubbed(self, request: HttpRequest) -> RecordedRequest:
        scrubber, headers = self._scrubber, self._scrubber.request_headers(request.headers)
        body = scrubber.body(request.body, headers.get("content-type", ""))
        return RecordedRequest(request.method, scrubber.url(request.url), headers, body)

    def _tape(self, tape: RecordedResponse) -> RecordedResponse:
        headers = self._scrubber.response_headers(tape.headers)
        if tape.is_stream:
            pieces = self._scrubber.stream(tape.pieces)
        else:
            whole = b"".join(tape.pieces)
            pieces = [self._scrubber.body(whole, headers.get("content-type", ""))]
        pauses = tape.pauses if self._timing else []
        made = RecordedResponse(tape.status, headers, pieces, [], tape.ended, tape.is_stream)
        if tape.is_stream:
            made.pieces, made.pauses = _without_empty(pieces, pauses)
        return made


def _without_empty(pieces: list[bytes], pauses: list[float]) -> tuple[list[bytes], list[float]]:
    """The pieces that are left of a stream, with the seconds before each."""
    kept, seconds, waited = list[bytes](), list[float](), 0.0
    for at, piece in enumerate(pieces):
        waited += pauses[at] if pauses else 0.0
        if piece:
            kept.append(piece)
            seconds.append(waited)
            waited = 0.0
    return kept, seconds if pauses else []
