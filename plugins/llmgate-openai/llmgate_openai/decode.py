"""OpenAI's replies and streams into completions and chunks, with the departures of its imitators.

It invents no content: an id that is missing is made from the call's, a finish reason never.
Source: https://platform.openai.com/docs/api-reference/chat/object and …/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.framing import Frame, Framer, SSEFramer
from llmgate.types import Chunk, ChunkChoice, Completion, FinishReason, Usage
from llmgate.wire import HttpReply, decode_json, encode_json
from llmgate_openai.assemble import ToolCallIndex
from llmgate_openai.errors import error_from_payload

__all__ = ["ChatDecoder", "decode", "finish_reason"]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "function_call",
    "eos": "stop",  # Together
    "end_turn": "stop",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
}


def finish_reason(native: str | None, *, has_calls: bool) -> FinishReason | None:
    """OpenAI's word for a reason; a stop with tool calls is ``tool_calls``, as named choices give it."""
    if not native:
        return None
    reason = _FINISH_REASONS.get(native, "other")
    return "tool_calls" if reason == "stop" and has_calls else reason


def decode(reply: HttpReply, call_id: str) -> Completion:
    """The completion of a whole reply. ``call_id`` is what missing tool-call ids are made from.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the reply is no chat completion.
    """
    payload = reply.json()
    error = error_from_payload(payload)
    if error is not None:
        raise error
    if not isinstance(payload, dict):
        raise DecodeError(f"the reply is no object: {excerpt(reply.body)}", frame=reply.body)
    answer = cast("dict[str, Any]", payload)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise DecodeError(f"the reply has no choices: {excerpt(reply.body)}", frame=reply.body)
    normal = [_choice(choice, f"choices[{i}]", call_id) for i, choice in enumerate(choices)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return Completion.model_validate({**answer, "choices": normal})


def _choice(choice: Any, path: str, call_id: str) -> dict[str, Any]:
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):  # pyright: ignore[reportUnknownMemberType]
        raise DecodeError(f"{path} has no message")
    said = cast("dict[str, Any]", choice)
    message = _said(said["message"])
    calls = message.get("tool_calls")
    if calls:
        message["tool_calls"] = [
            _tool_call(call, f"call_{call_id}_{i}", f"{path}.message.tool_calls[{i}]")
            for i, call in enumerate(calls)
        ]
    else:
        message.pop("tool_calls", None)
    _check_says_something(message, path)
    return {**said, "message": message, **_finish(said, has_calls=bool(calls))}


def _check_says_something(message: Mapping[str, Any], path: str) -> None:
    """A message with no field that could hold an answer is none, whatever else it holds."""
    if not any(name in message for name in _ANSWERS):
        raise DecodeError(f"{path}.message holds no answer")


_ANSWERS = (
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "reasoning_content",
    "images",
)


def _finish(choice: Mapping[str, Any], *, has_calls: bool) -> dict[str, Any]:
    native = choice.get("finish_reason")
    if native is not None and not isinstance(native, str):
        raise DecodeError(f"the finish reason is no text: {native!r:.60}")
    reason = finish_reason(native, has_calls=has_calls)
    return {"finish_reason": reason, "native_finish_reason": native or None}


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message or delta in OpenAI's own form, whichever of its imitators wrote it."""
    said = dict(message)
    if isinstance(said.get("content"), list):
        said |= _joined_parts(said["content"])
    if not said.get("reasoning_content") and isinstance(said.get("reasoning"), str):
        said["reasoning_content"] = said["reasoning"]
    if said.get("role") is None:
        said.pop("role", None)
    return said


def _joined_parts(parts: list[Any]) -> dict[str, Any]:
    """Content in parts (Mistral) as text and reasoning; the parts themselves stay in ``extra``."""
    joined: dict[str, Any] = {"content": _text_of(parts, "text"), "content_parts": parts}
    thinking = [part for part in parts if isinstance(part, dict) and part.get("type") == "thinking"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if thinking:
        joined["reasoning_content"] = "".join(
            item if isinstance(item := part.get("thinking"), str) else _text_of(item or [], "text")  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
            for part in thinking
        )
    return joined


def _text_of(parts: Iterable[Any], kind: str) -> str:
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or "")
        for part in parts
        if isinstance(part, str) or (isinstance(part, dict) and part.get("type", kind) == kind)  # pyright: ignore[reportUnknownMemberType]
    )


def _tool_call(call: Any, spare_id: str, path: str) -> dict[str, Any]:
    """A call with an id, a type and JSON text for arguments, which some hosts leave out."""
    if not isinstance(call, dict):
        raise DecodeError(f"{path} is no object")
    said = cast("dict[str, Any]", call)
    kind = said.get("type") or ("custom" if "custom" in said else "function")
    whole = {**said, "id": said.get("id") or spare_id, "type": kind}
    if isinstance(said.get("function"), dict):
        whole["function"] = {
            **said["function"],
            "arguments": arguments_text(said["function"].get("arguments")) or "{}",
        }
    elif kind == "function":
        raise DecodeError(f"{path} names no function")
    return whole


def arguments_text(arguments: Any) -> str:
    """Arguments as JSON text; some hosts send them as an object."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return encode_json(arguments).decode()


class ChatDecoder:
    """Reads one stream of chat completion chunks."""

    def __init__(self, call_id: str, framer: Framer | None = None) -> None:
        self.framer: Framer = framer or SSEFramer()
        self.finished = False
        self._calls: dict[int, ToolCallIndex] = {}
        self._call_id = call_id
        self._begun: set[int] = set()
        self._ended: set[int] = set()

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event."""
        if frame.data == b"[DONE]":
            if not self._begun:
                raise DecodeError("the stream ended without an answer", frame=frame.data)
            self.finished = True
            return ()
        payload = decode_json(frame.data)
        if frame.event == "error" and isinstance(payload, dict) and "error" not in payload:
            payload = {"error": payload}
        error = error_from_payload(payload)
        if error is not None:
            raise error
        if not isinstance(payload, dict):
            raise DecodeError(f"the event is no object: {excerpt(frame.data)}", frame=frame.data)
        return (self._chunk(cast("dict[str, Any]", payload), frame),)

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine after ``[DONE]``, or when every choice has its finish reason."""
        if not self.finished and not (self._begun and self._begun == self._ended):
            raise StreamTruncatedError("the stream ended before its end mark")
        self.finished = True
        return ()

    def _chunk(self, payload: dict[str, Any], frame: Frame) -> Chunk:
        choices = payload.get("choices") or []
        if not isinstance(choices, list):
            raise DecodeError("choices is no list", frame=frame.data)
        try:
            return Chunk(
                choices=[self._choice(choice) for choice in choices],  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
                id=payload.get("id") or "",
                created=int(payload.get("created") or 0),
                model=payload.get("model") or "",
                object=payload.get("object") or "chat.completion.chunk",
                usage=_usage(payload.get("usage")),
                system_fingerprint=payload.get("system_fingerprint"),
                service_tier=payload.get("service_tier"),
                extra={key: value for key, value in payload.items() if key not in _CHUNK_KEYS},
            )
        except (TypeError, ValueError, AttributeError, DecodeError) as error:
            reason = str(error)
        raise DecodeError(
            f"the event is no chunk ({reason}): {excerpt(frame.data)}", frame=frame.data
        )

    def _choice(self, choice: Any) -> ChunkChoice:
        if not isinstance(choice, dict):
            raise DecodeError("a choice is no object")
        said = cast("dict[str, Any]", choice)
        index = said.get("index") or 0
        self._begun.add(index)
        delta = _said(said.get("delta") or {})
        calls = self._calls.get(index)
        if delta.get("tool_calls"):
            if calls is None:
                calls = self._calls[index] = ToolCallIndex(f"call_{self._call_id}_{index}")
            delta["tool_calls"] = calls.place(delta["tool_calls"])
        else:
            delta.pop("tool_calls", None)
        finish = _finish(said, has_calls=calls is not None)
        if finish["finish_reason"] is not None:
            self._ended.add(index)
            if calls is not None and (named := calls.missing_ids()):
                delta["tool_calls"] = [*delta.get("tool_calls", []), *named]
        return ChunkChoice.model_validate({**said, "index": index, "delta": delta, **finish})


def _usage(usage: Any) -> Usage | None:
    return None if usage is None else Usage.model_validate(usage, path="usage")


_CHUNK_KEYS = frozenset(
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
