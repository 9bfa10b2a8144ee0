"""liter-llm, whose core is in Rust and runs on threads of its own."""

from __future__ import annotations

import liter_llm
from liter_llm.options import ChatCompletionRequest

from benchmarks.drivers import KEY, Reading, Task
from benchmarks.drivers.shape import read, said

__all__ = ["Client"]


class Client:
    """One client; the request is built for each call, as the others encode theirs."""

    def __init__(self, task: Task) -> None:
        address = f"{task.url}/v1"
        self._client = liter_llm.create_client(
            api_key=KEY, base_url=address, model_hint=task.dialect
        )
        self._request = {
            "model": f"{task.dialect}/{task.model}",
            "messages": task.messages,
            **task.limits,
        }

    async def call(self) -> str:
        """One call."""
        request = ChatCompletionRequest(**self._request)
        return str(said(await liter_llm.chat(self._client, request)))

    async def stream(self) -> Reading:
        """One stream."""
        request = ChatCompletionRequest(**self._request)
        return await read(liter_llm.chat_stream(self._client, request))

    async def close(self) -> None:
        """Its connections end with the process."""
