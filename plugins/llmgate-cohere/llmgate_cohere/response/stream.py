"""Cohere's events into chunks; one decoder for each stream.

It reads events and keeps what their order means; joining them is ``accumulate``'s.
Source: https://docs.cohere.com/docs/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.accumulate import Asides, beside
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_object
from llmgate.provider.kit import (
    Fields,
    NameMap,
    PartialObject,
    SideFields,
    add_frame,
    completion_chunks,
    is_done_mark,
    read_json,
)
from llmgate.report import Report
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
)
from llmgate_cohere.request.history import NAME
from llmgate_cohere.response.errors import error_from_event, error_in, failure_of
from llmgate_cohere.response.message import completion_of
from llmgate_cohere.response.parts import (
    annotations_of,
    finish_reason,
    is_empty_object,
    kind_of,
    logprobs_of,
    native_content,
    usage_in,
)

__all__ = ["ChatDecoder"]

Reader = Callable[[Fields], Iterable[Chunk]]

_ENVELOPE = frozenset({"type", "index", "delta"})


class _PartialCall:
    """A tool call that has begun; ``held`` are arguments that may still turn out to be none."""

    __slots__ = ("held", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.held: str | None = ""

    def add(self, piece: str) -> str:
        """Take a piece of the arguments; what is now to be sent of them."""
        if self.held is None:
            return piece
        piece = self.held + piece
        self.held = piece if "null".startswith(piece.strip()) else None
        return piece if self.held is None else ""

    def end(self) -> str:
        """What is still to be sent: a call without arguments has the empty object."""
        held, self.held = self.held, None
        return "" if held is None else "{}" if is_empty_object(held) else held


class ChatDecoder:
    """Reads the stream of one response.

    Args:
        call_id: What missing ids are made from.
        model: The model that was asked; a stream does not name it.
        names: The names of the tools, where some were sent under another.
        report: The call's report, for odd values beside the content.
    """

    def __init__(
        self,
        call_id: str,
        model: str = "",
        names: NameMap | None = None,
        report: Report | None = None,
    ) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._call_id = call_id
        self._id = f"chat_{call_id}"
        self._model = model
        self._names = names
        self._report = report
        self._events = Asides()
        self._native = native_content()
        self._length = 0
        self._starts: dict[int, int] = {}
        self._items: dict[int, PartialObject] = {}
        self._plan: list[str] = []
        self._is_plan_sent = True
        self._count = 0
        self._calls: dict[int, _PartialCall] = {}
        self._readers: Mapping[str, tuple[Reader, frozenset[str]]] = {
            "content-delta": (self._content_delta, _ENVELOPE | {"logprobs"}),
            "content-start": (self._content_start, _ENVELOPE),
            "content-end": (self._content_end, _ENVELOPE),
            "tool-plan-delta": (self._plan_delta, _ENVELOPE),
            "tool-call-start": (self._call_start, _ENVELOPE),
            "tool-call-delta": (self._call_delta, _ENVELOPE),
            "tool-call-end": (self._call_end, _ENVELOPE),
            "citation-start": (self._citation, _ENVELOPE),
            "citation-end": (_nothing, _ENVELOPE),
            "message-start": (self._message_start, _ENVELOPE | {"id"}),
            "message-end": (self._message_end, _ENVELOPE | {"id"}),
        }

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event.

        Raises:
            ProviderError: when the generation failed, or an error was sent inside the stream.
            DecodeError: for an event that cannot be read; ``frame`` is its data.
        """
        data = frame.data
        if not data.startswith(b"{") or frame.event == "error":
            if is_done_mark(data):  # it may follow the end of the message
                return ()
            error = error_from_event(frame)
            if error is not None:
                raise error
        try:
            return self._read(data)
        except DecodeError as failure:
            add_frame(failure, "the event cannot be read", data)
            raise

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes.

        Raises:
            StreamTruncatedError: when the message's end never came.
        """
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its terminator")
        return ()

    def _read(self, data: bytes) -> Iterable[Chunk]:
        payload = read_json(data)
        error = error_in(payload)
        if error is not None:
            error.in_stream = True
            raise error
        if is_object(payload) and "type" not in payload and "message" in payload:
            return self._whole(payload)
        event = Fields(payload)
        reader, known = self._readers.get(event.text("type"), (self._unknown, None))
        if known is None or payload.keys() <= known:
            return reader(event)
        new = Fields({"type": payload["type"], **event.others(*known)})
        return (*reader(event), *self._unknown(new))

    def _whole(self, payload: dict[str, Any]) -> Iterable[Chunk]:
        """The whole response of a host that does not stream."""
        completion = completion_of(payload, self._call_id, self._model, self._names, self._report)
        if self._report is not None:
            reason = "a whole response came in place of a stream, and is read as one"
            self._report.add("converted", "stream", reason, given=True)
        self.finished = True
        return [*completion_chunks(completion)]

    def _unknown(self, event: Fields) -> Iterable[Chunk]:
        """An event, or what is new of one, that is not known here: it is kept in ``extra``."""
        return self._aside(self._events.add("events", event.payload))

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        return (Chunk([], self._id, 0, self._model, extra=extra),) if extra else ()

    def _chunk(self, delta: ChoiceDelta, logprobs: dict[str, Any] | None = None) -> Chunk:
        return Chunk([ChunkChoice(delta, 0, None, logprobs)], self._id, 0, self._model)

    def _index(self, event: Fields, default: int = 0) -> int:
        index = event.payload.get("index")
        if type(index) is not int:
            index = SideFields(event.payload, self._report).integer("index")
        return default if index is None else index

    # --- the message ---

    def _message_start(self, event: Fields) -> Iterable[Chunk]:
        self._id = SideFields(event.payload, self._report).text("id") or self._id
        others = _message(event).others("role", "content", "tool_plan", "tool_calls", "citations")
        extra = beside(others, Message, NAME)
        return (self._chunk(ChoiceDelta(role="assistant", extra=extra)),)

    def _message_end(self, event: Fields) -> Iterable[Chunk]:
        delta = event.object("delta")
        native = delta.optional_text("finish_reason")
        failure = failure_of(native, delta.payload.get("error"))
        if failure is not None:
            raise failure
        fields = SideFields(delta.payload, self._report)
        usage = usage_in(fields)
        chunks = [*self._end_parts()]
        if native is None and not (self._starts or self._calls):
            raise DecodeError("the message has no content and no finish reason")
        self._id = SideFields(event.payload, self._report).text("id") or self._id
        reason = finish_reason(native, has_calls=self._count > 0)
        last = ChunkChoice(ChoiceDelta(), 0, reason, None, native)
        chunks.append(Chunk([last], self._id, 0, self._model))
        extra = beside(fields.others("finish_reason", "usage", "error"), Completion, NAME)
        if usage is not None or extra:
            chunks.append(Chunk([], self._id, 0, self._model, usage=usage, extra=extra))
        self.finished = True
        return (*chunks, *self._aside(self._events.rest()))

    def _end_parts(self) -> Iterable[Chunk]:
        for call in self._calls.values():
            yield from self._arguments(call, call.end())
        for item in self._items.values():
            yield from self._add_native(content=self._native.add(item.join()))
        self._items.clear()
        yield from self._send_plan()

    # --- content ---

    def _content_start(self, event: Fields) -> Iterable[Chunk]:
        content = _message(event).object("content")
        return self._grow(self._begin(self._index(event), content), content, None)

    def _begin(self, index: int, content: Fields) -> PartialObject:
        self._starts[index] = self._length
        item = self._items[index] = PartialObject({"type": kind_of(content.payload)})
        return item

    def _content_delta(self, event: Fields) -> Iterable[Chunk]:
        content, index = _message(event).object("content"), self._index(event)
        item = self._items.get(index)
        if item is None:
            item = self._begin(index, content)
        return self._grow(item, content, event.payload.get("logprobs"))

    def _grow(self, item: PartialObject, content: Fields, logprobs: Any) -> Iterable[Chunk]:
        """Add to an item; a chunk of what it adds to the text or to the reasoning."""
        for key, value in content.payload.items():
            if key == "type":
                continue
            if key in ("text", "thinking"):
                value = content.optional_text(key)  # noqa: PLW2901 - the same, checked
            if isinstance(value, str):
                item.pieces(key).append(value)
            elif value is not None:
                item.fields[key] = value
        found = None
        if logprobs is not None:
            fields = SideFields({"logprobs": logprobs}, self._report)
            found = logprobs_of([logprobs], fields)
        kind = item.fields["type"]
        piece: str | None = content.payload.get(kind) if kind in ("text", "thinking") else None
        if kind == "thinking":
            delta = ChoiceDelta(reasoning_content=piece or None)
        else:
            delta = ChoiceDelta(piece or None)
            self._length += len(piece or "")
        return (self._chunk(delta, found),) if piece or found else ()

    def _content_end(self, event: Fields) -> Iterable[Chunk]:
        item = self._items.pop(self._index(event), None)
        return () if item is None else self._add_native(content=self._native.add(item.join()))

    def _add_native(self, **data: Any) -> Iterable[Chunk]:
        """What is to be sent back with the message."""
        given = {name: value for name, value in data.items() if value}
        return (self._chunk(ChoiceDelta(provider_data={NAME: given})),) if given else ()

    def _citation(self, event: Fields) -> Iterable[Chunk]:
        fields = SideFields(_message(event).payload, self._report, "message")
        citation = fields.object("citations").payload
        if not citation:
            return self._unknown(event)
        [chunk] = self._add_native(content=self._native.release(), citations=[dict(citation)])
        chunk.choices[0].delta.annotations = annotations_of(citation, self._starts) or None
        return (chunk,)

    # --- calls ---

    def _plan_delta(self, event: Fields) -> Iterable[Chunk]:
        piece = _message(event).optional_text("tool_plan")
        if not piece:
            return ()
        self._plan.append(piece)
        self._is_plan_sent = False
        return (self._chunk(ChoiceDelta(reasoning_content=piece)),)

    def _send_plan(self) -> Iterable[Chunk]:
        """The plan for the way back: whole, once nothing is added to it."""
        if self._is_plan_sent:
            return ()
        self._is_plan_sent = True
        return self._add_native(content=self._native.release(), tool_plan="".join(self._plan))

    def _call_start(self, event: Fields) -> Iterable[Chunk]:
        item = _message(event).object("tool_calls")
        function = item.object("function")
        name = function.text("name")
        if not name:
            raise DecodeError(f"{function.name}.name is empty")
        call = _PartialCall(self._count)
        self._count += 1
        self._calls[self._index(event, call.number)] = call
        fields = SideFields(item.payload, self._report, "message.tool_calls")
        identifier = fields.text("id") or f"call_{self._call_id}_{call.number}"
        name = name if self._names is None else self._names.given(name)
        begun = ToolCallDelta(
            call.number,
            identifier,
            FunctionDelta(name, "", function.others("name", "arguments")),
            type="function",
            extra=beside(fields.others("id", "type", "function"), ToolCall, NAME),
        )
        return (
            *self._send_plan(),
            *self._add_native(content=self._native.release()),
            self._chunk(ChoiceDelta(tool_calls=[begun])),
            *self._arguments(call, call.add(function.optional_text("arguments") or "")),
        )

    def _call_delta(self, event: Fields) -> Iterable[Chunk]:
        function = _message(event).object("tool_calls").object("function")
        call = self._calls.get(self._index(event, self._count - 1))
        if call is None:
            raise DecodeError("a tool call is continued that has not begun")
        return self._arguments(call, call.add(function.optional_text("arguments") or ""))

    def _call_end(self, event: Fields) -> Iterable[Chunk]:
        call = self._calls.get(self._index(event, self._count - 1))
        return () if call is None else self._arguments(call, call.end())

    def _arguments(self, call: _PartialCall, piece: str) -> Iterable[Chunk]:
        if not piece:
            return ()
        fragment = ToolCallDelta(call.number, function=FunctionDelta(None, piece))
        return (self._chunk(ChoiceDelta(tool_calls=[fragment])),)


def _nothing(event: Fields) -> Iterable[Chunk]:  # noqa: ARG001 - it adds nothing
    return ()


def _message(event: Fields) -> Fields:
    return event.object("delta").object("message")
