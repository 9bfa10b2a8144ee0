"""Takes the value of a response out of the object that its schema was wrapped in.

It is imported for calls with such schemas, and knows no provider.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

from llmgate._core.formats import VALUE
from llmgate._core.views import ProviderView
from llmgate._text.json import is_object
from llmgate.provider import Provider
from llmgate.types import Choice, Chunk, ChunkChoice, Completion


def unwrapping_view(provider: Provider) -> Provider:
    """A view of a provider whose completions contain only the value."""
    view = ProviderView(provider, unwrapped, lambda: ChunkUnwrapper().chunk)
    return cast("Provider", view)


def unwrapped(completion: Completion) -> Completion:
    """The completion with the value in place of the object, in each choice that has one."""
    return replace(completion, choices=[*map(_unwrapped_choice, completion.choices)])


def _unwrapped_choice(choice: Choice) -> Choice:
    content = choice.message.content
    try:
        value: Any = json.loads(content or "")
    except (ValueError, RecursionError):  # it was cut, or is not JSON
        return choice
    if content is None or not is_object(value) or [*value] != [VALUE]:
        return choice
    parts = _Unwrapper()
    return replace(
        choice, message=replace(choice.message, content=parts.feed(content) + parts.end())
    )


class ChunkUnwrapper:
    """The chunks of one stream, each with the text that is certainly part of the value."""

    def __init__(self) -> None:
        self._parts: dict[int, _Unwrapper] = {}

    def chunk(self, chunk: Chunk) -> Chunk:
        """The next chunk."""
        return replace(chunk, choices=[*map(self._choice, chunk.choices)])

    def _choice(self, choice: ChunkChoice) -> ChunkChoice:
        content = choice.delta.content
        parts = self._parts.setdefault(choice.index, _Unwrapper())
        text = parts.feed(content) if content else ""
        if choice.finish_reason is not None:
            text += parts.end()
        if not content and not text:
            return choice
        return replace(choice, delta=replace(choice.delta, content=text))


class _Unwrapper:
    """The text of the value in an object, from the text of the object in pieces."""

    def __init__(self) -> None:
        self._waiting = ""
        self._is_begun = self._is_plain = False

    def feed(self, piece: str) -> str:
        """The text that is certainly part of the value so far."""
        if self._is_plain:
            return piece
        self._waiting += piece
        if not self._has_begun():
            return self._plain_text()
        text = self._waiting.rstrip()
        text = text.removesuffix("}").rstrip()  # the object's end, if nothing follows
        self._waiting = self._waiting[len(text) :]
        return text

    def _has_begun(self) -> bool:
        """Whether the value has begun; a text that is not such an object is passed on unchanged."""
        if self._is_begun:
            return True
        squeezed = "".join(self._waiting.split())
        self._is_begun = squeezed.startswith(_HEAD) and len(squeezed) > len(_HEAD)
        self._is_plain = not self._is_begun and not _HEAD.startswith(squeezed)
        if self._is_begun:
            self._waiting = self._waiting.partition(":")[2].lstrip()
        return self._is_begun

    def _plain_text(self) -> str:
        return self.end() if self._is_plain else ""

    def end(self) -> str:
        """The rest of the value, when the text has ended."""
        text, self._waiting = self._waiting, ""
        return "" if self._is_begun and text.strip() in ("", "}") else text


_HEAD = f'{{"{VALUE}":'
