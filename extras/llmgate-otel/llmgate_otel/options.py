"""What is recorded, as the program or the environment says. It records nothing itself."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias, cast, get_args

from llmgate.errors import InvalidRequestError, describe_value
from llmgate_otel import names
from llmgate_otel.names import GENERATIONS, Generation

__all__ = ["Content", "as_content", "as_events", "as_generation"]

Content: TypeAlias = Literal["none", "span", "event", "both"]
"""Where the texts of messages and tools are recorded."""

_CONTENT: dict[str, Content] = {
    "": "none",
    "false": "none",
    "no_content": "none",
    "true": "span",
    "span_only": "span",
    "event_only": "event",
    "span_and_event": "both",
}


def as_generation(given: Generation | None) -> Generation:
    """The names to use; where none are given, those of ``OTEL_SEMCONV_EXPERIMENTAL_OPT_IN``."""
    if given is None:
        wanted = os.environ.get("OTEL_SEMCONV_EXPERIMENTAL_OPT_IN", "").split(",")
        return "latest" if names.OPT_IN in map(str.strip, wanted) else "stable"
    return cast("Generation", _one_of(given, tuple(GENERATIONS), "generation"))


def as_content(given: Content | None) -> Content:
    """Where content is recorded; where that is not given, as
    ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says. A value that is none records none.
    """
    if given is None:
        value = os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "")
        return _CONTENT.get(value.strip().lower(), "none")
    return cast("Content", _one_of(given, get_args(Content), "content"))


def as_events(given: bool | None, content: Content) -> bool:
    """Whether events are emitted; where that is not given, as
    ``OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT`` says, or where events are to hold content."""
    if given is not None:
        return given
    value = os.environ.get("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "").strip().lower()
    return value == "true" or (value != "false" and content in ("event", "both"))


def _one_of(given: Any, known: tuple[Any, ...], path: str) -> Any:
    if given not in known:
        reason = f"must be one of {', '.join(known)}; got {describe_value(given)}"
        raise InvalidRequestError(reason, path=path)
    return given
