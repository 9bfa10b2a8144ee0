"""The client: its calls for chat, whole and streamed. ``base_client`` has its settings.

``prepare`` parses a call's arguments; ``drive`` and ``send`` make its requests.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Unpack

from llmgate._core import drive
from llmgate._core.arguments import describe_options
from llmgate._core.base_client import load_middleware_chain, load_parsing
from llmgate._core.live import LiveSource
from llmgate._core.media import FilesToRead
from llmgate._core.operations import Operations
from llmgate._core.prepare import fit, provider_of, resolve
from llmgate._core.stream import Stream
from llmgate.errors import InvalidRequestError, MissingKeyError
from llmgate.options import CallOptions, ChatCall
from llmgate.types import Completion

if TYPE_CHECKING:
    from llmgate._core.preview import Preview
    from llmgate._core.sync import SyncStream
    from llmgate.messages import MessageLike
    from llmgate.middleware import Middleware


class Client(Operations):
    """Providers, limits and hooks that many calls share.

    One client serves any number of tasks, threads and event loops; it keeps a connection pool for
    each loop. ``async with`` or :meth:`aclose` closes the pool of the running loop; a pool is also
    closed when its loop ends.

    Requests take a faster path than aiohttp's public API if the installed version allows it, unless
    ``LLMGATE_FAST_PATH=0`` is set when a pool is opened.

    Args:
        providers: Providers by name, as instances or as callables that make them; all installed
            ones are known as well.
        timeout: Seconds for a whole call, or a :class:`~llmgate.options.Timeout`.
        max_retries: How often a call is retried; a shorthand for ``retry``.
        retry: The whole retry policy.
        unsupported: ``"drop"`` drops and reports a parameter that a provider does not support,
            ``"raise"`` refuses the call.
        hooks: Callables that receive each event of each call, on one thread of the client.
        hook_timeout: Seconds that :meth:`aclose` and the end of the process wait for unfinished
            hooks; a ``RuntimeWarning`` then says how many events are lost.
        verify: True, False, a CA bundle's path, or an ``ssl.SSLContext``.
        proxy: The URL of an HTTP proxy.
        trust_env: Whether proxies are read from the environment.
        limit: Connections to one host at a time; None stands for 1,000, or for half of the files
            that the process may open (``ulimit -n``) if that is less.
        transport: An object that carries all requests in place of the client's own connections,
            with ``open`` and ``aclose``: see :class:`~llmgate.provider.http.Transport`. The client
            closes it. A provider with its own transport keeps using that.
        headers: Headers for every request, or a callable that returns them. It is called for each
            attempt, on the call's task, with the attempt's :class:`~llmgate.hooks.AttemptStarted`.
        middleware: Wraps each call, outermost first; see :mod:`llmgate.middleware`. A string names
            an installed one.
        prices: Your own prices by model; see docs/cost.md.
        models: Your own model names, with the targets of each; see ``middlewares.routing``.
    """

    @describe_options(CallOptions)
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | Stream:
        """A model's completion of a conversation, in OpenAI's shape.

        An argument that is None counts as absent.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
                passes unchanged.
        """
        began = time.monotonic()
        try:
            try:
                call = self._parse(model, messages, stream, options)
            except FilesToRead as found:
                messages = await self._read_files(found, options, began)
                call = self._parse(model, messages, stream, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same error, which says where
        if call.output is not None or call.fallbacks or call.hedge_after is not None:
            return await self._run(call, began)
        if self._middleware:
            return await self._run_chat(self._middleware, call, began)
        return await self._perform(call, began)

    @describe_options(CallOptions)
    def completion(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | SyncStream:
        """:meth:`acompletion` for code that is not async; it also works while a loop is running.

        An argument that is None counts as absent.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`.
        """
        from llmgate._core.sync import SyncStream, run  # noqa: PLC0415 - a thread, only where asked for

        began = time.monotonic()
        try:
            call = self._parse_blocking(model, messages, stream, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        result = run(lambda: self._run(call, began))
        return SyncStream(result) if isinstance(result, Stream) else result

    @describe_options(CallOptions)
    def preview(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Preview:
        """The request that :meth:`acompletion` would send without middleware, byte for byte;
        nothing is sent.

        Raises:
            LLMGateError: whatever the call would raise before sending, except for a missing key.
        """
        from llmgate._core.preview import preview_of  # noqa: PLC0415 - only where asked for

        try:
            call = self._parse_blocking(model, messages, stream, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        return preview_of(fit(call, target, provider), provider, call, self._headers)

    # --- inside ---

    async def _run(self, call: ChatCall, began: float) -> Completion | Stream:
        """Perform a call inside its middleware, with the parsing of its output outermost."""
        middleware = self._middleware_of(call)
        if call.output is None:
            return await (
                self._run_chat(middleware, call, began)
                if middleware
                else self._perform(call, began)
            )
        perform = partial(self._run_chat, middleware) if middleware else self._perform
        parsed: Awaitable[Completion | Stream] = load_parsing().perform_parsed(
            perform, call, began, is_own=not middleware
        )
        return await parsed

    def _run_chat(
        self, middleware: tuple[Middleware, ...], call: ChatCall, began: float
    ) -> Awaitable[Completion | Stream]:
        kind = Stream if call.stream else Completion
        result: Awaitable[Completion | Stream] = load_middleware_chain().run_chat(
            middleware, call, self._perform, kind, self._registry, self._timeout, began
        )
        return result

    async def _perform(self, call: ChatCall, began: float) -> Completion | Stream:
        """Ask the provider of a call's model."""
        ready = self._registry.ready_models
        if call.settings or type(call.model) is not str or call.model not in ready:  # seldom
            await self._load_provider(call, began)
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        state = await self._new_state(call, fit(call, target, provider), provider, began)
        try:
            if call.stream:
                opened = await drive.open_stream(state)
                return Stream(LiveSource(opened, bare_chunks=call.wants_usage_chunk))
            return await drive.complete(state)
        except MissingKeyError:  # the next call reads the environment again
            self._registry.forget(target.provider)
            raise
