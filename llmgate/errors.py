"""Every exception that llmgate raises; it holds no logic of any provider and does no I/O.

LLMGateError
├── RequestError (ValueError)         refused before anything was sent
│   ├── InvalidRequestError           .path says where ("messages[2].content[0]")
│   ├── UnsupportedError              .parameter
│   ├── UnknownProviderError          what is installed, what to do
│   └── MissingKeyError               which variable to set
├── ProviderError                     the provider said no
│   ├── BadRequestError               400, 422 and other 4xx
│   │   ├── ContextWindowError
│   │   └── ContentFilterError
│   ├── AuthenticationError           401
│   ├── PermissionDeniedError         403
│   ├── NotFoundError                 404
│   ├── RequestTimeoutError           408
│   ├── ConflictError                 409
│   ├── RateLimitError                429
│   │   └── QuotaExceededError        billing: waiting does not help
│   ├── OverloadedError               503, 529
│   └── ServerError                   other 5xx
├── TransportError                    no whole reply
│   ├── ConnectError                  DNS, refused, unreachable
│   ├── TLSError
│   ├── ReadError                     reset, cut body
│   └── ProtocolError                 what came is not HTTP
├── DeadlineExceededError (TimeoutError)
├── StreamTruncatedError              .partial holds the answer so far
├── ResponseTooLargeError
├── DecodeError                       a reply that is no answer
├── OutputError                       a response that is not of the type that was asked for
│   ├── OutputValidationError         .path says where it does not fit
│   ├── OutputTruncatedError          it was cut by a limit on its length
│   └── OutputRefusedError            the model, or a filter, declined
├── ClosedError                       a stream or client was used after it was closed
└── InternalError                     a bug, here or in a library below; .origin says where
    └── PluginError                   a bug in a provider's code
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate._text.describe import describe_error, describe_value, excerpt, origin_of

if TYPE_CHECKING:
    from llmgate.report import Report
    from llmgate.types import Attempt, Completion, Usage

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "ClosedError",
    "ConflictError",
    "ConnectError",
    "ContentFilterError",
    "ContextWindowError",
    "DeadlineExceededError",
    "DecodeError",
    "InternalError",
    "InvalidRequestError",
    "LLMGateError",
    "MissingKeyError",
    "NotFoundError",
    "OutputError",
    "OutputRefusedError",
    "OutputTruncatedError",
    "OutputValidationError",
    "OverloadedError",
    "PermissionDeniedError",
    "PluginError",
    "ProtocolError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "ReadError",
    "RequestError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "StreamTruncatedError",
    "TLSError",
    "TransportError",
    "UnknownProviderError",
    "UnsupportedError",
    "describe_error",
    "describe_value",
    "error_class",
    "excerpt",
    "origin_of",
]


class LLMGateError(Exception):
    """The root of the tree.

    ``provider`` and ``model`` say whose call it was, ``attempts`` lists every request that was
    made for it, and ``report`` the deviations of the translated request. Where there was a reply,
    ``status``, ``code`` (the provider's own), ``request_id``, ``retry_after`` (seconds),
    ``headers`` (lower-case names) and ``body`` (bytes) hold what it said; otherwise they are None.
    ``delivered`` says whether anything of the response had been yielded, as chunks of a stream
    are: where it is False, the same can be asked again without anybody noticing.
    """

    delivered = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.headers = headers
        self.body = body
        self.provider: str | None = None
        self.model: str | None = None
        self.attempts: Sequence[Attempt] = ()
        self.report: Report | None = None

    def __str__(self) -> str:
        known = {
            "provider": self.provider,
            "model": self.model,
            "status": self.status,
            "code": self.code,
            "request id": self.request_id,
            "attempts": len(self.attempts) if len(self.attempts) > 1 else None,
        }
        context = ", ".join(
            f"{name} {excerpt(str(value))}"
            for name, value in known.items()
            if value not in (None, "")
        )
        return f"{self.message} ({context})" if context else self.message


class RequestError(LLMGateError, ValueError):
    """The call was refused before anything was sent."""


class InvalidRequestError(RequestError):
    """An argument is wrong; ``path`` says which part (``messages[2].content[0].image_url``)."""

    def __init__(self, message: str, *, path: str = "", **reply: Any) -> None:
        super().__init__(f"{path}: {message}" if path else message, **reply)
        self.path = path


class UnsupportedError(RequestError):
    """The provider cannot do what ``parameter`` asks, and without it the meaning would change."""

    def __init__(self, message: str, *, parameter: str = "", **reply: Any) -> None:
        super().__init__(message, **reply)
        self.parameter = parameter


class UnknownProviderError(RequestError):
    """No installed provider has that name or claims that model, or none can be looked up."""


class MissingKeyError(RequestError):
    """The provider needs a key; the message names the environment variable to set."""


class ProviderError(LLMGateError):
    """The provider said no.

    ``in_stream`` is true when it said so inside a stream that began with status 200. ``retryable``
    is what the provider's own codes say of trying again; None leaves it to the status.
    """

    default_retryable: ClassVar[bool | None] = None

    def __init__(
        self,
        message: str,
        *,
        in_stream: bool = False,
        retryable: bool | None = None,
        **reply: Any,
    ) -> None:
        super().__init__(message, **reply)
        self.in_stream = in_stream
        if retryable is None:
            retryable = True if self.status in _PASSING else self.default_retryable
        self.retryable = retryable


_PASSING = frozenset({408, 425})
"""Statuses below 500 that say nothing against the request itself."""


class BadRequestError(ProviderError):
    """The provider refuses the request as it is (400, 422 and other 4xx)."""

    default_retryable = False


class ContextWindowError(BadRequestError):
    """The prompt, or prompt and answer together, do not fit the model's context."""


class ContentFilterError(BadRequestError):
    """The provider's content filter refused the prompt or withheld the answer.

    ``details`` is what the filter found, in the provider's own form; None where it does not say.
    """

    def __init__(
        self, message: str, *, details: Mapping[str, Any] | None = None, **reply: Any
    ) -> None:
        super().__init__(message, **reply)
        self.details = details


class AuthenticationError(ProviderError):
    """The key or token was not accepted (401)."""

    default_retryable = False


class PermissionDeniedError(ProviderError):
    """The key is valid but may not do this (403)."""

    default_retryable = False


class NotFoundError(ProviderError):
    """No such model, deployment or route (404)."""

    default_retryable = False


class RequestTimeoutError(ProviderError):
    """The provider gave up waiting for the request, or for its own model (408).

    The limits of this side raise :class:`DeadlineExceededError`.
    """


class ConflictError(ProviderError):
    """The request conflicts with another (409)."""


class RateLimitError(ProviderError):
    """Too many requests or tokens (429)."""


class QuotaExceededError(RateLimitError):
    """The account has no credit or has reached its spending limit; waiting does not help."""

    default_retryable = False


class OverloadedError(ProviderError):
    """The provider is overloaded (503, 529)."""


class ServerError(ProviderError):
    """The provider failed (other 5xx)."""


class TransportError(LLMGateError):
    """No whole reply came."""


class ConnectError(TransportError):
    """No connection: the name does not resolve, the host refuses or cannot be reached."""


class TLSError(TransportError):
    """The secure connection could not be made, or its certificate is not trusted."""


class ReadError(TransportError):
    """The connection broke before the reply was complete.

    ``unprocessed`` is True where the server cannot have acted on the request, because the
    connection had ended before the request reached it.
    """

    def __init__(self, message: str, *, unprocessed: bool = False, **reply: Any) -> None:
        super().__init__(message, **reply)
        self.unprocessed = unprocessed


class ProtocolError(TransportError):
    """What came back is not valid HTTP: another protocol, or a response that breaks its rules.

    It is never retried: the request may have been acted on, and the server would answer alike.
    """


class DeadlineExceededError(LLMGateError, TimeoutError):
    """The time limit passed.

    ``phase`` is ``connect``, ``pool``, ``write``, ``first_token``, ``idle`` or ``total``.
    """

    def __init__(self, message: str, *, phase: str = "total", **reply: Any) -> None:
        super().__init__(message, **reply)
        self.phase = phase


class StreamTruncatedError(LLMGateError):
    """The stream ended without the provider's terminator.

    ``partial`` is the answer so far: its message is valid as a message of the next request.
    It is None where nothing of an answer had come.
    """

    def __init__(self, message: str, *, partial: Completion | None = None, **reply: Any) -> None:
        super().__init__(message, **reply)
        self.partial = partial


class ResponseTooLargeError(LLMGateError):
    """A response, its head, or one event of a stream is larger than its limit."""


class DecodeError(LLMGateError):
    """The reply is no answer; ``frame`` holds the piece that could not be read, if there is one."""

    def __init__(self, message: str, *, frame: bytes | None = None, **reply: Any) -> None:
        super().__init__(message, **reply)
        self.frame = frame


class OutputError(LLMGateError):
    """A response came whole, and is no value of the type that was its ``response_format``.

    ``completion`` is the response, ``text`` the text of the choice that is none, and ``usage`` what
    all requests of the call were billed, in tokens.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str = "",
        completion: Completion | None = None,
        usage: Usage | None = None,
        **reply: Any,
    ) -> None:
        super().__init__(message, **reply)
        self.text, self.completion, self.usage = text, completion, usage


class OutputValidationError(OutputError):
    """The text is no JSON, or does not fit the type: ``path`` is the first place where it does not
    (``items[2].price``), empty for the whole."""

    def __init__(self, message: str, *, path: str = "", **reply: Any) -> None:
        super().__init__(message, **reply)
        self.path = path


class OutputTruncatedError(OutputError):
    """The text was cut by ``max_tokens``, or by the model's own limit."""


class OutputRefusedError(OutputError):
    """The model declined, or a content filter withheld the text; ``text`` is its refusal."""


class ClosedError(LLMGateError):
    """A stream or client was used after it had been closed."""


class InternalError(LLMGateError):
    """Something happened that nobody foresaw: a bug in llmgate, in a transport or in a library.

    ``origin`` is the place where the exception was raised, such as
    ``"llmgate/transports/aiohttp.py:41 in open"``. The exception's text and the values of variables
    are left out, since they may hold a key. It is never retried: what failed may have been done.
    """

    def __init__(self, message: str, *, origin: str = "", **reply: Any) -> None:
        super().__init__(f"{message} at {origin}" if origin else message, **reply)
        self.origin = origin


class PluginError(InternalError):
    """A bug in a provider's code, such as at ``"llmgate_acme/encode.py:41 in encode"``."""


_BY_STATUS: Mapping[int, type[ProviderError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}


def error_class(status: int) -> type[ProviderError]:
    """The class that a status stands for, where the provider's codes say nothing more precise."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ServerError
    return BadRequestError if status >= 400 else ProviderError
