"""Keeps responses, and gives them again to equal calls; it never keeps an error."""

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
"""Of what is stored: what another one wrote is not read."""


class Cache(Middleware):
    """Gives what a model once returned to every equal call, whole or as a stream.

    Calls are equal that ask the same of the same models with the same parameters, addresses and
    headers; keys, deadlines, retries, hooks and labels do not count, nor whether it is a stream.
    Equal calls that come while a whole response is waited for wait for it as well; where it fails,
    each of them asks at once.
    ``response.cache`` says ``"hit"`` or ``"miss"``. A hit has the response's usage and report, no
    attempts, and is a response of its own.

    ``labels={"cache": "bypass"}`` leaves a call alone, ``"refresh"`` asks anew and keeps that, and
    ``labels={"cache_ttl": seconds}`` keeps this one so long.

    Args:
        store: Where responses are kept; by default 64 MB of memory.
        ttl: Seconds for which a response is given again; None for as long as there is room.
        scope: Who may be given the same response: a text, or what a function makes of a call, such
            as ``lambda call: call.labels["tenant"]``. Calls of two scopes are never equal.
    """

    changes_calls = False

    def __init__(
        self, store: Store | None = None, *, ttl: float | None = 3600.0, scope: Scope = ""
    ) -> None:
        self._store = MemoryStore() if store is None else store
        if not isinstance(self._store, Store):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError.expected("a store", store, "store")
        self._ttl = _checked_ttl(ttl, "ttl")
        self._scope = scope
        self._running: dict[tuple[asyncio.AbstractEventLoop, str], _Running] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self.failures = 0
        """How often the store could not be read or written; the calls went on without."""

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion that is kept, or a new one, which will be."""
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
        """The embeddings that are kept, or new ones, which will be."""
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
        """Wait for what is being kept, and close the store."""
        if self._writing:
            await asyncio.wait([*self._writing])
        await self._store.aclose()

    # --- what is kept ---

    async def _ask(
        self,
        kind: type[Kept],
        key: str,
        ttl: float | None,
        ask: Callable[[], Awaitable[Kept]],
        *,
        is_fresh: bool,
    ) -> Kept:
        """A new response, which is kept; or that of an equal call that is being made."""
        place = (asyncio.get_running_loop(), key)
        while (running := self._running.get(place)) is not None:
            try:
                return _restored(kind, read_own_json(await asyncio.shield(running)))
            except _GivenUpError:  # the first one that gets here asks, and the others wait for it
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
            future.exception()  # nobody has to wait for it

    async def _asked(
        self, key: str, ttl: float | None, ask: Callable[[], Awaitable[Kept]]
    ) -> tuple[Kept, bytes | None]:
        """A new response, and how it is kept, if it may be."""
        response = await ask()
        written = _written(response)
        response = replace(response, exchange=_missed(response.exchange))
        if written is not None:
            await self._keep(key, written, ttl)
        return response, written

    async def _find(self, kind: type[Kept], key: str) -> Kept | None:
        """What is kept for a key, as a new response, as far as this version can read it."""
        try:
            raw = await self._store.get(key)
            kept: dict[str, Any] | None = None if raw is None else read_own_json(raw)
            if kept is not None and kept["version"] == _VERSION:
                return _restored(kind, kept)
        except Exception:  # noqa: BLE001 - whatever became of the store: the provider can be asked
            self.failures += 1
        return None

    async def _keep(self, key: str, raw: bytes, ttl: float | None) -> None:
        try:
            await self._store.set(key, raw, ttl=ttl)
        except Exception:  # noqa: BLE001 - the response is there, and that it is not kept costs time
            self.failures += 1

    def _stream_ended(
        self, loop: asyncio.AbstractEventLoop, key: str, ttl: float | None, end: StreamEnd
    ) -> None:
        """Keep what a stream gave, if it came to its end."""
        raw = None
        if end.outcome == "ok" and end.completion is not None:
            raw = _written(end.completion)
        if raw is None:
            return
        writing = loop.create_task(self._keep(key, raw, ttl))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    # --- its keys ---

    def _key(self, call: ChatCall | EmbeddingCall) -> str:
        """The same text for calls that are equal, and for no others."""
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
    """The response that others waited for is not to be had: each of them asks at once."""


class _GivenUpError(Exception):
    """Whoever asked for the response no longer waits for it: another one asks in its place."""


def _is_given_up(error: BaseException) -> bool:
    """Whether a call was ended by its caller, which says nothing of the provider."""
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
    """Settings or headers without credentials, also in addresses."""
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
    """A response as it is kept; None for one that says no more than that a filter was there."""
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
    """A response that is kept, as a new one."""
    response = kind.model_validate(kept["response"])
    report = Report("drop", [Deviation(**each) for each in kept["deviations"]])
    response.exchange = Exchange(kept["provider"], report, {}, b"", kept["request_id"], (), "hit")
    return response
