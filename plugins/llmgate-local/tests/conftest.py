"""What the tests with the real model share: its weights, or a line that says why they skip."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Completion
from llmgate.errors import NotFoundError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate_local import Local
from llmgate_local.models import find_model
from tests.integration.local_processes import OTHERS, children, until


@pytest.fixture(scope="session")
def weights() -> Path:
    """The GGUF file of SmolLM2."""
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install xllamacpp")
    try:
        return find_model("smollm2")
    except NotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def in_silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Neither we nor llama.cpp write a word."""
    yield
    assert ("", "") == capfd.readouterr()


@pytest.fixture(scope="module")
def local() -> Local:
    """A provider with settings that suit a small machine."""
    return Local(context=1024, threads=1, parallel=4)


@pytest.fixture(scope="module")
async def client(weights: Path, local: Local) -> AsyncIterator[Client]:
    """A client whose model is loaded."""
    async with Client(providers={"local": local}) as made:
        await made.acompletion("local/smollm2", [{"role": "user", "content": "Hi"}], max_tokens=1)
        yield made


@pytest.fixture
def ask(client: Client) -> Callable[..., Coroutine[Any, Any, Completion]]:
    """A whole completion, short and the same each time unless it is asked otherwise."""

    async def complete(text: str = "Hi", client: Client = client, **options: Any) -> Completion:
        given: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "seed": 1, **options}
        messages = [{"role": "user", "content": text}]
        made: Completion = await client.acompletion(
            "local/smollm2", messages, stream=False, **given
        )
        return made

    return complete


@pytest.fixture
async def until_idle(
    local: Local,
) -> AsyncIterator[Callable[[], Awaitable[list[dict[str, Any]]]]]:
    """Wait until no generation runs any more, as llama.cpp itself says; what it says then."""
    transport = local.transport
    assert transport is not None

    async def wait() -> list[dict[str, Any]]:
        began = time.monotonic()
        while True:
            reply = await transport.open(HttpRequest("GET", "local://smollm2/slots"), Timeout())
            slots: list[dict[str, Any]] = json.loads(await reply.read())
            if not any(slot["is_processing"] for slot in slots):
                return slots
            # A batch of a prompt may take ten seconds on a machine that is busy.
            assert time.monotonic() - began < 20, "the generation goes on"

    yield wait
    await transport.aclose()


@pytest.fixture
async def no_child_is_left() -> AsyncIterator[None]:
    """No test leaves a child. Those of other modules, as of the default client, do not count."""
    OTHERS.clear()
    OTHERS.update(children())
    yield
    await until(lambda: not children())
