"""Stores responses, and returns them to equal calls; it never stores an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, TypeVar, cast

from llmgate._core.stream import Stream
from llmgate._exchange import Exchange
from llmgate._text.json import is_number, read_own_json, sorted_json, write_own_json
from llmgate._text.redact import is_credential, redact_url
from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from llmgate.middleware import EmbeddingHandler, Handler, Middleware, StreamEnd
from llmgate.options import ChatCall
from llmgate.report import Deviation, Report
from llmgate.store import MemoryStore, Store
from llmgate.types import Completion

__all__ = ["Cache"]

Whole: TypeAlias = Completion | Embeddings
Kept = TypeVar("Kept", Completion, Embeddings)
Scope: TypeAlias = str | Callable[[ChatCall | EmbeddingCall], str]
_Running: TypeAlias = asyncio.Future[bytes]
_VERSION = 2
"""The version of stored entries: entries of other versions are not read."""


class Cache(Middleware):
    """Returns a stored response to every equal call, whole or as a stream.

    Calls are equal if messages, models, parameters, addresses and headers are equal; keys,
    deadlines, retries, hooks, labels and streaming do not count. Equal calls that arrive while the
    first waits for a whole response wait for it as well; if it fails, each of them asks at once.
    ``response.cache`` says ``"hit"`` or ``"miss"``. A hit has the original response's usage and
    report, no attempts, and is a copy of its own.

    ``labels={"cache": "bypass"}`` skips the cache, ``"refresh"`` asks again and stores the new
    response, and ``labels={"cache_ttl": seconds}`` sets how long this response is stored.

    Args:
        store: Where responses are stored; by default 64 MB of memory.
        ttl: Seconds for which a stored response is valid; None for as long as there is room.
        scope: Who may share responses: a string, or a function that returns one for a call, such as
            ``lambda call: call.labels["tenant"]``. Calls of different scopes are never equal.
    """

    changes_calls = False

    def __init__(
        self, store: Store | None = None, *, ttl: float | None = 3600.0, scope: Scope = ""
    ) -> None:
        self._store = MemoryStore() if store is None else store
        if not isinstance(self._store, Store):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError.expected("a store", store, "store")
        self._ttl = _checked_ttl(ttl, "ttl")
        if not isinstance(scope, str) and not callable(scope):
            raise InvalidRequestError.expected("a text or a function", scope, "scope")
        self._scope = scope
        self._running: dict[tuple[asyncio.AbstractEventLoop, str], _Running] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self.failures = 0
        """How often the store could not be read or written; the calls went on without."""

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The stored completion, or a new one, which is then stored."""
        mode = _mode_of(call)
        if mode == "bypass":
            return await handler(call)
        key, ttl = self._key(call), self._ttl_of(call)
        found = None if mode == "refresh" else await self._find(Completion, key)
        if found is not None:
            if call.stream:
                return Stream.replay(found, include_usage=call.wants_usage_chunk)
            return found
        if not call.stream:
            ask = partial(cast("Callable[[ChatCall], Awaitable[Completion]]", handler), call)
            return await self._ask(Completion, key, ttl, ask, is_fresh=mode == "refresh")
        stream = cast("Stream", await handler(call)).amend(_missed)
        loop = asyncio.get_running_loop()
        return stream.when_done(lambda end: self._stream_ended(loop, key, ttl, end))

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The stored embeddings, or new ones, which are then stored."""
        mode = _mode_of(call)
        if mode == "bypass":
            return await handler(call)
        key = self._key(call)
        found = None if mode == "refresh" else await self._find(Embeddings, key)
        if found is not None:
            return found
        ask, ttl = partial(handler, call), self._ttl_of(call)
        return await self._ask(Embeddings, key, ttl, ask, is_fresh=mode == "refresh")

    async def aclose(self) -> None:
        """Wait for pending writes, and close the store."""
        if self._writing:
            await asyncio.wait([*self._writing])
        await self._store.aclose()

    # --- stored responses ---

    async def _ask(
        self,
        kind: type[Kept],
        key: str,
        ttl: float | None,
        ask: Callable[[], Awaitable[Kept]],
        *,
        is_fresh: bool,
    ) -> Kept:
        """A new response, which is stored; or the response of an equal call that is running."""
        place = (asyncio.get_running_loop(), key)
        while (running := self._running.get(place)) is not None:
            try:
                return _restored(kind, read_own_json(await asyncio.shield(running)))
            except _GivenUpError:  # the first to get here asks; the others wait for it
                found = None if is_fresh else await self._find(kind, key)
                if found is not None:
                    return found
            except _NotKeptError:
                return (await self._asked(key, ttl, ask))[0]
        future = self._running[place] = place[0].create_future()
        try:
            response, written = await self._asked(key, ttl, ask)
            if written is not None:
                future.set_result(written)
            return response
        except BaseException as error:
            future.set_exception(_GivenUpError if _is_given_up(error) else _NotKeptError)
            raise
        finally:
            del self._running[place]
            if not future.done():
                future.set_exception(_NotKeptError)
            future.exception()  # nobody may be waiting for it

    async def _asked(
        self, key: str, ttl: float | None, ask: Callable[[], Awaitable[Kept]]
    ) -> tuple[Kept, bytes | None]:
        """A new response, and its stored form, if it may be stored."""
        response = await ask()
        written = _written(response)
        response = replace(response, exchange=_missed(response.exchange))
        if written is not None:
            await self._keep(key, written, ttl)
        return response, written

    async def _find(self, kind: type[Kept], key: str) -> Kept | None:
        """The stored response of a key, as a new response, if this version can read it."""
        try:
            raw = await self._store.get(key)
            kept: dict[str, Any] | None = None if raw is None else read_own_json(raw)
            if kept is not None and kept["version"] == _VERSION:
                return _restored(kind, kept)
        except Exception:  # noqa: BLE001 - whatever happened to the store, the provider can be asked
            self.failures += 1
        return None

    async def _keep(self, key: str, raw: bytes, ttl: float | None) -> None:
        try:
            await self._store.set(key, raw, ttl=ttl)
        except Exception:  # noqa: BLE001 - the call has its response; not storing it only costs time
            self.failures += 1

    def _stream_ended(
        self, loop: asyncio.AbstractEventLoop, key: str, ttl: float | None, end: StreamEnd
    ) -> None:
        """Store a stream's completion, if it came to its end."""
        raw = None
        if end.outcome == "ok" and end.completion is not None:
            raw = _written(end.completion)
        if raw is None:
            return
        writing = loop.create_task(self._keep(key, raw, ttl))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    # --- keys ---

    def _key(self, call: ChatCall | EmbeddingCall) -> str:
        """The key of a call: the same for equal calls, and only for them."""
        scope = self._scope if isinstance(self._scope, str) else self._scope(call)
        parameters: Any = call.parameters
        if "stream_options" in parameters:
            parameters = {name: parameters[name] for name in parameters if name != "stream_options"}
        settings = _harmless(call.settings) if call.settings else {}
        headers = _harmless(call.extra_headers) if call.extra_headers else {}
        options = (parameters, call.extra_body, call.unsupported, settings, headers)
        given = (
            (call.messages, "chat") if isinstance(call, ChatCall) else (call.input, "embeddings")
        )
        asked = sorted_json((_VERSION, scope, call.model, call.fallbacks, options, given))
        return f"llmgate:{blake2b(asked, digest_size=32).hexdigest()}"

    def _ttl_of(self, call: ChatCall | EmbeddingCall) -> float | None:
        given = call.labels.get("cache_ttl")
        return self._ttl if given is None else _checked_ttl(given, "labels.cache_ttl")


class _NotKeptError(Exception):
    """The response that other calls waited for failed: each of them asks at once."""


class _GivenUpError(Exception):
    """The call that asked for the response was given up: another one asks in its place."""


def _is_given_up(error: BaseException) -> bool:
    """Whether a call was ended by its caller, which says nothing about the provider."""
    if isinstance(error, DeadlineExceededError):
        return error.phase == "total"
    return isinstance(error, asyncio.CancelledError)


_MODES: tuple[Literal["bypass", "refresh"], ...] = ("bypass", "refresh")


def _mode_of(call: ChatCall | EmbeddingCall) -> Literal["bypass", "refresh"] | None:
    given = call.labels.get("cache")
    if given is None:
        return None
    for mode in _MODES:
        if given == mode:
            return mode
    raise InvalidRequestError.expected("'bypass' or 'refresh'", given, "labels.cache")


def _checked_ttl(given: Any, path: str) -> float | None:
    if given is None or (is_number(given) and given > 0):
        return given
    raise InvalidRequestError.expected("a number of seconds above 0", given, path)


def _harmless(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings or headers without credentials, including those in addresses."""
    found = dict[str, Any]()
    for name, value in values.items():
        if is_credential(name):
            continue
        shown = value.reveal() if hasattr(value, "reveal") else value
        found[name.lower()] = redact_url(shown) if name == "base_url" else shown
    return found


def _missed(exchange: Exchange) -> Exchange:
    return replace(exchange, cache="miss")


def _written(response: Whole) -> bytes | None:
    """The stored form of a response; None if it only says that a content filter stepped in."""
    if isinstance(response, Completion) and any(
        choice.finish_reason == "content_filter" for choice in response.choices
    ):
        return None
    exchange = response.exchange
    kept = {
        "version": _VERSION,
        "response": response.to_dict(),
        "provider": exchange.provider,
        "request_id": exchange.request_id,
        "deviations": [asdict(deviation) for deviation in exchange.report],
    }
    return write_own_json(kept)


def _restored(kind: type[Kept], kept: dict[str, Any]) -> Kept:
    """A new response from its stored form."""
    response = kind.model_validate(kept["response"])
    report = Report("drop", [Deviation(**each) for each in kept["deviations"]])
    response.exchange = Exchange(kept["provider"], report, {}, b"", kept["request_id"], (), "hit")
    return response
