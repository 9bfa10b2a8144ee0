"""Chunks into the completion that they add up to, in time linear in their number.

It invents nothing: what no chunk said is absent from the completion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, cast

from llmgate._text.json import parse_arguments
from llmgate._text.shape import Shape
from llmgate.errors import DecodeError
from llmgate.provider.merging import Merged, merge_data, replace_data, settled
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    CustomCall,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
    Usage,
)

__all__ = ["Accumulator", "Asides", "accumulate", "beside"]


def accumulate(chunks: Iterable[Chunk]) -> Completion:
    """The completion of a whole stream."""
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    return accumulator.completion()


class Accumulator:
    """The answer so far. ``completion()`` may be asked for at any time."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._last_chunk = _NO_CHUNK
        self._last: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._choices: dict[int, _ChoiceParts] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing of an answer has come."""
        return not self._choices

    def add(self, chunk: Chunk) -> None:
        """Add what a chunk says."""
        last, raw = self._last_chunk, cast("Any", chunk)
        if (
            chunk.id is not last.id  # nearly always they are the same objects
            or chunk.model is not last.model
            or chunk.service_tier is not last.service_tier
            or chunk.system_fingerprint is not last.system_fingerprint
            or chunk.created != last.created
        ):
            self._add_head(chunk)
            self._last_chunk = chunk
        if chunk.usage is not None and (self.usage is None or _counts(chunk.usage)):
            self.usage = chunk.usage
        if raw.raw_extra:
            replace_data(self._extra, raw.raw_extra)
        for choice in chunk.choices:
            parts = self._choices.get(choice.index)
            if parts is None:
                parts = self._choices[choice.index] = _ChoiceParts(choice.index)
            parts.add(choice)

    def _add_head(self, chunk: Chunk) -> None:
        for name in ("id", "created", "model", "system_fingerprint", "service_tier"):
            value = getattr(chunk, name)
            if value and name not in self._last:
                self._last[name] = value
        if chunk.service_tier:  # the tier that was used is said last
            self._last["service_tier"] = chunk.service_tier

    def completion(self) -> Completion:
        """What the chunks so far add up to.

        Its message is valid as a message of a request: as long as a choice has no finish reason, a
        call that is not whole yet is left out of it.
        """
        return Completion(
            choices=[parts.choice() for _, parts in sorted(self._choices.items())],
            usage=self.usage,
            extra=settled(self._extra),
            **self._last,
        )


_NO_CHUNK = Chunk([])


def _counts(usage: Usage) -> bool:
    """Whether it counts anything: some hosts send zeros after what was billed."""
    return bool(usage.prompt_tokens or usage.completion_tokens or usage.total_tokens)


class _ChoiceParts:
    """One choice, in pieces."""

    __slots__ = (
        "_annotations",
        "_audio",
        "_calls",
        "_content",
        "_extra",
        "_finish",
        "_functions",
        "_index",
        "_logprobs",
        "_message_extra",
        "_provider_data",
        "_reasoning",
        "_refusal",
        "_role",
    )

    def __init__(self, index: int) -> None:
        self._index = index
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._role = "assistant"
        self._calls: dict[int, _CallParts] = {}
        self._functions: dict[int, _CallParts] = {}
        self._annotations: list[dict[str, Any]] = []
        self._audio = Merged()
        self._provider_data: dict[str, Any] = {}
        self._logprobs = Merged()
        self._message_extra = Merged()
        self._extra = Merged()
        self._finish: dict[str, Any] = {}

    def add(self, choice: ChunkChoice) -> None:
        delta, raw, fields = choice.delta, cast("Any", choice.delta), cast("Any", choice)
        if delta.content is not None:
            self._content.append(delta.content)
        if delta.reasoning_content is not None:
            self._reasoning.append(delta.reasoning_content)
        if delta.tool_calls:
            for fragment in delta.tool_calls:
                call = self._calls.get(fragment.index)
                if call is None:
                    call = self._calls[fragment.index] = _CallParts(fragment.index)
                call.add(fragment)
        if delta.role:
            self._role = delta.role
        if raw.raw_extra:
            self._message_extra.add(raw.raw_extra)
        if fields.raw_logprobs:
            self._logprobs.add(fields.raw_logprobs)
        if fields.raw_extra:
            self._extra.add(fields.raw_extra)
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

    def _add_rare(self, delta: ChoiceDelta, raw: Any) -> None:
        """What most chunks do not have."""
        if delta.refusal is not None:
            self._refusal.append(delta.refusal)
        if delta.function_call is not None:
            self._functions.setdefault(0, _CallParts(0)).add_function(delta.function_call)
        self._annotations.extend(raw.raw_annotations or ())
        self._audio.add(raw.raw_audio or {})
        merge_data(self._provider_data, delta.provider_data or {})

    def choice(self) -> Choice:
        return Choice(
            message=self._message(),
            index=self._index,
            logprobs=self._logprobs.settled() or None,
            extra=self._extra.settled(),
            **self._finish,
        )

    def _message(self) -> Message:
        return Message(
            content=_joined(self._content),
            role=self._role,
            refusal=_joined(self._refusal),
            reasoning_content=_joined(self._reasoning),
            tool_calls=[call.tool_call() for call in self._shown(self._calls)] or None,
            function_call=next((call.function() for call in self._shown(self._functions)), None),
            annotations=list(self._annotations) or None,
            audio=self._audio.settled() or None,
            provider_data=settled(self._provider_data) or None,
            extra=self._message_extra.settled(),
        )

    def _shown(self, calls: dict[int, _CallParts]) -> Iterable[_CallParts]:
        return (call for _, call in sorted(calls.items()) if self._finish or call.is_whole())


def _joined(pieces: list[str]) -> str | None:
    """A text, None where no chunk had a piece of it."""
    return "".join(pieces) if pieces else None


class _CallParts:
    """One tool call, in pieces: the first id and type count, names and arguments are joined.

    A name that is repeated whole counts once.
    """

    def __init__(self, index: int) -> None:
        self._index = index
        self._id = ""
        self._type = ""
        self._name = ""
        self._arguments: list[str] = []
        self._custom: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._function_extra: dict[str, Any] = {}

    def is_whole(self) -> bool:
        """Whether it could end here: it says what to call, and its arguments are JSON."""
        try:
            parse_arguments("".join(self._arguments))
        except DecodeError:
            return False
        return bool(self._name or self._custom.get("name"))

    def add(self, fragment: ToolCallDelta) -> None:
        self._id = self._id or fragment.id or ""
        self._type = self._type or fragment.type or ""
        if fragment.function is not None:
            self.add_function(fragment.function)
        if fragment.custom:
            merge_data(self._custom, fragment.custom)
        if fragment.extra:
            merge_data(self._extra, fragment.extra)

    def add_function(self, fragment: FunctionDelta) -> None:
        if fragment.name and fragment.name != self._name:
            self._name += fragment.name
        if fragment.arguments:
            self._arguments.append(fragment.arguments)
        if fragment.extra:
            merge_data(self._function_extra, fragment.extra)

    def function(self) -> Function:
        """A call without arguments has the empty object, never empty text."""
        arguments = "".join(self._arguments)
        extra = settled(self._function_extra)
        return Function(self._name, arguments if arguments.strip() else "{}", extra)

    def tool_call(self) -> ToolCall:
        identifier = self._id or f"call_{self._index}"
        extra = settled(self._extra)
        if self._custom:
            custom = CustomCall.model_validate({"name": "", **settled(self._custom)})
            return ToolCall(identifier, custom=custom, type="custom", extra=extra)
        return ToolCall(identifier, self.function(), type=self._type or "function", extra=extra)


# --- what decoders tell beside the answer -------------------------------------------------


class Asides:
    """Lists that grow with a stream and are told in ``extra``, whole each time.

    Telling them anew with each item would take time in the square of their length: after the first
    few they are told when they have doubled, and :meth:`rest` at the end.
    """

    __slots__ = ("_count", "_lists", "_told")

    def __init__(self) -> None:
        self._lists: dict[str, list[Any]] = {}
        self._count = 0
        self._told = 0

    def add(self, name: str, item: Any) -> dict[str, Any]:
        """Add to a list; all lists so far, or nothing when it is too early to tell them again."""
        self._lists.setdefault(name, []).append(item)
        self._count += 1
        is_time = self._count <= _FEW or self._count >= 2 * self._told
        return self.rest() if is_time else {}

    def rest(self) -> dict[str, Any]:
        """All lists so far, if there is something in them that was not told yet."""
        if self._told == self._count:
            return {}
        self._told = self._count
        return {name: [*items] for name, items in self._lists.items()}


_FEW = 16


def beside(rest: Mapping[str, Any], shape: type[Shape], name: str) -> dict[str, Any]:
    """What a provider says beside its answer, fit for the ``extra`` of this shape.

    A key that means something else in the shape would take its place in a dump, so such keys stand
    together under the provider's name.
    """
    own: Any = shape  # a cache does not know that classes hash
    taken = rest.keys() & _names_in(own)
    if not taken:
        return dict(rest)
    free = {key: value for key, value in rest.items() if key not in taken}
    return {**free, name: {key: value for key, value in rest.items() if key in taken}}


@cache
def _names_in(shape: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(shape)) - {"extra"}
