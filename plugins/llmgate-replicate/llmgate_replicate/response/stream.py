"""Decoders: the events of a prediction's stream, or the one response of a model that has none.

The stream holds raw text and no counts; what else it holds is kept in ``extra``.
Source: https://replicate.com/docs/topics/predictions/streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from llmgate.errors import DecodeError, ResponseTooLargeError, StreamTruncatedError, excerpt
from llmgate.provider.accumulate import Asides
from llmgate.provider.framing import MAX_FRAME, Frame, Framer, SSEFramer
from llmgate.provider.http import HttpResponse, is_object
from llmgate.provider.kit import completion_chunks, finish_reason, read_json
from llmgate.report import Report
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice
from llmgate_replicate.response.body import Prediction, created_at, decode, rest_of
from llmgate_replicate.response.errors import prediction_error
from llmgate_replicate.response.parts import TextReader

__all__ = ["EventDecoder", "WholeDecoder"]

_CHANGING = frozenset({"status", "logs", "error", "metrics", "completed_at"})
"""What a prediction says of itself while it runs, and will say otherwise at its end."""


class EventDecoder:
    """Reads the events of one prediction: ``output``, ``logs``, ``error``, ``done``."""

    def __init__(self, prediction: Prediction, reader: TextReader, *, model: str) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._reader = reader
        self._id = prediction["id"]
        self._created = created_at(prediction)
        own = prediction.get("model")
        self._model = own if isinstance(own, str) else model
        rest = rest_of(prediction)
        self._rest = {key: value for key, value in rest.items() if key not in _CHANGING}
        self._has_begun = False
        self._asides = Asides()

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event; unknown kinds are kept and otherwise skipped."""
        if frame.event == "error":
            raise prediction_error("failed", _detail(frame.data.decode("utf-8", "replace")))
        text = _text(frame)
        match frame.event:
            case "output":
                return self._output(text)
            case "done":
                return self._done(text)
            case "":
                return self._unnamed(text)
            case "logs":
                return self._aside(self._asides.add("logs", text))
            case name:
                return self._aside(self._asides.add("events", {"event": name, "data": text}))

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes, which is fine only after ``done``."""
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its event done")
        return ()

    def _output(self, text: str) -> Iterable[Chunk]:
        thought, said = self._reader.feed(text)
        if self._reader.is_stopped:
            self.finished = True
            return (self._chunk(thought, said, "stop"), *self._aside(self._asides.rest()))
        return (self._chunk(thought, said),) if thought or said else ()

    def _done(self, text: str) -> Iterable[Chunk]:
        payload = read_json(text.encode())
        if not is_object(payload):
            raise DecodeError(
                f"the event done is not an object: {excerpt(text)}", frame=text.encode()
            )
        reason = payload.get("reason")
        if reason in ("canceled", "aborted", "error", "failed"):
            state = "failed" if reason == "error" else str(reason)
            raise prediction_error(state, f"its stream does not say why (prediction {self._id})")
        self.finished = True
        chunk = self._chunk(*self._reader.close(), "done" if reason is None else str(reason))
        extra = {**chunk.extra, **self._asides.rest()}
        return (replace(chunk, extra={**extra, "done": payload} if payload else extra),)

    def _chunk(self, thought: str, said: str, ended: str | None = None) -> Chunk:
        role, extra = None, dict[str, Any]()
        if not self._has_begun:
            self._has_begun = True
            role, extra = "assistant", self._rest
        delta = ChoiceDelta(said or None, role, reasoning_content=thought or None)
        choice = ChunkChoice(delta)
        if ended is not None:
            reason = finish_reason(ended, {})
            choice = ChunkChoice(delta, finish_reason=reason, native_finish_reason=ended)
        return Chunk([choice], self._id, self._created, self._model, extra=extra)

    def _unnamed(self, text: str) -> Iterable[Chunk]:
        """An event that Replicate does not send: an error of whatever stands between, if it says
        anything, in JSON or in words."""
        begins = text.lstrip()[:1]
        try:
            payload = read_json(text.encode())
        except DecodeError:
            if begins in ("{", "["):
                raise
            payload = text
        if isinstance(payload, str) or (is_object(payload) and any(map(payload.get, _ERROR_KEYS))):
            raise prediction_error("failed", _detail(text))
        if not is_object(payload):
            raise DecodeError(f"the event is not an object: {excerpt(text)}", frame=text.encode())
        return self._aside(self._asides.add("events", {"event": "", "data": text}))

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        """What is no part of the text."""
        return (Chunk([], self._id, self._created, self._model, extra=extra),) if extra else ()


_ERROR_KEYS = frozenset({"detail", "error", "errors", "message", "title"})


def _text(frame: Frame) -> str:
    try:
        return frame.data.decode()
    except UnicodeDecodeError:
        pass
    raise DecodeError(f"the event is no text: {excerpt(frame.data)}", frame=frame.data)


def _detail(text: str) -> str:
    """What an error event says: JSON with a detail, or plain text."""
    try:
        payload = read_json(text.encode())
    except DecodeError:
        return text
    said = payload.get("detail", payload.get("error")) if is_object(payload) else payload
    return said if isinstance(said, str) else text


class WholeDecoder:
    """Reads a prediction that is over, for a model that cannot stream: one chunk is all of it."""

    def __init__(
        self,
        reader: TextReader,
        *,
        model: str,
        limit: int | None = None,
        report: Report | None = None,
    ) -> None:
        self.framer: Framer = _WholeFramer()
        self.finished = False
        self._reader = reader
        self._model = model
        self._limit = limit
        self._report = report

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of all of it, with the tokens that were counted."""
        completion = decode(
            HttpResponse(200, {}, frame.data),
            self._reader,
            model=self._model,
            limit=self._limit,
            report=self._report,
        )
        self.finished = True
        has_usage = completion.usage is not None
        return [*completion_chunks(completion, include_usage=has_usage)]

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes."""
        if not self.finished:
            raise StreamTruncatedError("the prediction did not come")
        return ()


class _WholeFramer:
    """Keeps all bytes until their end, and gives them as one frame."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterable[Frame]:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_FRAME:
            raise ResponseTooLargeError(f"the prediction is larger than {MAX_FRAME} bytes")
        return ()

    def close(self) -> Iterable[Frame]:
        whole, self._pieces = b"".join(self._pieces), []
        return [Frame(whole)] if whole else []
