"""Whether, when and how often a failed attempt is made again."""

from __future__ import annotations

import math
from statistics import mean
from typing import Any, cast

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from llmgate import Client
from llmgate._core.retry import RetryBudget, RetryPolicy
from llmgate.errors import (
    BadRequestError,
    ClosedError,
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
    StreamTruncatedError,
    TLSError,
    TransportError,
    error_class,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow
from llmgate.testing import FakeProvider
from llmgate.types import Completion
from tests.faults.calls import HI, MODEL, client_of
from tests.faults.server import FaultServer, event, reply, stream

# --- the policy -------------------------------------------------------------------------
TRANSIENT = {408, 425, 429}


@pytest.mark.parametrize(
    "status", [300, 301, 400, 401, 403, 404, 405, 408, 409, 410, 413, 418, 422]
)
@pytest.mark.parametrize("answered", [False, True])
def test_of_the_4xx_only_those_that_pass_are_retried(status: int, answered: bool) -> None:
    """408 is one of them."""
    error = error_class(status)("no", status=status)
    assert (status in TRANSIENT) is RetryPolicy().allows(error, 1, answered=answered)


@pytest.mark.parametrize("status", [425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529])
def test_too_many_requests_and_failures_of_the_server_are_retried(status: int) -> None:
    """By their status."""
    assert RetryPolicy().allows(error_class(status)("no", status=status), 1, answered=False)


@pytest.mark.parametrize("status", [501, 505, 507, 511, 525, 530, 599])
def test_other_failures_of_the_server_are_retried_where_they_are_marked(status: int) -> None:
    """By the provider's header, or by its plugin."""
    kind = error_class(status)
    assert not RetryPolicy().allows(kind("no", status=status), 1, answered=False)
    marked = kind("no", status=status, retryable=True)
    assert RetryPolicy().allows(marked, 1, answered=False)
    said = kind("no", status=status, headers={"x-should-retry": "true"})
    assert RetryPolicy().allows(said, 1, answered=False)


@pytest.mark.parametrize("said", ["true", "false"])
def test_the_header_of_an_answer_says_nothing_of_what_is_wrong_with_it(said: str) -> None:
    """An error inside a stream is judged by its codes; what is no answer was billed."""
    headers = {"x-should-retry": said}
    for error, expected in (
        (OverloadedError("no", in_stream=True, headers=headers), True),
        (BadRequestError("no", in_stream=True, headers=headers), False),
        (ResponseTooLargeError("no", headers=headers), False),
        (DecodeError("no", headers=headers), False),
    ):
        assert expected is RetryPolicy().allows(error, 1, answered=True)


@pytest.mark.parametrize("wait", [math.nan, -1.0, -math.inf, 0, None])
def test_a_strategy_that_says_nonsense_says_at_once(wait: Any) -> None:
    """No wait is negative, or no number."""
    assert 0.0 == RetryPolicy(wait=lambda _: wait).pause(ConnectError("no"), 1)


OUTCOMES: dict[str, tuple[LLMGateError, bool]] = {
    "no connection": (ConnectError("no"), True),
    "a connection that broke": (ReadError("no"), True),
    "no time to connect": (DeadlineExceededError("no", phase="connect"), True),
    "no time at all": (DeadlineExceededError("no", phase="total"), False),
    "silence": (DeadlineExceededError("no", phase="idle"), False),
    "an untrusted certificate": (TLSError("no"), False),
    "another failure of the transport": (TransportError("no"), False),
    "a cut stream": (StreamTruncatedError("no"), False),
    "no answer": (DecodeError("no"), False),
    "too large": (ResponseTooLargeError("no"), False),
    "a wrong argument": (InvalidRequestError("no"), False),
    "no key": (MissingKeyError("no"), False),
    "a closed client": (ClosedError("no"), False),
    "no credit": (QuotaExceededError("no", status=429), False),
    "a refusal with a server's status": (BadRequestError("no", status=500), False),
    "a conflict": (ConflictError("no", status=409), False),
    "a conflict that the provider marks": (ConflictError("no", status=409, retryable=True), True),
    "a failure that the provider marks": (ServerError("no", status=500, retryable=False), False),
    "a refusal that the provider marks": (BadRequestError("no", status=400, retryable=True), True),
    "too many requests, said in a stream": (RateLimitError("no", in_stream=True), True),
    "no credit, said in a stream": (QuotaExceededError("no", in_stream=True), False),
    "overload, said in a stream": (OverloadedError("no", in_stream=True), True),
    "a failure, said in a stream": (ServerError("no", in_stream=True), True),
    "anything else, said in a stream": (ProviderError("no", in_stream=True), False),
}


@pytest.mark.parametrize(("error", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_is_retried(error: LLMGateError, expected: bool) -> None:
    """Failures that pass; by status and codes, and never by what a text says."""
    assert expected is RetryPolicy().allows(error, 1, answered=False)


@pytest.mark.parametrize("text", ["rate limit", "429", "please try again", "overloaded"])
def test_a_text_changes_nothing(text: str) -> None:
    """A message that speaks of a rate limit makes none."""
    assert not RetryPolicy().allows(
        BadRequestError(text, status=400, body=text.encode()), 1, answered=False
    )


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        ("true", 400, True),
        ("false", 503, False),
        ("maybe", 503, True),
        ("maybe", 404, False),
        ("", 503, True),
    ],
)
def test_the_provider_s_header_wins_over_the_status(said: str, status: int, expected: bool) -> None:
    """``x-should-retry`` is true or false; anything else says nothing."""
    error = error_class(status)("no", status=status, headers={"x-should-retry": said})
    assert expected is RetryPolicy().allows(error, 1, answered=False)


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_a_call_is_retried_so_many_times(most: int) -> None:
    """``max_retries`` bounds the requests to one more than itself."""
    policy = RetryPolicy(max_retries=most)
    allowed = [policy.allows(ConnectError("no"), number, answered=False) for number in range(1, 9)]
    assert [True] * most + [False] * (8 - most) == allowed


@pytest.mark.parametrize(
    ("policy", "answered", "expected"),
    [
        (RetryPolicy(), False, True),
        (RetryPolicy(), True, False),
        (RetryPolicy(retry_reads=True), True, True),
    ],
)
def test_an_answer_that_broke_is_not_asked_for_twice_unless_wanted(
    policy: RetryPolicy, answered: bool, expected: bool
) -> None:
    """The provider may have billed it already."""
    assert expected is policy.allows(ReadError("cut"), 1, answered=answered)


def test_a_predicate_narrows_what_is_retried() -> None:
    """It is asked of what may be retried at all, and cannot widen that."""
    asked: list[LLMGateError] = []

    def never(error: LLMGateError) -> bool:
        asked.append(error)
        return False

    policy = RetryPolicy(retry=never)
    errors = [ConnectError("no"), BadRequestError("no", status=400)]
    assert [False, False] == [policy.allows(error, 1, answered=False) for error in errors]
    assert errors[:1] == asked
    always = RetryPolicy(retry=lambda _: True)
    assert [True, False] == [always.allows(error, 1, answered=False) for error in errors]


def broken(*_: object) -> Any:
    raise ZeroDivisionError("no policy of mine")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (RetryPolicy(retry=broken), "ZeroDivisionError: no policy of mine"),
        (RetryPolicy(wait=broken), "ZeroDivisionError: no policy of mine"),
        (RetryPolicy(wait=lambda _: cast("Any", object())), "TypeError: "),
    ],
)
async def test_a_policy_that_fails_takes_nothing_from_the_call_s_own_failure(
    streamed: bool, policy: RetryPolicy, reason: str
) -> None:
    """That is raised, and says why it was not retried."""
    early = stream(end=event({"error": {"message": "busy", "code": 503}}))
    with FaultServer(early if streamed else reply(503, body={"error": "busy"})) as server:
        async with client_of(server, retry=policy) as client:
            with pytest.raises(OverloadedError, match="busy") as caught:
                await completed(client, streamed=streamed)
        assert 1 == len(server.requests)
    assert f"not retried: the retry policy failed: {reason}" in str(caught.value)
    assert (caught.value.message,) == caught.value.args


async def completed(client: Client, *, streamed: bool) -> Completion:
    """The completion of a call, whole or put together from its stream."""
    if streamed:
        return await (await client.acompletion(MODEL, HI, stream=True)).completion()
    return await client.acompletion(MODEL, HI)


async def asks_a_database(_: object) -> Any:
    """What a policy cannot call."""


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"retry": 5}, "retry.retry"),
        ({"retry": asks_a_database}, "retry.retry"),
        ({"wait": 0.5}, "retry.wait"),
        ({"wait": asks_a_database}, "retry.wait"),
        ({"retry_reads": "yes"}, "retry.retry_reads"),
    ],
)
def test_a_policy_of_what_cannot_be_called(fields: dict[str, Any], path: str) -> None:
    """It is refused when it is made."""
    with pytest.raises(InvalidRequestError) as caught:
        RetryPolicy(**fields)
    assert path == caught.value.path


BAD_COUNTS: list[Any] = [-1, 1.0, True, None, "2", math.nan, -(10**5000)]


@pytest.mark.parametrize("count", BAD_COUNTS, ids=lambda count: type(count).__name__)
def test_a_number_of_retries_is_a_whole_number(count: Any) -> None:
    """Anything else is refused under its name."""
    with pytest.raises(InvalidRequestError, match="expected an integer of 0 or more") as caught:
        RetryPolicy(max_retries=count)
    assert "max_retries" == caught.value.path


# --- the pause --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "most"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (50, 8.0)]
)
def test_the_pause_has_full_jitter(attempt: int, most: float) -> None:
    """It is drawn evenly between nothing and a bound that doubles up to 8 s, so that clients that
    failed together do not come back together."""
    policy = RetryPolicy()
    pauses = [policy.pause(ConnectError("no"), attempt) for _ in range(400)]
    assert 0 <= min(pauses) < 0.1 * most
    assert 0.9 * most < max(pauses) <= most
    assert most / 2 == pytest.approx(mean(pauses), rel=0.2)


def half_the_attempt(state: tenacity.RetryCallState) -> float:
    """A strategy of the user's own."""
    return state.attempt_number / 2


STRATEGIES: dict[str, tuple[Any, list[float]]] = {
    "fixed": (tenacity.wait_fixed(3), [3, 3, 3]),
    "none": (tenacity.wait_none(), [0, 0, 0]),
    "incrementing": (tenacity.wait_incrementing(1, 2), [1, 3, 5]),
    "exponential": (tenacity.wait_exponential(multiplier=1, max=3), [1, 2, 3]),
    "a sum": (tenacity.wait_fixed(1) + tenacity.wait_incrementing(0, 1), [1, 2, 3]),
    "a chain": (tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(7)), [1, 7, 7]),
    "by the error": (tenacity.wait_exception(lambda error: len(str(error))), [2, 2, 2]),
    "a function": (half_the_attempt, [0.5, 1.0, 1.5]),
}


@pytest.mark.parametrize(("wait", "expected"), STRATEGIES.values(), ids=STRATEGIES)
def test_the_pause_is_any_strategy_of_tenacity(wait: Any, expected: list[float]) -> None:
    """Its vocabulary is that of a library that people know."""
    policy = RetryPolicy(wait=wait)
    assert expected == [policy.pause(ConnectError("no"), number) for number in (1, 2, 3)]


@pytest.mark.parametrize("asked", [0.02, 5.0, 86400.0, math.inf])
def test_the_provider_s_own_wait_wins_over_the_strategy(asked: float) -> None:
    """Whether there is time for it is the deadline's matter."""
    policy = RetryPolicy(wait=tenacity.wait_fixed(3))
    assert asked == policy.pause(RateLimitError("no", retry_after=asked), 1)


# --- the budget -------------------------------------------------------------------------


def test_fifty_failing_calls_make_at_most_twice_their_number_of_requests() -> None:
    """Retries stop when a provider fails for everyone: it is not hammered while it recovers."""
    budget, policy = RetryBudget(), RetryPolicy(max_retries=5)
    requests = 0
    for _ in range(50):
        requests += 1
        attempt = 1
        while (
            policy.allows(ServerError("no", status=503), attempt, answered=False) and budget.spend()
        ):
            requests += 1
            attempt += 1
    assert 50 < requests <= 100


def test_five_successes_buy_one_retry() -> None:
    """When the twenty that a client begins with are spent."""
    budget = RetryBudget()
    assert [True] * 20 + [False] * 5 == [budget.spend() for _ in range(25)]
    bought = list[bool]()
    for _ in range(10):
        budget.succeeded()
        bought.append(budget.spend())
    assert [False, False, False, False, True] * 2 == bought


def test_single_failures_are_always_retried() -> None:
    """Calls that mostly succeed keep the budget full."""
    budget = RetryBudget()
    for _ in range(1000):
        assert budget.spend()
        for _ in range(9):
            budget.succeeded()


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 30), st.floats(0.01, 1))
def test_a_budget_gives_out_what_it_had_and_what_came_in(
    history: list[bool], capacity: int, refill: float
) -> None:
    """Never more than its capacity and a part for each success, and never more than full."""
    budget = RetryBudget(capacity, refill)
    spent = successes = 0
    for succeeded in history:
        if succeeded:
            budget.succeeded()
            successes += 1
        else:
            spent += budget.spend()
    assert spent <= capacity + successes * refill + 1e-6
    in_a_row = 0
    while budget.spend():
        in_a_row += 1
    assert in_a_row <= capacity


@pytest.mark.parametrize("status", [408, 425])
def test_a_status_that_says_nothing_against_the_request_is_retried(status: int) -> None:
    """A time-out of the server's, or a request that came too early, may succeed a moment later."""
    error = error_class(status)("later", status=status)
    assert RetryPolicy().allows(error, 1, answered=False)


class InTwoSteps(FakeProvider):
    """A provider that asks twice for one completion."""

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        yield from super().complete(call)
        return (yield from super().complete(call))


async def test_retries_are_counted_for_the_whole_call() -> None:
    """Whichever of its requests they are of."""
    busy = OverloadedError("busy", status=503, retry_after=0.0)
    provider = InTwoSteps([busy, "one", busy, "two"])
    async with Client(providers={"fake": provider}, max_retries=1) as client:
        with pytest.raises(OverloadedError) as caught:
            await client.acompletion("fake/m", HI)
    assert ["OverloadedError", None, "OverloadedError"] == [
        attempt.error for attempt in caught.value.attempts
    ]
