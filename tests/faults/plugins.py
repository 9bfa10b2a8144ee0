"""Plugins of strangers that raise, block, lie or claim what is not theirs: they harm no other."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Any

from llmgate import Client
from llmgate._core.registry import installed_providers
from llmgate.errors import DeadlineExceededError, RequestError, UnknownProviderError
from tests.faults import plugins_outside, plugins_protocol
from tests.faults.calls import SLACK
from tests.faults.dialect import TEXT
from tests.faults.dialects import DIALECTS
from tests.faults.server import FaultServer
from tests.faults.strangers import described, installed, package, released
from tests.faults.table import Case, Outcome, Player, Scene, check_always, serving

__all__ = ["CASES"]

ASYNC = ((False, False), (False, True))


class Street:
    """A client of one good provider, beside whatever strangers are installed."""

    def __init__(self, player: Player, server: FaultServer, client: Client) -> None:
        self.player = player
        self.server = server
        self.client = client

    async def ask(self, model: str, **options: Any) -> Outcome:
        """What came of a call, whoever answers it."""
        outcome = await self.player.call(self.client, self.server, model=model, **options)
        check_always(outcome)
        return outcome

    async def neighbour(self, **options: Any) -> None:
        """The good provider answers, and so does a good stranger."""
        for model in (self.player.dialect.model, "good/x", "good-1"):
            outcome = await self.ask(model, **options)
            assert TEXT == outcome.text, f"{model}: {outcome.error!r}"


@asynccontextmanager
async def street(player: Player, *more: tuple[str, str]) -> AsyncGenerator[Street]:
    """Such a client, while the strangers are installed."""
    whole = player.dialect.streamed() if player.stream else player.dialect.reply()
    with installed(*more):
        async with serving(player.dialect.serve(whole)) as server:
            provider = player.dialect.make(server.url)
            client = Client(providers={player.dialect.name: provider}, max_retries=0, timeout=3.0)
            try:
                yield Street(player, server, client)
            finally:
                await player.close(client)


# --- broken ones --------------------------------------------------------------------------


def broken(*names: str, says: str) -> Callable[[Player], Awaitable[None]]:
    """Each is named with its package, twice, however it is asked for; the others work."""

    async def scene(player: Player) -> None:
        async with street(player) as here:
            for name in names:
                for model in (f"{name}/x", f"{name}-1", f"{name}/x"):
                    outcome = await here.ask(model)
                    error = outcome.error
                    assert isinstance(error, UnknownProviderError), f"{name}: {error!r}"
                    assert f"the provider {described(name)} {says}" in str(error), str(error)
                    assert outcome.own_seconds < 0.5 + SLACK
                await here.neighbour()

    return scene


async def homeless(player: Player) -> None:
    """A provider that cannot say what carries its requests."""
    async with street(player) as here:
        outcome = await here.ask("homeless/x")
        assert isinstance(outcome.error, RequestError), f"{outcome.error!r}"
        await here.neighbour()


def stuck(name: str) -> Callable[[Player], Awaitable[None]]:
    """It blocks: the call ends in time, those of others go on meanwhile, and the loop, too; once it
    goes on, it serves."""

    async def scene(player: Player) -> None:
        async with street(player) as here:
            await here.neighbour()
            calls = [asyncio.ensure_future(here.ask(f"{name}/x", timeout=0.2)) for _ in range(3)]
            await asyncio.sleep(0.05)
            await here.neighbour(timeout=1.0)
            for outcome in await asyncio.gather(*calls):
                error = outcome.error
                assert isinstance(error, DeadlineExceededError), f"{error!r}"
                assert f"the provider {described(name)} did not load" in str(error)
                assert outcome.seconds >= 0.18
                assert outcome.own_seconds <= 0.2 + SLACK
            released.set()
            assert TEXT == (await here.ask(f"{name}/x")).text

    return scene


# --- those that claim what is not theirs --------------------------------------------------


async def rival(player: Player) -> None:
    """Two packages of one name are both named; every other provider works."""
    name = player.dialect.name
    thief = package("thief", f"[llmgate.providers]\n{name} = stranger_good:Made\ngood2 = x:y\n")
    async with street(player, thief) as here:
        await here.neighbour()
        bare = Client(max_retries=0, timeout=3.0)
        outcome = await player.call(bare, here.server)
        check_always(outcome)
        assert isinstance(outcome.error, UnknownProviderError), f"{outcome.error!r}"
        text = str(outcome.error)
        assert f"llmgate-{name}" in text
        assert "stranger" in text
        assert TEXT == (await player.call(bare, here.server, model="good/x")).text
        await player.close(bare)


async def greedy(player: Player) -> None:
    """Who claims every model makes bare names ambiguous, and says so; with its provider's name each
    model is had."""
    made = "stranger_good:Made"
    claims = f"[llmgate.providers]\ngreedy = {made}\n[llmgate.models]\n* = {made}\n"
    async with street(player, package("greedy", claims)) as here:
        for model in (player.dialect.model, "good/x"):
            assert TEXT == (await here.ask(model)).text
        outcome = await here.ask("good-1")
        assert isinstance(outcome.error, UnknownProviderError), f"{outcome.error!r}"
        assert "several providers claim 'good-1'" in str(outcome.error)
        assert "greedy/good-1" in str(outcome.error)


async def ventriloquist(player: Player) -> None:
    """Nobody claims models for another's provider."""
    claims = "[llmgate.models]\nmine-* = stranger_good:Made\n"
    async with street(player, package("ventriloquist", claims)) as here:
        await here.neighbour()
        assert isinstance((await here.ask("mine-1")).error, UnknownProviderError)


async def unreadable(player: Player) -> None:
    """A package whose metadata is garbage is passed over; all others are known."""
    for number, text in enumerate(
        (
            "no section\n",
            "[llmgate.providers]\nno value\n",
            "[llmgate.providers]\nx = : :\n= y\n",
            "[llmgate.providers\nx = y:z\n",
            "\udcff\udcfe[llmgate.providers]\n",
            "[llmgate.providers]\n\x00 = \x00\n",
        )
    ):
        async with street(player, package(f"unreadable{number}", text)) as here:
            await here.neighbour()


async def admitted(player: Player) -> None:
    """``LLMGATE_PROVIDERS`` admits those it names, and no other is imported."""
    dialect = player.dialect
    with installed():
        os.environ["LLMGATE_PROVIDERS"] = " good , fails,"
        installed_providers.cache_clear()
        try:
            assert {"good", "fails"} == set(installed_providers())
            client = Client(max_retries=0, timeout=3.0)
            async with serving(dialect.serve(dialect.reply())) as server:
                for model in ("good/x", "good-1"):
                    assert TEXT == (await player.call(client, server, model=model)).text
                for model in ("raises/x", "raises-1", dialect.model, "blocks/x"):
                    outcome = await player.call(client, server, model=model)
                    check_always(outcome)
                    assert isinstance(outcome.error, UnknownProviderError), f"{outcome.error!r}"
                    assert "LLMGATE_PROVIDERS" in str(outcome.error)
            await player.close(client)
            assert "stranger_raises" not in sys.modules
        finally:
            del os.environ["LLMGATE_PROVIDERS"]
            installed_providers.cache_clear()


async def two_hundred(player: Player) -> None:
    """As many packages cost nothing but the reading of their names, once."""
    crowd = [
        package(
            f"crowd{number}",
            f"[llmgate.providers]\ncrowd{number} = crowd{number}:make\n"
            f"[llmgate.models]\ncrowd{number}-* = crowd{number}:make\n",
        )
        for number in range(200)
    ]
    async with street(player, *crowd) as here:
        theirs, ours = 1e9, 1e9
        for _ in range(3):  # the best counts: what else this process does is not theirs
            installed_providers.cache_clear()
            began = time.process_time()
            metadata.entry_points()
            theirs = min(theirs, time.process_time() - began)
            began = time.process_time()
            assert len(installed_providers()) > 200
            ours = min(ours, time.process_time() - began)
        await here.neighbour()
        before = installed_providers()
        await here.neighbour()
        assert before is installed_providers()
        assert not any(name.startswith("crowd") for name in sys.modules)
        assert ours < 3 * theirs + 0.02, f"{ours:.3f} s, and {theirs:.3f} s for reading alone"


IMPORTS = ("raises", "needs", "syntax", "exits", "interrupts", "cancels")
MORE_IMPORTS = ("stops", "bare", "mute", "recurs", "lacks")
FACTORIES = ("fails", "quits", "text", "wants")
ONE = ("openai",)
"""Whose neighbour the stranger is makes no difference to what is checked at length."""

CASES: tuple[Case | Scene, ...] = (
    Scene("one that raises when imported", broken(*IMPORTS, says="failed to load")),
    Scene("one that cannot be imported", broken(*MORE_IMPORTS, says="failed to load")),
    Scene("one whose factory raises", broken(*FACTORIES, says="failed to start")),
    Scene("one that makes nothing", broken("nothing", "number", says="states no version"), ONE),
    Scene("one that makes a class", broken("klass", says="is a class"), ONE),
    Scene("one of an older protocol", broken("old", says="was written for version 0"), ONE),
    Scene("one of a newer protocol", broken("new", says="was written for version 99"), ONE),
    Scene("one that is hollow", broken("hollow", says="lacks abilities, complete"), ONE),
    Scene("one with odd parameters", broken("odd", says="lacks a mapping"), ONE),
    Scene("one whose attributes raise", broken("explosive", says="is broken: OSError"), ONE),
    Scene("one that has no transport", homeless, ONE),
    *(
        Scene(
            f"one {when}, {Player(DIALECTS['openai'], *way).name}",
            stuck(name),
            ways=(way,),
            timed=True,
        )
        for name, when in (
            ("blocks", "that blocks when imported"),
            ("stuck", "whose factory blocks"),
        )
        for way in ((False, False), (True, True))
    ),
    Scene("one that claims another's name", rival),
    Scene("one that claims every model", greedy, ONE),
    Scene("one that claims models for another", ventriloquist, ONE),
    Scene("one whose metadata is garbage", unreadable, ways=ASYNC),
    Scene("only those that are admitted", admitted, ways=((False, False),)),
    Scene("two hundred of them", two_hundred, ONE, ways=((False, False),)),
    *plugins_protocol.CASES,
    *plugins_outside.CASES,
)
