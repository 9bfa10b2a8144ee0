"""Reads the calls that a model wrote as text, in a whole completion and in a stream as it arrives.

It is the response side of :mod:`llmgate.provider.emulation`. A call is
``{"name": …, "arguments": {…}}``, or with ``"parameters"``, between ``<tool_call>`` and
``</tool_call>``, or a completion that is nothing but such an object or a list of them. If anything
in it is wrong (it is cut off, names a function that was not offered, or has more than that), the
text stays text, unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llmgate._text.json import is_array, is_object
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FinishReason,
    Function,
    FunctionDelta,
    ToolCall,
    ToolCallDelta,
)

if TYPE_CHECKING:
    from llmgate.provider import Decoder
    from llmgate.provider.framing import Frame


OPEN, CLOSE = "<tool_call>", "</tool_call>"

_FENCE = r"```\w*"
_BEFORE = re.compile(rf"\s*(?:{_FENCE}\s)?\s*")
_AFTER = re.compile(r"\s*(?:```)?\s*")
_HEADS = [
    f"{fence}{bracket}{{{key}"
    for fence in ("", "```", "```json")
    for bracket in ("", "[")
    for key in ('"name"', '"arguments"')
]
"""The beginnings of a completion that is nothing but a call, ignoring white space."""


def completion_with_calls(
    completion: Completion, names: frozenset[str], call_id: str
) -> Completion:
    """The completion with calls in place of the text that stands for them."""
    choices = [_choice_with_calls(choice, names, call_id) for choice in completion.choices]
    return replace(completion, choices=choices)


def _choice_with_calls(choice: Choice, names: frozenset[str], call_id: str) -> Choice:
    text, functions = read_calls(choice.message.content or "", names)
    if not functions:
        return choice
    calls = [
        ToolCall(f"call_{call_id}_{choice.index}_{number}", function)
        for number, function in enumerate(functions)
    ]
    message = replace(choice.message, content=text or None, tool_calls=calls)
    return replace(choice, message=message, finish_reason=_with_calls(choice.finish_reason))


def _with_calls(reason: FinishReason | None) -> FinishReason | None:
    return "tool_calls" if reason == "stop" else reason


# --- text ---------------------------------------------------------------------------------


def read_calls(text: str, names: frozenset[str]) -> tuple[str, list[Function]]:
    """The text beside the calls, and the calls; without a valid call, all of it is text."""
    for read in (_whole, _marked):
        try:
            words, values = read(text)
            items = [item for each in values for item in (each if is_array(each) else [each])]
            functions = [_function(item, names) for item in items]
        except (ValueError, RecursionError):
            continue
        if functions:
            return words, functions
    return text, []


def _may_be_call(text: str) -> bool:
    """Whether the text, or a longer text that begins with it, may be nothing but a call."""
    said = "".join(text.lstrip()[:_MAX_HEAD].split())
    return any(head.startswith(said) or said.startswith(head) for head in _HEADS)


_MAX_HEAD = 1000
"""A head is much shorter, but white space may occur in it."""


def _whole(text: str) -> tuple[str, list[Any]]:
    """The JSON value of a text that may be nothing but a call.

    Raises:
        ValueError: when it is not a JSON value, or more text follows.
    """
    if not _may_be_call(text):
        return "", []
    value, end = _value_at(text, 0)
    if end < len(text):
        raise ValueError("there is more than a call")
    return "", [value]


def _marked(text: str) -> tuple[str, list[Any]]:
    """The text outside the marks, and the values inside them.

    Raises:
        ValueError: when the text between marks is not a JSON value.
    """
    words, start = "", 0
    values: list[Any] = []
    while (mark := text.find(OPEN, start)) >= 0:
        words += text[start:mark].rstrip()
        value, start = _value_at(text, mark + len(OPEN))
        values.append(value)
        if text.startswith(CLOSE, start):
            start += len(CLOSE)
        elif start < len(text):
            raise ValueError("the mark is not closed")
    return words + text[start:].rstrip(), values


def _value_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value at this place, without a code fence around it, and where it ends."""
    value, end = _DECODER.raw_decode(text, _past(_BEFORE, text, start))
    return value, _past(_AFTER, text, end)


def _past(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


_ABOUT_CALLS = frozenset({"name", "id", "type"})
_ARGUMENTS = frozenset({"arguments", "parameters"})
"""How models name them: the second is Llama's way, whatever it is told."""


def _function(item: Any, names: frozenset[str]) -> Function:
    if not is_object(item) or item.get("name") not in list(names):
        raise ValueError("no call of a function that was offered")
    others = item.keys() - _ABOUT_CALLS
    if len(others) > 1 or not others <= _ARGUMENTS:
        raise ValueError("there is something that would be lost")
    arguments: Any = item[others.pop()] if others else {}
    if isinstance(arguments, str):
        arguments = _DECODER.decode(arguments)
    if not is_object(arguments):
        raise ValueError("the arguments are no object")
    written = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    written.encode()  # a lone surrogate is a ValueError
    return Function(item["name"], written)


# --- streams ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Held:
    """The text of one choice that is held back because it is or may become a call.

    ``whole`` is True while the entire text may be nothing but a call. ``settled`` is True once
    nothing more is passed on: the head allows a call, or a mark came. ``pieces`` is further text,
    which decides nothing and is joined only once.
    """

    text: str = ""
    pieces: list[str] = field(default_factory=list[str])
    whole: bool = True
    settled: bool = False
    ended: bool = False

    def pass_on(self, text: str) -> str:
        """The text that may be passed on, now that this text came."""
        if self.settled or not text.strip():
            self.pieces.append(text)
            return ""
        self.text = self._take() + text
        if self.whole:
            self.whole = _may_be_call(self.text)
        if self.whole:
            self.settled = len(self.text.lstrip()) >= _MAX_HEAD
            return ""
        mark = self.text.find(OPEN)
        self.settled = mark >= 0
        end = mark if self.settled else len(self.text) - _overlap(self.text, OPEN)
        passed = self.text[:end].rstrip()
        self.text = self.text[len(passed) :]
        return passed

    def end(self, names: frozenset[str]) -> tuple[str, list[Function]]:
        """The remaining text, and the calls in it."""
        self.ended = True
        return read_calls(self._take(), names)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held back."""
        return not (self.text or self.pieces)

    def _take(self) -> str:
        taken = "".join((self.text, *self.pieces))
        self.text = ""
        self.pieces.clear()
        return taken


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of the text are the beginning of the mark."""
    sizes = range(min(len(mark) - 1, len(text)), 0, -1)
    return next((size for size in sizes if text.endswith(mark[:size])), 0)


class EmulatedDecoder:
    """Passes a stream's text on, except what is or may become a call: that is held back until its
    end."""

    def __init__(self, decoder: Decoder[Chunk], names: frozenset[str], call_id: str) -> None:
        self._decoder = decoder
        self._names = names
        self._call_id = call_id
        self._held: dict[int, _Held] = {}
        self._last = Chunk([])
        self.framer = decoder.framer

    @property
    def finished(self) -> bool:
        """Whether the terminator has come."""
        return self._decoder.finished

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The other decoder's chunks, with calls in place of their text."""
        yield from self._chunks(self._decoder.feed(frame))
        if self._decoder.finished:
            yield from self._leftover()

    def close(self) -> Iterable[Chunk]:
        """The other decoder's last chunks, likewise."""
        yield from self._chunks(self._decoder.close())
        yield from self._leftover()

    def _chunks(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            self._last = chunk
            choices = [self._choice(choice) for choice in chunk.choices]
            kept = [choice for choice in choices if choice != ChunkChoice(_SILENCE, choice.index)]
            if kept or not choices or chunk.extra or chunk.usage is not None:
                yield replace(chunk, choices=kept)

    def _leftover(self) -> Iterator[Chunk]:
        """The text still held back for choices that never got a finish reason."""
        for index, held in self._held.items():
            if not held.is_empty:
                choice = self._ended(ChunkChoice(_SILENCE, index), held)
                yield replace(self._last, choices=[choice], usage=None, extra={})

    def _choice(self, choice: ChunkChoice) -> ChunkChoice:
        held = self._held.setdefault(choice.index, _Held())
        if held.ended:
            return choice
        text = held.pass_on(choice.delta.content or "")
        passed = replace(choice, delta=replace(choice.delta, content=text or None))
        return passed if choice.finish_reason is None else self._ended(passed, held)

    def _ended(self, choice: ChunkChoice, held: _Held) -> ChunkChoice:
        """The choice's last piece, with the text that was held back."""
        text, functions = held.end(self._names)
        content = (choice.delta.content or "") + text
        delta = replace(choice.delta, content=content or None)
        if not functions:
            return replace(choice, delta=delta)
        fragments = [
            ToolCallDelta(
                number,
                f"call_{self._call_id}_{choice.index}_{number}",
                FunctionDelta(function.name, function.arguments),
                type="function",
            )
            for number, function in enumerate(functions)
        ]
        delta = replace(delta, tool_calls=fragments)
        return replace(choice, delta=delta, finish_reason=_with_calls(choice.finish_reason))


_SILENCE = ChoiceDelta()
