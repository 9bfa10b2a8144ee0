"""From an answer or a fault to the bytes that are sent, and how. It opens no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from llmgate.testing.canned import Canned
from llmgate.testing.mock_server.answers import Answer, Asked, Said, as_said
from llmgate.testing.mock_server.faults import Fault
from llmgate.testing.mock_server.shapes import Shape

__all__ = ["DEFAULT_TEXT", "Delivery", "deliver", "refusal"]

DEFAULT_TEXT = "This is a mock response."
_GARBAGE = b"\x00\xff{]garbage\n\n" * 8
_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Sign in</body></html>"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A response: ``pieces`` of a body, each after ``pause`` seconds. After ``cut_at`` bytes the
    connection is closed; after ``hang_at`` bytes nothing more comes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: Sequence[bytes] = ()
    is_stream: bool = False
    head_pause: float = 0.0
    pause: float = 0.0
    cut_at: int | None = None
    hang_at: int | None = None
    is_reset: bool = False


def deliver(answer: Answer, asked: Asked, shape: Shape) -> Delivery:
    """How an answer is sent to whoever asked for it."""
    match answer:
        case Canned():
            given = {name.lower() for name in answer.headers}
            usual = {} if "content-type" in given else {"Content-Type": "application/json"}
            headers = {**usual, **answer.headers}
            size = sum(map(len, answer.pieces()))
            return Delivery(
                answer.status,
                headers,
                answer.pieces(),
                is_stream=True,
                cut_at=size if answer.then is not None else None,
                hang_at=size if answer.hang else None,
            )
        case Fault():
            said = as_said(DEFAULT_TEXT if answer.text is None else answer.text)
            faulty = _Faults(answer, said, asked, shape)
            made: Delivery = getattr(faulty, answer.name)()
            return made
        case _:
            return _response(as_said(answer), asked, shape)


def refusal(shape: Shape, status: int, message: str, **headers: str) -> Delivery:
    """An error in the format of whoever asked."""
    return _whole(shape.error(status, message), status, headers)


def _whole(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Delivery:
    sent = {"Content-Type": "application/json", "X-Request-Id": "req_mock", **(headers or {})}
    return Delivery(status, sent, [json.dumps(value).encode()])


def _response(said: Said, asked: Asked, shape: Shape) -> Delivery:
    if not asked.stream:
        return _whole(shape.completion(said, asked))
    return _stream(shape, shape.events(said, asked))


def _stream(shape: Shape, events: Sequence[bytes]) -> Delivery:
    headers = {"Content-Type": shape.stream_type, "X-Request-Id": "req_mock"}
    return Delivery(200, headers, events, is_stream=True)


@dataclass(frozen=True, slots=True)
class _Faults:
    """What becomes of a response by each fault; the methods are named as the faults are."""

    fault: Fault
    said: Said
    asked: Asked
    shape: Shape

    def _whole(self) -> Delivery:
        """What would be sent without it."""
        return _response(self.said, self.asked, self.shape)

    def rate_limit(self) -> Delivery:
        seconds = f"{self.fault.value('retry_after'):g}"
        return refusal(self.shape, 429, "too many requests", **{"Retry-After": seconds})

    def overloaded(self) -> Delivery:
        return refusal(self.shape, self.shape.overloaded, "overloaded")

    def error(self) -> Delivery:
        return refusal(self.shape, int(self.fault.value("status")), "an error was asked for")

    def reset(self) -> Delivery:
        return replace(self._whole(), is_reset=True)

    def slow_head(self) -> Delivery:
        return replace(self._whole(), head_pause=self.fault.value("pause"))

    def trickle(self) -> Delivery:
        made, size = self._whole(), max(1, int(self.fault.value("size")))
        body = b"".join(made.pieces)
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        return replace(made, pieces=pieces, pause=self.fault.value("pause"))

    def cut(self) -> Delivery:
        return replace(self._whole(), cut_at=int(self.fault.value("at")))

    def hang(self) -> Delivery:
        return replace(self._whole(), hang_at=int(self.fault.value("at")))

    def no_end(self) -> Delivery:
        made = self._whole()
        half = len(made.pieces) // 2
        return replace(made, pieces=made.pieces[:half]) if made.is_stream else made

    def stream_error(self) -> Delivery:
        if not self.asked.stream:
            return self.overloaded()
        events = self.shape.events(self.said, self.asked)[: int(self.fault.value("after"))]
        return _stream(self.shape, [*events, self.shape.error_event("overloaded")])

    def garbage(self) -> Delivery:
        return replace(self._whole(), pieces=[_GARBAGE])

    def html(self) -> Delivery:
        headers = {"Content-Type": "text/html"}
        return replace(self._whole(), headers=headers, pieces=[_PAGE])
