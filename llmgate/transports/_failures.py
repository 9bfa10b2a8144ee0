"""Turns aiohttp's exceptions into llmgate's errors; it knows no connection."""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import (
    ContentEncodingError,
    DecompressSizeError,
    LineTooLong,
    PayloadEncodingError,
)

from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    InternalError,
    InvalidRequestError,
    LLMGateError,
    ProtocolError,
    ReadError,
    ResponseTooLargeError,
    TLSError,
    excerpt,
    origin_of,
)
from llmgate.provider.http import shown_url


class ExplainedError(Exception):
    """An error of a class that aiohttp does not know, so that it passes through; its text may be
    shown."""


class BrokenConnectionError(ExplainedError):
    """A connection ended before its response. ``unprocessed`` says that it had ended before the
    request reached the server."""

    def __init__(self, reason: str, *, unprocessed: bool) -> None:
        super().__init__(reason)
        self.unprocessed = unprocessed


class BrokenTLSError(ExplainedError):
    """A connection ended by an alert in place of a response."""


class NoConnectionError(ExplainedError):
    """A name leads nowhere, or a proxy does not."""


class InvalidAddressError(Exception):
    """Something is not a valid URL."""

    def __init__(self, reason: str = "it is not an http or https URL") -> None:
        super().__init__(reason)


def broken_connection(
    error: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError, *, unprocessed: bool
) -> ExplainedError:
    """Why there is no response, as a class that aiohttp does not know: after its own exceptions,
    aiohttp may send the request again."""
    if isinstance(error.__cause__, ssl.SSLError):  # for example, for lack of a certificate
        return BrokenTLSError(reason_of(error.__cause__))
    return BrokenConnectionError(reason_of(error), unprocessed=unprocessed)


def forget_frames(error: BaseException | None) -> None:
    """Drop the references to aiohttp's frames, which hold credentials and refer to their own
    exception."""
    while error is not None:
        following = error.__cause__ or error.__context__
        error.__traceback__ = error.__cause__ = error.__context__ = None  # chains may be cyclic
        error = following


def failure_of(error: Exception, url: str) -> LLMGateError:
    """Our error for one of aiohttp's. The text names the host, never a query.

    Only what certainly means that no complete response came is a ``TransportError``.
    """
    host = excerpt(shown_url(url))
    reason = reason_of(error)
    match error:
        case LLMGateError():
            return error
        case aiohttp.ClientSSLError() | ssl.SSLError() | BrokenTLSError():
            return TLSError(f"no secure connection to {host}: {reason}")
        case aiohttp.ClientConnectorError() | NoConnectionError():
            advice = _MORE_FILES if _lacks_files(error) else ""
            return ConnectError(f"cannot connect to {host}: {reason}{advice}")
        case TimeoutError():
            return DeadlineExceededError(f"no connection to {host} in time", phase="connect")
        case InvalidAddressError() | aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            known = error if isinstance(error, InvalidAddressError) else InvalidAddressError()
            return InvalidRequestError(f"the URL {host!r} cannot be sent: {known}", path="base_url")
        case ValueError():  # the text may quote a header
            what = "a header contains a line end, or contradicts the URL's password"
            return InvalidRequestError(what, path="extra_headers")
        case _:
            return _failure_of_reading(error, host)


def _failure_of_reading(error: Exception, host: str) -> LLMGateError:
    fault = _parser_fault(error)
    if fault is not None:
        return _failure_of_parsing(fault, host)
    if isinstance(error, aiohttp.ClientError | ExplainedError | OSError):
        unprocessed = isinstance(error, BrokenConnectionError) and error.unprocessed
        text = f"the connection to {host} broke: {reason_of(error)}"
        return ReadError(text, unprocessed=unprocessed)
    what = f"a request to {host} failed with {type(error).__name__}"
    return InternalError(what, origin=origin_of(error))


def _parser_fault(error: BaseException | None) -> HttpProcessingError | None:
    """What aiohttp's parser found: the innermost exception of the chain."""
    found: HttpProcessingError | None = None
    while error is not None:
        if isinstance(error, HttpProcessingError):
            found = error
        error = error.__cause__
    return found


def _failure_of_parsing(fault: HttpProcessingError, host: str) -> LLMGateError:
    """Our error for what the parser refuses. For aiohttp each of these is a status 400, which
    nobody sent."""
    reason = _words_of(fault)
    match fault:
        case DecompressSizeError():  # aiohttp has its own limit
            return ResponseTooLargeError(f"the response from {host} is too large: {reason}")
        case ContentEncodingError():
            return DecodeError(f"the response from {host} cannot be decompressed: {reason}")
        case LineTooLong():
            limit = f"a line of it is longer than {fault.args[1]} bytes"
            return ResponseTooLargeError(f"the response from {host} has too large a head: {limit}")
        case _ if reason.startswith("Too many"):
            return ResponseTooLargeError(f"the response from {host} has too large a head: {reason}")
        case PayloadEncodingError() if reason.startswith("Not enough data"):
            return ReadError(f"the connection to {host} broke: its response is not complete")
        case _:
            return ProtocolError(f"the response from {host} is not valid HTTP: {reason}")


def _words_of(fault: HttpProcessingError) -> str:
    """The parser's text on one line, without the arrow that it draws below."""
    lines = (line.strip() for line in fault.message.splitlines())
    return excerpt(" ".join(line for line in lines if line and line != "^"), 160)


_MORE_FILES = (
    " (EMFILE: each connection takes a file, and this process may open no more; raise that number "
    "with ulimit -n, or let the client have fewer connections with limit=)"
)


def _lacks_files(error: Exception) -> bool:
    """Whether the connection failed because too many files are open."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):  # a lookup does not say why it failed
        try:
            os.close(os.dup(0))
        except OSError as cause:
            return cause.errno in _TOO_MANY_FILES
    return isinstance(error, aiohttp.ClientConnectorError) and (
        error.os_error.errno in _TOO_MANY_FILES
    )


_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


def reason_of(error: Exception) -> str:
    """The text of aiohttp's exception, unless it could contain the URL or a header that was
    sent."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return excerpt(str(error.certificate_error))
        case aiohttp.ClientConnectorError():
            lost = "the server closed it during the handshake"  # in TLS; asyncio says nothing
            return excerpt(error.os_error.strerror or str(error.os_error) or lost)
        case ssl.SSLError(strerror=str(text)):
            return excerpt(text)
        case aiohttp.ServerDisconnectedError():
            return "the server closed it"
        case aiohttp.ClientResponseError(status=status, message=text):  # from a proxy
            return excerpt(f"{status} {text}")
        case OSError(errno=int(number)):
            return os.strerror(number)
        case aiohttp.ClientPayloadError() | ExplainedError():
            return excerpt(str(error))
        case _:
            return type(error).__name__
