"""Chunks from OpenAI's streams, and from those of its imitators; one decoder for each stream.

It reads events and keeps what their order means; joining them is ``accumulate``'s.
Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import Fields, add_frame
from llmgate.provider.templated_sse import FrameTemplate
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    FunctionDelta,
    TextChunks,
    ToolCallDelta,
)
from llmgate_openai.response.errors import (
    error_from_event,
    error_from_payload,
    error_without_choices,
)
from llmgate_openai.response.parts import finish_reasons, message_fields, seconds_of, usage_in
from llmgate_openai.response.surrogates import SurrogateJoiner
from llmgate_openai.response.tool_calls import ToolCallIndex

__all__ = ["ChatDecoder"]


class ChatDecoder:
    """Reads one stream of chat completion chunks.

    Args:
        call_id: What missing ids of tool calls are made from.
        framer: What cuts the bytes into events; by default server-sent events.
        choices: How many were asked for: without a terminator, all of them must have ended.
    """

    def __init__(self, call_id: str, framer: Framer | None = None, *, choices: int = 1) -> None:
        self.framer: Framer = framer or SSEFramer()
        self.finished = False
        self._call_id = call_id
        self._expected = choices
        self._calls: dict[int, ToolCallIndex] = {}
        self._with_function_call: set[int] = set()
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._surrogates = SurrogateJoiner()
        self._template_chunk: Chunk
        self._examples_left = _MOST_EXAMPLES

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that is not a chunk; ``frame`` is its data.
        """
        data, event, texts, _ = frame
        if texts:
            return TextChunks(self._template_chunk, texts)
        if not data.startswith(b"{") or event == "error":
            data = data.strip()
            if data == b"[DONE]":
                return self._end(data)
            if not data:
                return ()  # a keep-alive
            error = error_from_event(frame)
            if error is not None:
                raise error
        try:
            payload, begun = self._surrogates.read_json(data), len(self._begun)
            chunk = self._chunk(payload)
            if isinstance(self.framer, SSEFramer):
                self._use_as_template(self.framer, chunk, frame, is_first=len(self._begun) > begun)
            return (chunk,)
        except DecodeError as failure:
            add_frame(failure, "the event is not a chunk", frame.data)
            raise

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

    def _chunk(self, payload: Any) -> Chunk:
        error = error_from_payload(payload)
        if error is not None:
            raise error
        if not is_object(payload):
            raise DecodeError("it must be an object")
        choices = payload.get("choices")
        if is_array(choices) and len(choices) == 1:
            read = [self._plain_choice(choices[0]) or self._choice(choices[0])]
        elif is_array(choices):
            read = [self._choice(choice) for choice in choices]
        elif choices is None:
            read = _no_choices(payload)
        else:
            raise DecodeError("choices must be an array")
        return _plain_chunk(payload, read) or _chunk_with(payload, read)

    def _use_as_template(
        self, framer: SSEFramer, chunk: Chunk, frame: Frame, *, is_first: bool
    ) -> None:
        """Where an event is only a piece of text, have the framer read only the text of its like.

        A choice's first event is not taken as an example: whole messages are read nowhere else.
        """
        if self._surrogates.is_waiting:  # the next event says more than its bytes do
            framer.forget()
            return
        if is_first or self._examples_left == 0 or len(chunk.choices) != 1:
            return
        if chunk.usage or chunk.extra:
            return
        choice = chunk.choices[0]
        text = choice.delta.content
        if text is None or choice != ChunkChoice(ChoiceDelta(text), choice.index):
            return
        template = FrameTemplate.of(frame.data, "content", text, padding="obfuscation")
        if template is not None:
            self._examples_left -= 1
            self._template_chunk = chunk
            framer.learn(template, frame)

    def _choice(self, choice: Any) -> ChunkChoice:
        fields = Fields(choice, "a choice")
        error = error_from_payload(choice)  # OpenRouter, when one of several choices fails
        if error is not None:
            raise error
        index = fields.optional_integer("index") or 0
        others = fields.others("message", "delta")
        delta = self._delta(choice, index)
        message = message_fields(delta)
        if message.get("role") is None:
            message.pop("role", None)
        message["tool_calls"] = self._placed(message.get("tool_calls"), index)
        if message.get("function_call"):
            self._with_function_call.add(index)
        reasons = finish_reasons(
            choice,
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
        return ChunkChoice.model_validate({**others, "index": index, "delta": message, **reasons})

    def _delta(self, choice: dict[str, Any], index: int) -> dict[str, Any]:
        """The delta; Perplexity has the message so far beside it, which counts only at first.

        Some hosts give their calls in a whole message at the end, and nowhere else.
        """
        delta: Any = choice.get("delta")
        message: Any = choice.get("message")
        if not delta:
            delta = message if index not in self._begun and message else {}
        has_calls = is_object(message) and bool(message.get("tool_calls"))
        if has_calls and index not in self._calls and not delta.get("tool_calls"):
            delta = {**delta, "tool_calls": message["tool_calls"]}
        return Fields(delta, "delta").payload

    def _placed(self, fragments: Any, index: int) -> list[ToolCallDelta] | None:
        if not fragments:
            return None
        if not is_array(fragments):
            raise DecodeError("tool_calls must be an array")
        calls = self._calls.get(index) or ToolCallIndex(f"call_{self._call_id}_{index}")
        placed = calls.place(fragments)
        if placed:
            self._calls[index] = calls
        return placed or None

    def _missing_parts(self, index: int) -> list[ToolCallDelta]:
        calls = self._calls.get(index)
        return [] if calls is None else calls.missing_parts()

    def _end(self, terminator: bytes = b"") -> Iterable[Chunk]:
        """The end of the stream, with what its choices still lack: ids, halves of characters."""
        if not self._begun:
            raise DecodeError("the stream ended without a choice", frame=terminator)
        self.finished = True
        deltas = {
            index: ChoiceDelta(tool_calls=missing)
            for index in self._calls
            if (missing := self._missing_parts(index))
        }
        choices = [ChunkChoice(delta, index) for index, delta in deltas.items()]
        for index, field in self._surrogates.release():
            delta = ChoiceDelta.model_validate({field: "\ufffd"})
            choices.append(ChunkChoice(delta, index))
        return (Chunk(choices),) if choices else ()

    # --- nearly every event: one piece of text, or of a call's arguments ---
    # What the general path would give, without looking for what such an event does not have.

    def _plain_choice(self, choice: Any) -> ChunkChoice | None:
        if not is_object(choice) or not choice.keys() <= _PLAIN_CHOICE:
            return None
        index, delta = choice.get("index"), choice.get("delta")
        if type(index) is not int or not is_object(delta):
            return None
        if choice.get("finish_reason") is not None or choice.get("logprobs") is not None:
            return None
        read = _plain_text(delta) or self._plain_arguments(delta, index)
        if read is None:
            return None
        self._begun.add(index)
        return ChunkChoice(read, index)

    def _plain_arguments(self, delta: Mapping[str, Any], index: int) -> ChoiceDelta | None:
        fragments = delta.get("tool_calls")
        calls = self._calls.get(index)
        if calls is None or len(delta) != 1 or not is_array(fragments) or len(fragments) != 1:
            return None
        fragment = fragments[0]
        if not is_object(fragment) or len(fragment) != 2:
            return None
        native, function = fragment.get("index"), fragment.get("function")
        if type(native) is not int or not is_object(function) or len(function) != 1:
            return None
        text = function.get("arguments")
        number = calls.continue_call(native, text) if type(text) is str else None
        if number is None:
            return None
        return ChoiceDelta(tool_calls=[ToolCallDelta(number, function=FunctionDelta(None, text))])


def _plain_text(delta: Mapping[str, Any]) -> ChoiceDelta | None:
    content = delta.get("content")
    if type(content) is str and len(delta) == 1:
        return ChoiceDelta(content)
    if not delta or not delta.keys() <= _PLAIN_TEXTS:
        return None
    for text in delta.values():
        if text is not None and type(text) is not str:
            return None
    return ChoiceDelta(**delta)


def _no_choices(payload: Mapping[str, Any]) -> list[ChunkChoice]:
    """None, unless what lacks them is an error that a proxy put there."""
    error = error_without_choices(payload)
    if error is not None:
        raise error
    return []


def _chunk_with(payload: Mapping[str, Any], choices: list[ChunkChoice]) -> Chunk:
    fields = {key: value for key, value in payload.items() if key != "obfuscation"}
    created = seconds_of(payload.get("created"))
    read = {"choices": choices, "created": created, "usage": usage_in(payload)}
    return Chunk.model_validate({**fields, **read})


def _plain_chunk(payload: dict[str, Any], choices: list[ChunkChoice]) -> Chunk | None:
    if not payload.keys() <= _PLAIN_CHUNK or payload.get("usage") is not None:
        return None
    try:
        identifier, created, model = payload["id"], payload["created"], payload["model"]
        kind = payload["object"]
    except KeyError:
        return None
    fingerprint, tier = payload.get("system_fingerprint"), payload.get("service_tier")
    is_plain = (
        type(identifier) is str
        and type(created) is int
        and type(model) is str
        and type(kind) is str
        and (fingerprint is None or type(fingerprint) is str)
        and (tier is None or type(tier) is str)
    )
    if not is_plain:
        return None
    return Chunk(choices, identifier, created, model, kind, None, fingerprint, tier)


_MOST_EXAMPLES = 64
"""How many events may become the template: where a host's events all differ, each would replace the
one before, which costs more than it saves."""
_PLAIN_CHOICE = frozenset({"index", "delta", "finish_reason", "logprobs"})
_PLAIN_TEXTS = frozenset({"content", "role", "refusal", "reasoning_content"})
_PLAIN_CHUNK = frozenset(
    {
        "choices",
        "id",
        "created",
        "model",
        "object",
        "usage",
        "system_fingerprint",
        "service_tier",
        "obfuscation",  # random padding
    }
)
