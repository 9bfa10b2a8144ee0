"""Reading answers of OpenAI's shape, as the SDKs hand them over: one way of looking for all."""

from __future__ import annotations

from collections.abc import AsyncIterable
from time import perf_counter
from typing import Any

from benchmarks.drivers import Reading

__all__ = ["read", "said"]


def said(answer: Any) -> str:
    """The text of an answer, or the arguments of the function that it calls."""
    message = answer.choices[0].message
    text: str = message.tool_calls[0].function.arguments if message.tool_calls else message.content
    return text


async def read(stream: AsyncIterable[Any]) -> Reading:
    """A stream to its end, each chunk looked at."""
    count, first, parts = 0, 0.0, list[str]()
    async for chunk in stream:
        count += 1
        if count == 1:
            first = perf_counter()
        if not chunk.choices:
            continue
        delta = chunk.choices[0].delta
        if delta.content:
            parts.append(delta.content)
        elif delta.tool_calls:
            parts.append(delta.tool_calls[0].function.arguments or "")
    return Reading(count, "".join(parts), first)
