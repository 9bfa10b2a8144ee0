"""Events of the Responses API into chunks of chat; one decoder for each stream.

It reads events and keeps what their order means; joining chunks is ``accumulate``'s.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, LLMGateError, StreamTruncatedError
from llmgate.provider.accumulate import Accumulator, beside
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import Fields, SideFields, add_frame, is_done_mark, read_json
from llmgate.report import Report
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, Completion
from llmgate_openai.response.errors import error_from_event, error_from_payload
from llmgate_openai.response.parts import head_fields
from llmgate_openai.responses.items import Items
from llmgate_openai.responses.parts import failure_in, logprobs_of, reason_of, usage_of

__all__ = ["ResponsesDecoder"]

Event = dict[str, Any]


class ResponsesDecoder:
    """Reads one stream of a response.

    Args:
        call_id: What missing ids are made from.
        provider: The key of the host's own items in ``provider_data``.
        report: The call's report, for what is read otherwise than the format has it.
        is_json: Whether the text is to be JSON, of which only the first message is then given.
        has_functions: Whether the call has functions in the legacy form.
    """

    def __init__(
        self,
        call_id: str,
        *,
        provider: str = "openai",
        report: Report | None = None,
        is_json: bool = False,
        has_functions: bool = False,
    ) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._provider = provider
        self._report = Report() if report is None else report
        self._has_functions = has_functions
        self.accumulator = Accumulator()
        self._id = ""
        self._created = 0
        self._model = ""
        self._has_begun = False
        self._items = items = Items(call_id, provider, self._report, is_json, has_functions)
        self._readers: Mapping[str, Callable[[Event], Iterable[ChunkChoice]]] = {
            "response.output_text.annotation.added": items.annotation,
            "response.refusal.delta": items.refusal,
            "response.reasoning_text.delta": items.thought,
            "response.reasoning_summary_text.delta": items.thought,
            "response.function_call_arguments.delta": items.arguments,
            "response.custom_tool_call_input.delta": items.arguments,
            "response.output_item.added": items.begin,
            "response.output_item.done": items.end,
        }

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that cannot be read; ``frame`` is its data.
        """
        data = frame[0]
        try:
            if data[:1] != b"{" and (data := data.lstrip())[:1] != b"{":
                return self._no_event(frame)
            event: Any = read_json(data)
            kind = event.get("type")
            if kind == "response.output_text.delta":  # nearly every event
                piece = self._items.text(event)
                return (self._text_chunk(piece, event.get("logprobs")),) if piece else ()
            reader = self._readers.get(kind)
            if reader is None:
                return self._other(event, frame)
            choices = reader(event)
        except TypeError:  # a value that cannot be a key, where a number or a name should be
            failure = DecodeError("its type or its place is neither a name nor a number")
            add_frame(failure, "the event cannot be read", data)
            raise failure from None
        except DecodeError as error:
            add_frame(error, "the event cannot be read", data)
            raise
        return [self._chunk(choice) for choice in choices]

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes, which is none of the stream's.

        Raises:
            StreamTruncatedError: unless the response has ended.
        """
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its response")
        return ()

    def whole(self, payload: Any) -> Iterable[Chunk]:
        """The chunks of a response that came whole.

        Raises:
            ProviderError: when it is an error, or failed.
            DecodeError: when it is no response.
        """
        error = error_from_payload(payload)
        if error is not None and not _is_response(payload):
            raise error
        response = Fields(payload).payload
        if not is_array(response.get("output")) and response.get("status") != "failed":
            raise DecodeError("output must be an array")
        return [*self._begin(response), *self._finish(response)]

    # --- events ---

    def _no_event(self, frame: Frame) -> Iterable[Chunk]:
        """A sign of life, a terminator or an error that is not a JSON object."""
        data = frame.data.strip()
        if is_done_mark(data):
            raise StreamTruncatedError("the stream ended before its response")
        if frame.event != "error" and data in (b"", b"null"):
            return ()
        error = error_from_event(frame)
        raise DecodeError("it must be an object") if error is None else error

    def _other(self, event: Event, frame: Frame) -> Iterable[Chunk]:
        """An event of the whole response, or one that says nothing of it."""
        kind = event.get("type") or frame.event
        if kind in ("response.created", "response.in_progress", "response.queued"):
            return self._begin(Fields(event).object("response").payload)
        if kind in _ENDS:
            response = Fields(event).object("response").payload
            if not response.get("status"):
                response = {**response, "status": _ENDS[kind]}
            return self._finish(response)
        if kind == "error":
            raise _error_in(event)
        error = error_from_payload(event)
        if error is not None and not _is_response(event):
            raise error
        if _is_response(event):
            reason = "the host sent a whole response, though a stream was requested"
            self._report.add("converted", "response", f"{reason}: it was read all the same")
            return self.whole(event)
        return ()

    def _begin(self, response: Mapping[str, Any]) -> Iterable[Chunk]:
        """The first chunk, which says who speaks; later ones say nothing new."""
        if self._has_begun:
            return ()
        self._has_begun = True
        native = {"id": response.get("id"), "created": response.get("created_at")}
        head = head_fields({**native, "model": response.get("model")}, {}, self._report)
        self._id, self._created, self._model = head["id"], head["created"], head["model"]
        return (self._chunk(ChunkChoice(ChoiceDelta(role="assistant", content=""))),)

    def _finish(self, response: Mapping[str, Any]) -> Iterable[Chunk]:
        """The last chunks: what is only in the whole response, why it ended, and its usage."""
        failure = failure_in(response)
        if failure is not None:
            raise failure
        chunks = [*self._begin(response)]
        side = SideFields(response, self._report)
        chunks += [self._chunk(each) for each in self._items.rest(side.array("output"))]
        has_calls = self._items.calls > 0
        reason, native = reason_of(response, has_calls=has_calls)
        if reason == "tool_calls" and self._has_functions:
            reason = "function_call"
        last = ChunkChoice(ChoiceDelta(), 0, reason, None, native)
        chunks.append(self._chunk(last))
        self._record_removed(side)
        tier = side.text("service_tier")
        extra = beside(side.others(*_READ), Completion, self._provider) | side.odd
        usage = usage_of(response, extra, self._report)
        self.finished = True
        head = (self._id, self._created, self._model)
        chunks.append(Chunk([], *head, usage=usage, service_tier=tier, extra=extra))
        self.accumulator.add(chunks[-1])
        return chunks

    def _record_removed(self, side: SideFields) -> None:
        """Record what the host has left out of the request by itself."""
        for each in side.objects("input_transformations"):
            if each.get("action") == "removed":
                reason = f"the host removed an item of the history: {each.get('reason')}"
                self._report.add("dropped", "messages", reason, given=each.get("id"))

    # --- chunks ---

    def _chunk(self, choice: ChunkChoice) -> Chunk:
        chunk = Chunk([choice], self._id, self._created, self._model)
        self.accumulator.add(chunk)
        return chunk

    def _text_chunk(self, piece: str, logprobs: Any) -> Chunk:
        """A chunk of a piece of text, as nearly all are: made without constructors."""
        found = logprobs_of(logprobs) if logprobs else None
        delta, choice, chunk = _new(ChoiceDelta), _new(ChunkChoice), _new(Chunk)
        delta.content = piece
        delta.role = delta.refusal = delta.reasoning_content = delta.tool_calls = None
        delta.function_call = delta.provider_data = None
        delta.raw_annotations = delta.raw_audio = delta.raw_extra = None
        choice.delta, choice.index, choice.raw_logprobs = delta, 0, found
        choice.finish_reason = choice.native_finish_reason = choice.raw_extra = None
        chunk.choices = [choice]
        chunk.id, chunk.created, chunk.model = self._id, self._created, self._model
        chunk.object = "chat.completion.chunk"
        chunk.usage = chunk.system_fingerprint = chunk.service_tier = chunk.raw_extra = None
        self.accumulator.add_piece(0, piece, logprobs=found)
        return chunk  # type: ignore[no-any-return] # all its fields are set


_new: Any = object.__new__
_ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
"""The events that end a stream, with the status that each gives."""
_READ = ("id", "created_at", "model", "object", "output", "usage", "service_tier")


def _is_response(payload: Any) -> bool:
    return is_object(payload) and payload.get("object") == "response"


def _error_in(event: Event) -> LLMGateError:
    """The error of an event, which holds it as an object, or its fields."""
    error = event.get("error")
    described = error if is_object(error) and error else {**event, "type": event.get("code")}
    failure = error_from_payload({"error": described})
    return DecodeError("the error says nothing") if failure is None else failure
