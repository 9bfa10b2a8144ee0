"""Conformance of requests: what a provider sends for a call, and what it reports of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from llmgate.errors import DecodeError, RequestError
from llmgate.options import ChatParameters
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, decode_json
from llmgate.testing._basis import Basis, Case, check, fail
from llmgate.testing._samples import SAMPLES
from llmgate.testing.driving import call_of, first_request
from llmgate.testing.recordings import Asked, GoldenCall

__all__ = ["Encoding"]


class Encoding(Basis):
    """Tests of the first half of a flow."""

    def test_sends_a_request_that_can_be_sent(self, case: Case) -> None:
        """Method, address, headers, delay and body of a request are what HTTP can carry."""
        _check_request(self._request(self.call(case.call)))

    def test_says_which_reply_is_a_stream(self, case: Case) -> None:
        """A flow of ``complete`` leaves no reply to a decoder."""
        call = self.call(_not_streamed(case.call))
        request = first_request(self.make_provider().complete(call))
        check(not request.stream, "complete sent a request whose reply is to be streamed")

    def test_same_call_gives_same_bytes(self, case: Case) -> None:
        """The same call, made twice, is sent as the same request."""
        first, second = (self._request(self.call(case.call)) for _ in range(2))
        check(first == second, f"two requests for one call differ: {first!r}, {second!r}")

    def test_changes_nothing_it_is_given(self, case: Case) -> None:
        """Encoding changes neither the messages nor the parameters of a call."""
        call, untouched = self.call(case.call), self.call(case.call)
        self._request(call)
        for name in ("messages", "parameters", "extra_body"):
            before, after = getattr(untouched, name), getattr(call, name)
            check(before == after, f"encoding changed the call's {name} into {after!r:.500}")

    def test_sends_the_extra_body(self) -> None:
        """What the caller put into ``extra_body`` is sent, and wins over what the provider says."""
        call = self.call(self.greeting(extra_body={"x_llmgate_extra": "as given"}))
        body = _body(self._request(call))
        check(_occurs("as given", body), f"extra_body is not in the request: {body!r:.500}")

    def test_golden_bodies(self, golden: GoldenCall) -> None:
        """A golden call is sent as it is written down."""
        request = self._request(self.call(golden.call))
        body = _body(request)
        check(body == golden.body, f"expected {golden.body!r}, sent {body!r}")
        if golden.url is not None:
            check(request.url == golden.url, f"expected {golden.url}, sent to {request.url}")

    def test_reports_what_it_does_not_send(self, case: Case) -> None:
        """Each parameter of a call is in its body, or named in its report."""
        call = self.call(case.call)
        body = _body(self._request(call))
        for name in call.parameters:
            self._check_sent_or_reported(name, call, body)

    def test_takes_or_reports_each_parameter(self) -> None:
        """Each parameter there is, given by itself, is sent, reported or refused."""
        for name, sample in SAMPLES.items():
            try:
                call = self.call(self.greeting(**sample))
                body = _body(self._request(call))
            except RequestError:
                continue
            if name in call.parameters:
                self._check_sent_or_reported(name, call, body)
            else:
                check(_is_reported(name, call), f"{name} was dropped and is not in the report")

    def _request(self, call: ProviderCall) -> HttpRequest:
        provider = self.make_provider()
        flow: Flow[Any] = provider.stream(call) if call.stream else provider.complete(call)
        return first_request(flow, self.preliminary_replies)

    def _check_sent_or_reported(self, name: str, call: ProviderCall, body: Any) -> None:
        """A parameter may be said in other words only where the provider declares that it is."""
        value = cast("Mapping[str, Any]", call.parameters)[name]
        if _is_reported(name, call) or _occurs(value, body):
            return
        declared = (self.make_provider().parameters or {}).get(name, Support.NATIVE)
        if declared is not Support.NATIVE and body != self._body_without(name, call):
            return
        fail(f"{name}={value!r:.100} is neither in the body nor in the report: {body!r:.500}")

    def _body_without(self, name: str, call: ProviderCall) -> Any:
        """What is sent for a call without that parameter; None where it is then refused."""
        rest = {key: value for key, value in call.parameters.items() if key != name}
        bare = call_of(self.make_provider(), replace(call, parameters=cast("ChatParameters", rest)))
        try:
            return _body(self._request(bare))
        except RequestError:
            return None


def _not_streamed(asked: Asked) -> Asked:
    """The call, to be answered whole."""
    if isinstance(asked, ProviderCall):
        parameters: Any = {k: v for k, v in asked.parameters.items() if k != "stream_options"}
        return replace(asked, stream=False, parameters=parameters)
    return {
        name: value for name, value in asked.items() if name not in ("stream", "stream_options")
    }


def _check_request(request: HttpRequest) -> None:
    address = urlsplit(request.url)
    check(request.method.isascii() and request.method.isupper(), f"method {request.method!r}")
    check(bool(address.scheme and address.netloc), f"{request!r} has no whole address")
    check(request.url.isascii() and request.url.isprintable(), f"{request!r}: unquoted address")
    for name, value in request.headers.items():
        are_texts = {type(name), type(value)} == {str}
        check(are_texts and f"{name}{value}".isprintable(), f"the header {name!r} is no plain text")
    check(0 <= request.delay < math.inf, f"a delay of {request.delay} seconds")
    check(isinstance(request.body, bytes), "the body is not bytes")  # pyright: ignore[reportUnnecessaryIsInstance]
    _body(request)


def _body(request: HttpRequest) -> Any:
    """The body as JSON; None where there is none."""
    try:
        return decode_json(request.body) if request.body else None
    except DecodeError as error:
        fail(f"the body of {request!r} is no JSON: {error}")


def _is_reported(name: str, call: ProviderCall) -> bool:
    return any(
        deviation.path == name or deviation.path.startswith((f"{name}.", f"{name}["))
        for deviation in call.report
    )


def _occurs(value: Any, body: Any) -> bool:
    """Whether a value stands somewhere in a body; a list may stand there item by item."""
    if any(_is_same(value, node) for node in _nodes(body)):
        return True
    items: Any = value
    return isinstance(value, list) and all(_occurs(item, body) for item in items)


def _is_same(one: Any, other: Any) -> bool:
    """JSON's equality: True is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _nodes(body: Any) -> Iterator[Any]:
    yield body
    children: Any = body
    if isinstance(body, dict):
        children = list(children.values())
    if isinstance(children, list):
        for child in children:  # pyright: ignore[reportUnknownVariableType]
            yield from _nodes(child)
