"""The conformance kit finds keys that are sent elsewhere, and requests that change."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, MissingKeyError
from llmgate.provider import Signing
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest
from llmgate.testing import CANARY, FakeProvider
from llmgate.types import Completion
from tests.testing.mutants import declaring, kit, run
from tests.testing.recorded import GOLDEN


def authorizing(change: Callable[[HttpRequest], object]) -> FakeProvider:
    """A provider that does this as well when it authorizes; what is returned is sent."""

    class Authorizing(FakeProvider):
        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            changed = change(request)
            request = changed if isinstance(changed, HttpRequest) else request
            return await super().authorize(request, signing)

    return Authorizing(api_key=CANARY)


def marking(request: HttpRequest) -> None:
    request.body += b" "


def numbering(numbers: Iterator[int]) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: request.with_headers({"Number": str(next(numbers))})


class Hosted(FakeProvider):
    """A provider of several hosts, whose key is in the environment."""

    def __init__(self, *, api_key: str | None = None, base_url: str | None = None) -> None:
        super().__init__(api_key=self.key(api_key, base_url))
        self._url = base_url or "https://fake.invalid"

    @property
    def transport(self) -> Any:
        return None

    def key(self, given: str | None, base_url: str | None) -> str:
        key = given or (None if base_url else os.environ.get("FAKE_KEY"))
        if key is None:
            raise MissingKeyError("set FAKE_KEY")
        return key

    def configured(self, *, base_url: str) -> FakeProvider:
        return type(self)(base_url=base_url)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        request = next(super().complete(call))
        yield replace(request, url=f"{self._url}/chat")
        return Completion([])


class Generous(Hosted):
    """Sends the environment's key anywhere."""

    def key(self, given: str | None, base_url: str | None) -> str:
        return given or os.environ["FAKE_KEY"]


class GenerousWhenConfigured(Hosted):
    """Takes its key along to another host."""

    def configured(self, *, base_url: str) -> FakeProvider:
        return type(self)(api_key=self._key.reveal(), base_url=base_url)


class Stubborn(Hosted):
    """Knows one address only."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._url = "https://fake.invalid"


FIXED = "test_authorize_changes_no_request"
OWN = "test_environments_key_is_for_its_own_host"
FINDINGS: list[tuple[str, Any, str]] = [
    (FIXED, authorizing(marking), "changed the request itself"),
    (FIXED, authorizing(numbering(count())), "two attempts"),
    (
        "test_authorize_leaves_the_address",
        authorizing(lambda r: replace(r, url="https://other.invalid")),
        "changed the address",
    ),
    ("test_authorize_touches_nothing", authorizing(lambda r: os.environ.get("A")), "environment"),
    ("test_authorize_touches_nothing", authorizing(lambda r: Path(__file__).read_text()), "file"),
    (OWN, Generous(api_key=CANARY), "own hosts"),
    (OWN, GenerousWhenConfigured(api_key=CANARY), "own hosts"),
    ("test_address_given_in_code_is_used", Stubborn(api_key=CANARY), "sent to"),
]


@pytest.mark.parametrize(("test", "provider", "finding"), FINDINGS)
def test_finds_wrong_authorization(test: str, provider: Any, finding: str) -> None:
    """A key that is sent to strangers, and a request that is not what it was, are found."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider), test)


@pytest.mark.parametrize(
    "test",
    [OWN, "test_address_given_in_code_is_used", "test_what_was_authorized_is_sent", FIXED],
)
def test_accepts_a_provider_of_several_hosts(test: str) -> None:
    """A key of the environment is for its own host, a given one for the given host."""
    run(kit(Hosted(api_key=CANARY)), test)


def test_accepts_a_provider_that_cannot_be_made_without_settings() -> None:
    """Where nothing can be made of the environment, nothing is sent."""

    class Demanding(Hosted):
        def __init__(self, *, base_url: str | None = None, api_key: str | None = None) -> None:
            if base_url is None:
                raise InvalidRequestError("an address is needed", path="base_url")
            super().__init__(api_key=api_key, base_url=base_url)

    run(kit(Demanding(api_key=CANARY, base_url="https://mine.invalid")), OWN)


def test_accepts_a_provider_without_a_key() -> None:
    """Where no key can be given, none is looked for."""
    with pytest.raises(pytest.skip.Exception, match="no api_key"):
        run(kit(Keyless(), secret=None), "test_address_given_in_code_is_used")
    run(kit(Keyless()), OWN)


class Keyless(FakeProvider):
    """A provider whose key is nobody's."""

    def __init__(self, *, base_url: str = "https://fake.invalid") -> None:
        super().__init__(api_key="key")


def test_waits_for_what_authorize_waits_for() -> None:
    """What is waited for is not watched, since others run meanwhile."""

    class Waiting(FakeProvider):
        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            await asyncio.sleep(0)
            return await super().authorize(request, signing)

    run(kit(Waiting(api_key=CANARY)), "test_authorize_touches_nothing")


def test_accepts_a_clock() -> None:
    """What signs may look at the clock."""
    run(kit(authorizing(lambda r: time.time())), "test_authorize_touches_nothing")


def test_finds_headers_that_are_not_as_expected() -> None:
    """A golden call may say with which headers it is sent."""
    golden = replace(GOLDEN, headers={"fake-key": CANARY})
    run(kit(FakeProvider(api_key=CANARY), calls=(golden,)), "test_golden_headers")
    golden = replace(GOLDEN, headers={"fake-key": "other"})
    with pytest.raises(AssertionError, match="the header fake-key"):
        run(kit(FakeProvider(api_key=CANARY), calls=(golden,)), "test_golden_headers")


def test_finds_reports_that_are_not_as_expected() -> None:
    """A golden call may say what is in its report."""
    provider = declaring(parameters={})
    golden = replace(GOLDEN, report=["seed dropped"])
    run(kit(provider, calls=(golden,)), "test_golden_reports")
    with pytest.raises(AssertionError, match="seed dropped"):
        run(kit(provider, calls=(replace(GOLDEN, report=[]),)), "test_golden_reports")


@pytest.mark.parametrize(
    "test",
    [
        "test_golden_headers",
        "test_golden_reports",
        OWN,
        "test_address_given_in_code_is_used",
        "test_what_was_authorized_is_sent",
    ],
)
def test_skips_what_nothing_is_said_of(test: str) -> None:
    """What a golden call does not mention is not looked at, nor what a provider does not take."""
    with pytest.raises(pytest.skip.Exception):
        run(kit(FakeProvider(api_key=CANARY)), test)


def test_finds_a_request_that_is_not_sent_as_authorized() -> None:
    """What a client sends is compared with what ``authorize`` returned."""

    def elsewhere(_: object, call: ProviderCall) -> HttpRequest:
        return HttpRequest("POST", "https://elsewhere.invalid")

    with pytest.raises(AssertionError, match="sent"):
        run(kit(Hosted(api_key=CANARY), request=elsewhere), "test_what_was_authorized_is_sent")
