"""Streams as litellm's: chunks that end in one with the finish reason, then the usage if asked.

A sync stream has ``__iter__`` alone and an async one ``__aiter__`` alone, so that code which looks
for either takes the right way.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Self

import llmgate
from llmgate_litellm._convert import stream_response, usage_of
from llmgate_litellm.types.utils import (
    Delta,
    ModelResponseStream,
    StreamingChoices,
    Usage,
)

__all__ = [
    "AsyncStream",
    "CustomStreamWrapper",
    "ModelResponseStream",
    "StreamingChoices",
    "SyncStream",
]

Done = Callable[[list[ModelResponseStream]], None]


class CustomStreamWrapper:
    """What both kinds of stream are an instance of."""

    def __init__(
        self,
        chunks: Any,
        *,
        model: str,
        provider: str,
        with_usage: bool,
        on_chunk: Callable[[ModelResponseStream], None],
        on_done: Done,
        on_error: Callable[[llmgate.LLMGateError], Exception],
    ) -> None:
        self._source = chunks
        self.model, self.custom_llm_provider = model, provider
        self._ident, self._created = f"chatcmpl-{uuid.uuid4()}", int(time.time())
        self._with_usage = with_usage
        self._on_chunk, self._on_done, self._on_error = on_chunk, on_done, on_error
        self._ready: list[ModelResponseStream] = []
        self._began = self._ended = False
        self._usage: Usage | None = None
        self.chunks: list[ModelResponseStream] = []
        self._hidden_params: dict[str, Any] = {"custom_llm_provider": provider}
        self.response_uptil_now = ""

    def _take(self, chunk: llmgate.Chunk) -> None:
        """Make of a chunk of llmgate's those that litellm would give."""
        self._ident = chunk.id or self._ident
        self._created = chunk.created or self._created
        if chunk.usage is not None:
            self._usage = usage_of(chunk.usage)
        if not chunk.choices:
            return
        made = stream_response(chunk, model=self.model, ident=self._ident, created=self._created)
        self._ready += self._in_order(made)

    def _in_order(self, made: ModelResponseStream) -> list[ModelResponseStream]:
        """The role with the first delta alone; a finish reason in a chunk without a text."""
        for choice in made.choices:
            choice.delta.role = None if self._began else "assistant"
        self._began = True
        ends = [choice for choice in made.choices if choice.finish_reason is not None]
        says = any(_says_something(choice.delta) for choice in ends)
        if not says:
            return [made]
        last = made.model_copy(deep=True)
        for choice in made.choices:
            choice.finish_reason = None
        last.choices = [
            StreamingChoices(finish_reason=choice.finish_reason, index=choice.index, delta=Delta())
            for choice in last.choices
            if choice.finish_reason is not None
        ]
        return [made, last]

    def _end(self) -> None:
        """The usage, to those who asked for it; then the callbacks' whole response."""
        self._ended = True
        if self._with_usage and self._usage is not None:
            last = ModelResponseStream(
                id=self._ident,
                created=self._created,
                model=self.model,
                choices=[StreamingChoices()],
                usage=self._usage,
            )
            self._ready.append(last)
        if not self._ready:
            self._on_done(self._all())

    def _give(self) -> ModelResponseStream:
        chunk = self._ready.pop(0)
        self.chunks.append(chunk)
        for choice in chunk.choices[:1]:
            self.response_uptil_now += choice.delta.content or ""
        self._on_chunk(chunk)
        if self._ended and not self._ready:
            self._on_done(self._all())
        return chunk

    def _all(self) -> list[ModelResponseStream]:
        """Every chunk, and the usage even where it was not asked for."""
        if self._with_usage or self._usage is None or not self.chunks:
            return self.chunks
        last = self.chunks[-1].model_copy(update={"choices": [StreamingChoices()]})
        last.usage = self._usage
        return [*self.chunks, last]


def _says_something(delta: Delta) -> bool:
    return bool(delta.content or delta.tool_calls or getattr(delta, "reasoning_content", None))


class SyncStream(CustomStreamWrapper):
    """A stream for ``for``. A loop that was left can be taken up again."""

    def __iter__(self) -> Iterator[ModelResponseStream]:
        return self

    def __next__(self) -> ModelResponseStream:
        while not self._ready:
            if self._ended:
                raise StopIteration
            try:
                chunk = next(self._source, None)
            except llmgate.LLMGateError as error:
                self._ended = True
                raise self._on_error(error) from error
            if chunk is None:
                self._end()
            else:
                self._take(chunk)
        return self._give()

    def close(self) -> None:
        """Close the connection."""
        getattr(self._source, "close", lambda: None)()


class AsyncStream(CustomStreamWrapper):
    """A stream for ``async for``. A loop that was left can be taken up again."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ModelResponseStream:
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            try:
                chunk = await anext(self._source, None)
            except llmgate.LLMGateError as error:
                self._ended = True
                raise self._on_error(error) from error
            if chunk is None:
                self._end()
            else:
                self._take(chunk)
        return self._give()

    async def aclose(self) -> None:
        """Close the connection."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()
