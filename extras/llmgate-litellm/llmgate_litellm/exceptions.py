"""litellm's exceptions: openai's of the same name where that package is installed, and ours.

They are made from llmgate's errors in ``_errors``; nothing here knows how a call is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from llmgate import LLMGateError

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = [
    "LITELLM_EXCEPTION_TYPES",
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "BudgetExceededError",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "InternalServerError",
    "InvalidRequestError",
    "JSONSchemaValidationError",
    "NotFoundError",
    "OpenAIError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServiceUnavailableError",
    "Timeout",
    "UnprocessableEntityError",
    "UnsupportedParamsError",
]

if TYPE_CHECKING:
    _Root: TypeAlias = Exception
    _APIError: TypeAlias = Exception
    _APIStatusError: TypeAlias = Exception
    _APIConnectionError: TypeAlias = Exception
    _APITimeoutError: TypeAlias = Exception
    _BadRequest: TypeAlias = Exception
    _Authentication: TypeAlias = Exception
    _PermissionDenied: TypeAlias = Exception
    _NotFound: TypeAlias = Exception
    _Unprocessable: TypeAlias = Exception
    _RateLimit: TypeAlias = Exception
    _InternalServer: TypeAlias = Exception
    _ResponseValidation: TypeAlias = Exception
else:
    try:
        import openai as _openai
    except ImportError:

        class _openai:  # noqa: N801 - it stands for the module
            OpenAIError = APIError = APIStatusError = APIConnectionError = LLMGateError
            APITimeoutError = BadRequestError = AuthenticationError = LLMGateError
            PermissionDeniedError = NotFoundError = UnprocessableEntityError = LLMGateError
            RateLimitError = InternalServerError = APIResponseValidationError = LLMGateError

    _Root, _APIError = _openai.OpenAIError, _openai.APIError
    _APIStatusError = _openai.APIStatusError
    _APIConnectionError = _openai.APIConnectionError
    _APITimeoutError = _openai.APITimeoutError
    _BadRequest, _Authentication = _openai.BadRequestError, _openai.AuthenticationError
    _PermissionDenied, _NotFound = _openai.PermissionDeniedError, _openai.NotFoundError
    _Unprocessable, _RateLimit = _openai.UnprocessableEntityError, _openai.RateLimitError
    _InternalServer = _openai.InternalServerError
    _ResponseValidation = _openai.APIResponseValidationError

OpenAIError = _Root


class _Described(Exception):  # noqa: N818 - the names below are litellm's
    """What every exception of litellm's has. ``response`` is there where there was an answer."""

    usual_status: ClassVar[int | None] = None
    positions: ClassVar[tuple[str, ...]] = ("message", "llm_provider", "model")

    message: str
    status_code: int | None
    llm_provider: str | None
    model: str | None
    body: Any
    code: str | None
    response: Any

    def __init__(self, *positional: Any, **named: Any) -> None:
        given = {**dict(zip(self.positions, positional, strict=False)), **named}
        self.message = str(given.get("message") or "")
        Exception.__init__(self, self.message)
        self.llm_provider = given.get("llm_provider")
        self.model = given.get("model")
        status = given.get("status_code")
        self.status_code = self.usual_status if status is None else status
        self.body, self.code = given.get("body"), given.get("code")
        self.param = self.type = None
        self.request = self.request_id = None
        self.num_retries, self.max_retries = given.get("num_retries"), given.get("max_retries")
        self.litellm_debug_info = given.get("litellm_debug_info")
        response = given.get("response")
        if response is not None:
            self.response = response

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_made_again, (type(self), {**self.__dict__, "response": None}))


def _made_again(kind: type[_Described], state: dict[str, Any]) -> _Described:
    """What ``pickle`` calls."""
    return kind(**state)


_MODEL_FIRST = ("message", "model", "llm_provider")


class APIError(_Described, _APIError):
    """The provider failed in a way that no other class names."""

    usual_status = 500
    positions = ("status_code", "message", "llm_provider", "model")


class BadRequestError(_Described, _BadRequest):
    """The request is refused as it is (400, 422), or no provider can be found in the model."""

    usual_status = 400
    positions = _MODEL_FIRST


class ContextWindowExceededError(BadRequestError):
    """The prompt does not fit the model's context."""


class ContentPolicyViolationError(BadRequestError):
    """The provider's content filter refused the prompt."""


class UnsupportedParamsError(BadRequestError):
    """The model does not take a parameter; ``drop_params=True`` leaves it out."""

    positions = ("message", "llm_provider", "model")


class InvalidRequestError(BadRequestError):
    """The former name of :class:`BadRequestError`."""


class UnprocessableEntityError(_Described, _Unprocessable):
    """Status 422."""

    usual_status = 422
    positions = _MODEL_FIRST


class AuthenticationError(_Described, _Authentication):
    """The key was not accepted, or there is none (401)."""

    usual_status = 401


class PermissionDeniedError(_Described, _PermissionDenied):
    """The key may not do this (403)."""

    usual_status = 403


class NotFoundError(_Described, _NotFound):
    """No such model or route (404)."""

    usual_status = 404
    positions = _MODEL_FIRST


class RateLimitError(_Described, _RateLimit):
    """Too many requests, or no credit (429)."""

    usual_status = 429


class Timeout(_Described, _APITimeoutError):  # noqa: N818 - its name
    """The time limit of this side or of the other passed (408, 504)."""

    usual_status = 408
    positions = _MODEL_FIRST


class InternalServerError(_Described, _InternalServer):
    """The provider failed (500), or could not be reached."""

    usual_status = 500


class ServiceUnavailableError(_Described, _APIStatusError):
    """The provider is overloaded (503, 529)."""

    usual_status = 503


class BadGatewayError(_Described, _APIStatusError):
    """Status 502."""

    usual_status = 502


class APIConnectionError(_Described, _APIConnectionError):
    """The connection broke, or the response cannot be read."""

    usual_status = 500


class APIResponseValidationError(_Described, _ResponseValidation):
    """The response is not what was asked for."""

    usual_status = 500


class JSONSchemaValidationError(APIResponseValidationError):
    """The response does not fit the schema."""


class BudgetExceededError(Exception):
    """The budget is spent."""

    def __init__(
        self, current_cost: float, max_budget: float, message: str | None = None, **_: Any
    ) -> None:
        self.current_cost, self.max_budget = current_cost, max_budget
        self.message = message or (
            f"Budget has been exceeded! Current cost: {current_cost}, Max budget: {max_budget}"
        )
        super().__init__(self.message)


LITELLM_EXCEPTION_TYPES: list[type[Exception]] = [
    globals()[name] for name in __all__ if name != "LITELLM_EXCEPTION_TYPES"
]
"""All of them, for code that loops over them."""
