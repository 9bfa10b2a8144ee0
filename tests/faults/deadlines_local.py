"""Time limits of a model that runs on this machine, where it is installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

from llmgate import Client
from llmgate.errors import DeadlineExceededError, NotFoundError
from llmgate_local import Local
from llmgate_local.models import find_model
from tests.faults.calls import SLACK, limits
from tests.faults.server import hang
from tests.faults.table import Case, Outcome, Player, Scene, check_always, serving

__all__ = ["CASES"]

MODEL = "local/smollm2"
STORY: list[Any] = [{"role": "user", "content": "Tell a very long story."}]
LONG: list[Any] = [{"role": "user", "content": "never " * 500}]
ENDLESS: dict[str, Any] = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}


@asynccontextmanager
async def running(player: Player, **options: Any) -> AsyncGenerator[Any]:
    """A way to ask the model, which is loaded."""
    provider = Local(context=1024, threads=1, parallel=4)
    client = Client(providers={"local": provider}, max_retries=0, timeout=30)

    async def ask(**more: Any) -> Outcome:
        outcome = await player.call(client, server, model=MODEL, **{**options, **more})
        check_always(outcome)
        return outcome

    async with serving(player.dialect.serve(hang)) as server:
        try:
            assert (await ask(messages=STORY, max_tokens=1, timeout=30, extra_body={})).text
            yield ask
        finally:
            await player.close(client)


def assert_late(outcome: Outcome, phase: str, seconds: float) -> None:
    """A token, or a batch of a prompt, may have been under way; it is not waited for."""
    assert isinstance(outcome.error, DeadlineExceededError), f"{outcome.error!r}"
    assert phase == outcome.error.phase
    assert outcome.seconds >= seconds - 0.02, f"{outcome.seconds:.2f} s"
    assert outcome.own_seconds <= seconds + SLACK, f"{outcome.seconds:.2f} s"


async def generating(player: Player) -> None:
    """An answer without end is broken off at its limit; the next is served."""
    async with running(player, messages=STORY, **ENDLESS) as ask:
        assert_late(await ask(timeout=0.3), "total", 0.3)
        assert (await ask(max_tokens=1)).text


async def reading(player: Player) -> None:
    """So is the reading of a long prompt, before which there is no token."""
    body = {"cache_prompt": False}
    async with running(player, messages=LONG, max_tokens=2, extra_body=body) as ask:
        assert_late(await ask(timeout=0.1), "total", 0.1)
        assert_late(await ask(timeout=limits(first_token=0.1)), "first_token", 0.1)


async def crowded(player: Player) -> None:
    """Who waits for a turn waits no longer than he may."""
    async with running(player, messages=STORY, **ENDLESS) as ask:
        outcomes = await asyncio.gather(*(ask(timeout=0.3) for _ in range(8)))
        for outcome in outcomes:
            assert_late(outcome, "total", 0.3)
        assert (await ask(max_tokens=1)).text


def _is_installed() -> bool:
    try:
        find_model("smollm2")
    except NotFoundError:
        return False
    return find_spec("xllamacpp") is not None


ONE = ("openai",)
"""The wire is llama.cpp's, and the transport its own: whose column it stands in says nothing."""
STREAMED = ((False, True),)

CASES: tuple[Case | Scene, ...] = (
    (
        Scene("the local model: an answer without end", generating, ONE, STREAMED),
        Scene("the local model: more calls than turns", crowded, ONE, ((True, True),)),
        Scene("the local model: a long prompt", reading, ONE, ((False, False),)),
    )
    if _is_installed()
    else ()
)
