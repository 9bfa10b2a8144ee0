"""The openai package."""

from __future__ import annotations

from openai import AsyncOpenAI

from benchmarks.drivers import KEY, Reading, Task
from benchmarks.drivers.shape import read, said

__all__ = ["Client"]


class Client:
    """One AsyncOpenAI."""

    def __init__(self, task: Task) -> None:
        self._client = AsyncOpenAI(api_key=KEY, base_url=f"{task.url}/v1")
        self._create = self._client.chat.completions.create
        self._request = {"model": task.model, "messages": task.messages}

    async def call(self) -> str:
        """One call."""
        return said(await self._create(**self._request))

    async def stream(self) -> Reading:
        """One stream."""
        usage = {"include_usage": True}
        return await read(await self._create(**self._request, stream=True, stream_options=usage))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
