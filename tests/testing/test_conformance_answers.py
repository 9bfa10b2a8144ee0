"""The conformance kit finds wrong requests and wrong answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from llmgate.errors import BadRequestError, DecodeError, RateLimitError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing import FakeProvider
from llmgate.types import Completion, Function, ToolCall
from tests.testing.mutants import (
    answering,
    kit,
    refusing,
    reworded,
    run,
    sending,
    sending_body,
    without,
)
from tests.testing.recorded import REFUSED, TEXT


def with_mutated_messages(request: HttpRequest, call: ProviderCall) -> HttpRequest:
    call.messages.append({"role": "user", "content": "And be quick."})
    return request


def only_known(body: dict[str, Any], call: ProviderCall) -> dict[str, Any]:
    return {name: body[name] for name in ("model", "conversation", "with")}


def with_a_number(body: dict[str, Any], call: ProviderCall) -> dict[str, Any]:
    return {**body, "id": random.random()}


SENDS = "test_sends_a_request_that_can_be_sent"
DECODES = "test_decodes_what_was_recorded"
NUMBER: Any = 5
TEXT_BODY: Any = "{}"

ENCODING: list[tuple[str, FakeProvider, str]] = [
    (SENDS, sending(lambda r, c: replace(r, url="/chat")), "address"),
    (SENDS, sending(lambda r, c: replace(r, url="https://a/ü")), "unquoted"),
    (SENDS, sending(lambda r, c: replace(r, method="post")), "method"),
    (SENDS, sending(lambda r, c: replace(r, body=b"{")), "JSON"),
    (SENDS, sending(lambda r, c: replace(r, body=TEXT_BODY)), "bytes"),
    (SENDS, sending(lambda r, c: replace(r, headers={"a": NUMBER})), "header"),
    (SENDS, sending(lambda r, c: replace(r, delay=-1)), "delay"),
    ("test_says_which_reply_is_a_stream", sending(lambda r, c: replace(r, stream=True)), "stream"),
    (
        "test_same_call_gives_same_bytes",
        sending_body(with_a_number),
        "differ",
    ),
    ("test_changes_nothing_it_is_given", sending(with_mutated_messages), "messages"),
    ("test_sends_the_extra_body", sending_body(only_known), "extra_body"),
    ("test_golden_bodies", sending_body(lambda b, c: {**b, "more": 1}), "expected"),
    (
        "test_golden_bodies",
        sending(lambda r, c: replace(r, url="https://other.invalid")),
        "sent to",
    ),
    ("test_reports_what_it_does_not_send", sending_body(without("temperature")), "temperature"),
    ("test_reports_what_it_does_not_send", sending(lambda r, c: replace(r, body=b"")), "seed=7"),
    ("test_takes_or_reports_each_parameter", sending_body(without("store")), "store"),
]


@pytest.mark.parametrize(("test", "provider", "finding"), ENCODING)
def test_finds_wrong_requests(test: str, provider: FakeProvider, finding: str) -> None:
    """A provider that sends what it must not, or keeps silent about what it does not, is found."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider), test)


def with_calls(*calls: dict[str, Any]) -> FakeProvider:
    """A provider that always answers with these calls, as they are."""
    made = [ToolCall(call["id"], Function("add", call.get("arguments", "{}"))) for call in calls]
    return reworded(None, message={"tool_calls": made})


def forgetful(reply: HttpResponse, right: Completion | None) -> Completion:
    assert right is not None
    return replace(right, extra={})


class _Unstable(dict[str, Any]):
    """A dictionary that no pickle brings back as it was."""

    def __reduce__(self) -> Any:
        return (_Unstable, ())


def decoding(
    raising: Callable[[HttpResponse], Exception],
) -> Callable[[HttpResponse, Completion | None], Completion]:
    def decode(reply: HttpResponse, right: Completion | None) -> Completion:
        raise raising(reply)

    return decode


ANSWERS: list[tuple[str, FakeProvider, str]] = [
    (DECODES, reworded("Servus"), "the text"),
    (DECODES, reworded("Grüß dich", finish_reason="length"), "finish"),
    (DECODES, reworded("Grüß dich", finish_reason="stop"), "usage: expected"),
    (DECODES, answering(lambda reply, right: Completion([])), "no choice"),
    (DECODES, answering(decoding(lambda r: KeyError("say"))), "KeyError"),
    (
        "test_decodes_what_was_recorded",
        refusing(lambda r: BadRequestError("no")),
        "expected RateLimit",
    ),
    ("test_answers_dump_load_and_pickle", reworded("x", extra={"y": (1,)}), "JSON"),
    ("test_answers_dump_load_and_pickle", reworded("x", extra=_Unstable(y=1)), "pickle"),
    ("test_tool_calls_are_whole", with_calls({"id": ""}), "no id"),
    ("test_tool_calls_are_whole", with_calls({"id": "a"}, {"id": "a"}), "twice"),
    ("test_tool_calls_are_whole", with_calls({"id": "a", "arguments": " "}), "empty arguments"),
    ("test_message_can_be_sent_back", sending_body(with_a_number), "another form"),
    ("test_keeps_unknown_fields", answering(forgetful), "lost"),
    ("test_stream_says_what_the_whole_answer_says", reworded("Servus"), "streamed"),
]


@pytest.mark.parametrize(("test", "provider", "finding"), ANSWERS)
def test_finds_wrong_answers(test: str, provider: FakeProvider, finding: str) -> None:
    """A provider that makes something else of a reply than it says is found."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider), test)


def test_finds_an_answer_in_place_of_an_error() -> None:
    """An exchange that is expected to raise must not give an answer."""
    with pytest.raises(AssertionError, match="expected DecodeError, got an answer"):
        run(kit(FakeProvider(), replace(TEXT, error=DecodeError)), "test_decodes_what_was_recorded")


def test_finds_an_unexpected_error() -> None:
    """An exchange that is expected to give an answer must not raise."""
    with pytest.raises(RateLimitError):
        run(kit(FakeProvider(), replace(REFUSED, error=None)), "test_decodes_what_was_recorded")
