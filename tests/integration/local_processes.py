"""Child processes that hold a model."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmgate import Client, Completion, Stream
from llmgate_local import Local

MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
ENDLESS: dict[str, Any] = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}
OTHERS = set[int]()
"""The children that were there before the test."""


def client_of(**settings: Any) -> Client:
    """A client whose model is small."""
    small: dict[str, Any] = {"context": 1024, "threads": 1, "parallel": 2, **settings}
    return Client(providers={"local": Local(**small)}, max_retries=0, timeout=60)


async def say(client: Client, **options: Any) -> str:
    """A short text."""
    given: dict[str, Any] = {"max_tokens": 2, "temperature": 0, **options}
    answer: Completion = await client.acompletion(MODEL, HELLO, stream=False, **given)
    return answer.text


async def started(client: Client) -> Stream:
    """A stream that has begun and would not end for long."""
    stream: Stream = await client.acompletion(MODEL, HELLO, stream=True, **ENDLESS)
    await anext(stream)
    return stream


def children(parent: int | None = None) -> set[int]:
    """The processes that run models for this one, or for another."""
    of = os.getpid() if parent is None else parent
    found = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    return {child for child in found if parent_of(child) == of and runs_model(child)} - OTHERS


def parent_of(process: int) -> int:
    """The parent of a process; 0 once it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    return 0


def runs_model(process: int) -> bool:
    """Whether a process is a child that runs a model, and has not ended."""
    with suppress(OSError):
        return b"llmgate_local.serve" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came so"
        await asyncio.sleep(0.02)
