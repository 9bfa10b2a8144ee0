"""One candidate of a response: its parts into deltas, and into what has to be sent back.

Parts come whole or as pieces of a stream, in either case here. It joins no text, which is
``accumulate``'s, and knows nothing of the response around the candidate.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures; /api/caching#Part
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmgate.errors import DecodeError
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.provider.kit import Fields, NameMap, NativeContent, SideFields
from llmgate.provider.merging import join_base64
from llmgate.report import Report
from llmgate.types import ChoiceDelta, ChunkChoice, FunctionDelta, ToolCallDelta
from llmgate_gemini.response.partial_args import PartialCall
from llmgate_gemini.response.parts import annotations_of, logprobs_of, native_reason, reason_of

__all__ = ["NAME", "Candidate", "Context"]

NAME = "gemini"
"""The key of our parts in a message's ``provider_data``, for both of Google's APIs."""

_READ = ("content", "finishReason", "index", "logprobsResult")
_CONTENT = ("parts", "role")


class Context(NamedTuple):
    """What a response is read with.

    Missing ids of tool calls are made from ``call_id``; odd values beside the content are recorded
    in ``report``; ``names`` turns the functions' names back into those that were given.
    """

    call_id: str
    report: Report
    names: NameMap


class Candidate:
    """Reads one candidate.

    Args:
        index: Which of the response's candidates it is.
        context: What it has to know of the call.
    """

    def __init__(self, index: int, context: Context) -> None:
        self.index = index
        self.has_ended = False
        self.has_content = False
        self.is_malformed = False
        """Whether its content is neither empty nor any that Gemini has."""
        self._fallback_id = f"call_{context.call_id}_{index}"
        self._report = context.report
        self._names = context.names
        self._calls = 0
        self._partial: PartialCall | None = None
        self._native = NativeContent(_is_plain)
        self._run: list[str] = []
        self._texts: list[str] = []
        self._details: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Take a piece of plain text, which is what most events hold."""
        self.has_content = True
        self._run.append(text)
        self._texts.append(text)

    def read(self, candidate: Fields) -> ChunkChoice:
        """What a candidate, or a piece of it, adds to the choice.

        Raises:
            DecodeError: when it is not one.
        """
        delta = ChoiceDelta()
        content = candidate.optional_object("content")
        if content is not None:
            parts = content.objects("parts")
            is_known = not content.payload or not content.payload.keys().isdisjoint(_CONTENT)
            self.is_malformed = not is_known or (bool(parts) and not any(p.payload for p in parts))
            for part in parts:
                self.has_content = self.has_content or bool(part.payload)
                self._read_part(part, delta)
        ending = candidate.payload.get("finishReason")
        native = native_reason(ending)
        if native is not None:
            self.has_ended = True
            self._end_partial(delta)
        side = SideFields(candidate.payload, self._report, "candidates")
        if not (ending is None or isinstance(ending, str | int)):
            side.drop("finishReason", "a string")
        logprobs = side.object("logprobsResult").payload or None
        _merge(self._details, side.others(*_READ))
        return ChunkChoice(
            delta,
            self.index,
            finish_reason=reason_of(native, has_calls=self._calls > 0),
            native_finish_reason=native,
            logprobs=logprobs_of(logprobs, self._report),
        )

    def end(self) -> ChunkChoice | None:
        """What is only known at the end: sources, ratings, and the rest of the native parts."""
        delta = ChoiceDelta()
        self._end_run(delta)
        annotations = annotations_of(self._details, "".join(self._texts)) if self._details else []
        delta.annotations = annotations or None
        if not (self._details or annotations or delta.provider_data):
            return None
        return ChunkChoice(delta, self.index, extra=self._details)

    # --- parts ---

    def _read_part(self, part: Fields, delta: ChoiceDelta) -> None:
        payload = part.payload
        has_text = payload.get("text") is not None
        if payload.get("functionCall") is not None:
            self._read_call(part, delta)
        elif has_text and payload.get("thought") is True:
            thought = part.optional_text("text") or ""
            delta.reasoning_content = (delta.reasoning_content or "") + thought
            if payload.get("thoughtSignature"):
                self._keep(payload, delta)
        elif has_text:
            self._read_text(part, delta)
        elif payload:
            _show(part, delta)
            self._keep(payload, delta)

    def _read_text(self, part: Fields, delta: ChoiceDelta) -> None:
        text = part.optional_text("text") or ""
        if text:
            delta.content = (delta.content or "") + text
            self._texts.append(text)
        if part.payload.keys() <= {"text", "thought"}:
            self._run.append(text)
        else:
            self._keep(part.payload, delta)

    def _read_call(self, part: Fields, delta: ChoiceDelta) -> None:
        call = part.object("functionCall")
        payload = call.payload
        is_whole = not ("partialArgs" in payload or payload.get("willContinue"))
        if self._partial is None and is_whole:
            arguments = call.optional_object("args")
            value = {} if arguments is None else arguments.payload
            self._call(call.text("name"), call.optional_text("id"), value, delta)
            self._keep(part.payload, delta)
            return
        if self._partial is None or payload.get("name"):
            self._end_partial(delta)
            self._partial = PartialCall(call, part.optional_text("thoughtSignature"))
        self._partial.add(call)
        if not payload.get("willContinue"):
            self._end_partial(delta)

    def _end_partial(self, delta: ChoiceDelta) -> None:
        """The call whose arguments came in pieces, now that they are complete."""
        call, self._partial = self._partial, None
        if call is None:
            return
        arguments = call.arguments()
        self._call(call.name, call.id, arguments, delta)
        function = {"name": call.name, "args": arguments}
        if call.id is not None:
            function["id"] = call.id
        item: dict[str, Any] = {"functionCall": function}
        if call.signature is not None:
            item["thoughtSignature"] = call.signature
        self._keep(item, delta)

    def _call(
        self, name: str, identifier: str | None, arguments: dict[str, Any], delta: ChoiceDelta
    ) -> None:
        if not name:
            raise DecodeError("a function call has no name")
        number, self._calls = self._calls, self._calls + 1
        function = FunctionDelta(self._names.given(name), encode_json(arguments).decode())
        identifier = identifier or f"{self._fallback_id}_{number}"
        call = ToolCallDelta(number, identifier, function, type="function")
        delta.tool_calls = [*(delta.tool_calls or ()), call]

    # --- the way back ---

    def _keep(self, item: dict[str, Any], delta: ChoiceDelta) -> None:
        self._end_run(delta)
        self._release(self._native.add(item), delta)

    def _end_run(self, delta: ChoiceDelta) -> None:
        """The text so far is one part, as no signature stands between its pieces."""
        text, self._run = "".join(self._run), []
        if text:
            self._release(self._native.add({"text": text}), delta)

    def _release(self, items: list[dict[str, Any]], delta: ChoiceDelta) -> None:
        if items:
            data = delta.provider_data or {NAME: {"parts": []}}
            data[NAME]["parts"] += items
            delta.provider_data = data


def _is_plain(item: Mapping[str, Any], place: int) -> bool:
    """Whether text and calls of a message represent it: a first text, or a call with its own id."""
    if len(item) != 1:
        return False
    if "text" in item:
        return place == 0
    call = item.get("functionCall")
    if not is_object(call):
        return False
    return bool(call.get("id")) and call.keys() <= {"id", "name", "args"}


def _show(part: Fields, delta: ChoiceDelta) -> None:
    """Put a part that is neither text nor a call where users look for it."""
    data = part.optional_object("inlineData")
    kind = "" if data is None else data.optional_text("mimeType") or ""
    if data is None or part.payload.get("thought") is True:
        _add_extra(delta, "parts", part.payload)
    elif kind.startswith("image/"):
        url = f"data:{kind};base64,{data.text('data')}"
        _add_extra(delta, "images", {"type": "image_url", "image_url": {"url": url}})
    elif kind.startswith("audio/"):
        before: dict[str, Any] = delta.audio or {}
        sound = join_base64([before.get("data", ""), data.text("data")])
        delta.audio = {"data": sound, "mime_type": kind}
    else:
        _add_extra(delta, "parts", part.payload)


def _add_extra(delta: ChoiceDelta, key: str, item: dict[str, Any]) -> None:
    extra = dict(delta.extra or {})
    extra[key] = [*extra.get(key, ()), item]
    delta.extra = extra


def _merge(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add what an event has beside its content: much of it is repeated with every event."""
    for key, value in piece.items():
        before = whole.get(key)
        if before == value:
            continue
        if is_object(before) and is_object(value):
            merged = dict(before)
            _merge(merged, value)
            whole[key] = merged
        elif is_array(before) and is_array(value):
            whole[key] = [*before, *(item for item in value if item not in before)]
        elif value is not None:
            whole[key] = value
