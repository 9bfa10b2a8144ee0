"""Every exception that llmgate raises; it holds no logic of any provider and does no I/O.

LLMGateError
├── RequestError (ValueError)         refused before anything was sent
│   ├── InvalidRequestError           .path says where ("messages[2].content[0]")
│   ├── UnsupportedError              .parameter
│   ├── UnknownProviderError          what is installed, what to do
│   └── MissingKeyError               which variable to set
├── ProviderError                     the provider refused or failed
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
├── TransportError                    no complete response
│   ├── ConnectError                  DNS, refused, unreachable
│   ├── TLSError
│   ├── ReadError                     reset, cut body
│   └── ProtocolError                 not valid HTTP
├── DeadlineExceededError (TimeoutError)
├── StreamTruncatedError              .partial holds the completion so far
├── ResponseTooLargeError
├── DecodeError                       the response is not a valid completion
├── OutputError                       the response does not fit the requested type
│   ├── OutputValidationError         .path says where it does not fit
│   ├── OutputTruncatedError          it was cut by a limit on its length
│   └── OutputRefusedError            the model, or a filter, declined
├── ClosedError                       a stream or client was used after it was closed
└── InternalError                     a bug, here or in a library below; .origin says where
    └── PluginError                   a bug in a provider's code
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from llmgate._base_error import LLMGateError
from llmgate._describe import describe_error, describe_value, excerpt, origin_of

if TYPE_CHECKING:
    from llmgate.types import Completion, Usage

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


class RequestError(LLMGateError, ValueError):
    """The call was refused before anything was sent."""


class InvalidRequestError(RequestError):
    """An argument is wrong; ``path`` says which part (``messages[2].content[0].image_url``)."""

    def __init__(self, message: str, *, path: str = "", **response: Any) -> None:
        super().__init__(f"{path}: {message}" if path else message, **response)
        self.path = path

    @classmethod
    def expected(cls, what: str, given: object, path: str) -> Self:
        """The error for a value in place of the expected one."""
        return cls(f"expected {what}, got {describe_value(given)}", path=path)


class UnsupportedError(RequestError):
    """The provider cannot do what ``parameter`` asks, and without it the meaning would change."""

    def __init__(self, message: str, *, parameter: str = "", **response: Any) -> None:
        super().__init__(message, **response)
        self.parameter = parameter


class UnknownProviderError(RequestError):
    """No installed provider has that name or claims that model, or none can be looked up."""


class MissingKeyError(RequestError):
    """The provider needs a key; the message names the environment variable to set."""


class ProviderError(LLMGateError):
    """The provider refused the request, or failed.

    ``in_stream`` is true when the error came inside a stream that began with status 200.
    ``retryable`` is what the provider's own codes say about a retry; None leaves it to the status.
    """

    default_retryable: ClassVar[bool | None] = None

    def __init__(
        self,
        message: str,
        *,
        in_stream: bool = False,
        retryable: bool | None = None,
        **response: Any,
    ) -> None:
        super().__init__(message, **response)
        self.in_stream = in_stream
        if retryable is None:
            retryable = True if self.status in _TRANSIENT else self.default_retryable
        self.retryable = retryable


_TRANSIENT = frozenset({408, 425})
"""Statuses below 500 that do not mean that the request itself is wrong."""


class BadRequestError(ProviderError):
    """The provider rejects the request as invalid (400, 422 and other 4xx)."""

    default_retryable = False


class ContextWindowError(BadRequestError):
    """The prompt, or prompt and completion together, exceed the model's context window."""


class ContentFilterError(BadRequestError):
    """The provider's content filter refused the prompt or withheld the completion.

    ``details`` is what the filter found, in the provider's own form; None if it does not say.
    """

    def __init__(
        self, message: str, *, details: Mapping[str, Any] | None = None, **response: Any
    ) -> None:
        super().__init__(message, **response)
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

    Timeouts on this side raise :class:`DeadlineExceededError`.
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
    """No complete response came."""


class ConnectError(TransportError):
    """No connection: the name does not resolve, the host refuses or cannot be reached."""


class TLSError(TransportError):
    """The secure connection could not be made, or its certificate is not trusted."""


class ReadError(TransportError):
    """The connection was lost before the response was complete.

    ``unprocessed`` is True if the server cannot have acted on the request, because the connection
    ended before the request reached it.
    """

    def __init__(self, message: str, *, unprocessed: bool = False, **response: Any) -> None:
        super().__init__(message, **response)
        self.unprocessed = unprocessed


class ProtocolError(TransportError):
    """What came back is not valid HTTP: another protocol, or a response that breaks its rules.

    It is never retried: the server may have acted on the request, and would respond the same way.
    """


class DeadlineExceededError(LLMGateError, TimeoutError):
    """The call timed out.

    ``phase`` is ``connect``, ``pool``, ``write``, ``first_token``, ``idle`` or ``total``.
    """

    def __init__(self, message: str, *, phase: str = "total", **response: Any) -> None:
        super().__init__(message, **response)
        self.phase = phase


class StreamTruncatedError(LLMGateError):
    """The stream ended without the provider's terminator.

    ``partial`` is the completion so far: its message is valid in the next request. It is None if
    nothing had arrived.
    """

    def __init__(self, message: str, *, partial: Completion | None = None, **response: Any) -> None:
        super().__init__(message, **response)
        self.partial = partial


class ResponseTooLargeError(LLMGateError):
    """A response, its head, or one event of a stream is larger than its limit."""


class DecodeError(LLMGateError):
    """The response is not a valid completion; ``frame`` is the unreadable part, if there is one."""

    def __init__(self, message: str, *, frame: bytes | None = None, **response: Any) -> None:
        super().__init__(message, **response)
        self.frame = frame


class OutputError(LLMGateError):
    """A complete response that does not fit the type given as ``response_format``.

    ``completion`` is the response, ``text`` the text of the choice that does not fit, and ``usage``
    the tokens billed for all requests of the call.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str = "",
        completion: Completion | None = None,
        usage: Usage | None = None,
        **response: Any,
    ) -> None:
        super().__init__(message, **response)
        self.text, self.completion, self.usage = text, completion, usage


class OutputValidationError(OutputError):
    """The text is not JSON, or does not fit the type: ``path`` is the first place that does not fit
    (``items[2].price``), empty for the whole."""

    def __init__(self, message: str, *, path: str = "", **response: Any) -> None:
        super().__init__(message, **response)
        self.path = path


class OutputTruncatedError(OutputError):
    """The text was cut by ``max_tokens``, or by the model's own limit."""


class OutputRefusedError(OutputError):
    """The model declined, or a content filter withheld the text; ``text`` is its refusal."""


class ClosedError(LLMGateError):
    """A stream or client was used after it had been closed."""


class InternalError(LLMGateError):
    """An unexpected exception: a bug in llmgate, in a transport or in a library.

    ``origin`` is the place where the exception was raised, such as
    ``"llmgate/transports/aiohttp.py:41 in open"``. The exception's text and the values of variables
    are left out, since they may hold a key. It is never retried: the server may have acted on the
    request.
    """

    def __init__(self, message: str, *, origin: str = "", **response: Any) -> None:
        super().__init__(f"{message} at {origin}" if origin else message, **response)
        self.origin = origin


class PluginError(InternalError):
    """A bug in a provider's code, such as at ``"llmgate_acme/encode.py:41 in encode"``."""


_BY_STATUS: Mapping[int, type[ProviderError]] = {
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}


def error_class(status: int) -> type[ProviderError]:
    """The class of error for a status, if the provider's codes say nothing more precise."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ServerError
    return BadRequestError if status >= 400 else ProviderError
