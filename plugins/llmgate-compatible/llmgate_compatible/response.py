"""What a host's responses say in another way than OpenAI's, put right; whole or in chunks.

The bytes are read by ``llmgate_openai``. A host without such ways does not come through here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate.errors import ProviderError
from llmgate.provider.framing import Frame, Framer
from llmgate.provider.http import is_array, is_object
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    Message,
)
from llmgate_compatible.errors import named_error
from llmgate_compatible.reasoning import TagReader
from llmgate_compatible.rows import Chat
from llmgate_openai import ChatDecoder

__all__ = ["HostDecoder", "adjusted", "is_adjusted"]

_QUIRKS = frozenset({"think_tags", "details_as_reasoning"})


def is_adjusted(chat: Chat) -> bool:
    """Whether a host's responses have to be put right."""
    return bool(chat.errors) or not _QUIRKS.isdisjoint(chat.quirks)


def adjusted(completion: Completion, chat: Chat) -> Completion:
    """A whole response, put right in place."""
    for choice in completion.choices:
        message = choice.message
        if "details_as_reasoning" in chat.quirks:
            _read_details(message)
        if "think_tags" in chat.quirks and message.content:
            reader = TagReader()
            parts = [reader.feed(message.content), reader.close()]
            reasoning = "".join(reasoning for reasoning, _ in parts)
            message.content = "".join(text for _, text in parts)
            if reasoning:
                message.reasoning_content = f"{message.reasoning_content or ''}{reasoning}"
    return completion


def _read_details(message: Message | ChoiceDelta) -> None:
    """The reasoning in clear text, which a host has in its details alone."""
    details: Any = message.extra.get("reasoning_details")
    if message.reasoning_content or not is_array(details):
        return
    texts = [part.get("text") or part.get("summary") or "" for part in details if is_object(part)]
    message.reasoning_content = "".join(map(str, texts)) or None


class HostDecoder:
    """Reads one stream of a host, and puts its chunks right."""

    def __init__(self, decoder: ChatDecoder, chat: Chat) -> None:
        self._decoder = decoder
        self._errors = chat.errors
        self._has_tags = "think_tags" in chat.quirks
        self._has_details = "details_as_reasoning" in chat.quirks
        self._readers: dict[int, TagReader] = {}

    @property
    def framer(self) -> Framer:
        """What cuts the bytes into events."""
        return self._decoder.framer

    @property
    def finished(self) -> bool:
        """Whether the terminator has come."""
        return self._decoder.finished

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event."""
        try:
            chunks = self._decoder.feed(frame)
        except ProviderError as error:
            named = named_error(error, self._errors)
            if named is error:
                raise
            raise named from None
        if self._has_tags or self._has_details:
            return self._with_reasoning(chunks)
        return chunks

    def close(self) -> Iterable[Chunk]:
        """What the end of the bytes completes."""
        return [*self._with_reasoning(self._decoder.close()), *self._release()]

    def _with_reasoning(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        read = [*chunks]
        for choice in (choice for chunk in read for choice in chunk.choices):
            if self._has_details:
                _read_details(choice.delta)
            if self._has_tags:
                self._read_tags(choice)
        return [*read, *self._release()] if self.finished else read

    def _read_tags(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        reader = self._readers.setdefault(choice.index, TagReader())
        reasoning, text = reader.feed(delta.content) if delta.content else ("", "")
        if choice.finish_reason is not None or delta.tool_calls:
            last_reasoning, last_text = reader.close()
            reasoning, text = reasoning + last_reasoning, text + last_text
        if delta.content or text:
            delta.content = text if text or not reasoning else None
        if reasoning:
            delta.reasoning_content = f"{delta.reasoning_content or ''}{reasoning}"

    def _release(self) -> list[Chunk]:
        """What is still held back where a choice ended without saying so."""
        choices = list[ChunkChoice]()
        for index, reader in self._readers.items():
            reasoning, text = reader.close()
            if reasoning or text:
                delta = ChoiceDelta(text or None, reasoning_content=reasoning or None)
                choices.append(ChunkChoice(delta, index))
        return [Chunk(choices)] if choices else []
