"""Single settings, each checked: keys, addresses, headers, variables of the environment.

None of them is quoted in an error, or left where a traceback with locals would show it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from llmgate._text.redact import HiddenHeaders, HiddenUrl
from llmgate.errors import InvalidRequestError
from llmgate.provider.http import Secret, base_url_parts

__all__ = [
    "address_in",
    "base_url",
    "header_lines",
    "headers",
    "is_below",
    "key_from",
    "key_in",
    "origin_of",
    "variable",
]


def key_from(given: str | Secret | None, name: str = "api_key") -> Secret | None:
    """A key that cannot be shown by accident.

    A constructor's first line, ``api_key = key_from(api_key)``, also keeps it out of the tracebacks
    of all that may fail after it.

    Raises:
        InvalidRequestError: for what cannot be a key; it is not quoted.
    """
    if given is None or isinstance(given, Secret):
        return given
    try:
        return Secret(given, name=name)
    finally:
        del given  # a traceback may show what is here


def variable(*names: str) -> str | None:
    """The first of these variables of the environment that is set and not empty."""
    return next((value for name in names if (value := os.environ.get(name))), None)


def key_in(variables: tuple[str, ...]) -> Secret | None:
    """The key in the first of these variables that is set; an error names the variable."""
    name = next(filter(os.environ.get, variables), None)
    return None if name is None else key_from(os.environ[name], name)


def address_in(variables: tuple[str, ...]) -> HiddenUrl | None:
    """The address in the first of these variables that is set."""
    address = variable(*variables)
    return None if address is None else HiddenUrl(address)


def base_url(address: str | HiddenUrl, *endings: str) -> str:
    """An address as it was pasted, without a fragment, a slash at its end, and these endings.

    Raises:
        InvalidRequestError: when it is not an http(s) URL.
    """
    if isinstance(address, HiddenUrl):
        address = address.reveal()
    try:
        parts = base_url_parts(address)
    finally:
        del address  # a traceback may show what is here
    path = parts.path.rstrip("/")
    for ending in endings:
        path = path.removesuffix(ending).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, 5.6.2


def headers(given: Mapping[str, str | None]) -> dict[str, str]:
    """The headers that have a value; their ``repr`` shows no credential.

    Raises:
        InvalidRequestError: for one that cannot be sent; its value is not quoted.
    """
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        kind = type(given).__name__
        raise InvalidRequestError(f"must be a dictionary, not {kind}", path="headers")
    checked = HiddenHeaders({name: value for name, value in given.items() if value})
    del given  # a traceback may show what is here
    wrong = next((name for name in checked if not _can_be_sent(name, checked[name])), None)
    if wrong is not None:
        raise InvalidRequestError("must be printable ASCII text", path=f"headers.{wrong!a:.60}")
    return checked


def _can_be_sent(name: Any, value: Any) -> bool:
    is_name = isinstance(name, str) and re.fullmatch(_NAME, name) is not None
    return is_name and isinstance(value, str) and value.isascii() and value.isprintable()


def header_lines(text: str) -> dict[str, str]:
    """Headers from lines of ``Name: value``; other lines are skipped."""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL; nothing of one that is not one."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port


def is_below(url: str, domains: tuple[str, ...]) -> bool:
    """Whether the host of a URL is one of these domains or below one."""
    host = f".{origin_of(url)[1]}"
    return any(host.endswith(f".{domain}") for domain in domains)
