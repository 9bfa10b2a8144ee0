"""Chunks from Ollama's streams, which are lines of JSON; one decoder for each stream.

Source: https://docs.ollama.com/api/streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.framing import Frame, Framer, NDJSONFramer
from llmgate.provider.kit import Fields, SideFields, add_frame, read_json
from llmgate.report import Report
from llmgate.types import Chunk
from llmgate_ollama.response.errors import error_in
from llmgate_ollama.response.parts import ending, envelope, message_fields, tool_calls

__all__ = ["ChatDecoder"]


class ChatDecoder:
    """Reads one stream.

    Args:
        call_id: What the id of the chunks is, and those of calls are made from.
        report: Where it is recorded what is odd beside the content.
    """

    def __init__(self, call_id: str, report: Report) -> None:
        self.framer: Framer = NDJSONFramer()
        self.finished = False
        self._call_id = call_id
        self._report = report
        self._calls = 0
        self._begun = False

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one line.

        Raises:
            ProviderError: for an error that the server sends inside the stream.
            DecodeError: for a line that is none of a completion; ``frame`` is its data.
        """
        payload = read_json(frame.data)
        error = error_in(payload)
        if error is not None:
            raise error
        try:
            return (self._chunk(Fields(payload)),)
        except DecodeError as failure:
            add_frame(failure, "a line of the stream is not part of a completion", frame.data)
            raise

    def close(self) -> Iterable[Chunk]:
        """Nothing more: the last line is the end.

        Raises:
            StreamTruncatedError: when it never came.
        """
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its last line")
        return ()

    def _chunk(self, fields: Fields) -> Chunk:
        message, side = fields.object("message"), SideFields(fields.payload, self._report)
        done = fields.payload.get("done")
        if type(done) is not bool:
            raise DecodeError("done must be true or false")
        calls = tool_calls(message, self._call_id, self._report, self._calls)
        delta: dict[str, Any] = message_fields(message, self._report)
        delta["tool_calls"] = [
            {**call, "index": number} for number, call in enumerate(calls, self._calls)
        ] or None
        if self._begun:
            del delta["role"]  # each line repeats it
        self._begun = True
        self._calls += len(calls)
        self.finished = done
        choice = {"index": 0, "delta": delta, **ending(side, has_calls=self._calls > 0)}
        return Chunk.model_validate({**envelope(side, self._call_id), "choices": [choice]})
