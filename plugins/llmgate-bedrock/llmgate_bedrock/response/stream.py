"""Chunks from Converse's events; one decoder for each stream, which also reads whole responses.

It reads events and keeps what their order means; joining them is ``accumulate``'s.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.provider.accumulate import Asides, accumulate, beside
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, encode_json, is_array, is_object
from llmgate.provider.kit import (
    Fields,
    NameMap,
    SideFields,
    add_frame,
    finish_reason,
    merge_body,
    read_json,
)
from llmgate.report import Report
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FinishReason,
    FunctionDelta,
    ToolCallDelta,
)
from llmgate_bedrock.event_stream import EventStreamFramer
from llmgate_bedrock.response.blocks import (
    Block,
    annotations_of,
    native_content,
    native_data,
    text_of,
)
from llmgate_bedrock.response.errors import error_in, error_in_frame
from llmgate_bedrock.response.usage import usage_of

__all__ = ["Context", "ConverseDecoder", "decode"]

Event = dict[str, Any]
_PADDING = "p"


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
    payload = read_json(response.body)
    error = error_in(payload)
    if error is not None:
        error.in_stream = False
        raise error
    try:
        return accumulate(ConverseDecoder(context).whole(payload))
    except DecodeError as failure:
        add_frame(failure, "the response is not a message", response.body)
        raise


class ConverseDecoder:
    """Reads one stream of a message.

    Args:
        context: What it has to know of the call.
    """

    def __init__(self, context: Context) -> None:
        self.framer = EventStreamFramer()
        self.finished = False
        self._context = context
        self._report = context.report
        self._id = context.call_id
        self._model = context.model
        self._blocks: dict[int, Block] = {}
        self._native = native_content()
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
        data, kind = frame[0], frame[1]
        try:
            if kind == "contentBlockDelta":
                event = read_json(data)
                chunks = self._plain_delta(event)
                return self._delta(Fields(event).payload) if chunks is None else chunks
            return self._read(frame)
        except DecodeError as error:
            add_frame(error, "the event cannot be read", data)
            raise

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after a stop reason, with which a message is whole.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if self._stop_reason is None:
            raise StreamTruncatedError("the stream ended before its stop reason")
        return self._aside(self._unknown.rest())

    def whole(self, response: Any) -> Iterable[Chunk]:
        """A whole response as the chunks of its events.

        Raises:
            DecodeError: when it is not one.
        """
        fields = Fields(response)
        message = fields.object("output").object("message")
        if not is_array(message.payload.get("content")):
            raise DecodeError("it has no content")
        chunks = [*self._message_start(message.payload)]
        for index, block in enumerate(message.objects("content")):
            chunks += self._whole_block(index, block.payload)
        if not message.payload["content"] and response.get("stopReason") is None:
            raise DecodeError("it has neither content nor a stop reason")
        ended = {key: response[key] for key in _OF_AN_END if key in response}
        chunks += self._message_stop(ended)
        rest = {key: value for key, value in response.items() if key not in ("output", *_OF_AN_END)}
        return (*chunks, *self._metadata(rest))

    # --- events ---

    def _plain_delta(self, event: Any) -> Iterable[Chunk] | None:
        """The chunk of one more piece of a block, as nearly all events are; None for any other."""
        try:
            delta = event["delta"]
            block = self._blocks[event["contentBlockIndex"]]
            if len(delta) != 1 or len(event) - (_PADDING in event) != 2:
                return None
            ((kind, piece),) = delta.items()
            if kind == "text":
                if type(piece) is not str or not piece:
                    return None
                block.texts.append(piece)
                self._length += len(piece)
                return (self._chunk(piece),)
            if kind == "reasoningContent" and len(piece) == 1:
                piece = piece["text"]
                if type(piece) is not str or not piece:
                    return None
                block.thoughts.append(piece)
                return (self._chunk(None, piece),)
        except (KeyError, TypeError, AttributeError):
            pass
        return None

    def _read(self, frame: Frame) -> Iterable[Chunk]:
        error = error_in_frame(frame)
        if error is not None:
            raise error
        event = read_json(frame.data)
        reader = self._readers.get(frame.event)
        if reader is None and not frame.headers:
            return self._unframed(event)
        if reader is None:
            return self._aside(self._unknown.add("events", {frame.event: event}))
        return reader(Fields(event).payload)

    def _unframed(self, payload: Any) -> Iterable[Chunk]:
        """JSON that came in place of a stream: an error, or a whole response."""
        error = error_in(payload)
        if error is not None:
            raise error
        chunks = self.whole(payload)
        reason = "the host sent a whole response, though a stream was requested"
        self._report.add("converted", "response", f"{reason}: it was read all the same")
        self.finished = True
        return chunks

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        return (Chunk([], self._id, 0, self._model, extra=extra),) if extra else ()

    def _chunk(
        self,
        content: str | None = None,
        reasoning: str | None = None,
        call: ToolCallDelta | None = None,
    ) -> Chunk:
        """A chunk of one of these, as nearly all are."""
        delta, choice, chunk = _new(ChoiceDelta), _new(ChunkChoice), _new(Chunk)
        delta.content, delta.reasoning_content = content, reasoning
        delta.tool_calls = None if call is None else [call]
        delta.role = delta.refusal = delta.function_call = delta.provider_data = None
        delta.raw_annotations = delta.raw_audio = delta.raw_extra = None
        choice.delta, choice.index = delta, 0
        choice.finish_reason = choice.native_finish_reason = None
        choice.raw_logprobs = choice.raw_extra = None
        chunk.choices = [choice]
        chunk.id, chunk.created, chunk.model, chunk.object = self._id, 0, self._model, _KIND
        chunk.usage = chunk.system_fingerprint = chunk.service_tier = chunk.raw_extra = None
        return chunk  # type: ignore[no-any-return] # all its fields are set

    # --- the message ---

    def _message_start(self, event: Event) -> Iterable[Chunk]:
        extra = self._beside(event, "role", "content")
        first = ChunkChoice(ChoiceDelta(role="assistant"))
        return (Chunk([first], self._id, 0, self._model, extra=extra),)

    def _message_stop(self, event: Event) -> Iterable[Chunk]:
        chunks = [chunk for index in [*self._blocks] for chunk in self._end_block(index)]
        native = SideFields(event, self._report).text("stopReason")
        extra = self._beside(event, "stopReason")
        self._stop_reason = native
        reason = finish_reason(native, _REASONS, has_calls=self._calls > 0)
        if native in _REASONS:
            reason = "other"  # also where a malformed call has begun
        choices = [ChunkChoice(ChoiceDelta(), 0, reason, None, native)]
        return (*chunks, Chunk(choices, self._id, 0, self._model, extra=extra))

    def _metadata(self, event: Event) -> Iterable[Chunk]:
        side = SideFields(event, self._report)
        usage = usage_of(side.object("usage"))
        tier = side.object("serviceTier").text("type")
        self.finished = self._stop_reason is not None
        known = ("usage", "serviceTier") if usage is not None else ("serviceTier",)
        extra = {**self._beside(event, *known), **self._unknown.rest()}
        head = (self._id, 0, self._model)
        return (Chunk([], *head, usage=usage, service_tier=tier, extra=extra),)

    def _beside(self, event: Event, *known: str) -> dict[str, Any]:
        rest = {key: value for key, value in event.items() if key not in (*known, _PADDING)}
        return beside(rest, Completion, "bedrock")

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
        start = Fields(event).object("start").payload
        block = self._blocks[self._index_in(event)]
        block.start = start
        return self._begin_call(block) if "toolUse" in start else ()

    def _begin_call(self, block: Block) -> Iterable[Chunk]:
        used = Fields(block.start).object("toolUse")
        name = used.text("name")
        if used.payload.get("type") == "server_tool_use":
            return ()
        if name == self._context.output_tool:
            block.is_output = True
            return ()
        block.call, self._calls = self._calls, self._calls + 1
        side = SideFields(used.payload, self._report, "toolUse")
        identifier = side.text("toolUseId") or f"call_{self._context.call_id}_{block.call}"
        function = FunctionDelta(self._context.names.given(name), "")
        begun = ToolCallDelta(block.call, identifier, function, type="function")
        return (self._chunk(call=begun),)

    def _delta(self, event: Event) -> Iterable[Chunk]:
        block, delta = self._blocks[self._index_in(event)], Fields(event).object("delta")
        chunks = list[Chunk]()
        for key, value in delta.payload.items():
            match key:
                case "text":
                    chunks += self._add_text(block, delta.text("text"))
                case "toolUse":
                    chunks += self._add_input(block, delta.object("toolUse").text("input"))
                case "reasoningContent":
                    chunks += self._add_thought(block, delta.object("reasoningContent"))
                case "citation":
                    block.citations.append(value)
                case "toolResult":
                    block.results += value if is_array(value) else [value]
                case _:
                    before = block.others.get(key)
                    both = is_object(before) and is_object(value)
                    block.others[key] = merge_body(before or {}, value) if both else value
        return chunks

    def _add_text(self, block: Block, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        block.texts.append(piece)
        self._length += len(piece)
        return (self._chunk(piece),)

    def _add_input(self, block: Block, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        block.arguments.append(piece)
        if block.is_output:
            self._length += len(piece)
            return (self._chunk(piece),)
        if block.call is None:
            return ()
        return (self._chunk(call=ToolCallDelta(block.call, function=FunctionDelta(None, piece))),)

    def _add_thought(self, block: Block, given: Fields) -> Iterable[Chunk]:
        signature, redacted = (
            given.optional_text("signature"),
            given.optional_text("redactedContent"),
        )
        piece = given.optional_text("text") or ""
        if signature is not None:
            block.signature = f"{block.signature or ''}{signature}"
        if redacted is not None:
            block.redacted.append(redacted)
        if not piece:
            return ()
        block.thoughts.append(piece)
        return (self._chunk(None, piece),)

    def _stop(self, event: Event) -> Iterable[Chunk]:
        return self._end_block(self._index_in(event))

    def _end_block(self, index: int, native: Event | None = None) -> Iterable[Chunk]:
        block, chunks = self._blocks.pop(index), list[Chunk]()
        if block.call is not None and not block.arguments:
            chunks += self._add_input(block, "{}")
        annotations = annotations_of(block.citations, block.begins_at, self._length)
        native = block.native() if native is None else native
        is_needed = not block.is_output and bool(native) and native.get("text") != ""
        data = native_data(self._native.add(native) if is_needed else ())
        if annotations or data is not None:
            last = ChoiceDelta(annotations=annotations or None, provider_data=data)
            chunks.append(Chunk([ChunkChoice(last)], self._id, 0, self._model))
        return chunks

    def _whole_block(self, index: int, given: Event) -> Iterable[Chunk]:
        """A block of a whole response, which goes back as it came."""
        event, block = {"contentBlockIndex": index}, Block(self._length)
        self._blocks[index] = block
        chunks = list[Chunk]()
        for key, value in given.items():
            match key:
                case "text":
                    chunks += self._add_text(block, Fields(given).text("text"))
                case "toolUse":
                    chunks += self._start({**event, "start": {"toolUse": value}})
                    chunks += self._add_input(block, self._arguments(value.get("input"), index))
                case "reasoningContent":
                    thought = Fields(given).object(key)
                    said = thought.optional_object("reasoningText")
                    chunks += () if said is None else self._add_thought(block, said)
                case "citationsContent":
                    cited = Fields(given).object(key)
                    block.citations = cited.array("citations")
                    chunks += self._add_text(block, text_of(cited.payload.get("content")))
                case _:
                    pass  # it is native, below
        return (*chunks, *self._end_block(index, given))

    def _arguments(self, given: Any, index: int) -> str:
        """The input of a call as JSON text. A text that is JSON is not written as one again."""
        if given is None or is_object(given):
            return encode_json(given or {}).decode()
        reason = f"the response has {excerpt(repr(given), 60)} in place of an object"
        path = f"response.output.message.content[{index}].toolUse.input"
        self._report.add("converted", path, f"{reason}: it is the text of the arguments")
        return given if isinstance(given, str) else encode_json(given).decode()


_new: Any = object.__new__
"""Makes an object whose fields are then set, each of them: its constructor costs as much again."""
_KIND = "chat.completion.chunk"
_OF_AN_END = ("stopReason", "additionalModelResponseFields")
_REASONS: Mapping[str, FinishReason] = {
    "malformed_model_output": "other",
    "malformed_tool_use": "other",
}
