"""Clients and calls, for tests of batches."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from llmgate import Client, ServerError
from llmgate.middleware import Middleware
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Completion, Message


class Echo(Middleware):
    """Answers with the prompt, after a pause; counts how many do so at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.prompts = list[str]()
        self.running = self.most = 0

    async def chat(self, call: Any, handler: Any) -> Completion:
        prompt: str = call.messages[-1]["content"]
        self.prompts.append(prompt)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(random.random() * self.seconds)
        finally:
            self.running -= 1
        if prompt.startswith("fail"):
            raise ServerError("oops", status=500)
        return Completion([Choice(Message(f"{call.model}: {prompt}"), 0, "stop")])


def client_of(echo: Middleware | None = None) -> Client:
    """A client that answers at once."""
    return Client(providers={"fake": FakeProvider()}, middleware=[echo or Echo()])


# --- files ---


def write(path: Path, *lines: Any) -> Path:
    """A file of JSON lines; texts are written as they are."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path
