"""Tokens a second of a model on this machine: by llmgate, by aiohttp, and by llama.cpp itself.

``python -m benchmarks.local_model [rounds]`` asks one server in turn and prints the medians. It
needs llmgate-local, the weights of ``local/smollm2``, and a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import Any

import aiohttp

from llmgate import Client
from llmgate_local import Local
from llmgate_local.models import find_model
from llmgate_local.server import ModelServer, server_for
from llmgate_local.settings import Settings

__all__ = ["main"]

_TOKENS = 200
_QUESTION: list[Any] = [{"role": "user", "content": "Tell a very long story."}]
_BODY: dict[str, Any] = {"max_tokens": _TOKENS, "temperature": 0, "ignore_eos": True}


async def _by_llmgate(client: Client) -> tuple[float, float]:
    """Tokens a second, between the first token and the end: as they came, and as llama.cpp counted
    in its own loop."""
    options: dict[str, Any] = {"max_tokens": _TOKENS, "temperature": 0}
    options["extra_body"] = {"ignore_eos": True}
    began = 0.0
    stream = await client.acompletion("local/smollm2", _QUESTION, stream=True, **options)
    async for chunk in stream:
        if not began and chunk.choices and chunk.choices[0].delta.content:
            began = time.perf_counter()
    seconds = time.perf_counter() - began
    timings: dict[str, Any] = (await stream.completion()).extra["timings"]
    return (_TOKENS - 1) / seconds, timings["predicted_per_second"]


async def _by_aiohttp(session: aiohttp.ClientSession, server: ModelServer) -> float:
    """Tokens a second of the least that a client can do: read the events, and take out the text."""
    body = {**_BODY, "messages": _QUESTION, "stream": True}
    headers = {"Authorization": f"Bearer {server.key}"}
    url = f"{server.address}/v1/chat/completions"
    began = 0.0
    async with session.post(url, json=body, headers=headers) as response:
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            choices: list[Any] = json.loads(line[6:])["choices"]
            if not began and choices and choices[0]["delta"].get("content"):
                began = time.perf_counter()
    return (_TOKENS - 1) / (time.perf_counter() - began)


async def main(rounds: int) -> None:
    """Measure and print."""
    server = server_for(find_model("smollm2"), Settings(parallel=1), main)
    ours, own, least = list[float](), list[float](), list[float]()
    local = Local(parallel=1)
    async with Client(providers={"local": local}) as client, aiohttp.ClientSession() as session:
        await asyncio.wrap_future(server.ready)
        await _by_llmgate(client)  # fills the cache of the prompt
        for _ in range(rounds):
            came, counted = await _by_llmgate(client)
            ours.append(came)
            own.append(counted)
            least.append(await _by_aiohttp(session, server))
    server.leave()
    server.release(main)
    print(f"llmgate {median(ours):.1f}, aiohttp {median(least):.1f}, llama.cpp {median(own):.1f}")
    ratios = [a / b for a, b in zip(ours, least, strict=True)]
    print(f"of aiohttp's {median(ratios):.3f}", end=", ")
    print(f"of llama.cpp's {median(a / b for a, b in zip(ours, own, strict=True)):.3f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
