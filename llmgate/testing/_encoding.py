"""Conformance of requests: what a provider sends for a call, and what it reports of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from llmgate.errors import DecodeError, LLMGateError, RequestError
from llmgate.options import ChatParameters
from llmgate.provider import Provider, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, decode_json
from llmgate.testing._basis import Basis, Case, check, fail
from llmgate.testing._samples import SAMPLES
from llmgate.testing._values import occurs, value_at
from llmgate.testing.driving import call_of, first_request
from llmgate.testing.recordings import Asked, GoldenCall


class Encoding(Basis):
    """Tests of the first half of a flow."""

    def test_sends_a_request_that_can_be_sent(self, case: Case) -> None:
        """Method, address, headers, delay and body of a request are what HTTP can carry."""
        check_request(self.request(self.call(case.call)))

    def test_says_which_reply_is_a_stream(self, case: Case) -> None:
        """A flow of ``complete`` leaves no reply to a decoder."""
        call = self.call(_not_streamed(case.call))
        request = first_request(self.make_provider().complete(call))
        check(not request.stream, "complete sent a request whose reply is to be streamed")

    def test_same_call_gives_same_bytes(self, case: Case) -> None:
        """The same call, made twice, is sent as the same request."""
        first, second = (self.request(self.call(case.call)) for _ in range(2))
        check(first == second, f"two requests for one call differ: {first!r}, {second!r}")

    def test_changes_nothing_it_is_given(self, case: Case) -> None:
        """Encoding changes neither the messages nor the parameters of a call."""
        call, untouched = self.call(case.call), self.call(case.call)
        self.request(call)
        for name in ("messages", "parameters", "extra_body"):
            before, after = getattr(untouched, name), getattr(call, name)
            check(before == after, f"encoding changed the call's {name} into {after!r:.500}")

    def test_sends_the_extra_body(self) -> None:
        """What the caller put into ``extra_body`` is sent, and wins over what the provider says."""
        call = self.call(self.greeting(extra_body={"x_llmgate_extra": "as given"}))
        body = body_of(self.request(call))
        check(occurs("as given", body), f"extra_body is not in the request: {body!r:.500}")

    def test_golden_bodies(self, golden: GoldenCall) -> None:
        """A golden call is sent as it is written down."""
        provider = self.provider_of(golden)
        request = self.request_by(provider, call_of(provider, golden.call))
        body = body_of(request)
        check(body == golden.body, f"expected {golden.body!r}, sent {body!r}")
        if golden.url is not None:
            check(request.url == golden.url, f"expected {golden.url}, sent to {request.url}")

    def test_golden_reports(self, golden: GoldenCall) -> None:
        """What is not sent as it was asked is in the report, and nothing else is."""
        if golden.report is None:
            pytest.skip("the golden call expects nothing of the report")
        provider = self.provider_of(golden)
        call = call_of(provider, golden.call)
        self.request_by(provider, call)
        found = [f"{deviation.path} {deviation.kind}" for deviation in call.report]
        check(sorted(found) == sorted(golden.report), f"expected {golden.report}, found {found}")

    def test_golden_calls_are_refused(self, refused: GoldenCall) -> None:
        """A golden call with an ``error`` raises it, and nothing is sent."""
        expected = refused.error
        try:
            provider = self.provider_of(refused)
            request = self.request_by(provider, call_of(provider, refused.call))
        except LLMGateError as error:
            what = f"expected {getattr(expected, '__name__', None)}, raised {error!r}"
            check(expected is not None and isinstance(error, expected), what)
            return
        fail(f"expected {getattr(expected, '__name__', None)}, sent {body_of(request)!r:.500}")

    def test_reports_values_as_they_are(self, case: Case) -> None:
        """What the report calls ``given`` stands in the call at its path, ``sent`` in the body."""
        call = self.call(case.call)
        asked = {"messages": call.messages, **call.parameters}
        body = body_of(self.request(call))
        for deviation in call.report:
            given, sent = deviation.given, deviation.sent
            value = value_at(asked, deviation.path)
            what = f"given is {given!r:.200}, but the call has {value!r:.200} there"
            is_part = isinstance(value, str) and isinstance(given, str) and given in value
            check(None in (value, given) or is_part or occurs(given, value), f"{deviation}: {what}")
            if deviation.kind not in _IN_THE_BODY:
                continue
            what = f"sent is {sent!r:.200}, which the body does not have: {body!r:.500}"
            check(occurs(sent, body), f"{deviation}: {what}")

    def test_extra_body_wins(self) -> None:
        """Where ``extra_body`` has a field that the provider sends, the caller's value is sent."""
        body: dict[str, Any] = body_of(self.request(self.call(self.greeting())))
        for name, value in body.items():
            colliding = _other(value)
            if name == "stream" or colliding is None:
                continue
            try:
                call = self.call(self.greeting(extra_body={name: colliding}))
                sent = body_of(self.request(call))
            except RequestError:
                continue
            what = f"extra_body has {name}={colliding!r}, sent was {sent.get(name)!r:.200}"
            check(sent.get(name) == colliding, what)

    def test_reports_what_it_does_not_send(self, case: Case) -> None:
        """Each parameter of a call is in its body, or named in its report."""
        call = self.call(case.call)
        body = body_of(self.request(call))
        for name in call.parameters:
            self._check_sent_or_reported(name, call, body)

    def test_takes_or_reports_each_parameter(self) -> None:
        """Each parameter there is, given by itself, is sent, reported or refused."""
        for name, sample in SAMPLES.items():
            try:
                call = self.call(self.greeting(**sample))
                body = body_of(self.request(call))
            except RequestError:
                continue
            if name in call.parameters:
                self._check_sent_or_reported(name, call, body)
            else:
                check(is_reported(name, call), f"{name} was dropped and is not in the report")

    def request(self, call: ProviderCall) -> HttpRequest:
        """What is sent for a call; the flow is then abandoned."""
        return self.request_by(self.make_provider(), call)

    def request_by(self, provider: Provider, call: ProviderCall) -> HttpRequest:
        """The same, of this provider."""
        flow: Flow[Any] = provider.stream(call) if call.stream else provider.complete(call)
        return first_request(flow, self.preliminary_replies)

    def _check_sent_or_reported(self, name: str, call: ProviderCall, body: Any) -> None:
        """A parameter may be said in other words only where the provider declares that it is."""
        value = cast("Mapping[str, Any]", call.parameters)[name]
        if is_reported(name, call) or occurs(value, body):
            return
        abilities = self.make_provider().abilities(call.model, call.parameters)
        declared = (abilities or {}).get(name, Support.NATIVE)
        if declared is not Support.NATIVE and body != self._body_without(name, call):
            return
        fail(f"{name}={value!r:.100} is neither in the body nor in the report: {body!r:.500}")

    def _body_without(self, name: str, call: ProviderCall) -> Any:
        """What is sent for a call without that parameter; None where it is then refused."""
        rest = {key: value for key, value in call.parameters.items() if key != name}
        without_it = call_of(
            self.make_provider(), replace(call, parameters=cast("ChatParameters", rest))
        )
        try:
            return body_of(self.request(without_it))
        except RequestError:
            return None


_IN_THE_BODY = frozenset({"clamped", "defaulted", "injected"})
"""What is then sent is a value that the body has; of other kinds it may be a description."""


def _other(value: Any) -> Any:
    """Another value of the same type; None for objects, which are merged."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}-4400"
        case list():
            return [*value, *value]
        case _:
            return None


def _not_streamed(asked: Asked) -> Asked:
    """The call, to be answered whole."""
    if isinstance(asked, ProviderCall):
        return replace(asked, stream=False, include_usage=False)
    return {
        name: value for name, value in asked.items() if name not in ("stream", "stream_options")
    }


def check_request(request: HttpRequest) -> None:
    """Report a request that HTTP cannot carry."""
    address = urlsplit(request.url)
    check(request.method.isascii() and request.method.isupper(), f"method {request.method!r}")
    check(bool(address.scheme and address.netloc), f"{request!r} has no whole address")
    check(request.url.isascii() and request.url.isprintable(), f"{request!r}: unquoted address")
    for name, value in request.headers.items():
        are_texts = {type(name), type(value)} == {str}
        check(are_texts and f"{name}{value}".isprintable(), f"the header {name!r} is no plain text")
    check(0 <= request.delay < math.inf, f"a delay of {request.delay} seconds")
    check(isinstance(request.body, bytes), "the body is not bytes")  # pyright: ignore[reportUnnecessaryIsInstance]
    body_of(request)


def body_of(request: HttpRequest) -> Any:
    """The body as JSON; None where there is none."""
    try:
        return decode_json(request.body) if request.body else None
    except DecodeError as error:
        fail(f"the body of {request!r} is not JSON: {error}")


def is_reported(name: str, call: ProviderCall) -> bool:
    """Whether the report names this path, or something in it."""
    return any(
        deviation.path == name or deviation.path.startswith((f"{name}.", f"{name}["))
        for deviation in call.report
    )


def is_reported_near(path: str, call: ProviderCall) -> bool:
    """Whether the report names this path, something in it, or a part of the call that holds it.

    That messages became one turn says nothing of what is in them.
    """
    holding = [
        deviation.path
        for deviation in call.report
        if deviation.path != "messages" and deviation.kind != "merged"
    ]
    return is_reported(path, call) or any(
        path.startswith((f"{part}.", f"{part}[")) for part in holding
    )
