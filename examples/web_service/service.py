"""A web service that streams what a model says: as server-sent events, and over a WebSocket.

    uvicorn --app-dir examples/web_service service:app

There is one client for the process. Where somebody leaves, the provider's work is cancelled.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Body, Depends, FastAPI, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import StreamingResponse

from llmgate import Client, LLMGateError

MODEL = os.environ.get("MODEL", "local/smollm2")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Open the client with the service, and close its connections with it."""
    async with Client(timeout=120) as app.state.client:
        yield


def client_of(connection: HTTPConnection) -> Client:
    """The client of the process."""
    client: Client = connection.app.state.client
    return client


app = FastAPI(lifespan=lifespan)
SharedClient = Annotated[Client, Depends(client_of)]


async def events(client: Client, prompt: str) -> AsyncIterator[dict[str, str]]:
    """What happens, event by event: texts, and then the end or an error."""
    try:
        messages = [{"role": "user", "content": prompt}]
        async with await client.acompletion(MODEL, messages, stream=True) as stream:
            async for text in stream.text():
                yield {"text": text}
            completion = await stream.completion()
        yield {"end": completion.choices[0].finish_reason or ""}
    except LLMGateError as error:  # its text may say more than a stranger should know
        yield {"error": type(error).__name__}


@app.post("/chat")
async def chat(prompt: Annotated[str, Body(embed=True)], client: SharedClient) -> StreamingResponse:
    """Server-sent events, each with an object in JSON."""
    lines = (f"data: {json.dumps(event)}\n\n" async for event in events(client, prompt))
    return StreamingResponse(lines, media_type="text/event-stream")


@app.websocket("/chat")
async def chat_over_websocket(socket: WebSocket, client: SharedClient) -> None:
    """Each text that comes is a question; it ends the answer to the one before it."""

    async def answer(prompt: str) -> None:
        async for event in events(client, prompt):
            await socket.send_json(event)

    await socket.accept()
    async with asyncio.TaskGroup() as answers:
        answering: asyncio.Task[None] | None = None
        async for prompt in socket.iter_text():  # until the other side leaves
            if answering:
                answering.cancel()
            answering = answers.create_task(answer(prompt))
        if answering:
            answering.cancel()
