"""What a format can do: understand requests and write responses. It knows no server."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from llmgate.testing.mock_server.answers import Asked, Said

__all__ = ["CREATED", "Shape", "server_sent"]

CREATED = 1_760_000_000
"""When everything was made, in seconds since the epoch: the same request has the same response."""


def server_sent(value: Any, event: str | None = None) -> bytes:
    """A server-sent event of a JSON value."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


class Shape(ABC):
    """A format. Counts of tokens are words, so that the same request has the same response."""

    stream_type: ClassVar[str] = "text/event-stream"
    base_path: ClassVar[str] = ""
    """What the base URL of its clients has after the host."""
    overloaded: ClassVar[int] = 503

    @abstractmethod
    def asked(self, path: str, body: Mapping[str, Any]) -> Asked | None:
        """What a request asks for; None where there is no such address."""

    @abstractmethod
    def completion(self, said: Said, asked: Asked) -> Any:
        """A whole response."""

    @abstractmethod
    def events(self, said: Said, asked: Asked) -> list[bytes]:
        """A stream, the last event of which ends it."""

    @abstractmethod
    def error(self, status: int, message: str) -> Any:
        """The body of an error."""

    @abstractmethod
    def error_event(self, message: str) -> bytes:
        """An error in a stream."""

    @abstractmethod
    def inputs(self, asked: Asked) -> Sequence[Any]:
        """The texts of a request for embeddings."""

    @abstractmethod
    def embeddings(self, vectors: Sequence[Sequence[float]], asked: Asked) -> Any:
        """The response with their vectors."""

    @abstractmethod
    def models(self, names: Sequence[str]) -> Any:
        """A list of models."""
