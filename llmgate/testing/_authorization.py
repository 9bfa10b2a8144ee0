"""Conformance of ``authorize``: what it adds, what it leaves, and to whom a key is sent."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from llmgate.errors import LLMGateError, MissingKeyError, RequestError
from llmgate.provider import Provider
from llmgate.provider.http import HttpRequest
from llmgate.testing._basis import CANARY, Case, check
from llmgate.testing._encoding import Encoding, check_request
from llmgate.testing.driving import authorize, call_of, first_request, sent_by_client
from llmgate.testing.recordings import GoldenCall

FOREIGN = "https://foreign.invalid/llmgate-4500"
"""An address that is no vendor's."""


class Authorization(Encoding):
    """Tests of the last step before a request is sent."""

    def test_secret_is_added_by_authorize_only(self, case: Case) -> None:
        """A request has no credentials until ``authorize``, which changes nothing else of it."""
        secret = self.need_secret()
        request = self.request(self.call(case.call))
        check(not _holds(request, secret), f"{request!r} holds the secret before authorize")
        authorized = self.authorized(request)
        check(
            authorized != request,
            "authorize adds nothing; a provider without a secret sets "
            "`secret = None`, another is made with `api_key=CANARY`",
        )
        same = (authorized.method, authorized.body) == (request.method, request.body)
        check(same, "authorize changed the method or the body")
        check(secret not in f"{authorized!r}{authorized}", "the secret is in the request's repr")

    def test_authorize_leaves_what_the_caller_gave(self, case: Case) -> None:
        """A header that the caller gave for this call is not replaced, however it is written."""
        self.need_secret()
        request = self.request(self.call(case.call))
        for name in self.authorized(request).headers:
            given = request.with_headers({name.upper(): "given"})
            given = replace(given, given_headers=frozenset({name.lower()}))
            headers = self.authorized(given).headers
            kept = [text for other, text in headers.items() if other.lower() == name.lower()]
            check(
                kept == ["given"],
                f"authorize changed the caller's header {name!r}: "
                "add headers by `request.with_headers(...)`, which leaves those",
            )

    def test_authorize_touches_nothing(self) -> None:
        """It opens no socket and no file, and reads no environment; it may read the clock."""
        request = self.request(self.call(self.greeting()))
        self.authorized(request, guarded=True)

    def test_authorize_changes_no_request(self) -> None:
        """It returns another request, and leaves the one that it was given to the next attempt."""
        request = self.request(self.call(self.greeting()))
        before = deepcopy(request)
        first, second = self.authorized(request), self.authorized(request)
        check(request == before, "authorize changed the request itself: return another")
        check(first == second, "two attempts at one request are authorized as two requests")

    def test_authorize_leaves_the_address(self) -> None:
        """Scheme, host, path and query stay; credentials may be added to the query."""
        request = self.request(self.call(self.greeting()))
        authorized = self.authorized(request)
        check_request(authorized)
        is_same = authorized.url.startswith(request.url)
        check(is_same, f"authorize changed the address {request!r} into {authorized!r}")

    def test_what_was_authorized_is_sent(self) -> None:
        """A client sends the address, the body and the headers as ``authorize`` returned them."""
        provider = self.make_provider()
        if provider.transport is not None:
            pytest.skip("the provider has a transport of its own")
        authorized = self.authorized(self.request(self.call(self.greeting())))
        sent = asyncio.run(sent_by_client(provider, self.greeting()))
        address = (sent.method, sent.url.partition("?")[0])
        expected = (authorized.method, authorized.url.partition("?")[0])
        check(address == expected, f"authorized was {authorized!r}, sent {sent!r}")
        lost = authorized.headers.keys() - sent.headers.keys()
        check(not lost, f"headers that were authorized and not sent: {lost}")

    def test_golden_headers(self, golden: GoldenCall) -> None:
        """A golden call is sent with its headers."""
        if golden.headers is None:
            pytest.skip("the golden call expects no headers")
        provider = self.provider_of(golden)
        request = self.request_by(provider, call_of(provider, golden.call))
        headers = asyncio.run(authorize(provider, request, self.make_signing())).headers
        sent = {name.lower(): text for name, text in headers.items()}
        for name, text in golden.headers.items():
            check(sent.get(name.lower()) == text, f"the header {name} is not as expected")

    # --- settings ---

    def test_configured_keeps_the_other_settings(self) -> None:
        """A setting that was given stays when others are changed by ``configured``."""
        own: Any = self.make_provider()
        if not hasattr(own, "configured"):
            pytest.skip("the provider has no method `configured`")
        for name, setting in inspect.signature(own.__class__).parameters.items():
            value = _SETTINGS.get(str(setting.annotation))
            if value is None:
                continue
            given = self._sent_with({name: value})
            kept = self._sent_with({name: value}, {})
            what = f"the setting {name} is lost when `configured` changes another"
            check(given == kept, f"{what}: sent was {_shown(given)}, and then {_shown(kept)}")

    def _sent_with(self, *changes: Mapping[str, Any]) -> Any:
        """What is sent after these changes of settings, or why nothing is."""
        provider: Any = self.make_provider()
        try:
            for settings in changes:
                provider = provider.configured(**settings)
            return self._request_of(provider)
        except LLMGateError as error:
            return type(error), error.message

    # --- other hosts ---

    def test_address_given_in_code_is_used(self) -> None:
        """A call goes to the ``base_url`` that was given, with the key that was given."""
        make = self._factory()
        if self.secret is None or "api_key" not in inspect.signature(make).parameters:
            pytest.skip("the provider takes no api_key")
        request = self._request_of(make(api_key=CANARY, base_url=FOREIGN))
        check(request.url.startswith(FOREIGN), f"base_url is {FOREIGN}, sent to {request!r}")
        check(_holds(request, CANARY), "a key that was given with a base_url is not sent there")

    def test_environments_key_is_for_its_own_host(self) -> None:
        """A key from the environment is not sent to an address that was given in code."""
        make = self._factory()
        with _planted(CANARY):
            self._check_foreign(lambda: make(base_url=FOREIGN))
            try:
                own: Any = make()
            except RequestError:
                return
            if hasattr(own, "configured"):
                self._check_foreign(lambda: own.configured(base_url=FOREIGN))

    # --- helpers ---

    def authorized(self, request: HttpRequest, *, guarded: bool = False) -> HttpRequest:
        """The request as it is sent."""
        return asyncio.run(
            authorize(self.make_provider(), request, self.make_signing(), guarded=guarded)
        )

    def _factory(self) -> Callable[..., Provider]:
        factory = type(self.make_provider())
        if "base_url" not in inspect.signature(factory).parameters:
            pytest.skip("the provider takes no base_url")
        return factory

    def _request_of(self, provider: Provider) -> HttpRequest:
        request = first_request(provider.complete(call_of(provider, self.greeting())))
        return asyncio.run(authorize(provider, request, self.make_signing()))

    def _check_foreign(self, make: Callable[[], Provider]) -> None:
        try:
            request = self._request_of(make())
        except (MissingKeyError, RequestError):
            return  # so nothing is sent at all
        check(
            not _holds(request, CANARY),
            f"a key from the environment is sent to {FOREIGN}, which is given in code: "
            "it is for the vendor's own hosts, and for an address from the environment",
        )


def _shown(sent: Any) -> str:
    """A request, with the names of its headers; their values may be secret."""
    names = f" with the headers {', '.join(sent.headers)}" if isinstance(sent, HttpRequest) else ""
    return f"{sent!r:.300}{names}"


_SETTINGS: Mapping[str, Any] = {
    "str | None": "setting-4700",
    "str | Secret | None": "setting-4701",
    "Mapping[str, str] | None": {"X-Setting": "4702"},
}
"""Values for settings of these types; those of other types are not made up."""

_CREDENTIAL = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")


@contextmanager
def _planted(canary: str) -> Generator[None]:
    """Within it, every variable of the environment whose name is a credential's has this value."""
    environment: Any = type(os.environ)
    read = environment.__getitem__

    def planted(self: Any, name: Any) -> Any:
        if isinstance(name, str) and _CREDENTIAL.search(name):
            return canary
        return f"X-Key: {canary}" if str(name).endswith("_HEADERS") else read(self, name)

    with patch.object(environment, "__getitem__", planted):
        yield


def _holds(request: HttpRequest, secret: str) -> bool:
    texts = [request.url, *request.headers, *request.headers.values()]
    return any(secret in text for text in texts) or secret.encode() in request.body
