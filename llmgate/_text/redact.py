"""Hides credentials: by their names in headers and addresses, by their values everywhere else.

It knows no request and no error; it is given headers, addresses and values. What it cannot hide it
does not have: whoever needs a secret calls ``reveal``.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass, replace
from functools import lru_cache
from itertools import takewhile
from operator import eq
from typing import Any, NoReturn, TypeGuard, cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

REDACTED = "***"

# --- by name ------------------------------------------------------------------------------

_HARMLESS_HEADERS = frozenset(
    {"accept", "content-type", "content-length", "user-agent", "accept-encoding"}
)
_CREDENTIAL = re.compile(
    r"auth|cookie|credential|key|passw|secret|signature|token|(?<![a-z])(?:sig|code|pwd)(?![a-z])",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def is_credential(name: str) -> bool:
    """Whether a header, or a parameter of an address, is named as credentials are."""
    return _CREDENTIAL.search(name) is not None


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown: a value whose name could stand for a credential is hidden.

    Names that are known to be harmless, and those of versions and betas, keep their values.
    """
    shown = dict(headers)
    for name in _hidden_among((*headers,)):
        shown[name] = REDACTED
    return shown


@lru_cache(maxsize=64)
def _hidden_among(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those whose values are not shown. Requests have the same few names over and over."""
    lowered = {name: name.lower() for name in names}
    return tuple(
        name
        for name, lower in lowered.items()
        if lower not in _HARMLESS_HEADERS and not lower.endswith(("-version", "-beta"))
    )


_PLAIN_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
"""A host, which may be an address of IPv6, and a port."""


def redact_url(url: str) -> str:
    """A URL as it may be shown: without its query, and without a user's name and password."""
    scheme, separator, rest = url.partition("?")[0].partition("://")
    if not separator:
        return scheme.rpartition("@")[2]
    host, slash, path = rest.partition("/")
    if "@" not in host and "@" in url and not _PLAIN_HOST.fullmatch(host):
        return f"{scheme}{separator}{REDACTED}"  # of a password that holds one of /?
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def redact_query(url: str) -> str:
    """A URL with its query, but for the values that stand there under a credential's name, and
    without a user's name and password."""
    _, mark, query = url.partition("?")
    parts = [_redact_parameter(each) for each in query.split("&")]
    return redact_url(url) + mark + "&".join(parts)


def _redact_parameter(text: str) -> str:
    name, equals, _ = text.partition("=")
    return f"{name}={REDACTED}" if equals and is_credential(unquote(name)) else text


def split_query(query: str) -> tuple[str, str]:
    """A query without the values that stand there under a credential's name, and a query of these
    alone."""
    parts = query.split("&") if query else []
    private = [part for part in parts if _redact_parameter(part) != part]
    return "&".join(part for part in parts if part not in private), "&".join(private)


def has_credentials(url: str) -> bool:
    """Whether a URL has parts that are not to be shown: a query, or a user."""
    return "?" in url or "@" in url


class HiddenHeaders(dict[str, str]):
    """Headers whose ``repr``, as in a traceback, shows no credentials."""

    def __repr__(self) -> str:
        return repr(redact_headers(self))


class HiddenSettings(dict[str, object]):
    """Settings of a provider whose ``repr``, as in a traceback, shows their names alone."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "***"))


class Hidden:
    """A value that may be a credential, whatever it is; its ``repr`` shows nothing of it."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> object:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Hidden('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("what may be a credential is not pickled")


class HiddenUrl:
    """An address with a password or a key in it, which shows only the rest.

    It is no string, since whoever shows a string may cut it, and so lose what hides it.
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """The address itself."""
        return self._url

    def __repr__(self) -> str:
        return f"HiddenUrl({redact_url(self._url)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HiddenUrl) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an address with a password or a key is not pickled")


def hide_address(url: str) -> str | HiddenUrl:
    """An address that may be shown, or one that hides its password or key."""
    return HiddenUrl(url) if has_credentials(url) else url


# --- by value: a server may repeat what it was sent ---------------------------------------

_SHORTEST_SECRET = 8
"""Shorter words ("Bearer") are no secrets, and replacing them would mangle the text."""
_LONG_BEGINNING = 16
"""So many characters of a secret are taken for it; fewer tell only whose key it is."""
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")  # RFC 3986, 2.3


def find_secrets(
    headers: Mapping[str, str], url: str, sent_headers: Mapping[str, str], sent_url: str
) -> tuple[str, ...]:
    """What was added to a request when it was authorized, and what stands in it under a
    credential's name, in each form in which a server may repeat it; the longest first."""
    named = _credentials_among((*sent_headers,))
    values = [
        value for name, value in sent_headers.items() if name in named or headers.get(name) != value
    ]
    if has_credentials(sent_url):
        values += _secrets_of_url(url, sent_url)
    return _all_forms(*values)


@lru_cache(maxsize=64)
def _credentials_among(names: tuple[str, ...]) -> frozenset[str]:
    """Those that are named as credentials are; likewise."""
    return frozenset(filter(is_credential, names))


@lru_cache(maxsize=64)
def _all_forms(*values: str) -> tuple[str, ...]:
    """The forms of values and of their words, the longest first. Calls of a client send the same
    few keys over and over; a key that is used no more is soon forgotten."""
    words = {word for value in values for word in (value, *value.split())}
    forms = {form for word in words if len(word) >= _SHORTEST_SECRET for form in _forms(word)}
    return tuple(sorted(forms, key=len, reverse=True))


def _secrets_of_url(url: str, sent_url: str) -> Iterator[str]:
    before, parts = {*parse_qsl(urlsplit(url).query)}, urlsplit(sent_url)
    for name, value in parse_qsl(parts.query):
        if is_credential(name) or ((name, value) not in before and "version" not in name):
            yield value
    if parts.password:
        password = unquote(parts.password)
        yield from (parts.password, password, f"{unquote(parts.username or '')}:{password}")


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, percent-encoded, and in base64, as far as that does not depend on what
    follows it."""
    yield secret
    if " " in secret:  # its words are secrets by themselves
        return
    if not _UNRESERVED.fullmatch(secret):
        yield quote(secret, safe="")
    raw = secret.encode("utf-8", "replace")
    yield b2a_base64(raw[: len(raw) // 3 * 3], newline=False).decode("ascii")


def is_repeated(text: str, secrets: tuple[str, ...]) -> bool:
    """Whether a secret, or a long beginning of one, stands in a text."""
    return any(map(text.__contains__, _beginnings(secrets)))


@lru_cache(maxsize=64)
def _beginnings(secrets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(secret[:_LONG_BEGINNING] for secret in secrets))


def redact(value: Any, secrets: Iterable[str]) -> Any:
    """A value without these secrets, wherever they stand: in text, bytes, tables and dataclasses.

    What holds none of them is given back as it is.
    """
    if isinstance(value, str):
        for secret in secrets:
            value = _hide(value, secret)
        return value
    if isinstance(value, bytes):  # each byte as one character
        raw = (secret.encode().decode("latin-1") for secret in secrets)
        return redact(value.decode("latin-1"), [*raw]).encode("latin-1")
    if _is_table(value):
        return {redact(name, secrets): redact(item, secrets) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return type(items)(redact(item, secrets) for item in items)
    return _redact_inside(value, secrets)


def _is_table(value: Any) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _redact_inside(value: Any, secrets: Iterable[str]) -> Any:
    """The same for a dataclass, such as an attempt or a completion; anything else is left."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    declared: Mapping[str, Any] = type(value).__dataclass_fields__  # an exchange is no field
    parts = {name: getattr(value, name) for name, field in declared.items() if field.init}
    clean = {name: redact(part, secrets) for name, part in parts.items()}
    return value if clean == parts else replace(value, **clean)


def _hide(text: str, secret: str) -> str:
    """The text without a secret, nor a long beginning of it, such as where a text was cut off."""
    beginning, pieces, start = secret[:_LONG_BEGINNING], list[str](), 0
    while (place := text.find(beginning, start)) >= 0:
        pieces += (text[start:place], REDACTED)
        found = text[place : place + len(secret)]
        start = place + sum(takewhile(bool, map(eq, found, secret)))
    return "".join([*pieces, text[start:]])
