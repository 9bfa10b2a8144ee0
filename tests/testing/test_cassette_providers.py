"""Cassettes with real connections: what a server said is replayed when it is gone."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from llmgate import Client
from llmgate.errors import RateLimitError
from llmgate.testing import Fault, cassette, server

HI: Any = [{"role": "user", "content": "Hi"}]
KEY = "sk-canary-0123456789"


def dumped(value: Any) -> dict[str, Any]:
    """A completion or chunk, but for its id, which is made where a provider gives none."""
    return {**value.model_dump(), "id": None}


async def ask(shape: str, settings: dict[str, Any]) -> list[Any]:
    """A completion, a stream, a refusal, embeddings, and a list of models."""
    model, seen = f"{shape}/m", list[Any]()
    client: Any = Client(max_retries=0)
    async with client:
        seen.append(dumped(await client.acompletion(model, HI, **settings)))
        stream = await client.acompletion(model, HI, stream=True, **settings)
        chunks = [dumped(chunk) async for chunk in stream]
        seen += [chunks, (await stream.completion()).text]
        with pytest.raises(RateLimitError) as caught:
            await client.acompletion(model, HI, seed=1, **settings)
        seen.append((str(caught.value), caught.value.retry_after))
        if shape != "anthropic":
            seen.append((await client.aembedding(model, ["a", "b"], **settings)).model_dump())
            models = await client.alist_models(shape, **settings)
            seen.append([each.model_dump() for each in models])
    return seen


@pytest.mark.parametrize("shape", ["openai", "anthropic", "gemini", "cohere", "ollama"])
async def test_a_server_that_is_gone(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same comes of a replay, without a socket."""
    path = tmp_path / "x.json"
    busy = Fault("rate_limit", {"retry_after": 7})
    with server(["Paris it is.", "Rome it is.", busy]) as mock, cassette(path):
        settings = {"base_url": mock.base_url(shape), "api_key": KEY}
        recorded = await ask(shape, settings)

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.sock_connect", refuse)
    with cassette(path, mode="none") as tape:
        assert recorded == await ask(shape, {**settings, "api_key": "none"})
    assert [] == tape.unused
    assert KEY not in path.read_text()


@pytest.mark.exhaustive
async def test_a_model_on_this_machine(tmp_path: Path) -> None:
    """Its provider has a transport of its own, which is not made in a replay."""
    path = tmp_path / "x.json"
    texts: list[str | None] = []
    tape = cassette(path)
    for _ in range(2):
        with tape:
            async with Client() as client:
                made: Any = await client.acompletion("local/smollm2", HI, max_tokens=4, seed=1)
                texts.append(made.text)
    assert texts[0] == texts[1]
    assert (0, 1) == (tape.recorded, tape.replayed)
