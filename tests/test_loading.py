"""A provider that takes its time to be imported or made holds up no loop, and no deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DeadlineExceededError, InvalidRequestError, UnknownProviderError
from llmgate.provider.threads import run_in_thread
from llmgate.testing import FakeProvider
from tests.faults.strangers import described, installed, released

HI = [{"role": "user", "content": "Hi"}]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"api_key": "k"},
    {"provider_settings": {"region": "north"}},
]


class Slow:
    """A factory that blocks until it is released."""

    def __init__(self) -> None:
        self.begun, self.released = threading.Event(), threading.Event()
        self.made = 0

    def __call__(self, *, api_key: str = "key", region: str = "") -> FakeProvider:
        self.made += 1
        self.begun.set()
        self.released.wait(10)
        return FakeProvider(["Hi"] * 9, api_key=api_key)


class Instance(FakeProvider):
    """A provider whose copy with other settings blocks as well."""

    def __init__(self, factory: Slow) -> None:
        super().__init__(["Hi"] * 9)
        self.configured = factory


@pytest.fixture
def slow() -> Iterator[Slow]:
    """It is released at the end of a test at the latest."""
    factory = Slow()
    yield factory
    factory.released.set()


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "".join(settings) or "none")
async def test_a_factory_that_blocks(slow: Slow, settings: dict[str, Any]) -> None:
    """The deadline holds, other calls go on, and calls with the same settings share the wait."""
    client = Client(providers={"slow": slow, "fake": FakeProvider(["Hi"])})
    calls = [
        asyncio.ensure_future(client.acompletion("slow/x", HI, timeout=0.2, **settings))
        for _ in range(3)
    ]
    await run_in_thread(slow.begun.wait)
    assert "Hi" == (await client.acompletion("fake/x", HI)).text
    for call in calls:
        with pytest.raises(DeadlineExceededError, match="the provider 'slow' did not load") as late:
            await call
        assert ("slow", "slow/x") == (late.value.provider, late.value.model)
    slow.released.set()
    for _ in range(2):
        assert "Hi" == (await client.acompletion("slow/x", HI, **settings)).text
    assert 1 == slow.made


async def test_an_instance_that_blocks_while_it_is_set_up_for_a_call(slow: Slow) -> None:
    """Likewise."""
    client = Client(providers={"slow": Instance(slow)})
    assert "Hi" == (await client.acompletion("slow/x", HI)).text
    with pytest.raises(DeadlineExceededError, match="the provider 'slow' did not load"):
        await client.acompletion("slow/x", HI, timeout=0.05, api_key="k")


async def test_an_installed_factory_that_blocks() -> None:
    """Its package is imported, and then its factory is called with the call's settings."""
    with installed(("stranger_good.py", SLOW)):
        client = Client()
        with pytest.raises(DeadlineExceededError) as late:
            await client.acompletion("good/x", HI, timeout=0.05, api_key="k")
        assert f"the provider {described('good')} did not load" in str(late.value)
        released.set()
        assert "k" == (await client.acompletion("good/x", HI, api_key="k")).text


SLOW = """
from llmgate.testing import FakeProvider
from tests.faults.strangers import released

def Made(api_key):
    released.wait(3)
    return FakeProvider([api_key])
"""


async def test_a_factory_that_fails_is_asked_again() -> None:
    """What it raised is for the calls that waited for it."""
    failures = [OSError("no"), OSError("no")]

    def make(api_key: str) -> FakeProvider:
        if failures:
            raise failures.pop()
        return FakeProvider(["Hi"])

    client = Client(providers={"flaky": make})
    for _ in range(2):
        with pytest.raises(UnknownProviderError, match="failed to start: OSError: no"):
            await client.acompletion("flaky/x", HI, api_key="k")
    assert "Hi" == (await client.acompletion("flaky/x", HI, api_key="k")).text


async def test_a_model_that_is_no_text_loads_nothing() -> None:
    """It is refused as by any call."""
    model: Any = 5
    with pytest.raises(InvalidRequestError, match="expected a model's name, got 5"):
        await Client().acompletion(model, HI)


async def test_more_providers_at_once_than_settings_are_kept() -> None:
    """Each call is made: none waits for a provider that others have pushed out, and no provider
    without settings is made twice."""
    made: list[str] = []

    def factory(name: str) -> Callable[[], FakeProvider]:
        def make() -> FakeProvider:
            made.append(name)
            return FakeProvider([name] * 2)

        return make

    names = [f"p{number}" for number in range(80)]
    client = Client(providers={name: factory(name) for name in names})
    async with asyncio.timeout(20):
        for _ in range(2):
            calls = [client.acompletion(f"{name}/m", HI) for name in names]
            assert names == [response.text for response in await asyncio.gather(*calls)]
    assert names == sorted(made, key=names.index)


async def test_more_keys_at_once_than_are_kept() -> None:
    """Each call has the provider of its own key, also where newer ones have taken its place."""

    def factory(*, api_key: str) -> FakeProvider:
        return FakeProvider([api_key])

    client = Client(providers={"fake": factory})
    keys = [f"key{number}" for number in range(200)]
    async with asyncio.timeout(20):
        calls = [client.acompletion("fake/m", HI, api_key=key) for key in keys]
        assert keys == [response.text for response in await asyncio.gather(*calls)]
