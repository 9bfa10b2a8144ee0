"""The anthropic package."""

from __future__ import annotations

from time import perf_counter

from anthropic import AsyncAnthropic

from benchmarks.drivers import KEY, Reading, Task

__all__ = ["Client"]


class Client:
    """One AsyncAnthropic."""

    def __init__(self, task: Task) -> None:
        self._client = AsyncAnthropic(api_key=KEY, base_url=task.url)
        system, *turns = task.messages
        said = {"system": system["content"], "messages": turns}
        self._request = {"model": task.model, **said, **task.limits}

    async def call(self) -> str:
        """One call."""
        return (await self._client.messages.create(**self._request)).content[0].text

    async def stream(self) -> Reading:
        """One stream."""
        count, first, parts = 0, 0.0, []
        async for event in await self._client.messages.create(**self._request, stream=True):
            count += 1
            if count == 1:
                first = perf_counter()
            if event.type == "content_block_delta":
                parts.append(event.delta.text)
        return Reading(count, "".join(parts), first)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
