"""any-llm, with one provider's instance kept."""

from __future__ import annotations

from any_llm import AnyLLM

from benchmarks.drivers import KEY, Reading, Task
from benchmarks.drivers.shape import read, said

__all__ = ["Client"]


class Client:
    """One AnyLLM."""

    def __init__(self, task: Task) -> None:
        address = f"{task.url}/v1" if task.dialect == "openai" else task.url
        self._complete = AnyLLM.create(task.dialect, api_key=KEY, api_base=address).acompletion
        self._request = {"model": task.model, "messages": task.messages, **task.limits}
        self._options = {"stream": True}
        if task.dialect == "openai":
            self._options["stream_options"] = {"include_usage": True}

    async def call(self) -> str:
        """One call."""
        return said(await self._complete(**self._request))

    async def stream(self) -> Reading:
        """One stream."""
        return await read(await self._complete(**self._request, **self._options))

    async def close(self) -> None:
        """Its connections end with the process."""
