"""Accumulates chunks into a completion, in linear time.

It invents nothing: what no chunk contained is absent from the completion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Protocol

from llmgate._text.shape import Shape
from llmgate.provider.choice_parts import ChoiceParts
from llmgate.provider.merging import replace_data, settled
from llmgate.types import (
    Chunk,
    ChunkChoice,
    Completion,
    ToolCallDelta,
    Usage,
)

__all__ = ["Accumulating", "Accumulator", "Asides", "accumulate", "beside"]


def accumulate(chunks: Iterable[Chunk]) -> Completion:
    """The completion of a whole stream."""
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    return accumulator.completion()


class Accumulator:
    """The completion so far. ``completion()`` may be called at any time."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._last: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._choices: dict[int, ChoiceParts] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no choice has begun."""
        return not self._choices

    def add(self, chunk: Chunk) -> None:
        """Add what a chunk says."""
        self.add_all_but_choices(chunk)
        for choice in chunk.choices:
            self.add_choice(choice)

    def add_all_but_choices(self, chunk: Chunk) -> None:
        """Add what a chunk says beside its choices."""
        raw: Any = chunk
        self.add_head(
            chunk.id, chunk.created, chunk.model, chunk.system_fingerprint, chunk.service_tier
        )
        self.add_rest(chunk.usage, raw.raw_extra)

    def add_choice(self, choice: ChunkChoice) -> None:
        """Add what one choice of a chunk says."""
        self.parts_of(choice.index).add(choice)

    # --- for a decoder that knows what is in its chunk, so that it need not be read again ---

    def add_head(
        self, identifier: str, created: int, model: str, fingerprint: str | None, tier: str | None
    ) -> None:
        """Add what a chunk says beside its choices; the first value of each field counts."""
        last = self._last
        if identifier and "id" not in last:
            last["id"] = identifier
        if created and "created" not in last:
            last["created"] = created
        if model and "model" not in last:
            last["model"] = model
        if fingerprint and "system_fingerprint" not in last:
            last["system_fingerprint"] = fingerprint
        if tier:  # the last value is the tier that was used
            last["service_tier"] = tier

    def add_rest(self, usage: Usage | None, extra: Mapping[str, Any] | None) -> None:
        """Add a chunk's usage, and its other fields."""
        if usage is not None and (self.usage is None or _counts(usage)):
            self.usage = usage
        if extra:
            replace_data(self._extra, extra)

    def add_piece(
        self,
        index: int,
        content: str | None,
        role: str | None = None,
        reasoning: str | None = None,
        refusal: str | None = None,
        extra: dict[str, Any] | None = None,
        choice_extra: dict[str, Any] | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> None:
        """Add the fields of a choice's delta, and the other fields of the choice."""
        parts = self.parts_of(index)
        parts.add_piece(content, role, reasoning, refusal, extra, choice_extra)
        if logprobs:
            parts.logprobs.add(logprobs)

    def add_fragments(self, index: int, fragments: Iterable[ToolCallDelta]) -> None:
        """Add fragments of a choice's tool calls."""
        parts = self.parts_of(index)
        for fragment in fragments:
            parts.add_fragment(fragment)

    def add_arguments(self, index: int, call: int, arguments: str) -> None:
        """Add a fragment of the arguments of a choice's tool call, which has begun already."""
        self._choices[index].calls[call].arguments.append(arguments)

    def parts_of(self, index: int) -> ChoiceParts:
        """One choice so far, which a decoder may add to."""
        parts = self._choices.get(index)
        if parts is None:
            parts = self._choices[index] = ChoiceParts(index)
        return parts

    def completion(self) -> Completion:
        """The completion of the chunks so far.

        Its messages are valid in a next request: while a choice has no finish reason, its
        incomplete calls are left out.
        """
        return Completion(
            choices=[parts.choice() for _, parts in sorted(self._choices.items())],
            usage=self.usage,
            extra=settled(self._extra),
            **self._last,
        )


def _counts(usage: Usage) -> bool:
    """Whether it counts anything: some hosts send zeros after the real usage."""
    return bool(usage.prompt_tokens or usage.completion_tokens or usage.total_tokens)


# --- what decoders report beside the completion ---------------------------------------------


class Accumulating(Protocol):
    """The ability of a decoder to add what it reads to its own accumulator, which the stream then
    uses.

    The decoder has the pieces at hand; reading them again from the chunk would cost as much as
    making the chunk. Use it only for a decoder whose chunks are passed on unchanged.
    """

    @property
    def accumulator(self) -> Accumulator | None:
        """The accumulator; None if the stream must add the chunks itself."""
        ...


class Asides:
    """Lists that grow during a stream and are emitted in ``extra``, each time as a whole.

    Emitting them with each item would take quadratic time. So after the first few items they are
    emitted when they have doubled, and at the end by :meth:`rest`.
    """

    __slots__ = ("_count", "_emitted", "_lists")

    def __init__(self) -> None:
        self._lists: dict[str, list[Any]] = {}
        self._count = 0
        self._emitted = 0

    def add(self, name: str, item: Any) -> dict[str, Any]:
        """Add to a list; returns all lists so far, or nothing if it is too early to emit them
        again."""
        self._lists.setdefault(name, []).append(item)
        self._count += 1
        is_time = self._count <= _FEW or self._count >= 2 * self._emitted
        return self.rest() if is_time else {}

    def rest(self) -> dict[str, Any]:
        """All lists so far, if they contain items that were not emitted yet."""
        if self._emitted == self._count:
            return {}
        self._emitted = self._count
        return {name: [*items] for name, items in self._lists.items()}


_FEW = 16


def beside(rest: Mapping[str, Any], shape: type[Shape], name: str) -> dict[str, Any]:
    """What a provider says beside its completion, made fit for the ``extra`` of this shape.

    A key that means something else in the shape would replace that in a dump, so such keys are
    grouped under the provider's name.
    """
    own: Any = shape  # the cache's type does not say that classes can be hashed
    taken = rest.keys() & _names_in(own)
    if not taken:
        return dict(rest)
    free = {key: value for key, value in rest.items() if key not in taken}
    return {**free, name: {key: value for key, value in rest.items() if key in taken}}


@cache
def _names_in(shape: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(shape)) - {"extra"}
