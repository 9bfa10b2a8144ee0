"""Streams of canned responses, for tests of streams that are made of others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from llmgate import Client, Stream
from llmgate.errors import (
    ReadError,
)
from llmgate.testing import Canned, FakeProvider
from llmgate.testing.script import Answer
from llmgate.types import (
    Chunk,
    ChunkChoice,
)

HI: list[Any] = [{"role": "user", "content": "Hi"}]
FIRST = b'{"say": "one "}\n'
TRUNCATED = Canned(body=[FIRST, b'{"say": "two"}\n'], then=ReadError("reset"))
HANGING = Canned(body=[FIRST], hang=True)
REFUSED_IN_STREAM = Canned(body=b"[]\n")


@asynccontextmanager
async def streaming(answer: Answer, **settings: Any) -> AsyncGenerator[Stream]:
    """One stream of this answer."""
    provider = FakeProvider([answer])
    async with Client(providers={"fake": provider}, max_retries=0) as client:
        yield await client.acompletion("fake/m", HI, stream=True, **settings)
        assert 0 == provider.transport.still_open


def texts(chunks: Iterable[Chunk]) -> list[str | None]:
    """What the chunks say."""
    return [choice.delta.content for chunk in chunks for choice in chunk.choices]


def loud(chunk: Chunk) -> Chunk:
    """The same, in capitals."""
    return replace(chunk, choices=[_loud(choice) for choice in chunk.choices])


def _loud(choice: ChunkChoice) -> ChunkChoice:
    content = choice.delta.content
    delta = replace(choice.delta, content=None if content is None else content.upper())
    return replace(choice, delta=delta)
