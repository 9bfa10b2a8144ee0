"""Runs a call through its client's middleware, outermost first, within the call's deadline.

It is imported only for clients that have middleware.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from llmgate._core.deadline import Deadline
from llmgate._core.guard import GRACE, Guard, give_time, whole
from llmgate._core.remembered import deep_copy
from llmgate._core.settings import is_iterable
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    InternalError,
    InvalidRequestError,
    RequestError,
    UnknownProviderError,
    describe_error,
    describe_value,
)
from llmgate.middleware import Handler, Middleware
from llmgate.options import ChatCall, Timeout
from llmgate.reranking import RerankCall

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from llmgate._core.registry import Registry
    from llmgate._core.stream import Stream
    from llmgate.middlewares.routing import Models
    from llmgate.types import Completion

Call = TypeVar("Call", bound=ChatCall | EmbeddingCall | RerankCall)
Result = TypeVar("Result")
Link: TypeAlias = Callable[[Call, Callable[[Call], Awaitable[Result]]], Awaitable[Result]]
"""A method of a middleware: it takes a call and the handler that is next in the chain."""


def run_chat(
    middleware: Sequence[Middleware],
    call: ChatCall,
    perform: Callable[[ChatCall, float], Coroutine[Any, Any, Completion | Stream]],
    kind: type[Any],
    registry: Registry,
    default: Timeout,
    began: float,
) -> Awaitable[Completion | Stream]:
    """The result of a chat call that passes through this middleware, outermost first.

    If every middleware observes, the call runs unguarded (those with ``waits_in_time`` are told its
    deadline). If each only waits for its handler, requests share the call's deadline and the call's
    settings are checked. Otherwise the whole chain also gets a deadline of its own.
    """
    is_guarded = is_copied = waits = False
    observes = True
    for each in middleware:
        waits = waits or each.waits_in_time
        if not each.observes:
            observes = False
            if not each.only_asks(call):
                is_guarded, is_copied = True, is_copied or each.changes_calls
    if is_guarded:
        links, given = [each.chat for each in middleware], deep_copy(call) if is_copied else call
        return run_middleware(links, given, perform, kind, registry, default, began)
    handler: Handler = (
        (lambda call: perform(call, began))  # nothing is changed that needs a check
        if observes
        else _innermost(call, perform, registry, default, began)
    )
    time_of_call = (call, default, began) if waits else None
    if time_of_call is not None:
        give_time(handler, time_of_call)
    for each in middleware[:0:-1]:
        handler = _around(each.chat, handler)
        if time_of_call is not None:
            give_time(handler, time_of_call)
    return middleware[0].chat(call, handler)


async def run_middleware(
    links: Sequence[Link[Call, Result]],
    call: Call,
    perform: Callable[[Call, float], Coroutine[Any, Any, Result]],
    kind: type[Any],
    registry: Registry,
    default: Timeout,
    began: float,
) -> Result:
    """The result of a call that passes through these links, outermost first; it must be of this
    kind.

    ``perform`` asks the provider; it is given the call and when it began (:func:`time.monotonic`).
    ``default`` is the timeout of a call that has none.

    Raises:
        DeadlineExceededError: when the call's total timeout is over, no matter what took the time.
    """
    timeout, started = whole((call.timeout or default).total), began + GRACE
    if timeout.total is not None and time.monotonic() - started >= timeout.total:
        _left(timeout, started)  # a result that is ready at once would not be interrupted
    guard = Guard(timeout, started, call.model)

    def bounded(call: Call, began: float) -> Awaitable[Result]:
        return guard.bounded(perform(call, began))

    handler = _innermost(call, bounded, registry, default, began)
    for link in links[:0:-1]:
        handler = _around(link, handler)
    given = links[0](call, handler)
    is_coroutine = isinstance(given, CoroutineType)  # not, for example, a future
    work = cast("Coroutine[Any, Any, Result]", given) if is_coroutine else _coroutine_of(given)
    return _checked(await guard.guarded(work), kind)


async def _coroutine_of(work: Awaitable[Result]) -> Result:
    return await work


def _innermost(
    call: Call,
    perform: Callable[[Call, float], Awaitable[Result]],
    registry: Registry,
    default: Timeout,
    began: float,
) -> Callable[[Call], Awaitable[Result]]:
    """A handler that asks the provider, each time within the remaining time of the call."""
    timeout, model, settings = call.timeout or default, call.model, call.settings
    is_first = True

    async def innermost(call: Call) -> Result:
        nonlocal is_first
        if settings and call.settings is settings and call.model != model:
            _check_settings(call, model, registry)
        own, was_first = call.timeout or default, is_first
        is_first = False
        if was_first and (own is timeout or own == timeout):
            return await perform(call, began)
        left = _left(whole(timeout.total), began)
        total = min(math.inf if own.total is None else own.total, left)
        own = replace(own, total=None if total == math.inf else total)
        return await perform(replace(call, timeout=own), time.monotonic())

    return innermost


def _check_settings(
    call: ChatCall | EmbeddingCall | RerankCall, asked: str, registry: Registry
) -> None:
    """Refuse to send the key of one provider to another one.

    A name that no provider has is an alias that only the middleware understands; it must then make
    sure that the settings go to the right provider.
    """
    with suppress(UnknownProviderError):
        owner, receiver = registry.target(asked).provider, registry.target(call.model).provider
        if owner != receiver:
            named = ", ".join(sorted(call.settings))
            raise RequestError(
                f"{named} of this call is meant for {owner}, and a middleware sends it to "
                f"{receiver}: give the call settings of its own, as in replace(call, settings={{}})"
            )


def _left(total_only: Timeout, began: float) -> float:
    """The remaining seconds of a call's total timeout."""
    deadline = Deadline(total_only)
    deadline.started = began
    if deadline.remaining() <= 0:
        deadline.limit()
        raise deadline.exceeded()
    return deadline.remaining()


def _around(
    link: Link[Call, Result], handler: Callable[[Call], Awaitable[Result]]
) -> Callable[[Call], Awaitable[Result]]:
    return lambda call: link(call, handler)


def _checked(result: Result, kind: type[Any]) -> Result:
    if isinstance(result, kind):
        return result
    raise InternalError(f"the middleware returned {describe_value(result)}, not a {kind.__name__}")


# --- the middleware of a client ---------------------------------------------------------------


def as_middleware(given: Any, models: Models | None = None) -> tuple[Middleware, ...]:
    """The middleware as objects: names become installed ones, and a router of ``models`` is
    innermost.

    Raises:
        InvalidRequestError: for what is not a middleware, or a name that no installed package has.
        RequestError: when an installed one cannot be imported or made.
    """
    if not is_iterable(given) or isinstance(given, str):
        reason = (
            f"{describe_value(given)} is not a list of middleware; write [item] for a single one"
        )
        raise InvalidRequestError(reason, path="middleware")
    found = tuple(_one(item) for item in given)
    if not models:
        return found
    from llmgate.middlewares.routing import Router  # noqa: PLC0415 - only where asked for

    return (*found, Router(models))


def _one(item: Any) -> Middleware:
    if isinstance(item, str):
        return _installed(item)
    if isinstance(item, Middleware):
        return item
    is_class = isinstance(item, type)
    hint = f"a class, not an instance: write {item.__name__}(…)" if is_class else "not a Middleware"
    raise InvalidRequestError(f"{describe_value(item)} is {hint}", path="middleware")


_OURS = "llmgate's own are objects, such as llmgate.middlewares.cache.Cache()"


def _installed(name: str) -> Middleware:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    points = entry_points(group="llmgate.middleware")
    found = {point for point in points if point.name == name}
    if len(found) == 1:
        return _made(found.pop())
    if found:
        owners = " and ".join(sorted(map(_owner, found)))
        reason = f"the packages {owners} both provide {name!r}: uninstall one"
    else:
        known = ", ".join(sorted({point.name for point in points})) or "none"
        reason = f"no middleware {name!r} is installed (installed: {known}); {_OURS}"
    raise InvalidRequestError(reason, path="middleware")


def _made(point: EntryPoint) -> Middleware:
    """The middleware that an entry point's class or function makes."""
    try:
        made = point.load()()
    except Exception as error:  # noqa: BLE001 - a third-party module may raise anything
        reason = f"failed to load: {describe_error(error)}"
    else:
        if isinstance(made, Middleware):
            return made
        reason = f"returned {describe_value(made)}, which is not a Middleware"
    raise RequestError(f"the middleware {point.name!r} of the package {_owner(point)} {reason}")


def _owner(point: EntryPoint) -> str:
    return "?" if point.dist is None else point.dist.name
