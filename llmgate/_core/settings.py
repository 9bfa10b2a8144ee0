"""Checks each setting of clients and calls that is not one of OpenAI's parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar, cast

from llmgate._core.check import check_json
from llmgate._core.provider_settings import as_provider_settings
from llmgate._core.retry import RetryPolicy, is_async
from llmgate._text.json import is_mapping, is_number
from llmgate._text.redact import HiddenHeaders, HiddenUrl
from llmgate.errors import InvalidRequestError, describe_value
from llmgate.hooks import AttemptStarted, Hook
from llmgate.options import Timeout
from llmgate.provider import Provider
from llmgate.provider.http import Transport
from llmgate.provider.threads import start_in_thread
from llmgate.report import Policy

if TYPE_CHECKING:
    from llmgate.cost import Prices

Init = TypeVar("Init", bound=Callable[..., None])

HeaderSource: TypeAlias = Callable[[AttemptStarted], Mapping[str, str]]


def as_timeout(timeout: float | Timeout) -> Timeout:
    return timeout if isinstance(timeout, Timeout) else Timeout(total=timeout)


def as_unsupported(value: Any) -> Policy:
    if not isinstance(value, str) or value not in ("drop", "raise"):
        raise InvalidRequestError.expected("'drop' or 'raise'", value, "unsupported")
    return "drop" if value == "drop" else "raise"


def as_providers(given: Any) -> Mapping[str, Provider | Callable[..., Provider]]:
    """The providers by name. Each is checked in full only when it is used."""
    if given is None:
        return {}
    if not is_mapping(given):
        raise InvalidRequestError.expected("a dictionary of providers by name", given, "providers")
    for name, provider in given.items():
        if not isinstance(name, str) or not name.strip() or "/" in name:
            reason = (
                f"{describe_value(name)} is not a provider's name: it must be a string without /"
            )
            raise InvalidRequestError(reason, path="providers")
        if type(provider).__module__ == "builtins" and not callable(provider):
            reason = (
                f"expected a provider, or a callable that makes one, got {describe_value(provider)}"
            )
            raise InvalidRequestError(reason, path=f"providers[{name!r}]")
    return given


def as_retry(given: Any) -> RetryPolicy:
    if given is None:
        return RetryPolicy()
    if not isinstance(given, RetryPolicy):
        reason = (
            f"expected a RetryPolicy, got {describe_value(given)}; "
            "a number of retries is max_retries"
        )
        raise InvalidRequestError(reason, path="retry")
    return given


def as_hooks(hooks: Any, path: str = "hooks") -> tuple[Hook, ...]:
    """The hooks, each checked to be callable from a thread without an event loop."""
    if not is_iterable(hooks):
        reason = f"{describe_value(hooks)} is not a list of callables; write [hook] for one hook"
        raise InvalidRequestError(reason, path=path)
    found = tuple(hooks)
    for hook in found:
        if not callable(hook):
            raise InvalidRequestError(f"{describe_value(hook)} cannot be called", path=path)
        if is_async(hook):
            raise InvalidRequestError(
                f"{describe_value(hook)} is an async function, and hooks are called on a "
                "thread without an event loop: use asyncio.run_coroutine_threadsafe within a "
                "plain function",
                path=path,
            )
    return found


def as_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the provider's factory: ``api_key``, ``base_url``, ``api_version``, and the
    ``provider_settings``, whose values are hidden."""
    settings = {name: given[name] for name in _TEXTS if name in given}
    for name, value in settings.items():
        if not isinstance(value, str | HiddenUrl):
            reason = f"expected a string, got {type(value).__name__}"
            raise InvalidRequestError(reason, path=name)
    if "api_key" in given:
        settings["api_key"] = given["api_key"]
    if "provider_settings" in given:
        settings |= as_provider_settings(given["provider_settings"])
    return settings


_TEXTS = ("base_url", "api_version")


def as_extra_body(given: Any) -> Mapping[str, Any]:
    if not is_mapping(given):
        reason = f"expected a dictionary, got {type(given).__name__}"
        raise InvalidRequestError(reason, path="extra_body")
    checked: Mapping[str, Any] = check_json(dict(given), "extra_body")
    return checked


def as_headers(headers: Any, path: str = "extra_headers") -> Mapping[str, str]:
    if not is_mapping(headers):
        reason = f"expected a dictionary, got {type(headers).__name__}"
        raise InvalidRequestError(reason, path=path)
    wrong = [name for name in headers if not (_is_name(name) and _is_text(headers[name]))]
    if wrong:  # the value is not shown: it may be a key
        reason = "expected a header's name and printable ASCII text"
        raise InvalidRequestError(reason, path=f"{path}.{describe_value(wrong[0])}")
    return headers


def as_hedge_after(given: Any) -> float | None:
    """Seconds without a response after which a second request is sent.

    Raises:
        InvalidRequestError: unless it is None or a finite positive number.
    """
    if given is None or (is_number(given) and 0 < given < math.inf):
        return given
    raise InvalidRequestError.expected("a positive number of seconds", given, "hedge_after")


def as_header_source(given: Any) -> HeaderSource | None:
    """The headers of ``Client(headers=…)`` as a function called on each attempt; None if empty."""
    if callable(given) and not is_async(given):
        return cast("HeaderSource", given)  # its result is checked on each call
    if callable(given):
        meant = "use a middleware for headers that have to be awaited"
        reason = f"{describe_value(given)} is an async function: {meant}"
        raise InvalidRequestError(reason, path="headers")
    headers = HiddenHeaders(as_headers(given, "headers"))
    return (lambda _: headers) if headers else None


def as_labels(given: Any) -> dict[str, str | int | float | bool]:
    if not is_mapping(given):
        reason = f"expected a dictionary, got {type(given).__name__}"
        raise InvalidRequestError(reason, path="labels")
    for name, value in given.items():
        if not (isinstance(name, str) and isinstance(value, str | int | float | bool)):
            raise InvalidRequestError.expected(
                "a string, a number, or a bool", value, f"labels.{describe_value(name)}"
            )
    return dict(given)


def as_prices(given: Any) -> Prices | None:
    """The prices that a client was given. On return, public prices are loading on a thread.

    Raises:
        InvalidRequestError: naming the price that is wrong.
    """
    if given is None:
        return None
    from llmgate.cost import Prices, load_prices  # noqa: PLC0415 - only for those who have prices

    prices = Prices(given)
    start_in_thread(load_prices)
    return prices


def as_transport(given: Any) -> Transport | None:
    if given is None:
        return None
    lacking = [name for name in ("open", "aclose") if not callable(getattr(given, name, None))]
    if lacking or isinstance(given, type):
        needs = " and ".join(lacking) or "to be made"
        reason = f"{describe_value(given)} is not a transport: it needs {needs}"
        raise InvalidRequestError(reason, path="transport")
    return cast("Transport", given)  # as far as can be seen


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and name.lower() not in _FRAMING


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def explain_unknown_arguments(init: Init) -> Init:
    """Make a client's constructor give advice in its errors for unknown arguments.

    It raises a ``TypeError``, as Python does.
    """
    known = [*signature(init).parameters][1:]

    @wraps(init)
    def checked(self: Any, *args: Any, **settings: Any) -> None:
        try:
            _refuse_unknown(type(self).__name__, settings, known)
            init(self, *args, **settings)
        finally:
            settings.clear()  # no traceback shows a key, or a proxy's password

    return cast("Init", checked)


def _refuse_unknown(owner: str, settings: Iterable[str], known: list[str]) -> None:
    unknown = next((name for name in settings if name not in known), None)
    if unknown is not None:
        from llmgate._core.foreign import describe_client_setting  # noqa: PLC0415 - on the way to an error

        hint = describe_client_setting(unknown, known)
        raise TypeError(f"{owner} has no argument {unknown!r}: {hint}")


def is_iterable(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, Iterable)
