"""Chunks from OpenAI's streams, and from those of its imitators; one decoder for each stream.

It reads events and keeps what their order means; joining them is ``accumulate``'s. An event is
parsed once, and what is left of it when its fields are taken out is ``extra``. What is of another
type than OpenAI's goes a second way, which explains, converts and records.
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
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, FunctionDelta, ToolCallDelta
from llmgate_openai.response.errors import (
    error_from_event,
    error_from_payload,
    error_without_choices,
)
from llmgate_openai.response.parts import CONTENTS, finish_reasons, head_fields, message_fields
from llmgate_openai.response.surrogates import SurrogateJoiner
from llmgate_openai.response.tool_calls import ToolCallIndex
from llmgate_openai.response.usage import read_usage

if TYPE_CHECKING:
    from llmgate.provider.accumulate import Accumulator

__all__ = ["ChatDecoder"]

_OBJECT: Any = dict
_ARRAY: Any = list
"""The classes of JSON's containers, by a name that leaves what is in them to the reader."""
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
        self._call_id = call_id
        self._expected = choices
        self._report = Report() if report is None else report
        self._calls: dict[int, ToolCallIndex] = {}
        self._with_function_call: set[int] = set()
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._surrogates = SurrogateJoiner()
        self._read_json = self._surrogates.read_json
        self._head: tuple[Any, ...] = ()

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that is not a chunk; ``frame`` is its data.
        """
        data = frame[0]
        if frame[1] == "error" or not data.startswith(b"{"):
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
        pop = payload.pop
        if type(choices := pop("choices", None)) is not _ARRAY:
            read = _no_choices(payload, choices)
        elif len(choices) == 1:
            read = [self._choice(choices[0])]
        else:
            read = [self._choice(item) for item in choices]
        identifier, created, model = pop("id", ""), pop("created", 0), pop("model", "")
        kind, fingerprint = pop("object", _KIND), pop("system_fingerprint", None)
        tier = usage = None
        if payload:
            tier, usage = pop("service_tier", None), pop("usage", None)
            pop("obfuscation", None)  # random padding
        head = (identifier, created, model, kind, fingerprint, tier)
        if head != self._head and not self._is_plain(head):
            return self._odd_chunk(read, head, usage, payload)
        chunk = _new(Chunk)
        chunk.choices = read
        chunk.id = identifier
        chunk.created = created
        chunk.model = model
        chunk.object = kind
        chunk.system_fingerprint = fingerprint
        chunk.service_tier = tier
        chunk.usage = None
        if payload or usage is not None:
            if usage is not None or "x_groq" in payload:
                chunk.usage = usage = read_usage(usage, payload, self._report)
            if self.accumulator is not None:
                self.accumulator.add_rest(usage, payload)
        chunk.raw_extra = payload or None
        return chunk  # type: ignore[no-any-return] # all its fields are set

    def _is_plain(self, head: tuple[Any, ...]) -> bool:
        """Whether the fields beside the choices have their types; most often they stay the same."""
        identifier, created, model, kind, fingerprint, tier = head
        is_plain = (
            type(identifier) is str
            and type(created) is int
            and type(model) is str
            and type(kind) is str
            and (fingerprint is None or type(fingerprint) is str)
            and (tier is None or type(tier) is str)
        )
        if is_plain:
            self._head = head
            if self.accumulator is not None:
                self.accumulator.add_head(identifier, created, model, fingerprint, tier)
        return is_plain

    def _odd_chunk(
        self, choices: list[ChunkChoice], head: tuple[Any, ...], usage: Any, extra: dict[str, Any]
    ) -> Chunk:
        given = {**dict(zip(_HEAD, head, strict=True)), "usage": usage}
        chunk = Chunk(choices, **head_fields(given, extra, self._report), extra=extra)
        if self.accumulator is not None:
            self.accumulator.add_all_but_choices(chunk)
        return chunk

    def _choice(self, item: Any) -> ChunkChoice:
        """What an event adds to a choice: nearly always a piece of one text, and nothing else."""
        if type(item) is not _OBJECT:
            return self._unusual_choice(item)
        choice: dict[str, Any] = item
        pop = choice.pop
        index, delta = pop("index", 0), pop("delta", None)
        reason, logprobs = pop("finish_reason", None), pop("logprobs", None)
        native = message = read = None
        if choice:
            native, message = pop("native_finish_reason", None), pop("message", None)
        if (
            type(index) is int
            and type(delta) is _OBJECT
            and reason is None
            and native is None
            and (logprobs is None or type(logprobs) is _OBJECT)
            and (message is None or self._repeats(message, index))
            and "error" not in choice
        ):
            read = self._delta(delta, index, choice, logprobs)
        if read is None:
            choice.update(index=index, delta=delta, finish_reason=reason, logprobs=logprobs)
            choice.update(native_finish_reason=native, message=message)
            return self._unusual_choice(choice)
        if index not in self._begun:
            self._begun.add(index)
        made = _new(ChunkChoice)
        made.delta = read
        made.index = index
        made.finish_reason = made.native_finish_reason = None
        made.raw_logprobs = logprobs
        made.raw_extra = choice or None
        return made  # type: ignore[no-any-return] # all its fields are set

    def _repeats(self, message: Any, index: int) -> bool:
        """Whether a message beside the delta says nothing new (Perplexity)."""
        return index in self._begun and is_object(message) and not message.get("tool_calls")

    def _delta(
        self, delta: dict[str, Any], index: int, choice: dict[str, Any], logprobs: Any
    ) -> ChoiceDelta | None:
        """A delta whose fields are as OpenAI has them; any other is left as it was, for None."""
        if not delta:
            return None
        pop = delta.pop
        content, role = pop("content", None), pop("role", None)
        reasoning = refusal = fragments = None
        is_plain = (content is None or type(content) is str) and (role is None or type(role) is str)
        if delta:
            reasoning, refusal = pop("reasoning_content", None), pop("refusal", None)
            fragments = pop("tool_calls", None)
            is_plain = (
                is_plain
                and (reasoning is None or type(reasoning) is str)
                and (refusal is None or type(refusal) is str)
                and (fragments is None or type(fragments) is _ARRAY)
                and (not delta or delta.keys().isdisjoint(_RARE))
            )
            if delta and not reasoning and type(other := delta.get("reasoning")) is str:
                reasoning = other
        if not is_plain:
            delta.update(content=content, role=role, reasoning_content=reasoning)
            delta.update(refusal=refusal, tool_calls=fragments)
            return None
        made = _new(ChoiceDelta)
        made.content = content
        made.role = role
        made.refusal = refusal
        made.reasoning_content = reasoning
        made.tool_calls = self._fragments(fragments, index) if fragments else None
        made.function_call = made.provider_data = made.raw_annotations = made.raw_audio = None
        made.raw_extra = delta or None
        if self.accumulator is not None:
            self.accumulator.add_piece(
                index, content, role, reasoning, refusal, delta, choice, logprobs
            )
        return made  # type: ignore[no-any-return] # all its fields are set

    def _fragments(self, fragments: list[Any], index: int) -> list[ToolCallDelta] | None:
        """Fragments of calls: nearly always one, of the arguments of a call that has begun."""
        read = self._continued(fragments, index)
        if read is None:
            read = self._placed(fragments, index)
            if self.accumulator is not None and read is not None:
                self.accumulator.add_fragments(index, read)
        return read

    def _continued(self, fragments: list[Any], index: int) -> list[ToolCallDelta] | None:
        """A single fragment of nothing but arguments, which can be no other call's."""
        calls = self._calls.get(index)
        if calls is None or len(fragments) != 1:
            return None
        fragment = fragments[0]
        if type(fragment) is not _OBJECT or len(fragment) != 2:
            return None
        native, function = fragment.get("index"), fragment.get("function")
        if type(native) is not int or type(function) is not _OBJECT or len(function) != 1:
            return None
        text = function.get("arguments")
        number = calls.continue_call(native, text) if type(text) is str else None
        if number is None:
            return None
        piece, made = _new(FunctionDelta), _new(ToolCallDelta)
        piece.name = piece.raw_extra = None
        piece.arguments = text
        made.index = number
        made.function = piece
        made.id = made.type = made.raw_custom = made.raw_extra = None
        if self.accumulator is not None:
            self.accumulator.add_arguments(index, number, text)
        return [made]

    def _placed(self, fragments: list[Any], index: int) -> list[ToolCallDelta] | None:
        calls = self._calls.get(index)
        if calls is None:
            calls = ToolCallIndex(f"call_{self._call_id}_{index}", self._report)
        placed = calls.place(fragments)
        if placed:
            self._calls[index] = calls
        return placed or None

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
        message["tool_calls"] = self._placed(message["tool_calls"] or [], index)
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
            missing = self._missing_parts(index)
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

    def _missing_parts(self, index: int) -> list[ToolCallDelta]:
        calls = self._calls.get(index)
        return [] if calls is None else calls.missing_parts()

    def _end(self, terminator: bytes = b"") -> Iterable[Chunk]:
        """The end of the stream, with what its choices still lack: ids, halves of characters."""
        if not self._begun:
            raise DecodeError("the stream ended without a choice", frame=terminator)
        self.finished = True
        if getattr(self.framer, "has_joined_events", False):
            self._record("a single line end separates its events")
        deltas = {
            index: ChoiceDelta(tool_calls=missing)
            for index in self._calls
            if (missing := self._missing_parts(index))
        }
        choices = [ChunkChoice(delta, index) for index, delta in deltas.items()]
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


_KIND = "chat.completion.chunk"
_HEAD = ("id", "created", "model", "object", "system_fingerprint", "service_tier")
_RARE = frozenset({"function_call", "annotations", "audio", "provider_data"})
_CHOICE_FIELDS = (
    *("delta", "message", "index", "finish_reason", "logprobs", "native_finish_reason"),
)


def _no_choices(payload: Mapping[str, Any], choices: Any) -> list[ChunkChoice]:
    """None, unless what lacks them is an error that a proxy put there."""
    if choices is not None:
        raise DecodeError("choices must be an array")
    error = error_from_payload(payload) or error_without_choices(payload)
    if error is not None:
        raise error
    return []
