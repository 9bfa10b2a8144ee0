"""Anthropic's events into chunks; one decoder for each stream.

It reads events and keeps what their order means; it joins no answer, which is ``accumulate``'s.
Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.provider.accumulate import Asides, beside
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.provider.templated_sse import FrameTemplate
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FunctionDelta,
    TextChunks,
    ToolCallDelta,
)
from llmgate_anthropic.answer import (
    Kept,
    annotations_of,
    finish_reason,
    optional_text,
    stop_extra,
    text_in,
    usage_of,
)
from llmgate_anthropic.errors import error_from_event, error_in, error_without_type
from llmgate_anthropic.reading import read_json

__all__ = ["MessagesDecoder"]

Event = dict[str, Any]


@dataclass(slots=True)
class _Open:
    """A block that has begun: ``block`` is as it will be kept, ``texts`` what is added to it.

    ``pieces`` are the JSON of its input, ``call`` is the number of the tool call that it is, and
    ``start`` where its text begins in the content.
    """

    block: dict[str, Any]
    call: int | None = None
    is_answer: bool = False
    start: int = 0
    pieces: list[str] = field(default_factory=list[str])
    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def grow(self, key: str, piece: str) -> None:
        """Continue a text; it is joined once, when the block is whole."""
        pieces = self.texts.get(key)
        if pieces is None:
            before = self.block.get(key)
            pieces = self.texts[key] = [before] if isinstance(before, str) else []
        pieces.append(piece)

    def join(self) -> dict[str, Any]:
        """The block with its texts."""
        for key, pieces in self.texts.items():
            self.block[key] = "".join(pieces)
        return self.block


class MessagesDecoder:
    """Reads one stream of a message.

    Args:
        call_id: What missing ids are made from.
        answer_tool: The tool whose input is the answer, where a schema is emulated.
        framer: What cuts the bytes into events; by default server-sent events.
    """

    def __init__(
        self, call_id: str, answer_tool: str | None = None, framer: Framer | None = None
    ) -> None:
        self.framer: Framer = framer or SSEFramer()
        self.finished = False
        self._call_id = call_id
        self._answer_tool = answer_tool
        self._id = ""
        self._model = ""
        self._usage: dict[str, Any] = {}
        self._unknown = Asides()
        self._has_begun = False
        self._has_content = False
        self._stop_reason: str | None = None
        self._open: dict[int, _Open] = {}
        self._kept = Kept()
        self._calls = 0
        self._length = 0
        self._lessons = _MOST_LESSONS
        self._like: Chunk
        self._speaking: list[str]
        self._readers: Mapping[str, Callable[[Event], Iterable[Chunk]]] = {
            "content_block_delta": self._delta,
            "content_block_start": self._start,
            "content_block_stop": self._stop,
            "message_start": self._message_start,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "ping": self._nothing,
        }

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that cannot be read; ``frame`` is its data.
        """
        if frame.texts:
            return self._said(frame.texts)
        try:
            event = self._event(frame)
            chunks = self._read(event)
            if isinstance(self.framer, SSEFramer):
                self._teach(self.framer, event, frame)
            return chunks
        except DecodeError as failure:
            reason = failure.message
        raise DecodeError(
            f"the event cannot be read ({reason}): {excerpt(frame.data)}", frame=frame.data
        )

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after a stop reason, with which an answer is whole.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if not self.finished and self._stop_reason is None:
            raise StreamTruncatedError("the stream ended before its end mark")
        return self._aside(self._unknown.rest())

    def _said(self, texts: Sequence[str]) -> Iterable[Chunk]:
        """More of the text of the block that was learned from."""
        texts = [text for text in texts if text]
        self._speaking.extend(texts)
        self._length += sum(map(len, texts))
        return TextChunks(self._like, texts)

    def _teach(self, framer: SSEFramer, event: Event, frame: Frame) -> None:
        """After a piece of text the framer is to tell only the texts of others in its block."""
        if event["type"] in _CHANGES:
            framer.forget()
        delta = event.get("delta")
        if event["type"] != "content_block_delta" or not is_object(delta):
            return
        if delta["type"] != "text_delta" or len(delta) != 2 or not self._lessons:
            return
        opened, piece = self._block_of(event), text_in(delta, "text")
        template = FrameTemplate.of(frame.data, "text", piece)
        if template is not None:
            self._lessons -= 1
            self._speaking = opened.texts["text"]
            self._like = self._chunk(ChoiceDelta(piece))
            framer.learn(template, frame)

    def _event(self, frame: Frame) -> Event:
        data = frame.data
        error = None
        if not data.startswith(b"{") or frame.event == "error":
            error = error_from_event(frame)
        payload: Any = read_json(data) if error is None else None
        error = error or error_in(payload)
        if error is not None:
            raise error
        if not is_object(payload):
            raise DecodeError("it is no object")
        if "type" not in payload and (error := error_without_type(payload)) is not None:
            raise error
        return payload

    def _read(self, event: Event) -> Iterable[Chunk]:
        kind = text_in(event, "type")
        reader = self._readers.get(kind)
        if reader is None:
            return self._aside(self._unknown.add("events", event))
        if not self._has_begun and kind not in ("message_start", "ping"):
            raise DecodeError("no message has begun")
        return reader(event)

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        return (Chunk([], self._id, 0, self._model, extra=extra),) if extra else ()

    def _chunk(self, delta: ChoiceDelta) -> Chunk:
        return Chunk([ChunkChoice(delta)], self._id, 0, self._model)

    # --- the message ---

    def _message_start(self, event: Event) -> Iterable[Chunk]:
        message = event.get("message")
        if not is_object(message):
            raise DecodeError("message is no object")
        self._has_begun = True
        self._id = optional_text(message, "id") or f"msg_{self._call_id}"
        self._model = optional_text(message, "model") or ""
        self._add_usage(message)
        tier = optional_text(self._usage, "service_tier")
        rest = {key: value for key, value in message.items() if key not in _OF_MESSAGE}
        extra = beside(rest, Completion, "anthropic")
        first = ChunkChoice(ChoiceDelta(role="assistant"))
        usage = usage_of(self._usage) if self._usage else None  # so far: that of the prompt
        head = (self._id, 0, self._model)
        return (Chunk([first], *head, usage=usage, service_tier=tier, extra=extra),)

    def _message_delta(self, event: Event) -> Iterable[Chunk]:
        delta = event.get("delta")
        if not is_object(delta):
            raise DecodeError("delta is no object")
        self._add_usage(event)
        native = optional_text(delta, "stop_reason")
        extra = {key: value for key, value in delta.items() if key not in _OF_DELTA}
        extra |= {key: value for key, value in event.items() if key not in _OF_EVENT}
        extra = beside(extra, Completion, "anthropic")
        choices: list[ChunkChoice] = []
        if native is not None:
            self._stop_reason = native
            reason = finish_reason(native, has_calls=self._calls > 0)
            choices = [ChunkChoice(ChoiceDelta(), 0, reason, None, native, stop_extra(delta))]
        usage = usage_of(self._usage) if self._usage else None
        last = Chunk([], self._id, 0, self._model, usage=usage, extra=extra)
        return (Chunk(choices, self._id, 0, self._model), last) if choices else (last,)

    def _message_stop(self, event: Event) -> Iterable[Chunk]:  # noqa: ARG002 - it says no more
        if self._stop_reason is None and not self._has_content:
            raise DecodeError("the message says nothing, and not why")
        self.finished = True
        return self._aside(self._unknown.rest())

    def _nothing(self, event: Event) -> Iterable[Chunk]:  # noqa: ARG002 - a sign of life
        return ()

    def _add_usage(self, source: Mapping[str, Any]) -> None:
        """Counts are totals so far: they replace earlier ones, and absent ones replace none."""
        usage = source.get("usage")
        if usage is None:
            return
        if not is_object(usage):
            raise DecodeError("usage is no object")
        self._usage |= {key: value for key, value in usage.items() if value is not None}

    # --- blocks ---

    def _start(self, event: Event) -> Iterable[Chunk]:
        given = event.get("content_block")
        if not is_object(given):
            raise DecodeError("content_block is no object")
        opened = _Open(dict(given), start=self._length)
        self._open[_index(event)] = opened
        self._has_content = True
        match text_in(given, "type"):
            case "text":
                return self._text(text_in(given, "text"))
            case "thinking":
                return self._thought(optional_text(given, "thinking") or "")
            case "tool_use":
                return self._begin_call(opened)
            case _:
                return ()

    def _begin_call(self, opened: _Open) -> Iterable[Chunk]:
        name = text_in(opened.block, "name")
        if name == self._answer_tool:
            opened.is_answer = True
            return ()
        opened.call, self._calls = self._calls, self._calls + 1
        identifier = optional_text(opened.block, "id") or f"call_{self._call_id}_{opened.call}"
        function = FunctionDelta(name, "")
        begun = ToolCallDelta(opened.call, identifier, function, type="function")
        return (self._chunk(ChoiceDelta(tool_calls=[begun])),)

    def _delta(self, event: Event) -> Iterable[Chunk]:
        opened, delta = self._block_of(event), event.get("delta")
        if not is_object(delta):
            raise DecodeError("delta is no object")
        block = opened.block
        match text_in(delta, "type"):
            case "text_delta":
                piece = text_in(delta, "text")
                opened.grow("text", piece)
                return self._text(piece)
            case "input_json_delta":
                return self._input(opened, text_in(delta, "partial_json"))
            case "thinking_delta":
                piece = text_in(delta, "thinking")
                opened.grow("thinking", piece)
                return self._thought(piece)
            case "signature_delta":
                block["signature"] = text_in(delta, "signature")
            case "citations_delta":
                citations = block.get("citations")
                cited = delta.get("citation")
                if is_array(citations):
                    citations.append(cited)
                else:
                    block["citations"] = [cited]
            case _:
                _continue(opened, delta)
        return ()

    def _text(self, piece: str) -> Iterable[Chunk]:
        self._length += len(piece)
        return (self._chunk(ChoiceDelta(piece)),) if piece else ()

    def _thought(self, piece: str) -> Iterable[Chunk]:
        return (self._chunk(ChoiceDelta(reasoning_content=piece)),) if piece else ()

    def _input(self, opened: _Open, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        opened.pieces.append(piece)
        if opened.is_answer:
            return self._text(piece)
        if opened.call is None:
            return ()
        fragment = ToolCallDelta(opened.call, function=FunctionDelta(None, piece))
        return (self._chunk(ChoiceDelta(tool_calls=[fragment])),)

    def _stop(self, event: Event) -> Iterable[Chunk]:
        opened = self._block_of(event)
        del self._open[_index(event)]
        block, chunks = opened.join(), list[Chunk]()
        if "input" in block or opened.pieces:
            chunks += self._end_input(opened)
        annotations = annotations_of(block, opened.start, self._length)
        data = self._kept.add(block)
        if annotations or data is not None:
            last = ChoiceDelta(annotations=annotations or None, provider_data=data)
            chunks.append(self._chunk(last))
        return chunks

    def _end_input(self, opened: _Open) -> Iterable[Chunk]:
        """The input as a value, for the way back; an input that came whole is told only now."""
        whole, block = "".join(opened.pieces), opened.block
        if whole:
            try:
                block["input"] = read_json(whole.encode())
            except DecodeError:
                block["input"] = whole  # it broke off at max_tokens, and is kept as it is
            return ()
        if not is_object(block.get("input") or {}):
            raise DecodeError("input is no object")
        block["input"] = block.get("input") or {}
        return self._input(opened, encode_json(block["input"]).decode())

    def _block_of(self, event: Event) -> _Open:
        opened = self._open.get(_index(event))
        if opened is None:
            raise DecodeError("a block goes on that has not begun")
        return opened


_MOST_LESSONS = 64
"""How many pieces of text are taken for a template: each costs something, and few are needed."""
_CHANGES = frozenset({"message_start", "content_block_start", "content_block_stop"})
"""Events after which the same event says something else."""
_OF_MESSAGE = frozenset(
    {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details"}
    | {"usage"}
)
_OF_DELTA = frozenset({"stop_reason", "stop_sequence", "stop_details"})
_OF_EVENT = frozenset({"type", "delta", "usage"})


def _index(event: Event) -> int:
    index = event.get("index")
    if type(index) is not int:
        raise DecodeError(f"index is no number: {index!r:.60}")
    return index


def _continue(opened: _Open, delta: Mapping[str, Any]) -> None:
    """A kind of delta that is not known here: its texts go on, its other values replace."""
    for key, value in delta.items():
        if key == "type":
            continue
        if isinstance(value, str):
            opened.grow(key, value)
        elif value is not None or key not in opened.block:
            opened.block[key] = value
