"""OpenAI's streams into chunks, with the departures of its imitators; one decoder for each stream.

It reads events and keeps what their order means; it joins no answer, which is ``accumulate``'s.
Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import is_array, is_object
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
from llmgate_openai.response.parts import finish_reasons, said_by, seconds_of, usage_in
from llmgate_openai.response.surrogates import HalfCharacters
from llmgate_openai.response.tool_calls import ToolCallIndex

__all__ = ["ChatDecoder"]


class ChatDecoder:
    """Reads one stream of chat completion chunks.

    Args:
        call_id: What missing ids of tool calls are made from.
        framer: What cuts the bytes into events; by default server-sent events.
        choices: How many answers were asked for: without an end mark, all of them must have ended.
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
        self._halves = HalfCharacters()
        self._like: Chunk
        self._lessons = _MOST_LESSONS

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that is no chunk; ``frame`` is its data.
        """
        data, event, texts, _ = frame
        if texts:
            return TextChunks(self._like, texts)
        if not data.startswith(b"{") or event == "error":
            data = data.strip()
            if data == b"[DONE]":
                return self._end(data)
            if not data:
                return ()  # a sign of life
            error = error_from_event(frame)
            if error is not None:
                raise error
        try:
            payload, begun = self._halves.read_json(data), len(self._begun)
            chunk = self._chunk(payload)
            if isinstance(self.framer, SSEFramer):
                self._teach(self.framer, chunk, frame, is_first=len(self._begun) > begun)
            return (chunk,)
        except DecodeError as failure:
            reason = failure.message
        shown = excerpt(frame.data)
        raise DecodeError(f"the event is no chunk ({reason}): {shown}", frame=frame.data)

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after ``[DONE]``, or when every choice has its finish reason.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if self.finished:
            return ()
        if self._begun != self._ended or len(self._ended) < self._expected:
            raise StreamTruncatedError("the stream ended before its end mark")
        return self._end()

    # --- one event ---

    def _chunk(self, payload: Any) -> Chunk:
        error = error_from_payload(payload)
        if error is not None:
            raise error
        if not is_object(payload):
            raise DecodeError("it is no object")
        choices = payload.get("choices")
        if is_array(choices) and len(choices) == 1:
            read = [self._plain_choice(choices[0]) or self._choice(choices[0])]
        elif is_array(choices):
            read = [self._choice(choice) for choice in choices]
        elif choices is None:
            read = _no_choices(payload)
        else:
            raise DecodeError("choices is no list")
        return _plain_chunk(payload, read) or _chunk_with(payload, read)

    def _teach(self, framer: SSEFramer, chunk: Chunk, frame: Frame, *, is_first: bool) -> None:
        """If this event is but a piece of text, the framer is to tell only the texts of others.

        A choice's first event is no example: whole messages are read nowhere else.
        """
        if self._halves.is_waiting:  # the next event says more than its bytes do
            framer.forget()
            return
        if is_first or self._lessons == 0 or len(chunk.choices) != 1:
            return
        if chunk.usage or chunk.extra:
            return
        choice = chunk.choices[0]
        text = choice.delta.content
        if text is None or choice != ChunkChoice(ChoiceDelta(text), choice.index):
            return
        template = FrameTemplate.of(frame.data, "content", text, padding="obfuscation")
        if template is not None:
            self._lessons -= 1
            self._like = chunk
            framer.learn(template, frame)

    def _choice(self, choice: Any) -> ChunkChoice:
        if not is_object(choice):
            raise DecodeError("a choice is no object")
        error = error_from_payload(choice)  # OpenRouter, when one of several answers fails
        if error is not None:
            raise error
        index = _index_in(choice)
        kept = dict(choice)
        message = kept.pop("message", None)  # Perplexity: the answer so far, in every chunk
        delta: Any = kept.pop("delta", None)
        if not delta:
            delta = message if index not in self._begun and message else {}
        if not is_object(delta):
            raise DecodeError("delta is no object")
        said = said_by(delta)
        if said.get("role") is None:
            said.pop("role", None)
        said["tool_calls"] = self._placed(said.get("tool_calls"), index)
        if said.get("function_call"):
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
            named = self._named_at_last(index)
            said["tool_calls"] = [*(said["tool_calls"] or ()), *named] or None
        return ChunkChoice.model_validate({**kept, "index": index, "delta": said, **reasons})

    def _placed(self, fragments: Any, index: int) -> list[ToolCallDelta] | None:
        if not fragments:
            return None
        if not is_array(fragments):
            raise DecodeError("tool_calls is no list")
        calls = self._calls.get(index) or ToolCallIndex(f"call_{self._call_id}_{index}")
        placed = calls.place(fragments)
        if placed:
            self._calls[index] = calls
        return placed or None

    def _named_at_last(self, index: int) -> list[ToolCallDelta]:
        calls = self._calls.get(index)
        return [] if calls is None else calls.missing_ids()

    def _end(self, mark: bytes = b"") -> Iterable[Chunk]:
        """The end of the answer, with what is still owed to it: ids, and halves of characters."""
        if not self._begun:
            raise DecodeError("the stream ended without an answer", frame=mark)
        self.finished = True
        deltas = {
            index: ChoiceDelta(tool_calls=named)
            for index in self._calls
            if (named := self._named_at_last(index))
        }
        choices = [ChunkChoice(delta, index) for index, delta in deltas.items()]
        for index, field in self._halves.take_rest():
            half = ChoiceDelta.model_validate({field: "\ufffd"})
            choices.append(ChunkChoice(half, index))
        return (Chunk(choices),) if choices else ()

    # --- nearly every event: one piece of text, or of a call's arguments ---
    # The same as the general way gives, without looking for what such an event does not have.

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
        number, text = calls.number_of(native), function.get("arguments")
        if number is None or type(text) is not str:
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


def _index_in(choice: Mapping[str, Any]) -> int:
    index = choice.get("index")
    if isinstance(index, float) and index.is_integer():
        return int(index)
    if index is not None and type(index) is not int:
        raise DecodeError(f"index of a choice is no number: {index!r:.60}")
    return index or 0


def _chunk_with(payload: Mapping[str, Any], choices: list[ChunkChoice]) -> Chunk:
    kept = {key: value for key, value in payload.items() if key != "obfuscation"}
    created = seconds_of(payload.get("created"))
    changed = {"choices": choices, "created": created, "usage": usage_in(payload)}
    return Chunk.model_validate({**kept, **changed})


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


_MOST_LESSONS = 64
"""How many events are taken for the template: a host whose events all differ would make each the
next, which costs more than it saves."""
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
        "obfuscation",  # random padding, which means nothing
    }
)
