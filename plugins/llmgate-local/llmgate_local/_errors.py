"""What the engine raises, in the terms of llama.cpp's own server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["EngineError", "closed_error", "engine_error"]


class EngineError(Exception):
    """llama.cpp, or the engine in its place, refused a request or failed at it.

    Args:
        status: the HTTP status with which llama.cpp's server would answer.
        payload: llama.cpp's error: a dict with "code", "message", "type" and perhaps more.
    """

    def __init__(self, status: int, payload: Mapping[str, Any]) -> None:
        super().__init__(str(payload.get("message", payload)))
        self.status = status
        self.payload = dict(payload)

    def __reduce__(self) -> tuple[type[EngineError], tuple[int, dict[str, Any]]]:
        """Pickle by what made it: Exception alone would give __init__ the message only."""
        return type(self), (self.status, self.payload)


def engine_error(status: int, kind: str, message: str) -> EngineError:
    """An error as llama.cpp would word it."""
    return EngineError(status, {"code": status, "message": message, "type": kind})


def closed_error() -> EngineError:
    """The error of whoever asks an engine that takes no more requests."""
    return engine_error(503, "unavailable_error", "the engine is closed")
