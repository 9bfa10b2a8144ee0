"""Chunks from Converse's events; one decoder for each stream, which also reads whole responses.

It reads events and keeps what their order means; joining them is ``accumulate``'s.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.accumulate import Accumulator, Asides, accumulate, beside
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array
from llmgate.provider.kit import (
    Fields,
    NameMap,
    NativeContent,
    SideFields,
    add_frame,
    arguments_delta,
    arguments_text,
    finish_reason,
    piece_chunk,
    read_json,
    read_response,
)
from llmgate.provider.merging import merge_data
from llmgate.report import Report
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FunctionDelta,
    ToolCallDelta,
)
from llmgate_bedrock.event_stream import EventStreamFramer
from llmgate_bedrock.response.blocks import (
    Block,
    annotations_of,
    audio_of,
    images_of,
    is_plain,
    text_of,
    usage_of,
)
from llmgate_bedrock.response.errors import error_in, error_in_frame

__all__ = ["Context", "ConverseDecoder", "decode"]

Event = dict[str, Any]
_PADDING = "p"
_PIECES = {("reasoningContent", "text"): "thought", ("toolUse", "input"): "arguments"}


@dataclass(frozen=True, slots=True)
class Context:
    """What has to be known of a call: ids are made from ``call_id``, ``names`` are those of its
    functions, and ``output_tool`` is the one whose input is the text."""

    call_id: str
    model: str
    report: Report
    names: NameMap
    output_tool: str | None = None


def decode(response: HttpResponse, context: Context) -> Completion:
    """The completion of a whole response.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response is not Converse's; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: accumulate(ConverseDecoder(context).whole(payload)),
        "the response is not a message",
        error_in,
    )


class ConverseDecoder:
    """Reads one stream of a message, and adds what it reads to its ``accumulator``.

    Args:
        context: What it has to know of the call.
    """

    def __init__(self, context: Context) -> None:
        self.framer = EventStreamFramer()
        self.finished = False
        self.accumulator = Accumulator()
        self._context = context
        self._report = context.report
        self._head = (context.call_id, 0, context.model)
        self._blocks: dict[int, Block] = {}
        self._native = NativeContent(is_plain)
        self._unknown = Asides()
        self._stop_reason: str | None = None
        self._calls = 0
        self._length = 0
        self._readers: Mapping[str, Callable[[Event], Iterable[Chunk]]] = {
            "messageStart": self._message_start,
            "contentBlockStart": self._start,
            "contentBlockDelta": self._delta,
            "contentBlockStop": self._stop,
            "messageStop": self._message_stop,
            "metadata": self._metadata,
        }

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that cannot be read; ``frame`` is its data.
        """
        error = None if frame[1] else error_in_frame(frame)
        if error is not None:
            raise error
        try:
            event = read_json(frame[0])
            chunk = self._piece(event) if frame[1] == "contentBlockDelta" else None
            return self._added(self._read(event, frame)) if chunk is None else (chunk,)
        except DecodeError as failure:
            add_frame(failure, "the event cannot be read", frame[0])
            raise

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after a stop reason, with which a message is whole.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if self._stop_reason is None:
            raise StreamTruncatedError("the stream ended before its stop reason")
        return self._added(self._aside(self._unknown.rest()))

    def _added(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        for chunk in chunks:
            self.accumulator.add(chunk)
        return chunks

    def whole(self, response: Any) -> Iterable[Chunk]:
        """A whole response as the chunks of its events.

        Raises:
            DecodeError: when it is not one.
        """
        message = Fields(response).object("output").object("message")
        if not is_array(message.payload.get("content")):
            raise DecodeError("it has no content")
        blocks = message.objects("content")
        if not blocks and response.get("stopReason") is None:
            raise DecodeError("it has neither content nor a stop reason")
        chunks = [*self._message_start(message.payload)]
        for index, block in enumerate(blocks):
            chunks += self._whole_block(index, block)
        chunks += self._message_stop({key: response[key] for key in _OF_AN_END & response.keys()})
        rest = {key: value for key, value in response.items() if key not in _OF_AN_END}
        del rest["output"]
        return (*chunks, *self._metadata(rest))

    # --- events ---

    def _piece(self, event: Any) -> Chunk | None:
        """The chunk of one more piece of a block, as nearly all events are; None for any other."""
        try:
            block, delta = self._blocks[event["contentBlockIndex"]], event["delta"]
            ((kind, piece),) = delta.items()
            if kind != "text":
                ((key, piece),) = piece.items()
                kind = _PIECES[kind, key]
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        if type(piece) is not str or not piece or len(event) != 2 + (_PADDING in event):
            return None
        parts = self.accumulator.parts_of(0)
        if kind == "text":
            block.texts.append(piece)
            self._length += len(piece)
            parts.content.append(piece)
            return piece_chunk(self._head, piece)
        if kind == "thought":
            block.thoughts.append(piece)
            parts.reasoning.append(piece)
            return piece_chunk(self._head, None, piece)
        if block.call is None:
            return None
        block.arguments.append(piece)
        parts.calls[block.call].arguments.append(piece)
        return piece_chunk(self._head, None, None, [arguments_delta(block.call, piece)])

    def _read(self, event: Any, frame: Frame) -> Iterable[Chunk]:
        reader = self._readers.get(frame.event)
        if reader is not None:
            return reader(Fields(event).payload)
        if frame.headers:
            return self._aside(self._unknown.add("events", {frame.event: event}))
        error = error_in(event)
        if error is not None:
            raise error
        chunks = self.whole(event)
        reason = "the host sent a whole response, though a stream was requested"
        self._report.add("converted", "response", f"{reason}: it was read all the same")
        self.finished = True
        return chunks

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        return (Chunk([], *self._head, extra=extra),) if extra else ()

    # --- the message ---

    def _message_start(self, event: Event) -> Iterable[Chunk]:
        extra, first = _beside(event, "role", "content"), ChunkChoice(ChoiceDelta(role="assistant"))
        return (Chunk([first], *self._head, extra=extra),)

    def _message_stop(self, event: Event) -> Iterable[Chunk]:
        chunks = [chunk for index in [*self._blocks] for chunk in self._end_block(index)]
        native = self._stop_reason = SideFields(event, self._report).text("stopReason")
        reason = finish_reason(native, {}, has_calls=self._calls > 0)
        if (native or "").startswith("malformed"):
            reason = "other"  # also where a call has begun
        end = ChunkChoice(ChoiceDelta(), 0, reason, None, native)
        return (*chunks, Chunk([end], *self._head, extra=_beside(event, "stopReason")))

    def _metadata(self, event: Event) -> Iterable[Chunk]:
        side = SideFields(event, self._report)
        usage, tier = usage_of(side.object("usage")), side.object("serviceTier").text("type")
        self.finished = self._stop_reason is not None
        known = ("serviceTier",) if usage is None else ("serviceTier", "usage")
        extra = {**_beside(event, *known), **self._unknown.rest()}
        return (Chunk([], *self._head, usage=usage, service_tier=tier, extra=extra),)

    # --- blocks ---

    def _index_in(self, event: Event) -> int:
        """The index of the block that an event is about; one of text begins with its first delta.

        Raises:
            DecodeError: when it has none.
        """
        index = SideFields(event, self._report).integer("contentBlockIndex")
        if index is None:
            index = Fields(event).integer("contentBlockIndex")
        if index not in self._blocks:
            self._blocks[index] = Block(self._length)
        return index

    def _start(self, event: Event) -> Iterable[Chunk]:
        block = self._blocks[self._index_in(event)]
        block.start = Fields(event).object("start").payload
        return self._begin_call(block) if "toolUse" in block.start else ()

    def _begin_call(self, block: Block) -> Iterable[Chunk]:
        used = Fields(block.start).object("toolUse")
        name, side = used.text("name"), SideFields(used.payload, self._report, "toolUse")
        block.is_output = name == self._context.output_tool
        if block.is_output or used.payload.get("type") == "server_tool_use":
            return ()
        block.call, self._calls = self._calls, self._calls + 1
        identifier = side.text("toolUseId") or f"call_{self._context.call_id}_{block.call}"
        function = FunctionDelta(self._context.names.given(name), "")
        begun = ToolCallDelta(block.call, identifier, function, type="function")
        return (piece_chunk(self._head, None, None, [begun]),)

    def _delta(self, event: Event) -> Iterable[Chunk]:
        block, delta = self._blocks[self._index_in(event)], Fields(event).object("delta")
        chunks = list[Chunk]()
        for key, value in delta.payload.items():
            match key:
                case "text":
                    chunks += self._add_text(block, delta.text(key))
                case "toolUse":
                    chunks += self._add_input(block, delta.object(key).text("input"))
                case "reasoningContent":
                    chunks += self._add_reasoning(block, delta.object(key))
                case "citation":
                    block.citations.append(value)
                case "toolResult":
                    block.results += value if is_array(value) else [value]
                case _:
                    merge_data(block.others, {key: value})
        return chunks

    def _add_text(self, block: Block, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        block.texts.append(piece)
        self._length += len(piece)
        return (piece_chunk(self._head, piece),)

    def _add_thought(self, block: Block, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        block.thoughts.append(piece)
        return (piece_chunk(self._head, None, piece),)

    def _add_reasoning(self, block: Block, given: Fields) -> Iterable[Chunk]:
        signature = given.optional_text("signature")
        if signature is not None:
            block.signature = f"{block.signature or ''}{signature}"
        if redacted := given.optional_text("redactedContent"):
            block.redacted.append(redacted)
        return self._add_thought(block, given.optional_text("text") or "")

    def _add_input(self, block: Block, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        block.arguments.append(piece)
        if block.is_output:
            self._length += len(piece)
            return (piece_chunk(self._head, piece),)
        if block.call is None:
            return ()
        return (piece_chunk(self._head, None, None, [arguments_delta(block.call, piece)]),)

    def _stop(self, event: Event) -> Iterable[Chunk]:
        return self._end_block(self._index_in(event))

    def _end_block(self, index: int, given: Event | None = None) -> Iterable[Chunk]:
        block, chunks = self._blocks.pop(index), list[Chunk]()
        if block.call is not None and not block.arguments:
            chunks += self._add_input(block, "{}")
        native = block.native() if given is None else given
        is_needed = not block.is_output and bool(native) and native.get("text") != ""
        content = self._native.add(native) if is_needed else []
        annotations = annotations_of(block.citations, block.begins_at, self._length)
        data = {"bedrock": {"content": content}} if content else None
        if annotations or data:
            images = {"images": images_of(native)} if "image" in native else None
            last = ChoiceDelta(
                annotations=annotations or None,
                provider_data=data,
                audio=audio_of(native),
                extra=images,
            )
            chunks.append(Chunk([ChunkChoice(last)], *self._head))
        return chunks

    def _whole_block(self, index: int, given: Fields) -> Iterable[Chunk]:
        """A block of a whole response, which goes back as it came."""
        if not given.payload:
            raise DecodeError(f"content[{index}] says nothing")
        block = self._blocks[index] = Block(self._length)
        chunks = list[Chunk]()
        for key in given.payload:
            match key:
                case "text":
                    chunks += self._add_text(block, given.text(key))
                case "toolUse":
                    used = given.object(key)
                    block.start = {key: used.payload}
                    chunks += self._begin_call(block)
                    given_input = used.payload.get("input")
                    text = arguments_text(given_input, _CONTENT, self._report)
                    chunks += self._add_input(block, text)
                case "reasoningContent":
                    said = given.object(key).optional_object("reasoningText")
                    chunks += () if said is None else self._add_reasoning(block, said)
                case "citationsContent":
                    block.citations = given.object(key).array("citations")
                    chunks += self._add_text(block, text_of([given.payload]))
                case _:
                    pass  # it is native, below
        return (*chunks, *self._end_block(index, given.payload))


_CONTENT = "output.message.content"
_OF_AN_END = frozenset({"stopReason", "additionalModelResponseFields"})


def _beside(event: Event, *known: str) -> dict[str, Any]:
    rest = {key: value for key, value in event.items() if key not in (*known, _PADDING)}
    return beside(rest, Completion, "bedrock")
