"""Calls of OpenAI's format that are answered from memory, for tests of cassettes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmgate import Client
from llmgate.testing import (
    Canned,
    CannedTransport,
)
from llmgate_openai import OpenAI

HI: Any = [{"role": "user", "content": "Hi"}]
KEY = "sk-canary-0123456789+/abcdef"
"""A credential whose percent-encoded and base64 forms all differ from it."""


def reply(text: str, **more: Any) -> Canned:
    """A completion of OpenAI's shape."""
    message = {"role": "assistant", "content": text}
    return Canned.json({"id": "c1", "choices": [{"index": 0, "message": message}], **more})


def event(text: str) -> bytes:
    """An event of a stream of OpenAI's shape."""
    return (
        b"data: %s\n\n"
        % json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()
    )


def streamed(*pieces: bytes, **more: Any) -> Canned:
    """A stream that arrives in these pieces."""
    return Canned(200, {"content-type": "text/event-stream"}, [*pieces], **more)


def client_of(replies: Any, key: str = KEY, **settings: Any) -> Client:
    """A client of OpenAI that is answered from memory."""
    transport = CannedTransport(replies)
    return Client(providers={"openai": OpenAI(api_key=key)}, transport=transport, **settings)


NOBODY = ()
"""No replies: whoever asks for one fails."""


async def ask(client: Client, text: str = "Hi", **options: Any) -> Any:
    """A completion."""
    messages = [{"role": "user", "content": text}]
    return await client.acompletion("openai/gpt-4o", messages, **options)


def written(path: Path) -> dict[str, Any]:
    """What stands in a file."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def transport_of(replies: Any) -> Any:
    """What makes a transport that is answered from memory."""

    async def real() -> CannedTransport:
        return CannedTransport(replies)

    return real
