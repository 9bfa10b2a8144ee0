"""Anthropic's events into chunks; one decoder for each stream.

It reads events and keeps what their order means; joining them is ``accumulate``'s.
Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.accumulate import Accumulator, Asides, beside
from llmgate.provider.choice_parts import ChoiceParts
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import (
    Fields,
    PartialObject,
    SideFields,
    add_frame,
    arguments_delta,
    arguments_text,
    finish_reason,
    is_done_mark,
    parsed_arguments,
    piece_chunk,
    read_json,
)
from llmgate.report import Report
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FunctionDelta,
    ToolCallDelta,
)
from llmgate_anthropic.response.blocks import Block, index_of, piece_in, text_in
from llmgate_anthropic.response.errors import error_from_event, error_in
from llmgate_anthropic.response.parts import (
    OF_A_MESSAGE,
    annotations_of,
    native_content,
    native_data,
    stop_extra,
    usage_of,
)

__all__ = ["MessagesDecoder"]

Event = dict[str, Any]


class MessagesDecoder:
    """Reads one stream of a message, and adds what it reads to its ``accumulator``.

    Args:
        call_id: What missing ids are made from.
        output_tool: The tool whose input is the text, where a schema is emulated.
        framer: What cuts the bytes into events; by default server-sent events.
        report: The call's report, for what is read otherwise than the format has it.
    """

    def __init__(
        self,
        call_id: str,
        output_tool: str | None = None,
        framer: Framer | None = None,
        report: Report | None = None,
    ) -> None:
        self.framer: Framer = framer or SSEFramer()
        self.finished = False
        self.accumulator = Accumulator()
        self._parts = ChoiceParts(0)  # until the message has begun
        self._call_id = call_id
        self._output_tool = output_tool
        self._report = report
        self._head = ("", 0, "")
        self._counts: dict[str, Any] = {}
        self._usage = SideFields(self._counts, report, "usage")
        self._unknown = Asides()
        self._has_begun = False
        self._has_content = False
        self._stop_reason: str | None = None
        self._blocks: dict[int, Block] = {}
        self._ended = set[int]()  # the places of blocks, of which some hosts say it late
        self._native = native_content()
        self._calls = 0
        self._length = 0
        self._readers: Mapping[str, Callable[[Event], Iterable[Chunk]]] = {
            "content_block_delta": self._delta,
            "content_block_start": self._start,
            "content_block_stop": self._stop,
            "message": self._whole,
            "message_start": self._message_start,
            "message_delta": self._message_delta,
            "message_stop": self._end,
            "ping": _nothing,
        }

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that cannot be read; ``frame`` is its data.
        """
        data = frame[0]
        try:
            event: Any = read_json(data) if data[:1] == b"{" and frame[1] != "error" else None
            chunk = None if event is None else self._piece(event)
            if chunk is not None:
                return (chunk,)
            event = self._checked_event(event, frame)
            return () if event is None else self._added(self._read(event))
        except DecodeError as error:
            add_frame(error, "the event cannot be read", data)
            raise

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after a stop reason, with which a message is whole.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if not self.finished and self._stop_reason is None:
            raise StreamTruncatedError("the stream ended before its terminator")
        return self._added((*self._end_blocks(), *self._aside(self._unknown.rest())))

    def _added(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        for chunk in chunks:
            self.accumulator.add(chunk)
        return chunks

    def _piece(self, event: Event) -> Chunk | None:
        """The chunk of one more piece of a block, as nearly all events are; None for any other."""
        try:
            if event["type"] != "content_block_delta" or len(event) != 3:
                return None
            block, delta = self._blocks[event["index"]], event["delta"]
            key = _PIECES[delta["type"]]
            piece = delta[key]
        except (KeyError, TypeError):
            return None
        if type(piece) is not str or not piece or len(delta) != 2:
            return None
        parts = self._parts
        if key == "partial_json":
            if block.call is None:
                return None
            block.arguments.append(piece)
            parts.calls[block.call].arguments.append(piece)
            return piece_chunk(self._head, None, None, [arguments_delta(block.call, piece)])
        block.partial.pieces(key).append(piece)
        if key == "thinking":
            parts.reasoning.append(piece)
            return piece_chunk(self._head, None, piece)
        self._length += len(piece)
        parts.content.append(piece)
        return piece_chunk(self._head, piece)

    def _checked_event(self, payload: Any, frame: Frame) -> Event | None:
        """The event of a frame; None for one that stands for nothing."""
        if payload is None:
            data = frame.data
            if is_done_mark(data):
                self._record("the host ends its stream with [DONE]")
                return {"type": "message_stop"}
            if data.strip() in (b"", b"null") and frame.event != "error":
                return None
            error = error_from_event(frame)
            if error is not None:
                raise error
            payload = read_json(data)
        error = error_in(payload, "type")
        if error is not None:
            raise error
        if not is_object(payload):
            raise DecodeError("it must be an object")
        return payload

    def _read(self, event: Event) -> Iterable[Chunk]:
        reader = self._readers.get(text_in(event, "type"))
        if reader is None:
            return self._aside(self._unknown.add("events", event))
        if not self._has_begun and reader not in (self._whole, self._message_start, _nothing):
            raise DecodeError("no message has begun")
        return reader(event)

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        return (Chunk([], *self._head, extra=extra),) if extra else ()

    # --- the message ---

    def _message_start(self, event: Event) -> Iterable[Chunk]:
        message = Fields(event).object("message").payload
        side = SideFields(message, self._report)
        self._has_begun = True
        self._parts = self.accumulator.parts_of(0)
        self._head = (side.text("id") or f"msg_{self._call_id}", 0, side.text("model") or "")
        self._add_usage(side)
        tier = self._usage.text("service_tier")
        extra = beside(side.others(*OF_A_MESSAGE), Completion, "anthropic")
        first = ChunkChoice(ChoiceDelta(role="assistant"))
        usage = usage_of(self._usage)  # so far: that of the prompt
        return (Chunk([first], *self._head, usage=usage, service_tier=tier, extra=extra),)

    def _message_delta(self, event: Event) -> Iterable[Chunk]:
        delta = Fields(event).object("delta").payload
        side = SideFields(event, self._report)
        self._add_usage(side)
        ended = SideFields(delta, self._report)
        native = ended.text("stop_reason")
        extra = {**ended.others(*_OF_DELTA), **side.others(*_OF_EVENT)}
        chunks, choices = list[Chunk](), list[ChunkChoice]()
        if native is not None:
            chunks += self._end_blocks()
            self._stop_reason = native
            reason = finish_reason(native, {}, has_calls=self._calls > 0)
            choices = [ChunkChoice(ChoiceDelta(), 0, reason, None, native, stop_extra(delta))]
            chunks.append(Chunk(choices, *self._head))
        usage, extra = usage_of(self._usage), beside(extra, Completion, "anthropic")
        return (*chunks, Chunk([], *self._head, usage=usage, extra=extra))

    def _end(self, event: Event) -> Iterable[Chunk]:  # noqa: ARG002 - it says no more
        if self._stop_reason is None and not self._has_content:
            raise DecodeError("the message has neither content nor a stop reason")
        self.finished = True
        if isinstance(self.framer, SSEFramer) and self.framer.has_joined_events:
            self._record("the host leaves no blank line between the events of its stream")
        return (*self._end_blocks(), *self._aside(self._unknown.rest()))

    def _record(self, reason: str) -> None:
        """Record that the response is in another form than the format has."""
        if self._report is not None:
            self._report.add("converted", "response", f"{reason}: it was read all the same")

    def _whole(self, message: Event) -> Iterable[Chunk]:
        """A message that came whole in place of its events."""
        self._record("the host sent a whole message, though a stream was requested")
        delta = {key: message[key] for key in _OF_DELTA if key in message}
        chunks = [*self._message_start({"message": message})]
        for index, block in enumerate(Fields(message).array("content")):
            chunks += self._start({"index": index, "content_block": block})
            chunks += self._end_block(index)
        return (*chunks, *self._message_delta({"delta": delta}), *self._end(message))

    def _add_usage(self, source: SideFields) -> None:
        """Counts are totals so far: they replace earlier ones, and absent ones replace none.

        Nor does zero: some hosts end with counts that they did not make.
        """
        for key, value in source.object("usage").payload.items():
            if value is not None and (value != 0 or not self._counts.get(key)):
                self._counts[key] = value

    # --- blocks ---

    def _start(self, event: Event) -> Iterable[Chunk]:
        given = Fields(event).object("content_block").payload
        index = index_of(event, self._report)
        earlier = self._end_block(index) if index in self._blocks else ()
        block = Block(PartialObject(given), f"content[{index}]", self._length)
        self._blocks[index] = block
        self._has_content = True
        return (*earlier, *self._begin(block, given))

    def _begin(self, block: Block, given: dict[str, Any]) -> Iterable[Chunk]:
        match text_in(given, "type"):
            case "text":
                return self._add_text(piece_in(given, "text"))
            case "thinking":
                side = SideFields(given, self._report, block.path)
                return self._add_thought(side.text("thinking") or "")
            case "tool_use":
                return self._begin_call(block)
            case _:
                return ()

    def _begin_call(self, block: Block) -> Iterable[Chunk]:
        name = text_in(block.partial.fields, "name")
        if name == self._output_tool:
            block.is_output = True
            return ()
        block.call, self._calls = self._calls, self._calls + 1
        side = SideFields(block.partial.fields, self._report, block.path)
        identifier = side.text("id") or f"call_{self._call_id}_{block.call}"
        function = FunctionDelta(name, "")
        begun = ToolCallDelta(block.call, identifier, function, type="function")
        return (piece_chunk(self._head, None, None, [begun]),)

    def _delta(self, event: Event) -> Iterable[Chunk]:
        block, delta = self._block_of(event), event.get("delta")
        if not is_object(delta):
            raise DecodeError("delta must be an object")
        match text_in(delta, "type"):
            case "text_delta":
                piece = piece_in(delta, "text")
                block.partial.pieces("text").append(piece)
                return self._add_text(piece)
            case "input_json_delta":
                return self._add_input(block, block.input_piece(delta, self._report))
            case "thinking_delta":
                piece = piece_in(delta, "thinking")
                block.partial.pieces("thinking").append(piece)
                return self._add_thought(piece)
            case "signature_delta":
                signature = piece_in(delta, "signature")
                if "signature" in delta:
                    block.partial.fields["signature"] = signature
            case "citations_delta":
                fields, cited = block.partial.fields, delta.get("citation")
                earlier = fields.get("citations")
                fields["citations"] = [*(earlier if is_array(earlier) else ()), cited]
            case _:
                block.continue_with(delta)
        return ()

    def _add_text(self, piece: str) -> Iterable[Chunk]:
        self._length += len(piece)
        return (piece_chunk(self._head, piece),) if piece else ()

    def _add_thought(self, piece: str) -> Iterable[Chunk]:
        return (piece_chunk(self._head, None, piece),) if piece else ()

    def _add_input(self, block: Block, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        block.arguments.append(piece)
        if block.is_output:
            return self._add_text(piece)
        if block.call is None:
            return ()
        return (piece_chunk(self._head, None, None, [arguments_delta(block.call, piece)]),)

    def _stop(self, event: Event) -> Iterable[Chunk]:
        index = index_of(event, self._report)
        if index not in self._blocks and index in self._ended:
            return ()
        self._block_of(event)
        return self._end_block(index)

    def _end_blocks(self) -> Iterable[Chunk]:
        """What is left to say of the blocks that the host has not ended."""
        return [chunk for index in [*self._blocks] for chunk in self._end_block(index)]

    def _end_block(self, index: int) -> Iterable[Chunk]:
        block = self._blocks.pop(index)
        self._ended.add(index)
        fields, chunks = block.partial.join(), list[Chunk]()
        if "input" in fields or block.arguments:
            chunks += self._end_input(block, fields)
        side = SideFields(fields, self._report, block.path)
        annotations = annotations_of(side, block.start, self._length)
        data = native_data(self._native.add(fields))
        if annotations or data is not None:
            last = ChoiceDelta(annotations=annotations or None, provider_data=data)
            chunks.append(Chunk([ChunkChoice(last)], *self._head))
        return chunks

    def _end_input(self, block: Block, fields: dict[str, Any]) -> Iterable[Chunk]:
        """The input as a value, for the way back; one that came whole is a fragment only now."""
        if block.arguments:
            fields["input"] = parsed_arguments("".join(block.arguments))
            return ()
        text = arguments_text(fields["input"], f"{block.path}.input", self._report)
        fields["input"] = fields["input"] or {}
        return self._add_input(block, text)

    def _block_of(self, event: Event) -> Block:
        block = self._blocks.get(index_of(event, self._report))
        if block is None:
            raise DecodeError("a block continues that has not begun")
        return block


_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_OF_DELTA = ("stop_reason", "stop_sequence", "stop_details")
_OF_EVENT = ("type", "delta", "usage")


def _nothing(_: Event) -> Iterable[Chunk]:
    """A sign of life."""
    return ()
