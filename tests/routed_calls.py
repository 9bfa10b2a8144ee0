"""Clients with several fake providers, for tests of routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate import Client, Completion
from llmgate.middlewares.routing import Route, Router, Target
from llmgate.testing import Canned, FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]
HANGING = Canned(body=[], hang=True)


def client_of(answers: Mapping[str, Iterable[Any]], **settings: Any) -> Any:
    """A client with a provider for each of these names."""
    providers = {name: FakeProvider(given) for name, given in answers.items()}
    return Client(providers=providers, **settings)


def sent(client: Any) -> dict[str, int]:
    """How many requests each provider was sent."""
    given: dict[str, FakeProvider] = client._registry._given
    found = {name: len(provider.transport.requests) for name, provider in given.items()}
    return {name: count for name, count in found.items() if count}


async def ask(client: Any, model: Any, **options: Any) -> str:
    """The text of a completion."""
    completion: Completion = await client.acompletion(model, HI, **options)
    return completion.text


# --- names of one's own ---


def named(choose: Any = "weighted", *targets: Target, **answers: Any) -> Any:
    """A client with one name for these targets."""
    return client_of(answers, models={"fast": Route(targets, choose)})


router: Any = Router
"""As somebody calls them who has no type checker."""
