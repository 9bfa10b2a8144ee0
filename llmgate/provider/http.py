"""The boundary between a provider and the core: requests, responses, and flows of both, as data.

There is no socket here. A flow is a generator that yields :class:`HttpRequest`, is sent
:class:`HttpResponse`, and returns its result; the code that drives it does the I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from llmgate._text.dataclass import slotted
from llmgate._text.json import decode_json, encode_json, is_array, is_object, json_reader
from llmgate._text.redact import redact_headers as redacted
from llmgate._text.redact import redact_url as shown_url
from llmgate.errors import InvalidRequestError

if TYPE_CHECKING:
    from llmgate.errors import ProviderError
    from llmgate.options import Timeout

__all__ = [
    "Flow",
    "HttpRequest",
    "HttpResponse",
    "IncomingResponse",
    "ReusableResponse",
    "Secret",
    "Transport",
    "base_url_parts",
    "decode_json",
    "encode_json",
    "is_array",
    "is_object",
    "json_reader",
    "redacted",
    "shown_url",
]

Result = TypeVar("Result")


class Secret:
    """A key that is shown only by :meth:`reveal`.

    White space around it is stripped, since keys are often read from files.

    Raises:
        InvalidRequestError: when it is empty or not allowed in a header; the text is not quoted.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str, *, name: str = "api_key") -> None:
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError(f"expected a string, got {type(text).__name__}", path=name)
        text = text.strip()
        if text and text.isascii() and text.isprintable():
            self._text = text
            return
        flaw = "has a line end or a character outside ASCII" if text else "is empty"
        del text  # a traceback may show what is here
        raise InvalidRequestError(f"the key {flaw}", path=name)

    def reveal(self) -> str:
        """The key itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: read the key again where it is needed")


@slotted
class HttpRequest:
    """One request of a flow.

    ``body`` is made once: what is signed is what is sent, and a retry sends it again. ``delay`` is
    the number of seconds to wait before sending, so polling is data. ``stream`` leaves the
    response's body to a decoder. ``on_abandon`` is the request that cancels the call at the
    provider; it is sent, shielded, when the caller cancels or abandons the stream before this
    request's flow or stream has ended. ``idempotent`` says that sending it twice does no harm.
    ``given_headers`` are the names, in lower case, of the headers that the caller gave for this
    call: :meth:`with_headers` never replaces them, so no provider can do so by accident.
    ``on_refusal`` is called when the host rejects the request with an error; it returns another
    request, which is sent in its place as a retry, or None.

    Header values, and the query and user of the URL, appear in no ``repr``, as they may hold
    credentials.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    delay: float = 0.0
    stream: bool = False
    on_abandon: HttpRequest | None = field(default=None, repr=False)
    idempotent: bool = True
    given_headers: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    on_refusal: Callable[[ProviderError], HttpRequest | None] | None = field(
        default=None, repr=False, compare=False
    )

    def with_headers(self, headers: Mapping[str, str]) -> HttpRequest:
        """The same request with these headers added. They replace its own of the same name, in any
        case, unless the caller gave that header for this call."""
        if self.given_headers:
            headers = {
                n: text for n, text in headers.items() if n.lower() not in self.given_headers
            }
        return self._with_exactly(_merged(self.headers, headers))

    def redacted(self) -> HttpRequest:
        """The same request with its headers made safe to show."""
        return self._with_exactly(redacted(self.headers))

    def _with_exactly(self, headers: Mapping[str, str]) -> HttpRequest:
        """The same request with exactly these headers. (``replace`` would look up every field.)"""
        return HttpRequest(
            self.method,
            self.url,
            headers,
            self.body,
            self.delay,
            self.stream,
            self.on_abandon,
            self.idempotent,
            self.given_headers,
            self.on_refusal,
        )

    def has_header(self, *names: str) -> bool:
        """Whether it has a header with one of these names, given in lower case."""
        return not {*map(str.lower, self.headers)}.isdisjoint(names)

    def __repr__(self) -> str:
        url = shown_url(self.url)
        return f"HttpRequest({self.method!r}, {url!r}, body=<{len(self.body)} bytes>)"


@slotted
class HttpResponse:
    """A response. ``headers`` are looked up by lower-case names; ``body`` is empty for a stream."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            DecodeError: when it is not valid JSON.
        """
        return decode_json(self.body)


def _merged(headers: Mapping[str, str], newer: Mapping[str, str]) -> dict[str, str]:
    """Headers, with the newer ones in place of those with the same name in any case."""
    merged = {**headers, **newer}
    if len({*map(str.lower, merged)}) == len(merged):
        return merged
    replaced = {name.lower() for name in newer}
    kept = {name: text for name, text in headers.items() if name.lower() not in replaced}
    return {**kept, **newer}


Flow: TypeAlias = Generator[HttpRequest, HttpResponse, Result]
"""A generator that yields requests, is sent their responses, and returns its result."""


class IncomingResponse(Protocol):
    """A response whose headers have come and whose body is still to be read."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    async def read(self) -> bytes:
        """The next piece as it arrives; empty at the end.

        Raises:
            TransportError: when the connection breaks before the end.
        """
        ...

    def close(self) -> None:
        """Give the connection back if the body was read, close it otherwise. Idempotent."""
        ...


class ReusableResponse(IncomingResponse, Protocol):
    """The ability of a response to give its connection back after a stream's terminator, even if
    the end of the body has not been read."""

    def release(self) -> None:
        """Called in place of ``close``: nothing more is read. Give the connection back once the end
        of the body has come; close it if that does not come soon."""
        ...


class Transport(Protocol):
    """What carries a request: HTTP, or a provider's own substitute."""

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        """Send the request and return when the response's headers have come.

        Raises:
            TransportError, DeadlineExceededError: never an exception of an underlying library.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


def base_url_parts(address: str) -> SplitResult:
    """The parts of a host's address, as it was pasted; white space around it is stripped.

    Characters that a path or a query cannot hold are percent-encoded, as a browser does with a
    pasted address: letters beyond ASCII, and a percent sign that encodes nothing. An empty address
    is refused: what was meant for one host must not go to another by default.

    Raises:
        InvalidRequestError: when it is not an http(s) URL; a password in it is not quoted.
    """
    if not isinstance(address, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        reason = f"expected a string, got {type(address).__name__}"
        raise InvalidRequestError(reason, path="base_url")
    address = address.strip()
    parts = _url_parts(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        shown = address.partition("?")[0].rpartition("@")[2]
        del address, parts  # a traceback may show what is here
        flaw = f"{shown!a:.80} is not an http(s) URL{_suggestion(shown)}"
        raise InvalidRequestError(flaw, path="base_url")
    return parts._replace(path=_encoded(parts.path), query=_encoded(parts.query))


def _suggestion(address: str) -> str:
    """The URL that a host without a scheme probably means."""
    found = re.fullmatch(
        r"([a-z0-9-]+(?:\.[a-z0-9-]+)*)(:\d+)?(/[\w./-]*)?", address, re.IGNORECASE
    )
    if found is None or not ("." in found[1] or found[2] or found[1] == "localhost"):
        return ""
    is_local = found[2] or found[1] == "localhost" or found[1].replace(".", "").isdecimal()
    return f" (did you mean {'http' if is_local else 'https'}://{address:.80}?)"


def _encoded(text: str) -> str:
    """A path or a query that can be sent; what is encoded already stays unchanged."""
    return quote(_LONE_PERCENT.sub("%25", text), safe="%:/?[]@!$&'()*+,;=")


_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def _url_parts(address: str) -> SplitResult | None:
    if not address.isprintable() or not _IN_NO_URL.isdisjoint(address):
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port  # read it, since only that checks it
    except ValueError:
        return None
    behind = parts.netloc.rpartition("]")[2] if "]" in parts.netloc else ""
    return None if behind and not behind.startswith(":") else parts


_IN_NO_URL = frozenset(' \\<>"^`{|}')
