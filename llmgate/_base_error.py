"""The base class of all errors: whose call failed, and what the response says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llmgate._describe import excerpt

if TYPE_CHECKING:
    from llmgate.report import Report
    from llmgate.types import Attempt


class LLMGateError(Exception):
    """The base class of every exception that llmgate raises.

    ``provider`` and ``model`` say whose call it was, ``attempts`` lists every request that was
    made for it, and ``report`` the deviations of the translated request. ``status``, ``code`` (the
    provider's own), ``request_id``, ``retry_after`` (seconds), ``headers`` (lower-case names) and
    ``body`` (bytes) are those of the response; without one they are None. ``delivered`` says
    whether anything of the response was yielded, such as chunks of a stream: if it is False, the
    call can be repeated without the reader noticing.
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
