"""Names of a client for targets: which of them is chosen, and what is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    ContentFilterError,
    ContextWindowError,
    InvalidRequestError,
    RequestError,
    ServerError,
)
from llmgate.hooks import CallEnded
from llmgate.middleware import Middleware
from llmgate.middlewares.routing import Cooldown, Route, Router, Target, TargetState
from llmgate.middlewares.strategies import as_strategy
from llmgate.options import ChatCall
from llmgate.provider.http import Secret
from llmgate.testing import FakeProvider
from tests.routed_calls import HANGING, HI, ask, client_of, named, router


async def test_a_name_stands_for_targets_with_what_each_is_given() -> None:
    """What the call says itself comes first."""
    given = Target("a/x", api_key="k-1", temperature=0.5, seed=1, extra_headers={"x-a": "1"})
    made = list[tuple[dict[str, Any], FakeProvider]]()

    def make(**settings: Any) -> FakeProvider:
        made.append((settings, FakeProvider(["Hi"])))
        return made[-1][1]

    client = Client(providers={"a": make}, models={"fast": [given]})
    assert "Hi" == await ask(client, "fast", temperature=1)
    [(settings, provider)] = made
    [request] = provider.transport.requests
    assert {"api_key": "k-1"} == settings
    assert {"temperature": 1, "seed": 1} == json.loads(request.body)["with"]
    assert "1" == request.headers["x-a"]
    assert "k-1" not in repr(given)


async def test_other_models_are_asked_as_ever() -> None:
    """A router changes nothing about them."""
    client = named("order", Target("a/x"), a=["a"], b=["b"])
    assert "b" == await ask(client, "b/y")
    assert [] == [*client._middleware[0]._unnamed]


async def test_a_key_for_a_name_is_refused() -> None:
    """Nobody could say whose it is."""
    client = named("order", Target("a/x"), Target("b/x"), a=["a"], b=["b"])
    with pytest.raises(InvalidRequestError, match="'fast' stands for several targets") as caught:
        await ask(client, "fast", api_key=Secret("k"))
    assert "api_key" == caught.value.path


async def test_lower_priorities_come_later() -> None:
    """Only where all of the first fail."""
    client = named(
        "weighted",
        Target("c/x", priority=2, weight=1000),
        Target("a/x"),
        Target("b/x"),
        a=[ServerError("oops")],
        b=[ServerError("oops")],
        c=["from c"],
    )
    completion = await client.acompletion("fast", HI)
    found = [attempt.target for attempt in completion.attempts]
    assert ["a/x", "b/x"] == sorted(found[:2])
    assert "c/x" == found[2]


async def test_weights_share_the_calls() -> None:
    """In proportion, within what chance allows (five standard deviations)."""
    client = named("weighted", Target("a/x", weight=3), Target("b/y"), a=["a"] * 900, b=["b"] * 900)
    count = Counter([await ask(client, "fast") for _ in range(800)])
    assert 600 - 62 < count["a"] < 600 + 62


async def test_the_less_busy_of_two_is_chosen() -> None:
    """Whoever is still at it gets no more."""
    client = named("least_busy", Target("a/x"), Target("b/y"), a=[HANGING], b=["b"] * 20)
    states = client._middleware[0].states("fast")
    states[0].busy = 5
    assert {"b"} == {await ask(client, "fast") for _ in range(20)}


async def test_the_cheapest_is_chosen() -> None:
    """One of unknown price comes last."""
    client = named(
        "cheapest",
        *(Target("c/x"), Target("a/x", price=2.5), Target("b/y", price=1)),
        a=["a"],
        b=["b", ServerError("oops")],
        c=["c"],
    )
    assert ["b", "a"] == [await ask(client, "fast") for _ in range(2)]


async def test_a_conversation_stays_where_it_is() -> None:
    """By its label alone; the others are not moved where a target goes away."""
    targets = [Target(f"{name}/x") for name in "abc"]
    client = named("sticky", *targets, **{name: [name] * 999 for name in "abc"})
    talks = [{"conversation": f"talk {number}"} for number in range(60)]
    where = [await ask(client, "fast", labels=talk) for talk in talks]
    assert where == [await ask(client, "fast", labels=talk) for talk in talks]
    assert {"a", "b", "c"} == {*where}
    fewer = named("sticky", *targets[:2], **{name: [name] * 999 for name in "ab"})
    after = [await ask(fewer, "fast", labels=talk) for talk in talks]
    assert all(new == old for old, new in zip(where, after, strict=True) if old != "c")
    assert await ask(client, "fast") in "abc"


def test_a_conversation_is_at_home_in_every_process() -> None:
    """Where it goes is a function of its name and the targets: nothing is shared, and it is the
    same in every release."""
    states = [TargetState(Target(f"{name}/x")) for name in "abc"]
    choose = as_strategy("sticky")
    calls = [ChatCall("fast", HI, labels={"conversation": f"talk {n}"}) for n in range(24)]
    where = [choose(states, call)[0].target.model[0] for call in calls]
    assert "cbcabaaacaccaacccbbcacca" == "".join(where)


async def test_a_choice_of_ones_own() -> None:
    """A function of the targets and the call."""

    def by_label(targets: Any, call: Any) -> Any:
        return sorted(targets, key=lambda each: each.target.model != call.labels["to"])

    client = named(by_label, Target("a/x"), Target("b/y"), a=["a"], b=["b"])
    assert "b" == await ask(client, "fast", labels={"to": "b/y"})


async def test_what_is_listed_for_a_context_that_is_too_short() -> None:
    """Models and names of other routes; where those fail as well, theirs is raised."""
    models: Any = {
        "fast": Route(["a/x"], context_window=["b/long"], content_filter=["open"]),
        "open": ["c/x"],
    }
    answers: dict[str, Any] = {
        "a": [ContextWindowError("too long"), ContentFilterError("no"), ContextWindowError("no")],
        "b": ["long", ContextWindowError("too long as well")],
        "c": ["open"],
    }
    client = client_of(answers, models=models, max_retries=0)
    assert ["long", "open"] == [await ask(client, "fast") for _ in range(2)]
    with pytest.raises(ContextWindowError, match="as well"):
        await ask(client, "fast")


# --- what is given ---

target: Any = Target


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Target(""), "target.model"),
        (lambda: Target("a/x", weight=0), "target.weight"),
        (lambda: Target("a/x", weight=True), "target.weight"),
        (lambda: Target("a/x", price=-1), "target.price"),
        (lambda: target("a/x", priority=1.5), "target.priority"),
        (lambda: target("a/x", temprature=1), "temprature"),
        (lambda: target("a/x", temperature="hot"), "temperature"),
        (lambda: Router({"fast": []}), "models.fast"),
        (lambda: Router({"fast": "a/x"}), "models.fast"),
        (lambda: router({"fast": ["a/x", 3]}), "models.fast[1]"),
        (lambda: router({"fast": 3}), "models.fast"),
        (lambda: router(["a/x"]), "models"),
        (lambda: router(choose="best"), "choose"),
        (lambda: Client(models={"fast": []}), "models.fast"),
    ],
)
def test_what_is_wrong_is_named(make: Any, path: str) -> None:
    """With its path, before any call."""
    with pytest.raises(InvalidRequestError) as caught:
        make()
    assert path == caught.value.path


def test_what_is_none_counts_as_absent() -> None:
    """As for a call."""
    assert target("a/x", timeout=None, temperature=None).timeout is None


async def test_how_models_have_done_is_forgotten_in_the_end() -> None:
    """A service that passes on what its users type holds no more and no more."""
    router = Router()
    for number in range(1_500):
        router.states(f"a/{number}")
    assert len(router._unnamed) <= 1_000


async def test_hooks_see_a_call_for_each_target() -> None:
    """Each has its own beginning, end and model."""
    ended = list[tuple[str, str]]()

    def hook(event: Any) -> None:
        if isinstance(event, CallEnded):
            ended.append((event.model, event.outcome))

    async with client_of({"a": [ServerError("oops")], "b": ["b"]}, hooks=[hook]) as client:
        await ask(client, ["a/x", "b/y"])
    assert [("x", "error"), ("y", "ok")] == ended


async def test_a_router_among_middleware_does_the_falling_back() -> None:
    """No other one is added; what is further out sees one call."""
    seen = list[tuple[str, tuple[str, ...]]]()

    class Watch(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            seen.append((call.model, call.fallbacks))
            return await handler(call)

    router = Router()
    client = client_of(
        {"a": [ServerError("oops")], "b": ["b"]}, middleware=[Watch(), router, Watch()]
    )
    assert "b" == await ask(client, ["a/x", "b/y"])
    assert [("a/x", ("b/y",)), ("a/x", ()), ("b/y", ())] == seen
    assert client._router is router


# --- what cannot be ---


@pytest.mark.parametrize("name", ["context_window", "content_filter"])
@pytest.mark.parametrize("given", ["a/long", None, 5, {"a/long": 1}, [1], [" "]])
def test_other_models_of_a_route_are_a_list(name: str, given: Any) -> None:
    """One text would be the names of as many models as it has letters."""
    with pytest.raises(InvalidRequestError, match=rf"^models\.fast\.{name}.*expected a "):
        Router({"fast": Route(["a/x"], **{name: given})})


async def test_other_models_of_a_route_from_a_generator() -> None:
    """They are there for each call."""
    route = Route(["a/x"], context_window=(name for name in ["b/long"]))
    client = client_of(
        {"a": [ContextWindowError("long")] * 2, "b": ["1", "2"]}, models={"fast": route}
    )
    assert ["1", "2"] == [await ask(client, "fast"), await ask(client, "fast")]


@pytest.mark.parametrize("chosen", [None, ["a/x"], [None], 5])
async def test_what_a_function_chooses_is_a_target(chosen: Any) -> None:
    """Of those that it was given."""

    def choose(*_: object) -> Any:
        return chosen

    client = named(choose, Target("a/x"), Target("b/x"), a=["a"], b=["b"])
    with pytest.raises(InvalidRequestError, match=r"^choose: expected a list of the targets"):
        await ask(client, "fast")


async def test_a_function_that_chooses_nothing() -> None:
    """Of one priority, the next is tried; of all, nothing is sent."""
    second = Target("b/x", priority=2)

    def only_second(targets: Any, _: Any) -> list[TargetState]:
        return [each for each in targets if each.target is second]

    assert "b" == await ask(named(only_second, Target("a/x"), second, b=["b"]), "fast")
    client = named(only_second, Target("a/x"), a=["a"])
    with pytest.raises(RequestError, match="no target of 'fast' was chosen"):
        await ask(client, "fast")


def test_cooldowns_are_numbers() -> None:
    """What is none is refused when it is given, not with the first failure of a target."""
    with pytest.raises(InvalidRequestError, match=r"^cooldown: expected a Cooldown, got 30"):
        router(cooldown=30)
    for wrong in ({"failures": 0}, {"failures": 1.5}, {"seconds": 0}, {"longest": math.inf}):
        [name] = wrong
        made: Any = Cooldown
        with pytest.raises(InvalidRequestError, match=rf"^cooldown\.{name}: expected"):
            made(**wrong)
