"""Streams that a server of faults gives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from llmgate import Stream
from llmgate.types import Usage
from tests.faults.calls import HI, MODEL, client_of
from tests.faults.peer import Step
from tests.faults.server import COMPLETION, FaultServer, reply
from tests.machine import wait_for_async

ANSWER = reply(body=COMPLETION)
USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)


@asynccontextmanager
async def streaming(step: Step, **settings: Any) -> AsyncGenerator[tuple[Stream, FaultServer]]:
    """An open stream over a pool of one connection, which must serve another call afterwards."""
    with FaultServer(step, ANSWER) as server:
        async with client_of(server, limit=1, **settings) as client:
            yield await client.acompletion(MODEL, HI, stream=True), server
            # which may come on the connection that the server is just closing
            assert "Hi" == (await client.acompletion(MODEL, HI, max_retries=2)).text


async def left(server: FaultServer) -> bool:
    """Whether the server sees its connection closed within 0.2 s."""
    return await wait_for_async(lambda: server.open_connections == 0, 0.2)
