"""litellm, which keeps its clients itself."""

from __future__ import annotations

import litellm

from benchmarks.drivers import KEY, Reading, Task
from benchmarks.drivers.shape import read, said

__all__ = ["Client"]


class Client:
    """The arguments of ``acompletion``."""

    def __init__(self, task: Task) -> None:
        address = f"{task.url}/v1" if task.dialect == "openai" else task.url
        self._request = {
            "model": f"{task.dialect}/{task.model}",
            "messages": task.messages,
            "api_base": address,
            "api_key": KEY,
            **task.limits,
        }

    async def call(self) -> str:
        """One call."""
        return said(await litellm.acompletion(**self._request))

    async def stream(self) -> Reading:
        """One stream."""
        usage = {"include_usage": True}
        stream = await litellm.acompletion(**self._request, stream=True, stream_options=usage)
        return await read(stream)

    async def close(self) -> None:
        """Its clients end with the process."""
