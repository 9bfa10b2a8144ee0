"""Cohere's events into chunks; one decoder for each stream.

It reads events and keeps what their order means; it joins no answer, which is ``accumulate``'s.
Source: https://docs.cohere.com/docs/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.provider.accumulate import Asides, beside
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_object
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
from llmgate_cohere.answer import (
    Kept,
    annotations_of,
    finish_reason,
    logprobs_of,
    object_in,
    optional_text,
    says_nothing,
    text_in,
    usage_of,
    without,
)
from llmgate_cohere.earlier import NAME
from llmgate_cohere.errors import error_from_event, error_in, failure_of
from llmgate_cohere.reading import read_json

__all__ = ["ChatDecoder"]

Event = dict[str, Any]
Reader = Callable[[Event], Iterable[Chunk]]

_DONE = b"[DONE]"
"""A terminator that may follow the end of the message, and says nothing."""

_ENVELOPE = frozenset({"type", "index", "delta"})


@dataclass(slots=True)
class _Open:
    """A content item that has begun: ``item`` as it will be kept, ``texts`` what is added to it."""

    item: dict[str, Any]
    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def grow(self, key: str, piece: str) -> None:
        """Continue a text; it is joined once, when the item is whole."""
        pieces = self.texts.get(key)
        if pieces is None:
            pieces = self.texts[key] = []
        pieces.append(piece)

    def join(self) -> dict[str, Any]:
        """The item with its texts."""
        return self.item | {key: "".join(pieces) for key, pieces in self.texts.items()}


@dataclass(slots=True)
class _Called:
    """A tool call that has begun; ``held`` is what of its arguments may yet turn out to be none."""

    number: int
    held: str | None = ""


class ChatDecoder:
    """Reads one stream of an answer.

    Args:
        call_id: What missing ids are made from.
        model: The model that was asked; a stream does not say it.
        names: The tools that were sent under another name: sent name, given name.
    """

    def __init__(
        self, call_id: str, model: str = "", names: Mapping[str, str] | None = None
    ) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._call_id = call_id
        self._id = f"chat_{call_id}"
        self._model = model
        self._names = names or {}
        self._events = Asides()
        self._kept = Kept()
        self._length = 0
        self._starts: dict[int, int] = {}
        self._open: dict[int, _Open] = {}
        self._plan: list[str] = []
        self._is_plan_told = True
        self._calls = 0
        self._called: dict[int, _Called] = {}
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
            if data.strip() == _DONE:
                return ()
            error = error_from_event(frame)
            if error is not None:
                raise error
        try:
            return self._read(data)
        except DecodeError as failure:
            reason = failure.message
        raise DecodeError(
            f"the event cannot be read ({reason}): {excerpt(frame.data)}", frame=frame.data
        )

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes.

        Raises:
            StreamTruncatedError: when the message's end never came.
        """
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its end mark")
        return ()

    def _read(self, data: bytes) -> Iterable[Chunk]:
        event = read_json(data)
        error = error_in(event)
        if error is not None:
            raise error
        if not is_object(event):
            raise DecodeError("it is no object")
        reader, known = self._readers.get(text_in(event, "type"), (self._unknown, None))
        if known is None or event.keys() <= known:
            return reader(event)
        new = {"type": event["type"], **without(event, *known)}
        return (*reader(event), *self._unknown(new))

    def _unknown(self, event: Event) -> Iterable[Chunk]:
        """An event, or what is new of one, that is not known here: it is kept, with those before.

        What a chunk says in ``extra`` is of the whole answer so far.
        """
        return self._aside(self._events.add("events", event))

    def _aside(self, extra: dict[str, Any]) -> Iterable[Chunk]:
        return (Chunk([], self._id, 0, self._model, extra=extra),) if extra else ()

    def _chunk(self, delta: ChoiceDelta, logprobs: dict[str, Any] | None = None) -> Chunk:
        return Chunk([ChunkChoice(delta, 0, None, logprobs)], self._id, 0, self._model)

    # --- the message ---

    def _message_start(self, event: Event) -> Iterable[Chunk]:
        self._id = optional_text(event, "id") or self._id
        message = _message_in(event)
        rest = without(message, "role", "content", "tool_plan", "tool_calls", "citations")
        extra = beside(rest, Message, NAME)
        return (self._chunk(ChoiceDelta(role="assistant", extra=extra)),)

    def _message_end(self, event: Event) -> Iterable[Chunk]:
        delta = object_in(event, "delta")
        native = optional_text(delta, "finish_reason")
        failure = failure_of(native, delta.get("error"))
        if failure is not None:
            raise failure
        usage = usage_of(delta.get("usage"))
        chunks = [*self._end_what_is_open()]
        if native is None and not (self._starts or self._calls):
            raise DecodeError("the message says nothing, and not why")
        self._id = optional_text(event, "id") or self._id
        reason = finish_reason(native, has_calls=self._calls > 0)
        last = ChunkChoice(ChoiceDelta(), 0, reason, None, native)
        chunks.append(Chunk([last], self._id, 0, self._model))
        extra = beside(without(delta, "finish_reason", "usage", "error"), Completion, NAME)
        if usage is not None or extra:
            chunks.append(Chunk([], self._id, 0, self._model, usage=usage, extra=extra))
        self.finished = True
        return (*chunks, *self._aside(self._events.rest()))

    def _end_what_is_open(self) -> Iterable[Chunk]:
        for called in self._called.values():
            yield from self._release(called)
        for opened in self._open.values():
            yield from self._keep(self._kept.add(opened.join()))
        self._open.clear()
        yield from self._tell_plan()

    # --- content ---

    def _content_start(self, event: Event) -> Iterable[Chunk]:
        content = object_in(_message_in(event), "content")
        return self._grow(self._begin(_index(event), content), content, None)

    def _begin(self, index: int, content: Event) -> _Open:
        """A new item; what it is shows in what it holds, where it does not say so."""
        self._starts[index] = self._length
        kind = content.get("type") or ("thinking" if "thinking" in content else "text")
        opened = self._open[index] = _Open({"type": kind})
        return opened

    def _content_delta(self, event: Event) -> Iterable[Chunk]:
        content = object_in(_message_in(event), "content")
        index = _index(event)
        opened = self._open.get(index)
        if opened is None:
            opened = self._begin(index, content)
        return self._grow(opened, content, event.get("logprobs"))

    def _grow(self, opened: _Open, content: Event, logprobs: Any) -> Iterable[Chunk]:
        """Add to an item, and tell what it adds to the text or to the thoughts."""
        for key, value in content.items():
            if isinstance(value, str):
                if key != "type":
                    opened.grow(key, value)
            elif key in ("text", "thinking") and value is not None:
                raise DecodeError(f"{key} is no text: {value!r:.60}")
            elif value is not None:
                opened.item[key] = value
        found = logprobs_of([logprobs]) if logprobs is not None else None
        kind = opened.item.get("type")
        piece: str | None = content.get(kind) if kind in ("text", "thinking") else None
        if kind == "thinking":
            delta = ChoiceDelta(reasoning_content=piece or None)
        else:
            delta = ChoiceDelta(piece or None)
            self._length += len(piece or "")
        return (self._chunk(delta, found),) if piece or found else ()

    def _content_end(self, event: Event) -> Iterable[Chunk]:
        opened = self._open.pop(_index(event), None)
        return () if opened is None else self._keep(self._kept.add(opened.join()))

    def _keep(self, data: dict[str, Any]) -> Iterable[Chunk]:
        """Tell what goes back with the message."""
        return (self._chunk(ChoiceDelta(provider_data={NAME: data})),) if data else ()

    def _citation(self, event: Event) -> Iterable[Chunk]:
        citation = object_in(_message_in(event), "citations")
        data = {**self._kept.need(), "citations": [citation]}
        annotations = annotations_of(citation, self._starts)
        delta = ChoiceDelta(annotations=annotations or None, provider_data={NAME: data})
        return (self._chunk(delta),)

    # --- calls ---

    def _plan_delta(self, event: Event) -> Iterable[Chunk]:
        piece = optional_text(_message_in(event), "tool_plan")
        if not piece:
            return ()
        self._plan.append(piece)
        self._is_plan_told = False
        return (self._chunk(ChoiceDelta(reasoning_content=piece)),)

    def _tell_plan(self) -> Iterable[Chunk]:
        """The plan as it goes back with the message: whole, once nothing is added to it."""
        if self._is_plan_told:
            return ()
        self._is_plan_told = True
        return self._keep({**self._kept.need(), "tool_plan": "".join(self._plan)})

    def _call_start(self, event: Event) -> Iterable[Chunk]:
        item = object_in(_message_in(event), "tool_calls")
        function = object_in(item, "function")
        name = text_in(function, "name")
        if not name:
            raise DecodeError("a call has no name")
        called = _Called(self._calls)
        self._calls += 1
        self._called[_index(event, called.number)] = called
        begun = ToolCallDelta(
            called.number,
            optional_text(item, "id") or f"call_{self._call_id}_{called.number}",
            FunctionDelta(self._names.get(name, name), "", without(function, "name", "arguments")),
            type="function",
            extra=beside(without(item, "id", "type", "function"), ToolCall, NAME),
        )
        return (
            *self._tell_plan(),
            *self._keep(self._kept.need()),
            self._chunk(ChoiceDelta(tool_calls=[begun])),
            *self._arguments(called, optional_text(function, "arguments") or ""),
        )

    def _call_delta(self, event: Event) -> Iterable[Chunk]:
        function = object_in(object_in(_message_in(event), "tool_calls"), "function")
        called = self._called.get(_index(event, self._calls - 1))
        if called is None:
            raise DecodeError("a call goes on that has not begun")
        return self._arguments(called, optional_text(function, "arguments") or "")

    def _arguments(self, called: _Called, piece: str) -> Iterable[Chunk]:
        """A piece of arguments; what may be the beginning of "null" is held back."""
        if called.held is not None:
            piece = called.held + piece
            if "null".startswith(piece.strip()):
                called.held = piece
                return ()
            called.held = None
        if not piece:
            return ()
        fragment = ToolCallDelta(called.number, function=FunctionDelta(None, piece))
        return (self._chunk(ChoiceDelta(tool_calls=[fragment])),)

    def _call_end(self, event: Event) -> Iterable[Chunk]:
        called = self._called.get(_index(event, self._calls - 1))
        return () if called is None else self._release(called)

    def _release(self, called: _Called) -> Iterable[Chunk]:
        """A call without arguments has the empty object."""
        held, called.held = called.held, None
        if held is None:
            return ()
        return self._arguments(called, "{}" if says_nothing(held) else held)


def _nothing(event: Event) -> Iterable[Chunk]:  # noqa: ARG001 - it says no more
    return ()


def _message_in(event: Event) -> dict[str, Any]:
    delta = event.get("delta")
    message = delta.get("message") if is_object(delta) else None
    if not is_object(message):
        raise DecodeError("delta.message is no object")
    return message


def _index(event: Event, default: int = 0) -> int:
    index = event.get("index")
    if index is None:
        return default
    if type(index) is not int:
        raise DecodeError(f"index is no number: {index!r:.60}")
    return index
