"""What the tests with the real model share: its weights, or a line that says why they skip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Completion
from llmgate_local import Local
from llmgate_local._core import live
from llmgate_local.models import ModelNotFoundError, find_model


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The library runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def weights() -> Path:
    """The GGUF file of SmolLM2."""
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install xllamacpp")
    try:
        return find_model("smollm2")
    except ModelNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def in_silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Neither we nor llama.cpp write a word."""
    yield
    assert ("", "") == capfd.readouterr()


@pytest.fixture(scope="module")
async def client(weights: Path) -> AsyncIterator[Client]:
    """A client whose model is loaded, with settings that suit a small machine."""
    local = Local(context=1024, threads=1, parallel=4)
    async with Client(providers={"local": local}) as made:
        await made.acompletion("local/smollm2", [{"role": "user", "content": "Hi"}], max_tokens=1)
        yield made


@pytest.fixture
def ask(client: Client) -> Callable[..., Coroutine[Any, Any, Completion]]:
    """A whole answer, short and the same each time unless it is asked otherwise."""

    async def answer(text: str = "Hi", client: Client = client, **options: Any) -> Completion:
        given: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "seed": 1, **options}
        messages = [{"role": "user", "content": text}]
        made: Completion = await client.acompletion(
            "local/smollm2", messages, stream=False, **given
        )
        return made

    return answer


@pytest.fixture
def until_idle() -> Callable[[], Awaitable[None]]:
    """Wait until no generation runs any more."""

    async def wait() -> None:
        began = time.monotonic()
        while any(core._free_slots < core._parallel for core in live):
            assert time.monotonic() - began < 5, "the generation goes on"
            await asyncio.sleep(0.005)

    return wait
