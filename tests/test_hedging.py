"""Hedging: who is asked, whose response counts, failures and budgets."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client, Completion, RetryPolicy
from llmgate.errors import (
    BadRequestError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    RateLimitError,
    ServerError,
)
from llmgate.middleware import Middleware
from llmgate.middlewares.routing import Router
from llmgate.testing import FakeProvider
from tests import virtual_time
from tests.hedged_calls import HANGING, HI, Pace, attempts, client_of, in_no_time, sent

OOPS = ServerError("oops", status=500)


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


@in_no_time
async def test_a_hedge_is_no_probe() -> None:
    """Of a target that is due for one, nor a second one of the target that is being probed."""
    router, pace = Router(), Pace(a=[9, 60], b=0, c=0)
    client = client_of({"a": ["from a"], "b": ["b"], "c": ["from c"]}, router, pace)
    for name in ("a/x", "b/y"):
        state = router.states(name)[0]
        state.fail(RateLimitError("slow down", retry_after=1))
        state.cooling_until = 0.0
    found = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2)
    assert "from a" == found.text
    assert ["a"] == [name for name, _ in pace.asked]
    assert "from c" == (await client.acompletion(["a/x", "b/y", "c/z"], HI, hedge_after=2)).text


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


wrong: Any = None
