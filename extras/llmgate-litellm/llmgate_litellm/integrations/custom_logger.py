"""The class whose subclasses watch each call; ``callbacks=[MyLogger()]``."""

from __future__ import annotations

from typing import Any

__all__ = ["CustomLogger"]


class CustomLogger:
    """Override what is to be known. Each method is given the call's arguments, the response (None
    where there is none), and when the call began and ended (local times)."""

    def __init__(self, **_: Any) -> None:
        """litellm's takes settings that mean nothing here."""

    def log_pre_api_call(self, model: str, messages: Any, kwargs: dict[str, Any]) -> None:
        """Never called: callbacks come after a call."""

    def log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """A sync call has a response, or a chunk of one."""

    def log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """A sync call failed; ``kwargs["exception"]`` says why."""

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """An async call has a response, or a chunk of one."""

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """An async call failed."""
