"""Routing and fallback: who is asked, who comes next, who is left alone, and what is said of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from llmgate import Client, Completion, RetryPolicy
from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ContentFilterError,
    ContextWindowError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    OverloadedError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamTruncatedError,
    UnknownProviderError,
    UnsupportedError,
)
from llmgate.hooks import CallEnded
from llmgate.middleware import Middleware
from llmgate.middlewares.routing import Cooldown, Route, Router, Target, TargetState
from llmgate.middlewares.strategies import as_strategy
from llmgate.options import ChatCall, Timeout
from llmgate.provider.http import Secret
from llmgate.testing import Canned, FakeProvider
from tests import virtual_time
from tests.faults.server import wait_for_async

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


# --- a list of models ---


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("refused"),
        RateLimitError("slow down", status=429),
        QuotaExceededError("no credit", status=429),
        OverloadedError("busy", status=529),
        ServerError("oops", status=500),
        RequestTimeoutError("slow", status=408),
        DecodeError("no JSON"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_the_next_model_is_asked_where_one_fails(error: LLMGateError) -> None:
    """At once, and both are among the attempts."""
    client = client_of({"a": [error], "b": ["from b"]})
    completion = await client.acompletion(["a/x", "b/y"], HI)
    assert "from b" == completion.text
    assert "fake" == completion.provider
    found = [(attempt.target, attempt.error) for attempt in completion.attempts]
    assert [("a/x", type(error).__name__), ("b/y", None)] == found
    assert {"a": 1, "b": 1} == sent(client)


async def test_a_model_that_answers_is_the_only_one_asked() -> None:
    """And nothing else is to be seen of the others."""
    client = client_of({"a": ["from a"], "b": ["from b"]})
    completion = await client.acompletion(("a/x", "b/y"), HI)
    assert "from a" == completion.text
    assert [""] == [attempt.target for attempt in completion.attempts]
    assert {"a": 1} == sent(client)


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError("no", status=400),
        AuthenticationError("who?", status=401),
        ContextWindowError("too long", status=400),
        ContentFilterError("no", status=400),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_fault_of_the_callers_is_raised_as_it_is(error: LLMGateError) -> None:
    """Another model would be asked in vain, or the mistake would stay unseen."""
    client = client_of({"a": [error], "b": ["from b"]})
    with pytest.raises(type(error)) as caught:
        await ask(client, ["a/x", "b/y"])
    assert ["a/x"] == [attempt.target for attempt in caught.value.attempts]
    assert {"a": 1} == sent(client)


async def test_where_all_fail_the_last_failure_is_raised() -> None:
    """With the attempts at all, and a note of the others."""
    client = client_of({"a": [ServerError("one", status=500)], "b": [OverloadedError("two")]})
    with pytest.raises(OverloadedError) as caught:
        await ask(client, ["a/x", "b/y"], max_retries=0)
    assert ["a/x", "b/y"] == [attempt.target for attempt in caught.value.attempts]
    assert ["a/x failed as well: ServerError"] == caught.value.__notes__


async def test_only_the_last_one_is_retried() -> None:
    """Where somebody follows, that is better than to wait."""
    failures = [ServerError("oops", status=500)] * 2
    client = client_of({"a": failures, "b": [failures[0], "from b"]})
    assert "from b" == await ask(client, ["a/x", "b/y"])
    assert {"a": 1, "b": 2} == sent(client)


async def test_retries_that_are_asked_for_are_made_at_each() -> None:
    """Before the next one is asked."""
    failures = [ServerError("oops", status=500)] * 2
    client = client_of({"a": failures, "b": ["from b"]})
    assert "from b" == await ask(client, ["a/x", "b/y"], max_retries=1)
    assert {"a": 2, "b": 1} == sent(client)


async def test_a_key_goes_to_the_provider_that_was_named_first() -> None:
    """Another one is asked with its own."""

    made = list[tuple[str, dict[str, Any]]]()

    def maker(name: str, answers: list[Any]) -> Any:
        def make(**settings: Any) -> FakeProvider:
            made.append((name, settings))
            return FakeProvider(answers)

        return make

    providers = {"a": maker("a", [ServerError("oops")] * 2), "b": maker("b", ["from b"])}
    client = Client(providers=providers)
    assert "from b" == await ask(client, ["a/x", "a/y", "b/z"], api_key="k-1", max_retries=0)
    assert [("a", ["api_key"]), ("b", [])] == [(name, [*settings]) for name, settings in made]


@pytest.mark.parametrize(
    ("model", "path"),
    [([], "model"), (["a/x", 3], "model[1]"), (["a/x", " "], "model[1]")],
)
async def test_a_list_is_checked(model: Any, path: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        await ask(client_of({"a": []}), model)
    assert path == caught.value.path


@pytest.mark.parametrize(
    ("model", "named"), [("fsat", "; names of the client's own: 'fast', 'careful'"), ("b/m", "")]
)
async def test_a_name_that_is_none_of_the_clients_own(model: str, named: str) -> None:
    """The error lists them, since one may have been meant; a provider's prefix is no such name."""
    models = {"fast": ["a/x"], "careful": ["a/y"]}
    client = Client(providers={"a": FakeProvider(["Hi"])}, models=models)
    with pytest.raises(UnknownProviderError) as caught:
        await ask(client, model)
    assert named == "".join(caught.value.message.partition("; names of the client's own")[1:])


async def test_a_model_named_twice_is_asked_once() -> None:
    """It has failed already."""
    client = client_of({"a": [ServerError("oops")] * 9, "b": [ServerError("oops")] * 9})
    with pytest.raises(ServerError):
        await ask(client, ["a/x", "a/x", "b/x", "a/x", "b/x"], max_retries=0)
    assert {"a": 1, "b": 1} == sent(client)


async def test_a_model_that_cannot_take_the_call_is_passed_over() -> None:
    """What it lacks is no reason to hide what the others failed with."""

    class Keyless(FakeProvider):
        def complete(self, call: Any) -> Any:
            raise MissingKeyError("set KEYLESS_API_KEY")

    providers = {
        "a": FakeProvider([ServerError("oops", status=500)]),
        "b": Keyless(),
        "c": FakeProvider([RateLimitError("slow down"), "from c"]),
    }
    client = Client(providers=providers, max_retries=0)
    with pytest.raises(RateLimitError) as caught:
        await ask(client, ["a/x", "b/x", "c/x"])
    assert "b/x failed as well: MissingKeyError" in caught.value.__notes__
    with pytest.raises(MissingKeyError):
        await ask(client, ["b/x", "c/x"])


def test_the_same_without_async() -> None:
    """In a thread of its own."""
    client = client_of({"a": [ServerError("oops")], "b": ["from b"]})
    assert "from b" == client.completion(["a/x", "b/y"], HI).text


async def test_embeddings_fall_back_likewise() -> None:
    """By the same rules."""

    class Broken(FakeProvider):
        def embed(self, call: Any) -> Any:
            raise ServerError("oops", status=500)

    client = Client(providers={"a": Broken(), "b": FakeProvider()})
    embeddings = await client.aembedding(["a/x", "b/y"], ["Hi"])
    assert 1 == len(embeddings.data)


async def test_a_preview_is_of_the_first() -> None:
    """Which is asked in any case."""
    client = client_of({"a": [], "b": []})
    assert b'"x"' in client.preview(["a/x", "b/y"], HI).body


# --- streams ---


async def test_a_stream_falls_back_before_its_first_chunk() -> None:
    """And its attempts are those at both, as are those of its completion."""
    client = client_of({"a": [Canned(body=[])], "b": ["from b"]}, max_retries=0)
    stream = await client.acompletion(["a/x", "b/y"], HI, stream=True)
    completion = await stream.completion()
    assert "from b" == completion.text
    for found in (stream, completion):
        assert [("a/x", None), ("b/y", None)] == [(a.target, a.error) for a in found.attempts]


async def test_what_was_delivered_stays_with_its_stream() -> None:
    """Nobody is given the beginning of one completion and the end of another."""
    cut = Canned(body=[b'{"say": "one "}\n'])
    client = client_of({"a": [cut], "b": ["from b"]}, max_retries=0)
    stream = await client.acompletion(["a/x", "b/y"], HI, stream=True)
    with pytest.raises(StreamTruncatedError):
        await stream.completion()
    assert {"a": 1} == sent(client)
    router: Router = client._router
    assert [1, 0] == [router.states("a/x")[0].failures, router.states("a/x")[0].busy]


# --- deadlines ---


async def test_a_target_has_no_more_than_its_own_time() -> None:
    """The next one has what is left."""
    models = {"fast": [Target("a/x", timeout=0.05, priority=1), Target("b/y", priority=2)]}
    client = client_of({"a": [HANGING], "b": ["from b"]}, models=models)
    assert "from b" == await ask(client, "fast")


async def test_silence_is_a_targets_fault_and_the_deadline_is_the_callers() -> None:
    """Of the whole time of a call nothing is left for another one."""
    client = client_of({"a": [HANGING] * 2, "b": ["from b"] * 2})
    timeout = Timeout(total=5, idle=0.05, first_token=0.05)
    assert "from b" == await ask(client, ["a/x", "b/y"], timeout=timeout)
    with pytest.raises(DeadlineExceededError) as caught:
        await ask(client, ["a/x", "b/y"], timeout=0.05)
    assert "total" == caught.value.phase
    assert {"a": 2, "b": 1} == sent(client)


async def test_a_targets_longer_time_makes_the_callers_no_longer() -> None:
    """And a target that had less than its own is not at fault."""
    models = {"fast": [Target("a/x", timeout=60), Target("b/y", priority=2)]}
    client = client_of({"a": [HANGING], "b": ["from b"]}, models=models)
    with pytest.raises(DeadlineExceededError):
        await ask(client, "fast", timeout=0.05)
    assert 0 == client._middleware[0].states("fast")[0].failures


async def test_cancellation_is_no_failure() -> None:
    """Nobody else is asked, and the target is free again."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    task = asyncio.create_task(ask(client, ["a/x", "b/y"]))
    await asyncio.sleep(0.02)
    assert 1 == client._router.states("a/x")[0].busy
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    state = client._router.states("a/x")[0]
    assert (0, 0) == (state.busy, state.failures)
    assert {"a": 1} == sent(client)


async def test_a_deadline_that_was_over_before_anybody_was_asked() -> None:
    """Is the caller's, and no fault of a target."""
    router = Router()

    class Late(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            raise DeadlineExceededError("the time of the call is over")

    client = client_of({"a": ["a"], "b": ["b"]}, middleware=[router, Late()])
    with pytest.raises(DeadlineExceededError):
        await ask(client, ["a/x", "b/y"])
    assert 0 == router.states("a/x")[0].failures


# --- names of one's own ---


def named(choose: Any = "weighted", *targets: Target, **answers: Any) -> Any:
    """A client with one name for these targets."""
    return client_of(answers, models={"fast": Route(targets, choose)})


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


# --- who is left alone ---


async def test_a_limited_target_is_left_alone_for_as_long_as_it_says() -> None:
    """Then it is asked again."""
    limited = RateLimitError("slow down", status=429, retry_after=0.1)
    client = client_of({"a": [limited, "a"], "b": ["b"] * 9})
    assert ["b", "b"] == [await ask(client, ["a/x", "b/y"]) for _ in range(2)]
    assert {"a": 1, "b": 2} == sent(client)
    await asyncio.sleep(0.12)
    assert "a" == await ask(client, ["a/x", "b/y"])
    assert client._router.states("a/x")[0].is_ready()


async def test_failures_in_a_row_are_counted() -> None:
    """Three by default; success in between begins anew."""
    oops = ServerError("oops", status=500)
    client = client_of({"a": [oops, oops, "a", oops, oops, oops, "a"], "b": ["b"] * 9})
    assert [*"bbabbbb"] == [await ask(client, ["a/x", "b/y"]) for _ in range(7)]
    state = client._router.states("a/x")[0]
    assert 4.5 < state.cooling_until - time.monotonic() <= 5


async def test_a_failure_as_a_fallback_or_a_hedge_counts_as_any_other() -> None:
    """Whoever was asked before."""
    oops = ServerError("oops", status=500)
    router = Router()
    client = client_of(
        {"a": [oops, oops, HANGING], "b": [oops] * 9, "c": ["c"] * 9},
        middleware=[router],
        retry=RetryPolicy(1, wait=lambda _: 0.0),
    )
    for _ in range(2):
        assert "c" == await ask(client, ["a/x", "b/y", "c/z"])
    assert (2, 2) == tuple(router.states(name)[0].failures for name in ("a/x", "b/y"))
    task = asyncio.create_task(ask(client, ["a/x", "b/y"], hedge_after=0.01))
    assert await wait_for_async(lambda: not router.states("b/y")[0].is_ready())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert router.states("a/x")[0].is_ready()


def test_a_cooldown_ends_when_it_was_to_end() -> None:
    """By the clock, whoever asks meanwhile, and however often."""

    async def main() -> None:
        router = Router()
        answers: dict[str, Any]
        answers = {"a": [RateLimitError("slow down", retry_after=7.5), *["a"] * 9], "b": ["b"] * 99}
        client = client_of(answers, middleware=[router])
        assert "b" == await ask(client, ["a/x", "b/y"])
        asked = list[tuple[float, str]]()
        for tenth in range(1, 100):
            await asyncio.sleep(virtual_time.BEGINNING + tenth / 10 - time.monotonic())
            asked.append((tenth / 10, await ask(client, ["a/x", "b/y"])))
            if asked[-1][1] == "a":
                break
        assert [(7.5, "a")] == [each for each in asked if each[1] == "a"]

    virtual_time.run(main)


async def test_a_probe_that_fails_doubles_the_time() -> None:
    """Up to the longest."""
    oops = ServerError("oops", status=500)
    cooldown = Cooldown(failures=1, seconds=0.02, longest=0.05)
    router = Router(cooldown=cooldown)
    client = client_of({"a": [oops] * 9, "b": ["b"] * 9}, middleware=[router])
    state, lengths = router.states("a/x")[0], list[float]()
    for _ in range(3):
        assert "b" == await ask(client, ["a/x", "b/y"])
        lengths.append(state.cooling_until - time.monotonic())
        await asyncio.sleep(max(0, lengths[-1]) + 0.005)
    assert 0.0 < lengths[0] <= 0.02 < lengths[1] <= 0.04 < lengths[2] <= 0.05


async def test_an_exhausted_quota_takes_the_longest() -> None:
    """Waiting does not help."""
    client = client_of({"a": [QuotaExceededError("no credit")], "b": ["b"]})
    await ask(client, ["a/x", "b/y"])
    assert client._router.states("a/x")[0].cooling_until > time.monotonic() + 290


@pytest.mark.parametrize("error", [BadRequestError("no"), UnsupportedError("no")])
async def test_the_callers_faults_leave_nobody_alone(error: LLMGateError) -> None:
    """However often."""
    client = client_of({"a": [error] * 9, "b": ["b"]})
    for _ in range(4):
        with pytest.raises(type(error)):
            await ask(client, ["a/x", "b/y"])
    assert client._router.states("a/x")[0].is_ready()


async def test_one_call_at_a_time_is_a_probe() -> None:
    """The others go elsewhere until it is known."""
    cooldown = Cooldown(failures=1, seconds=0.01)
    router = Router(cooldown=cooldown)
    answers: Any = {"a": [ServerError("oops"), HANGING], "b": ["b"] * 9}
    client = client_of(answers, middleware=[router])
    await ask(client, ["a/x", "b/y"])
    await asyncio.sleep(0.02)
    probe = asyncio.create_task(ask(client, ["a/x", "b/y"]))
    await asyncio.sleep(0.01)
    assert "b" == await ask(client, ["a/x", "b/y"])
    assert {"a": 2, "b": 2} == sent(client)
    probe.cancel()
    await asyncio.wait([probe])


class Gate(Middleware):
    """Inside of a router: holds calls of ``a/x`` that say so in a label, until that is opened."""

    def __init__(self, *names: str) -> None:
        self.opened = {name: asyncio.Event() for name in names}

    async def chat(self, call: ChatCall, handler: Any) -> Any:
        name = call.labels.get("gate")
        if isinstance(name, str) and call.model == "a/x":
            await self.opened[name].wait()
        return await handler(call)


def gated(*names: str, cooldown: Cooldown | None = None, **answers: Any) -> tuple[Any, Any, Gate]:
    """A client, how ``a/x`` has done, and the gate before it."""
    router, gate = Router(cooldown=cooldown), Gate(*names)
    client = client_of(answers, middleware=[router, gate])
    return client, router.states("a/x")[0], gate


async def begun(client: Any, gate: str) -> asyncio.Task[str]:
    """A call that is held at a gate."""
    task = asyncio.create_task(ask(client, ["a/x", "b/y"], labels={"gate": gate}))
    await asyncio.sleep(0.01)
    return task


async def test_calls_that_fail_together_are_one_failure_and_no_probes() -> None:
    """A hundred calls under way do not make minutes of the first seconds."""
    oops = ServerError("oops", status=500)
    client, state, gate = gated("all", cooldown=Cooldown(failures=2), a=[oops] * 9, b=["b"] * 9)
    calls = [await begun(client, "all") for _ in range(9)]
    gate.opened["all"].set()
    assert ["b"] * 9 == await asyncio.gather(*calls)
    assert (9, 5.0) == (state.failures, state.cooled)


async def test_calls_from_before_do_not_end_what_a_provider_asked_for() -> None:
    """Neither one that is answered, nor one that is told to wait for less; more is kept to."""
    limits = [RateLimitError("slow down", status=429, retry_after=each) for each in (60, 1, 120)]
    names = ("answered", "less", "more")
    client, state, gate = gated(*names, a=[limits[0], "a", *limits[1:]], b=["b"] * 9)
    calls = [await begun(client, name) for name in names]
    assert "b" == await ask(client, ["a/x", "b/y"])
    until = state.cooling_until
    for name, call, expected in zip(names, calls, ("a", "b", "b"), strict=True):
        gate.opened[name].set()
        assert expected == await call
        assert (name != "more") == (state.cooling_until == until)
    assert 119 < state.cooling_until - time.monotonic() <= 120


async def test_a_call_from_before_ends_no_probe() -> None:
    """There is still one probe, until that one is answered."""
    cooldown = Cooldown(failures=1, seconds=0.01)
    answers: Any = {"a": [ServerError("oops"), "old", "probe", "a"], "b": ["b"] * 9}
    client, state, gate = gated("old", "probe", cooldown=cooldown, **answers)
    old = await begun(client, "old")
    assert "b" == await ask(client, ["a/x", "b/y"])
    await asyncio.sleep(0.02)
    probe = await begun(client, "probe")
    gate.opened["old"].set()
    assert "old" == await old
    assert state.is_probed
    assert "b" == await ask(client, ["a/x", "b/y"])
    gate.opened["probe"].set()
    assert "probe" == await probe
    assert "a" == await ask(client, ["a/x", "b/y"])


async def test_a_stream_that_has_begun_is_no_probe_any_more() -> None:
    """However long it goes on, the others come back."""
    router = Router(cooldown=Cooldown(failures=1, seconds=0.01))
    answers: Any = {"a": [ServerError("oops"), "x y z", "a"], "b": ["b"]}
    client = client_of(answers, middleware=[router])
    assert "b" == await ask(client, ["a/x", "b/y"])
    await asyncio.sleep(0.02)
    stream = await client.acompletion(["a/x", "b/y"], HI, stream=True)
    await anext(stream)
    assert "a" == await ask(client, ["a/x", "b/y"])
    await stream.aclose()


async def test_where_all_are_left_alone_the_one_soonest_back_is_probed() -> None:
    """One call at a time; the others are told at once."""
    limited = [RateLimitError("slow down", retry_after=seconds) for seconds in (60, 30)]
    client = client_of({"a": [limited[0]], "b": [limited[1], HANGING, "b"]}, max_retries=0)
    with pytest.raises(RateLimitError):
        await ask(client, ["a/x", "b/y"])
    probe = asyncio.create_task(ask(client, ["a/x", "b/y"]))
    await asyncio.sleep(0.01)
    with pytest.raises(OverloadedError, match="every target of 'a/x'") as caught:
        await ask(client, ["a/x", "b/y"])
    assert () == caught.value.attempts
    probe.cancel()
    await asyncio.wait([probe])
    assert "b" == await ask(client, ["a/x", "b/y"])
    assert {"a": 1, "b": 3} == sent(client)


async def test_a_probe_by_another_call_is_waited_for_by_nobody() -> None:
    """What failed last is raised at once."""
    limited = RateLimitError("slow down", retry_after=60)
    oops = ServerError("oops", status=500)
    client = client_of({"a": [oops] * 3, "b": [limited, HANGING]}, max_retries=0)
    for error in (RateLimitError, DeadlineExceededError):
        probe = asyncio.create_task(ask(client, ["a/x", "b/y"], timeout=0.1))
        await asyncio.sleep(0.02)
        if error is DeadlineExceededError:
            with pytest.raises(ServerError):
                await ask(client, ["a/x", "b/y"])
        with pytest.raises(error):
            await probe
    assert {"a": 3, "b": 2} == sent(client)


async def test_the_only_target_is_never_left_alone() -> None:
    """There is nobody else."""
    client = named("order", Target("a/x"), a=[*[ServerError("oops")] * 5, "a"])
    for _ in range(5):
        with pytest.raises(ServerError):
            await ask(client, "fast", max_retries=0)
    assert "a" == await ask(client, "fast", max_retries=0)


# --- what is given ---

target: Any = Target
router: Any = Router
"""As somebody calls them who has no type checker."""


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
