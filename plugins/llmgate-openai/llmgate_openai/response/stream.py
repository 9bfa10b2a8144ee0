"""Chunks from OpenAI's streams, and from those of its imitators; one decoder for each stream.

An event is parsed once, and what is left of it when its fields are taken out is ``extra``. What is
of another type than OpenAI's goes a second way, which explains, converts and records.
Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_object
from llmgate.provider.kit import Fields, SideFields, add_frame, is_done_mark
from llmgate.report import Report
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, FunctionDelta
from llmgate_openai.response.errors import (
    error_from_event,
    error_from_payload,
    refuse_missing_choices,
)
from llmgate_openai.response.fragments import CallFragments
from llmgate_openai.response.parts import (
    CONTENTS,
    finish_reasons,
    head_fields,
    is_plain_head,
    message_fields,
)
from llmgate_openai.response.surrogates import SurrogateJoiner
from llmgate_openai.response.usage import read_usage

if TYPE_CHECKING:
    from llmgate.provider.accumulate import Accumulator
    from llmgate.provider.choice_parts import ChoiceParts

__all__ = ["ChatDecoder"]

_OBJECT: Any = dict
_ARRAY: Any = list
_new: Any = object.__new__
"""Makes an object whose fields are then set, each of them: its constructor costs as much again."""


class ChatDecoder:
    """Reads one stream of chat completion chunks.

    Args:
        call_id: What missing ids of tool calls are made from.
        framer: What cuts the bytes into events; by default server-sent events.
        choices: How many were asked for: without a terminator, all of them must have ended.
        report: Where it is recorded what departs from the format; by default nowhere.
        accumulator: Where it adds what it reads (see ``Accumulating``); only for whoever hands on
            its chunks unchanged.
    """

    def __init__(
        self,
        call_id: str,
        framer: Framer | None = None,
        *,
        choices: int = 1,
        report: Report | None = None,
        accumulator: Accumulator | None = None,
    ) -> None:
        self.framer: Framer = framer or SSEFramer()
        self.finished = False
        self.accumulator = accumulator
        self._expected = choices
        self._report = Report() if report is None else report
        self._calls = CallFragments(call_id, self._report, accumulator)
        self._with_function_call: set[int] = set()
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._surrogates = SurrogateJoiner()
        self._read_json = self._surrogates.read_json
        # What stood in the event before beside its choices, its delta and its text. Where the next
        # event has the same, as nearly always, only its text is looked at.
        self._fields: Any = None
        self._head: tuple[Any, ...] = ()
        self._extra: dict[str, Any] | None = None
        self._choice_fields: Any = None
        self._index = 0
        self._choice_extra: dict[str, Any] | None = None
        self._delta_fields: Any = None
        self._role: str | None = None
        self._delta_extra: dict[str, Any] | None = None
        self._parts: ChoiceParts | None = None

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that is not a chunk; ``frame`` is its data.
        """
        data = frame[0]
        if not data or data[0] != _BRACE or frame[1] == "error":
            chunks = self._no_chunk(frame)
            if chunks is not None:
                return chunks
        try:
            return (self._chunk(self._read_json(data)),)
        except DecodeError as failure:
            add_frame(failure, "the event is not a chunk", data)
            raise

    def _no_chunk(self, frame: Frame) -> Iterable[Chunk] | None:
        """What a terminator, a sign of life or an error stands for; None for any other event."""
        data = frame.data.strip()
        if is_done_mark(data):
            if data != b"[DONE]":
                self._record("its terminator is written in another way")
            return self._end(data)
        if not data:
            return ()
        if data == b"null" and frame.event != "error":
            self._record("some of its events are null")
            return ()
        error = error_from_event(frame)
        if error is not None:
            raise error
        return None

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after ``[DONE]``, or when every choice has its finish reason.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if self.finished:
            return ()
        if self._begun != self._ended or len(self._ended) < self._expected:
            raise StreamTruncatedError("the stream ended before its terminator")
        return self._end()

    # --- one event ---

    def _chunk(self, event: Any) -> Chunk:
        if type(event) is not _OBJECT or "error" in event:
            error = error_from_payload(event)
            if error is not None:
                raise error
            event = Fields(event).payload
        payload: dict[str, Any] = event
        if type(choices := payload.pop("choices", None)) is not _ARRAY:
            refuse_missing_choices(payload, choices)
            read = list[ChunkChoice]()
        elif len(choices) == 1:
            read = [self._choice(choices[0])]
        else:
            read = [self._choice(item) for item in choices]
        usage = None
        if "obfuscation" in payload:
            payload.pop("obfuscation")  # random padding
        if payload != self._fields:  # nearly always it is as in the event before
            extra = payload.copy()
            usage = extra.pop("usage", None)
            if not self._read_fields(extra):
                return self._odd_chunk(read, payload)
            if usage is not None or "x_groq" in extra:
                usage = read_usage(usage, extra, self._report)
            if self.accumulator is not None and (extra or usage is not None):
                self.accumulator.add_rest(usage, extra)
            self._fields = payload if usage is None else None
            self._extra = extra or None
        chunk = _new(Chunk)
        chunk.choices = read
        chunk.id, chunk.created, chunk.model, kind, fingerprint, tier = self._head
        chunk.object, chunk.system_fingerprint, chunk.service_tier = kind, fingerprint, tier
        chunk.usage = usage
        chunk.raw_extra = self._extra
        return chunk  # type: ignore[no-any-return] # all its fields are set

    def _read_fields(self, extra: dict[str, Any]) -> bool:
        """Take the fields beside the choices out of an event; False where one of them has another
        type than OpenAI's."""
        pop = extra.pop
        identifier, created, model = pop("id", ""), pop("created", 0), pop("model", "")
        kind, fingerprint = pop("object", _KIND), pop("system_fingerprint", None)
        tier = pop("service_tier", None) if extra else None
        head = (identifier, created, model, kind, fingerprint, tier)
        if head != self._head:
            if not is_plain_head(*head):
                return False
            self._head = head
            if self.accumulator is not None:
                self.accumulator.add_head(identifier, created, model, fingerprint, tier)
        return True

    def _odd_chunk(self, choices: list[ChunkChoice], fields: dict[str, Any]) -> Chunk:
        self._fields = None
        given = {name: fields.pop(name, None) for name in _HEAD}
        chunk = Chunk(choices, **head_fields(given, fields, self._report), extra=fields)
        if self.accumulator is not None:
            self.accumulator.add_all_but_choices(chunk)
        return chunk

    def _choice(self, item: Any) -> ChunkChoice:
        """What an event adds to a choice: nearly always a piece of one text, and nothing else."""
        if type(item) is not _OBJECT:
            return self._unusual_choice(item)
        choice: dict[str, Any] = item
        delta = choice.pop("delta", None)
        is_new = choice != self._choice_fields
        read = None
        if type(delta) is _OBJECT and delta and not (is_new and not self._read_choice(choice)):
            content = delta.pop("content", None)
            if delta == self._delta_fields and type(content) is str:
                read = self._text_piece(content)
            elif content is None and "tool_calls" in delta and self._choice_extra is None:
                read = self._calls.continued(delta, self._index) or self._delta(delta, content)
            else:
                read = self._delta(delta, content)
        if read is None:
            self._choice_fields = None
            return self._unusual_choice({**choice, "delta": delta})
        made = _new(ChunkChoice)
        made.delta = read
        made.index = self._index
        made.finish_reason = made.native_finish_reason = made.raw_logprobs = None
        made.raw_extra = self._choice_extra
        if is_new:
            self._begun.add(self._index)
            if logprobs := choice.get("logprobs"):
                made.raw_logprobs = logprobs
                if self._parts is not None:
                    self._parts.logprobs.add(logprobs)
        return made  # type: ignore[no-any-return] # all its fields are set

    def _read_choice(self, choice: dict[str, Any]) -> bool:
        """Take what stands beside the delta of a choice; False where the choice is over, or has a
        field of another type than OpenAI's."""
        extra = choice.copy()
        pop = extra.pop
        index, reason, logprobs = pop("index", 0), pop("finish_reason", None), pop("logprobs", None)
        native = pop("native_finish_reason") if "native_finish_reason" in extra else None
        message = pop("message") if "message" in extra else None
        if (
            type(index) is not int
            or abs(index) >= _MOST
            or reason is not None
            or native is not None
            or (logprobs is not None and type(logprobs) is not _OBJECT)
            or (message is not None and not self._repeats(message, index))
            or "error" in extra
        ):
            return False
        self._choice_fields = choice if logprobs is None and message is None else None
        self._choice_extra = extra or None
        if index != self._index or self._parts is None:
            self._index = index
            if self.accumulator is not None:
                self._parts = self.accumulator.parts_of(index)
        return True

    def _repeats(self, message: Any, index: int) -> bool:
        """Whether a message beside the delta says nothing new (Perplexity)."""
        return index in self._begun and is_object(message) and not message.get("tool_calls")

    def _text_piece(self, text: str) -> ChoiceDelta:
        """A delta that differs from the one before in nothing but its text."""
        role, extra, parts = self._role, self._delta_extra, self._parts
        if parts is not None:
            parts.content.append(text)
            if role:
                parts.role = role
            if extra is not None:
                parts.message_extra.add(extra)
            if self._choice_extra is not None:
                parts.extra.add(self._choice_extra)
        made = _new(ChoiceDelta)
        made.content = text
        made.role = role
        made.refusal = made.reasoning_content = made.tool_calls = made.function_call = None
        made.provider_data = made.raw_annotations = made.raw_audio = None
        made.raw_extra = extra
        return made  # type: ignore[no-any-return] # all its fields are set

    def _delta(self, delta: dict[str, Any], content: Any) -> ChoiceDelta | None:
        """A delta whose fields are as OpenAI has them; None for any other, which is left whole."""
        extra = delta.copy()
        pop = extra.pop
        fragments, role, reasoning, refusal = pop("tool_calls", None), None, None, None
        if extra:
            role, reasoning = pop("role", None), pop("reasoning_content", None)
            refusal = pop("refusal", None) if extra else None
        if (
            (content is not None and type(content) is not str)
            or (fragments is not None and type(fragments) is not _ARRAY)
            or (role is not None and type(role) is not str)
            or (reasoning is not None and type(reasoning) is not str)
            or (refusal is not None and type(refusal) is not str)
            or (extra and not extra.keys().isdisjoint(_RARE))
        ):
            delta["content"] = content
            return None
        if extra and not reasoning and type(other := extra.get("reasoning")) is str:
            reasoning = other
        if reasoning is refusal is None and not fragments:
            self._delta_fields, self._role, self._delta_extra = delta, role, extra or None
        made = _new(ChoiceDelta)
        made.content = content
        made.role = role
        made.refusal = refusal
        made.reasoning_content = reasoning
        made.tool_calls = self._calls.read(fragments, self._index) if fragments else None
        made.function_call = made.provider_data = made.raw_annotations = made.raw_audio = None
        made.raw_extra = extra or None
        if self._parts is not None:
            self._parts.add_piece(content, role, reasoning, refusal, extra, self._choice_extra)
        return made  # type: ignore[no-any-return] # all its fields are set

    # --- what is not a piece of one text: begins, ends, and whatever hosts make of them ---

    def _unusual_choice(self, choice: Any) -> ChunkChoice:
        fields = Fields(choice, "a choice").payload
        error = error_from_payload(choice)  # OpenRouter, when one of several choices fails
        if error is not None:
            raise error
        side = SideFields(fields, self._report, "choices")
        index = side.integer("index") or 0
        delta = self._delta_of(fields, index)
        message = message_fields(delta, "choices.delta", self._report)
        message["tool_calls"] = self._calls.place(message["tool_calls"] or [], index)
        called = message["function_call"]
        if called is not None:
            self._with_function_call.add(index)
            message["function_call"] = FunctionDelta.model_validate(called, path="function_call")
        logprobs = side.object("logprobs").payload or None
        extra = side.others(*_CHOICE_FIELDS)
        reasons = finish_reasons(
            fields,
            extra,
            self._report,
            has_calls=index in self._calls,
            has_function_call=index in self._with_function_call,
        )
        is_over = reasons["finish_reason"] is not None
        if delta or is_over:
            self._begun.add(index)
        if is_over:
            self._ended.add(index)
            missing = self._calls.missing_parts(index)
            message["tool_calls"] = [*(message["tool_calls"] or ()), *missing] or None
        read = ChunkChoice(ChoiceDelta(**message), index, logprobs=logprobs, extra=extra, **reasons)
        if self.accumulator is not None:
            self.accumulator.add_choice(read)
        return read

    def _delta_of(self, choice: Mapping[str, Any], index: int) -> dict[str, Any]:
        """The delta; Perplexity has the message so far beside it, which counts only at first.

        Some hosts give their calls in a whole message at the end, and nowhere else.
        """
        delta: Any = choice.get("delta")
        message: Any = choice.get("message")
        if not delta and message and index not in self._begun:
            delta = message
            if is_object(message) and any(map(message.get, CONTENTS)):
                self._record("it came whole, not as a stream")
                self._ended.add(index)
        read = Fields(delta or {}, "delta").payload
        has_calls = is_object(message) and bool(message.get("tool_calls"))
        if has_calls and index not in self._calls and not read.get("tool_calls"):
            return {**read, "tool_calls": message["tool_calls"]}
        return read

    def _end(self, terminator: bytes = b"") -> Iterable[Chunk]:
        """The end of the stream, with what its choices still lack: ids, lone surrogates."""
        if not self._begun:
            raise DecodeError("the stream ended without a choice", frame=terminator)
        self.finished = True
        if getattr(self.framer, "has_joined_events", False):
            self._record("a single line end separates its events")
        choices = [
            ChunkChoice(ChoiceDelta(tool_calls=missing), index)
            for index, missing in self._calls.all_missing_parts()
        ]
        for index, field in self._surrogates.release():
            delta = ChoiceDelta.model_validate({field: "\ufffd"})
            choices.append(ChunkChoice(delta, index))
        if self.accumulator is not None:
            for choice in choices:
                self.accumulator.add_choice(choice)
        return (Chunk(choices),) if choices else ()

    def _record(self, reason: str) -> None:
        if "response" not in self._report:
            self._report.add("converted", "response", reason)


_BRACE, _MOST = ord("{"), 2**63
_KIND = "chat.completion.chunk"
_HEAD = ("id", "created", "model", "object", "system_fingerprint", "service_tier", "usage")
_RARE = frozenset({"function_call", "annotations", "audio", "provider_data"})
_CHOICE_FIELDS = ("delta", "message", "index", "finish_reason", "logprobs", "native_finish_reason")
