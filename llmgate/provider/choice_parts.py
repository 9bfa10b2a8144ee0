"""One choice of a stream with its calls, kept in pieces that are joined on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate._text.json import parse_arguments
from llmgate.errors import DecodeError
from llmgate.provider.merging import Merged, merge_data, settled
from llmgate.types import (
    Choice,
    ChoiceDelta,
    ChunkChoice,
    CustomCall,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
)

__all__ = ["ChoiceParts"]


class ChoiceParts:
    """One choice, in pieces."""

    __slots__ = (
        "_annotations",
        "_audio",
        "_finish",
        "_functions",
        "_index",
        "_provider_data",
        "calls",
        "content",
        "extra",
        "logprobs",
        "message_extra",
        "reasoning",
        "refusal",
        "role",
    )

    def __init__(self, index: int) -> None:
        self._index = index
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.role = "assistant"
        self.calls: dict[int, _CallParts] = {}
        self._functions: dict[int, _CallParts] = {}
        self._annotations: list[dict[str, Any]] = []
        self._audio = Merged()
        self._provider_data: dict[str, Any] = {}
        self.logprobs = Merged()
        self.message_extra = Merged()
        self.extra = Merged()
        self._finish: dict[str, Any] = {}

    def add(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        fields: Any = choice
        raw: Any = delta
        if delta.content is not None:
            self.content.append(delta.content)
        if delta.reasoning_content is not None:
            self.reasoning.append(delta.reasoning_content)
        for fragment in delta.tool_calls or ():
            self.add_fragment(fragment)
        if delta.role:
            self.role = delta.role
        if raw.raw_extra:
            self.message_extra.add(raw.raw_extra)
        if fields.raw_logprobs:
            self.logprobs.add(fields.raw_logprobs)
        if fields.raw_extra:
            self.extra.add(fields.raw_extra)
        if choice.finish_reason is not None:
            self._finish["finish_reason"] = choice.finish_reason
        if choice.native_finish_reason is not None:
            self._finish["native_finish_reason"] = choice.native_finish_reason
        if (
            delta.refusal is not None
            or delta.function_call is not None
            or delta.provider_data
            or raw.raw_annotations
            or raw.raw_audio
        ):
            self._add_rare(delta, raw)

    def add_piece(
        self,
        content: str | None,
        role: str | None,
        reasoning: str | None,
        refusal: str | None,
        extra: dict[str, Any] | None,
        choice_extra: dict[str, Any] | None,
    ) -> None:
        """Add the fields of a delta, and the other fields of its choice."""
        if content is not None:
            self.content.append(content)
        if reasoning is not None:
            self.reasoning.append(reasoning)
        if role:
            self.role = role
        if refusal is not None:
            self.refusal.append(refusal)
        if extra:
            self.message_extra.add(extra)
        if choice_extra:
            self.extra.add(choice_extra)

    def add_fragment(self, fragment: ToolCallDelta) -> None:
        call = self.calls.get(fragment.index)
        if call is None:
            call = self.calls[fragment.index] = _CallParts(fragment.index)
        call.add(fragment)

    def _add_rare(self, delta: ChoiceDelta, raw: Any) -> None:
        """What most chunks do not have."""
        if delta.refusal is not None:
            self.refusal.append(delta.refusal)
        if delta.function_call is not None:
            self._functions.setdefault(0, _CallParts(0)).add_function(delta.function_call)
        self._annotations.extend(raw.raw_annotations or ())
        self._audio.add(raw.raw_audio or {})
        merge_data(self._provider_data, delta.provider_data or {})

    def choice(self) -> Choice:
        return Choice(
            message=self._message(),
            index=self._index,
            logprobs=self.logprobs.settled() or None,
            extra=self.extra.settled(),
            **self._finish,
        )

    def _message(self) -> Message:
        return Message(
            content=_joined(self.content),
            role=self.role,
            refusal=_joined(self.refusal),
            reasoning_content=_joined(self.reasoning),
            tool_calls=[call.tool_call() for call in self._shown(self.calls)] or None,
            function_call=next((call.function() for call in self._shown(self._functions)), None),
            annotations=list(self._annotations) or None,
            audio=self._audio.settled() or None,
            provider_data=settled(self._provider_data) or None,
            extra=self.message_extra.settled(),
        )

    def _shown(self, calls: dict[int, _CallParts]) -> Iterable[_CallParts]:
        return (call for _, call in sorted(calls.items()) if self._finish or call.is_whole())


def _joined(pieces: list[str]) -> str | None:
    """The joined text; None if no chunk had a piece of it."""
    return "".join(pieces) if pieces else None


class _CallParts:
    """One tool call, in pieces: the first id and type count; names and arguments are joined.

    A name that is repeated as a whole counts once.
    """

    def __init__(self, index: int) -> None:
        self._index = index
        self._id = ""
        self._type = ""
        self._name = ""
        self.arguments: list[str] = []
        self._custom: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._function_extra: dict[str, Any] = {}

    def is_whole(self) -> bool:
        """Whether it could end here: it has a name, and its arguments are valid JSON."""
        try:
            parse_arguments("".join(self.arguments))
        except DecodeError:
            return False
        return bool(self._name or self._custom.get("name"))

    def add(self, fragment: ToolCallDelta) -> None:
        self._id = self._id or fragment.id or ""
        self._type = self._type or fragment.type or ""
        if fragment.function is not None:
            self.add_function(fragment.function)
        raw: Any = fragment
        if raw.raw_custom:
            merge_data(self._custom, raw.raw_custom)
        if raw.raw_extra:
            merge_data(self._extra, raw.raw_extra)

    def add_function(self, fragment: FunctionDelta) -> None:
        if fragment.name and fragment.name != self._name:
            self._name += fragment.name
        if fragment.arguments:
            self.arguments.append(fragment.arguments)
        raw: Any = fragment
        if raw.raw_extra:
            merge_data(self._function_extra, raw.raw_extra)

    def function(self) -> Function:
        """A call without arguments has the empty object, never empty text."""
        arguments = "".join(self.arguments)
        extra = settled(self._function_extra)
        return Function(self._name, arguments if arguments.strip() else "{}", extra)

    def tool_call(self) -> ToolCall:
        identifier = self._id or f"call_{self._index}"
        extra = settled(self._extra)
        if self._custom:
            custom = CustomCall.model_validate({"name": "", **settled(self._custom)})
            return ToolCall(identifier, custom=custom, type="custom", extra=extra)
        return ToolCall(identifier, self.function(), type=self._type or "function", extra=extra)
