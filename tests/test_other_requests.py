"""A request that a provider would send in place of one which the host refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Client, RetryPolicy
from llmgate.errors import (
    BadRequestError,
    ConnectError,
    LLMGateError,
    PluginError,
    ProviderError,
    ServerError,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest
from llmgate.testing import Canned, FakeProvider
from llmgate.types import Completion

HI: Any = [{"role": "user", "content": "Hi"}]
REFUSED = Canned.json({"message": "no such option"}, status=400)
Asked = Callable[[ProviderError], HttpRequest | None]


class Flexible(FakeProvider):
    """A provider that has another request, to another address."""

    is_idempotent = True

    def __init__(self, *answers: Any, on_refusal: Asked | None = None) -> None:
        super().__init__(answers)
        self.errors: list[ProviderError] = []
        self.on_refusal = on_refusal

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The fake provider's flow."""
        flow = super().complete(call)
        request = replace(next(flow), idempotent=self.is_idempotent)

        def on_refusal(error: ProviderError) -> HttpRequest | None:
            if error.status != REFUSED.status:
                return None
            self.errors.append(error)
            return replace(request, url="https://fake.invalid/other")

        response = yield replace(request, on_refusal=self.on_refusal or on_refusal)
        try:
            flow.send(response)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return] # a flow's result
        raise AssertionError("one request is enough")


async def outcome(
    provider: FakeProvider, **settings: Any
) -> tuple[Completion | LLMGateError, list[str]]:
    """What a call comes to, and the addresses that it was sent to."""
    async with Client(providers={"fake": provider}, **settings) as client:
        try:
            result: Any = await client.acompletion("fake/m", HI, extra_headers={"x-team": "7"})
        except LLMGateError as error:
            result = error
    requests = provider.transport.requests
    assert all("7" == request.headers["x-team"] for request in requests)
    return result, [request.url.rpartition("/")[2] for request in requests]


async def test_the_other_request_is_sent_at_once() -> None:
    """With the caller's headers and its own key; it is an attempt of the call."""
    provider = Flexible(REFUSED, "Yes.")
    completion, urls = await outcome(provider)
    assert isinstance(completion, Completion)
    assert ("Yes.", ["fake.invalid", "other"]) == (completion.text, urls)
    assert [400, 200] == [attempt.status for attempt in completion.attempts]
    assert [400] == [error.status for error in provider.errors]
    assert completion.attempts[1].wait == 0


async def test_a_retry_is_of_the_other_request() -> None:
    """The one that was refused is not sent again."""
    provider = Flexible(REFUSED, Canned(503), "Yes.", on_refusal=None)
    _, urls = await outcome(provider)
    assert ["fake.invalid", "other", "other"] == urls


async def test_without_an_attempt_left_the_error_says_so() -> None:
    """Retries are the caller's to allow."""
    error, urls = await outcome(Flexible(REFUSED, "Yes."), max_retries=0)
    assert isinstance(error, BadRequestError)
    assert "with max_retries=1 or more it is sent again without that" in str(error)
    assert ["fake.invalid"] == urls


async def test_where_others_took_the_retries_the_error_says_that() -> None:
    """It does not ask for a number of retries that there was."""
    error, urls = await outcome(Flexible(Canned(503), REFUSED, "Yes."), max_retries=1)
    assert isinstance(error, BadRequestError)
    assert "no retry was left to send it again without that" in str(error)
    assert "with max_retries" not in str(error)
    assert ["fake.invalid"] * 2 == urls


class Billed(Flexible):
    """A provider whose requests are billed each time."""

    is_idempotent = False


ONLY_HERE: list[tuple[type[Flexible], dict[str, Any]]] = [
    (Billed, {}),
    (Flexible, {"max_retries": 0}),
    (Flexible, {"retry": RetryPolicy(retry=lambda _: False)}),
    (Flexible, {"retry": RetryPolicy(retry=lambda error: bool(vars(error)["missing"]))}),
]


@pytest.mark.parametrize(("kind", "settings"), ONLY_HERE)
async def test_what_is_not_sent_again_is_not_retryable(
    kind: type[Flexible], settings: dict[str, Any]
) -> None:
    """Whoever reads the error must not send the refused request again by himself."""
    error, urls = await outcome(kind(REFUSED, "Yes."), **settings)
    assert isinstance(error, BadRequestError)
    assert (False, None) == (bool(error.retryable), error.retry_after)
    assert ["fake.invalid"] == urls
    assert ("max_retries" in str(error)) == ("max_retries" in settings)


async def test_where_there_is_none_the_error_is_as_it_is() -> None:
    """The provider is asked, and may have nothing."""
    error, urls = await outcome(Flexible(REFUSED, on_refusal=lambda _: None))
    assert isinstance(error, BadRequestError)
    assert ("max_retries" in str(error), urls) == (False, ["fake.invalid"])


async def test_a_failure_of_the_connection_is_no_refusal() -> None:
    """Nobody refused anything: the same request is sent again."""
    provider = Flexible(ConnectError("down"), "Yes.")
    _, urls = await outcome(provider)
    assert (["fake.invalid"] * 2, []) == (urls, provider.errors)


async def test_a_provider_that_fails_to_say_is_at_fault() -> None:
    """As wherever its code fails."""

    def failing(error: ProviderError) -> HttpRequest:
        raise KeyError(error.message)

    error, _ = await outcome(Flexible(REFUSED, on_refusal=failing))
    assert isinstance(error, PluginError)


@pytest.mark.parametrize("status", [500, 503])
async def test_other_errors_are_retried_as_ever(status: int) -> None:
    """The provider decides which errors are a refusal."""
    provider = Flexible(Canned(status), Canned(status), on_refusal=lambda _: None)
    error, urls = await outcome(provider, max_retries=1)
    assert isinstance(error, ServerError | ProviderError)
    assert ["fake.invalid"] * 2 == urls
