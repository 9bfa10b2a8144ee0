"""Hedging: when a second request is made, whose response counts, and that nothing is left of the
other one. What happens in memory takes place in virtual time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pytest

from llmgate import Client, Completion, RetryPolicy
from llmgate.errors import (
    BadRequestError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    RateLimitError,
    ServerError,
)
from llmgate.hooks import CallEnded
from llmgate.middleware import Middleware
from llmgate.middlewares.hedging import hedged
from llmgate.middlewares.routing import Route, Router, Target
from llmgate.options import ChatCall
from llmgate.testing import Canned, FakeProvider
from tests import virtual_time
from tests.faults.calls import Recorder
from tests.faults.calls import client_of as client_to
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    chunk,
    event,
    framed,
    hang,
    reply,
    stream,
    wait_for_async,
)

HI: list[Any] = [{"role": "user", "content": "Hi"}]
HANGING = Canned(body=[], hang=True)
OOPS = ServerError("oops", status=500)


class Pace(Middleware):
    """How many seconds each call of a model takes; what is asked when, and what was cancelled."""

    def __init__(self, **seconds: float | list[float]) -> None:
        self._seconds = {
            name: iter(given if isinstance(given, list) else [given] * 100)
            for name, given in seconds.items()
        }
        self.asked = list[tuple[str, float]]()
        self.cancelled = list[tuple[str, float]]()
        self.most_retries = list[int | None]()

    async def _pass(self, call: Any, handler: Any) -> Any:
        name = call.model.partition("/")[0]
        self.asked.append((name, time.monotonic() - virtual_time.BEGINNING))
        self.most_retries.append(call.max_retries)
        assert call.hedge_after is None
        try:
            await asyncio.sleep(next(self._seconds[name]))
            return await handler(call)
        except asyncio.CancelledError:
            self.cancelled.append((name, time.monotonic() - virtual_time.BEGINNING))
            raise

    async def chat(self, call: Any, handler: Any) -> Any:
        return await self._pass(call, handler)

    async def embed(self, call: Any, handler: Any) -> Any:
        return await self._pass(call, handler)


def client_of(
    answers: Mapping[str, Iterable[Any]], *middleware: Middleware, **settings: Any
) -> Any:
    """A client with a provider for each of these names."""
    providers = {name: FakeProvider(given) for name, given in answers.items()}
    return Client(providers=providers, middleware=middleware, **settings)


def sent(client: Any) -> dict[str, int]:
    """How many requests each provider was sent."""
    given: dict[str, FakeProvider] = client._registry._given
    found = {name: len(provider.transport.requests) for name, provider in given.items()}
    return {name: count for name, count in found.items() if count}


def attempts(found: Any) -> list[tuple[str, str | None]]:
    """The targets that were asked, and how that ended."""
    return [(attempt.target, attempt.error) for attempt in found.attempts]


def in_no_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in virtual time; nothing but its own task may be left at its end."""

    async def main() -> None:
        await test()
        assert {asyncio.current_task()} == asyncio.all_tasks()

    def run() -> None:
        virtual_time.run(main)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# --- who is asked, and whose response counts ---


@in_no_time
async def test_a_quick_target_is_the_only_one_asked() -> None:
    """A response within the time is all that there is."""
    pace = Pace(a=0.9, b=0)
    client = client_of({"a": ["from a"], "b": ["from b"]}, Router(), pace)
    completion = await client.acompletion(["a/x", "b/y"], HI, hedge_after=1)
    assert "from a" == completion.text
    assert [("a", 0.0)] == pace.asked
    assert [("", None)] == attempts(completion)


@in_no_time
async def test_the_next_target_is_asked_as_well_where_one_takes_long() -> None:
    """Its response counts when it comes first; the other request is cancelled then."""
    pace = Pace(a=60, b=0.5)
    client = client_of({"a": ["from a"], "b": ["from b"]}, Router(), pace)
    completion = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    assert "from b" == completion.text
    assert [("a", 0.0), ("b", 2.0)] == pace.asked
    assert [("a", 2.5)] == pace.cancelled
    assert [("b/y", None)] == attempts(completion)  # nothing was sent to a yet


@in_no_time
async def test_the_first_one_may_still_win() -> None:
    """The hedge is cancelled then."""
    pace = Pace(a=3, b=60)
    router = Router()
    client = client_of({"a": ["from a"], "b": ["from b"]}, router, pace)
    assert "from a" == (await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)).text
    assert [("b", 3.0)] == pace.cancelled
    states = [router.states(name)[0] for name in ("a/x", "b/y")]
    assert [(0, 0), (0, 0)] == [(state.busy, state.failures) for state in states]


@in_no_time
async def test_the_attempts_of_both_are_on_the_response() -> None:
    """In the order in which they were asked, the loser's as cancelled."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    completion = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    assert [("a/x", "CancelledError"), ("b/y", None)] == attempts(completion)
    assert 2.0 == completion.attempts[0].seconds
    pace = Pace(a=3, b=0)
    client = client_of({"a": ["from a"], "b": [HANGING]}, Router(), pace)
    completion = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    assert [("a/x", None), ("b/y", "CancelledError")] == attempts(completion)


@in_no_time
async def test_retries_before_the_cancellation_are_among_the_attempts() -> None:
    """All that was sent is there."""
    retry = RetryPolicy(max_retries=2, wait=lambda _: 0.5)
    client = client_of({"a": [OOPS, HANGING], "b": ["b"]}, retry=retry)
    completion = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, max_retries=2)
    expected = [("a/x", "ServerError"), ("a/x", "CancelledError"), ("b/y", None)]
    assert expected == attempts(completion)


@in_no_time
async def test_where_both_are_there_at_once_the_first_one_counts() -> None:
    """What the other one gave is closed."""
    gathered = list[Any]()

    class Gather(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            result = await handler(call)
            gathered.append(result)
            return result

    pace = Pace(a=4, b=2)
    client = client_of({"a": ["from a"], "b": ["from b"]}, Router(), Gather(), pace)
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    assert stream.is_open
    assert [False] == [other.is_open for other in gathered if other is not stream]
    assert (await stream.completion()).text in {"from a", "from b"}
    assert [0, 0] == [client._router.states(name)[0].busy for name in ("a/x", "b/y")]


# --- failures ---


@in_no_time
async def test_a_failure_while_the_hedge_is_out_waits_for_the_hedge() -> None:
    """And the other way round."""
    client = client_of({"a": [OOPS], "b": ["said"]}, Router(), Pace(a=3, b=5))
    completion = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    assert "said" == completion.text
    assert [("a/x", "ServerError"), ("b/y", None)] == attempts(completion)
    client = client_of({"a": ["said"], "b": [OOPS], "c": []}, Router(), Pace(a=5, b=1))
    completion = await client.acompletion(["a/x", "b/y", "c/z"], HI, hedge_after=2)
    assert "said" == completion.text
    assert [("a/x", None), ("b/y", "ServerError")] == attempts(completion)


@in_no_time
async def test_where_both_fail_the_next_one_is_asked() -> None:
    """As after every failure; the last failure is raised where there is none."""
    pace = Pace(a=3, b=3, c=0)
    answers: dict[str, list[Any]] = {"a": [OOPS] * 2, "b": [OOPS] * 2, "c": ["from c"]}
    client = client_of(answers, Router(), pace)
    completion = await client.acompletion(["a/x", "b/y", "c/z"], HI, hedge_after=2)
    assert "from c" == completion.text
    expected = [("a/x", "ServerError"), ("b/y", "ServerError"), ("c/z", None)]
    assert expected == attempts(completion)
    assert [("a", 0.0), ("b", 2.0), ("c", 5.0)] == pace.asked
    client = client_of(answers, Router(), Pace(a=3, b=3), retry=RetryPolicy(wait=lambda _: 1))
    answers["b"].append(OOPS)
    with pytest.raises(ServerError) as caught:
        await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, max_retries=1)
    assert {"a/x", "b/y"} == {target for target, _ in attempts(caught.value)}


@in_no_time
async def test_a_fault_of_the_callers_ends_both() -> None:
    """It is raised at once, with the attempts of both."""
    pace = Pace(a=3, b=0)
    client = client_of({"a": [BadRequestError("no", status=400)], "b": [HANGING]}, Router(), pace)
    with pytest.raises(BadRequestError) as caught:
        await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    expected = [("a/x", "BadRequestError"), ("b/y", "CancelledError")]
    assert expected == attempts(caught.value)


@in_no_time
async def test_a_hedge_that_cannot_be_sent_is_no_failure() -> None:
    """The first target goes on."""

    class Keyless(FakeProvider):
        def complete(self, call: Any) -> Any:
            raise MissingKeyError("set KEYLESS_API_KEY")

    providers = {"a": FakeProvider(["from a"]), "b": Keyless()}
    client = Client(providers=providers, middleware=[Router(), Pace(a=3, b=0)])
    found = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    assert isinstance(found, Completion)
    assert "from a" == found.text


@in_no_time
async def test_a_target_that_is_left_alone_is_no_hedge() -> None:
    """The one after it is asked."""
    pace = Pace(a=60, b=0, c=0)
    router = Router()
    client = client_of({"a": ["a"], "b": ["b"], "c": ["from c"]}, router, pace)
    router.states("b/y")[0].fail(RateLimitError("slow down", retry_after=60))
    found = await client.acompletion(["a/x", "b/y", "c/z"], HI, hedge_after=2)
    assert "from c" == found.text


# --- one target ---


@in_no_time
async def test_a_single_target_is_asked_a_second_time() -> None:
    """Without a router; that is one of its retries."""
    client = client_of({"a": [HANGING, "again"]})
    completion = await client.acompletion("a/x", HI, hedge_after=2)
    assert "again" == completion.text
    assert [("a/x", "CancelledError"), ("a/x", None)] == attempts(completion)
    pace = Pace(a=[60, 0])
    client = client_of({"a": ["first", "again"]}, Router(), pace, max_retries=3)
    await client.acompletion("a/x", HI, hedge_after=2)
    assert [2, 0] == pace.most_retries


@in_no_time
async def test_retries_and_the_hedge_are_no_more_than_max_retries() -> None:
    """Whether the target fails before the hedge is due, or after."""
    for seconds in (0.0, 3.0):
        client = client_of(
            {"a": [OOPS] * 9},
            Router(),
            Pace(a=seconds),
            retry=RetryPolicy(max_retries=2, wait=lambda _: 0.1),
        )
        with pytest.raises(ServerError):
            await client.acompletion("a/x", HI, hedge_after=2)
        assert {"a": 3} == sent(client)


@in_no_time
async def test_what_was_set_aside_for_the_hedge_is_a_retry() -> None:
    """When the hedge would have been due, unless the provider asks for more patience, or the error
    is none that is retried."""
    pace = Pace(a=0)
    client = client_of({"a": [OOPS, "again"]}, Router(), pace, max_retries=1)
    completion = await client.acompletion("a/x", HI, hedge_after=2)
    assert "again" == completion.text
    assert [("a/x", "ServerError"), ("a/x", None)] == attempts(completion)
    assert [("a", 0.0), ("a", 2.0)] == pace.asked
    for error, policy in (
        (RateLimitError("slow down", status=429, retry_after=60), RetryPolicy(1)),
        (ServerError("no", status=501), RetryPolicy(1)),
        (OOPS, RetryPolicy(1, retry=lambda _: 1 / 0 > 0)),
    ):
        client = client_of({"a": [error, "again"]}, retry=policy)
        with pytest.raises(LLMGateError) as caught:
            await client.acompletion("a/x", HI, hedge_after=2)
        assert error is caught.value


# --- budgets ---


@pytest.mark.parametrize(
    ("settings", "options"),
    [({"max_retries": 0}, {}), ({}, {"max_retries": 0})],
    ids=["client", "call"],
)
def test_there_is_no_hedge_without_retries(
    settings: dict[str, Any], options: dict[str, Any]
) -> None:
    """Neither to another target."""

    async def main() -> None:
        pace = Pace(a=60, b=0)
        client = client_of({"a": ["from a"] * 2, "b": ["b"]}, Router(), pace, **settings)
        for model in ("a/x", ["a/x", "b/y"]):
            assert "from a" == (await client.acompletion(model, HI, hedge_after=2, **options)).text
        assert ["a", "a"] == [name for name, _ in pace.asked]

    virtual_time.run(main)


@in_no_time
async def test_a_wrong_number_of_retries_is_refused_as_ever() -> None:
    """By the client."""
    client = client_of({"a": ["a"]})
    for wrong in (-1, "2"):
        with pytest.raises(InvalidRequestError) as caught:
            await client.acompletion("a/x", HI, hedge_after=2, max_retries=wrong)
        assert "max_retries" == caught.value.path


@in_no_time
async def test_hedges_come_from_the_clients_budget_of_retries() -> None:
    """Where a provider is slow for everybody, it is not asked twice as often."""
    pace = Pace(a=3)
    client = client_of({"a": ["a"] * 100}, Router(hedge_after=2), pace)
    for _ in range(40):
        await client.acompletion("a/x", HI)
    assert 40 + 20 + 40 * 0.2 >= len(pace.asked) >= 40 + 20  # it is 20 at first, 0.2 a success
    assert client._budget._tokens < 1


# --- deadlines, cancellation ---


@in_no_time
async def test_the_deadline_ends_both() -> None:
    """Of the call; it is nobody's failure."""
    pace = Pace(a=60, b=60)
    router = Router()
    client = client_of({"a": ["a"], "b": ["b"]}, router, pace)
    with pytest.raises(DeadlineExceededError):
        await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, timeout=5)
    assert ["a", "b"] == sorted(name for name, _ in pace.cancelled)
    assert [0, 0] == [router.states(name)[0].failures for name in ("a/x", "b/y")]


@in_no_time
async def test_the_time_of_a_target_ends_it_alone() -> None:
    """The hedge goes on."""
    models = {"fast": [Target("a/x", timeout=3), Target("b/y", priority=2)]}
    client = client_of({"a": [HANGING], "b": ["from b"]}, Pace(b=5), models=models)
    client._middleware = (client._middleware[1], client._middleware[0])
    client._middleware[1]._seconds["a"] = iter([0.0])
    completion = await client.acompletion("fast", HI, hedge_after=2)
    assert [("a/x", "DeadlineExceededError"), ("b/y", None)] == attempts(completion)


@in_no_time
async def test_cancellation_ends_both() -> None:
    """At whichever moment, and no task is left."""
    for moment in (1, 3):
        pace = Pace(a=60, b=60)
        client = client_of({"a": ["a"], "b": ["b"]}, Router(), pace)
        task = asyncio.create_task(client.acompletion(["a/x", "b/y"], HI, hedge_after=2))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {asyncio.current_task()} == asyncio.all_tasks()
        assert {"a", "b"} - ({"b"} if moment == 1 else set()) == {n for n, _ in pace.cancelled}


@in_no_time
async def test_an_interrupt_is_raised_where_it_is_waited_for() -> None:
    """It does not end the loop from within a task."""

    async def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await hedged(interrupted(), 1, lambda: None)


@in_no_time
async def test_a_loser_that_takes_its_time_is_not_waited_for() -> None:
    """Some tell their provider that they are gone; that goes on behind the response."""

    async def slow() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(3)
        return "never"

    async def quick() -> str:
        return "here"

    assert "here" == await hedged(slow(), 1, quick)
    assert time.monotonic() - virtual_time.BEGINNING < 1.5
    await asyncio.sleep(3)


# --- streams, embeddings ---


@in_no_time
async def test_a_stream_is_hedged_until_its_first_chunk() -> None:
    """Then it stays with its target, however slow that is."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    completion = await stream.completion()
    assert "from b" == completion.text
    for found in (stream, completion):  # the first one's request had begun to be answered
        assert [("a/x", None), ("b/y", None)] == attempts(found)
    begun = Canned(body=[b'{"say": "one "}\n'], hang=True)
    client = client_of({"a": [begun], "b": ["from b"]})
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    await anext(stream)
    await asyncio.sleep(5)
    assert {"a": 1} == sent(client)
    await stream.aclose()


@in_no_time
async def test_a_hedged_stream_can_be_let_go_of() -> None:
    """Nothing holds it but whoever reads it."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    assert 1 == client._router.states("b/y")[0].busy
    del stream
    assert 0 == client._router.states("b/y")[0].busy


@in_no_time
async def test_embeddings_are_hedged_likewise() -> None:
    """To the next model."""
    pace = Pace(a=60, b=0)
    client = client_of({"a": [], "b": []}, Router(), pace)
    await client.aembedding(["a/x", "b/y"], ["Hi"], hedge_after=2)
    assert [("a", 0.0), ("b", 2.0)] == pace.asked
    client = client_of({"a": []})
    assert 1 == len((await client.aembedding("a/x", ["Hi"], hedge_after=2)).data)


# --- where it is said ---


@in_no_time
async def test_who_says_when() -> None:
    """The call, before the target, before the route, before the router."""
    models: dict[str, Any] = {
        "fast": Route([Target("a/x", hedge_after=3), Target("b/y", priority=2)], hedge_after=4),
        "slow": Route([Target("a/x"), Target("b/y", priority=2)], hedge_after=4),
        "other": [Target("a/x"), Target("b/y", priority=2)],
    }
    asked = list[float]()
    for model, options in (
        ("fast", {"hedge_after": 2.0}),
        ("fast", {}),
        ("slow", {}),
        ("other", {}),
        ("a/x", {}),
    ):
        pace = Pace(a=[60, 0], b=0)
        began = time.monotonic() - virtual_time.BEGINNING
        router = Router(models, hedge_after=5)
        client = client_of({"a": ["a"] * 2, "b": ["b"] * 2}, router, pace)
        await client.acompletion(model, HI, **options)
        asked.append(pace.asked[1][1] - began)
    assert [2.0, 3.0, 4.0, 5.0, 5.0] == asked


wrong: Any = None
MAKERS: list[Callable[[Any], object]] = [
    lambda given: Router(hedge_after=given),
    lambda given: Router({"fast": Route(["a/x"], hedge_after=given)}),
    lambda given: Target("a/x", hedge_after=given),
    lambda given: client_of({"a": ["a"]}).completion("a/x", HI, hedge_after=given),
    lambda given: client_of({"a": ["a"]}).embedding("a/x", ["Hi"], hedge_after=given),
]


@pytest.mark.parametrize("given", [0, -1, True, "2", float("inf"), float("nan")])
@pytest.mark.parametrize("make", MAKERS, ids=["router", "route", "target", "call", "embedding"])
def test_seconds_are_checked(make: Callable[[Any], object], given: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        make(given)
    assert "hedge_after" == caught.value.path


def test_a_call_has_no_hedge_unless_it_is_asked_for() -> None:
    """As a middleware sees it."""
    assert ChatCall("a/x", HI).hedge_after is None


# --- with sockets ---


async def test_the_losers_connection_is_closed() -> None:
    """The provider sees it, and need not go on; hooks are told of both calls."""
    recorder = Recorder()
    with FaultServer(hang, reply(body=COMPLETION)) as server:
        async with client_to(server, hooks=[recorder], max_retries=1) as client:
            completion = await client.acompletion("openai/gpt-4o", HI, hedge_after=0.05)
            assert isinstance(completion, Completion)
            assert "Hi" == completion.text
            first = server.peers[0]
            assert await wait_for_async(first.gone.is_set)
            assert 2 == len(server.requests)
    ended = [event.outcome for event in recorder.events if isinstance(event, CallEnded)]
    assert ["cancelled", "ok"] == sorted(ended)


async def test_what_a_losing_stream_was_billed_is_told_to_hooks() -> None:
    """As far as its provider has said it by then."""
    recorder = Recorder()
    used = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}
    billed = STREAM_HEAD + framed(event({**chunk(), "usage": used}))
    with FaultServer(billed, stream("Hi")) as server:
        async with client_to(server, hooks=[recorder], max_retries=1) as client:
            answer = await client.acompletion("openai/m", HI, stream=True, hedge_after=0.05)
            assert "Hi" == (await answer.completion()).text
            assert await wait_for_async(server.peers[0].gone.is_set)
    ended = {event.outcome: event for event in recorder.events if isinstance(event, CallEnded)}
    assert {"cancelled", "ok"} == {*ended}
    usage = ended["cancelled"].usage
    assert usage is not None
    assert 7 == usage.prompt_tokens


def test_the_same_without_async() -> None:
    """On the background loop, of which no task is left."""
    with FaultServer(hang, reply(body=COMPLETION)) as server:
        with client_to(server, max_retries=1) as client:
            completion = client.completion("openai/gpt-4o", HI, hedge_after=0.05)
            assert isinstance(completion, Completion)
            assert [("openai/gpt-4o", "CancelledError"), ("openai/gpt-4o", None)] == attempts(
                completion
            )
        assert 2 == len(server.requests)
