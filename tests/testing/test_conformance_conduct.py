"""The conformance kit finds wrong errors, and what a provider must not touch or show."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate.errors import DecodeError, ProviderError, RateLimitError, error_class
from llmgate.provider import Signing, Support, status_error
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing import CANARY, FakeProvider
from llmgate.types import Choice, Completion, Message
from tests.testing.mutants import answering, declaring, gullible, kit, loud, refusing, run, sending


def by_text(reply: HttpResponse) -> ProviderError:
    return (RateLimitError if b"ate limit" in reply.body else error_class(reply.status))("no")


def by_reading(reply: HttpResponse) -> ProviderError:
    return error_class(reply.status)(str(json.loads(reply.body)["why"]))


def by_reading_its_own(reply: HttpResponse) -> ProviderError:
    if b"slow down" in reply.body:
        raise KeyError("code")
    return status_error(reply)


def unchecked(reply: HttpResponse, right: Completion | None) -> Completion:
    payload = json.loads(reply.body)
    return Completion([Choice(Message(payload["say"]))])


def untyped(reply: HttpResponse, right: Completion | None) -> Completion:
    match reply.json():
        case {"say": text}:
            return Completion([Choice(Message(text))])
        case _:
            raise DecodeError("no answer")


class OwnChoice(Choice):
    """A choice of a class of the provider's own, which no dump tells."""


def unequal(reply: HttpResponse, right: Completion | None) -> Completion:
    if right is None:
        raise DecodeError("no answer")
    return replace(right, choices=[OwnChoice(each.message) for each in right.choices])


FAILURES: list[tuple[str, FakeProvider, str]] = [
    (
        "test_status_decides_the_class",
        refusing(lambda r: RateLimitError("no")),
        "expected BadRequest",
    ),
    ("test_status_decides_the_class", refusing(by_reading), "instead of returning"),
    ("test_status_decides_the_class", refusing(lambda r: None), "no ProviderError"),
    ("test_text_does_not_decide_the_class", refusing(by_text), "with another text"),
    ("test_recorded_errors_never_break_it", refusing(by_reading_its_own), "instead of returning"),
    (
        "test_errors_forge_no_line",
        loud(lambda r: r.body.decode("utf-8", "replace")),
        "nothing|white",
    ),
    ("test_errors_forge_no_line", loud(lambda r: "no\n"), "no"),
    ("test_errors_forge_no_line", loud(lambda r: "x" * len(r.body) or "x"), "repeats all"),
    ("test_nonsense_is_no_answer", answering(gullible), "taken for an answer"),
    ("test_nonsense_is_no_answer", answering(unchecked), "no LLMGateError"),
    ("test_nonsense_at_any_step_is_no_answer", answering(gullible), "taken for an answer"),
    ("test_damaged_answers_raise_our_errors", answering(unchecked), "no LLMGateError"),
    ("test_damaged_answers_raise_our_errors", answering(untyped), "wrong types"),
    ("test_damaged_answers_raise_our_errors", answering(unequal), "after a dump"),
    ("test_half_an_answer_is_no_answer", answering(gullible), "taken for whole"),
]


@pytest.mark.parametrize(("test", "provider", "finding"), FAILURES)
def test_finds_wrong_failures(test: str, provider: FakeProvider, finding: str) -> None:
    """A provider that takes nonsense for an answer, or errors for what they are not, is found."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider), test)


def touching(touch: Callable[[], object]) -> Iterator[tuple[str, FakeProvider]]:
    """Providers that touch something, each at another time."""

    def decode(reply: HttpResponse, right: Completion | None) -> Completion:
        touch()
        assert right is not None
        return right

    def encode(request: HttpRequest, call: ProviderCall) -> HttpRequest:
        touch()
        return request

    def explain(reply: HttpResponse) -> ProviderError:
        touch()
        return status_error(reply)

    yield "test_encoding_touches_nothing", sending(encode)
    yield "test_decoding_touches_nothing", answering(decode)
    yield "test_errors_touch_nothing", refusing(explain)


TOUCHES: list[tuple[Callable[[], object], str]] = [
    (lambda: os.environ.get("HOME"), "environment"),
    (time.time, "clock"),
    (datetime.now, "clock"),
    (random.random, "randomness"),
    (lambda: socket.socket().close(), "socket"),
    (lambda: Path(__file__).read_bytes(), "file"),
]


@pytest.mark.parametrize(("touch", "finding"), TOUCHES)
def test_finds_what_touches_the_world(touch: Callable[[], object], finding: str) -> None:
    """A provider that reads a clock, the environment, a file, … is found wherever it does so."""
    for test, provider in touching(touch):
        with pytest.raises(AssertionError, match=finding):
            run(kit(provider), test)


class NoGenerator(FakeProvider):
    """Works at once."""

    def complete(self, call: ProviderCall) -> Any:
        return iter([next(super().complete(call))])


class KeyInRepr(FakeProvider):
    def __repr__(self) -> str:
        return f"KeyInRepr({self._key.reveal()!r})"


class KeyInAttribute(FakeProvider):
    def __init__(self) -> None:
        super().__init__(api_key=CANARY)
        self.headers = {"Authorization": f"Bearer {CANARY}"}


class KeyInPickle(FakeProvider):
    def __reduce__(self) -> Any:
        return (KeyInPickle, ((), self._key.reveal()))


class NeedlessAuthorize(FakeProvider):
    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return request


class KeyInBody(FakeProvider):
    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return replace(request, body=b'{"key": "%s"}' % CANARY.encode())


class KeyOverTheCallers(FakeProvider):
    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return replace(request, headers={**request.headers, "FAKE-KEY": CANARY})


class KeyInPath(FakeProvider):
    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return replace(request, url=f"{request.url}/{CANARY}")


def with_a_key(request: HttpRequest, call: ProviderCall) -> HttpRequest:
    return replace(request, url=f"{request.url}?key={CANARY}")


CONDUCT: list[tuple[str, FakeProvider, str]] = [
    ("test_declares_itself", declaring(protocol=1), "protocol"),
    ("test_declares_itself", declaring(name="a/b"), "slash"),
    ("test_declares_itself", declaring(models=["fake-*"]), "patterns"),
    ("test_declares_itself", declaring(parameters={"temprature": Support.NATIVE}), "temprature"),
    ("test_declares_itself", declaring(parameters={"temperature": "yes"}), "declared as"),
    ("test_flows_do_nothing_until_they_run", NoGenerator(), "generator"),
    (
        "test_transport_can_carry_requests",
        declaring(transport=SimpleNamespace(open=print)),
        "aclose",
    ),
    ("test_secret_is_added_by_authorize_only", sending(with_a_key), "before authorize"),
    ("test_secret_is_added_by_authorize_only", NeedlessAuthorize(), "adds nothing"),
    ("test_secret_is_added_by_authorize_only", KeyInBody(), "method or the body"),
    ("test_secret_is_added_by_authorize_only", KeyInPath(), "repr"),
    (
        "test_authorize_leaves_what_the_caller_gave",
        KeyOverTheCallers(api_key=CANARY),
        "with_headers",
    ),
    ("test_secret_does_not_show", KeyInRepr(api_key=CANARY), "the provider's repr"),
    ("test_secret_does_not_show", KeyInAttribute(), "headers shows"),
    ("test_secret_does_not_show", KeyInPickle(api_key=CANARY), "pickle"),
    (
        "test_secret_is_in_no_error",
        loud(lambda r: f"the key {CANARY} is wrong"),
        "holds the secret",
    ),
]


@pytest.mark.parametrize(("test", "provider", "finding"), CONDUCT)
def test_finds_misconduct(test: str, provider: FakeProvider, finding: str) -> None:
    """A provider that declares what is not so, or shows its secret, is found."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider), test)
