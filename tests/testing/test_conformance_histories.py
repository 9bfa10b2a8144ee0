"""The conformance kit finds fields of messages that are lost, and what does not come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from llmgate.errors import DecodeError, RateLimitError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpResponse, is_array, is_object
from llmgate.testing import FakeProvider, RecordedExchange
from llmgate.types import Choice, Completion, CustomCall, Function, Message, ToolCall, Usage
from tests.testing.mutants import answering, kit, refusing, run, sending_body
from tests.testing.recorded import CALL, END, REFUSED, TEXT, TOOL, answered, asked

Body = dict[str, Any]


def without_field(*names: str) -> FakeProvider:
    """A provider that forgets these fields, wherever they stand in messages and tools."""

    def strip(value: Any) -> Any:
        if is_object(value):
            return {name: strip(child) for name, child in value.items() if name not in names}
        return [strip(child) for child in value] if is_array(value) else value

    return sending_body(lambda body, call: strip(body))


def with_conversation(change: Callable[[list[Any]], list[Any]]) -> FakeProvider:
    """A provider that sends other messages."""
    return sending_body(lambda b, c: {**b, "conversation": change(b["conversation"])})


def without_results_but_the_first(messages: list[Any]) -> list[Any]:
    first = next((m for m in messages if m["role"] == "tool"), None)
    return [m for m in messages if m["role"] != "tool" or m is first]


def with_system_first(messages: list[Any]) -> list[Any]:
    return sorted(messages, key=lambda message: message["role"] != "system")


def with_text_arguments(messages: list[Any]) -> list[Any]:
    return json.loads(json.dumps(messages).replace("4301", "4301 4301"))  # type: ignore[no-any-return]


def one_choice(body: Body, call: ProviderCall) -> Body:
    if "tool_choice" in body["with"]:
        body["with"]["tool_choice"] = "auto"
    return body


FIELDS = "test_each_field_is_sent_or_reported"
LOST: list[tuple[str, FakeProvider, str]] = [
    *[
        (FIELDS, without_field(name), name)
        for name in ("name", "detail", "strict", "reasoning_content", "refusal", "filename")
    ],
    (FIELDS, with_conversation(without_results_but_the_first), "a second result"),
    ("test_turns_keep_their_order", with_conversation(lambda m: m[::-1]), "out of order"),
    ("test_late_instructions_stay_or_are_reported", with_conversation(with_system_first), "moved"),
    ("test_arguments_are_sent_as_they_are", with_conversation(with_text_arguments), "arguments"),
    ("test_values_of_a_parameter_differ", sending_body(one_choice), "tool_choice.*sent alike"),
    (
        "test_extra_body_wins",
        sending_body(lambda b, c: {**b, "model": "fake-1"}),
        "extra_body has model",
    ),
]


@pytest.mark.parametrize(("test", "provider", "finding"), LOST)
def test_finds_what_is_lost(test: str, provider: FakeProvider, finding: str) -> None:
    """A field that is neither sent nor reported is found."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider), test)


def test_accepts_what_is_lost_with_a_report() -> None:
    """What is in the report is no finding."""

    def encode(body: Body, call: ProviderCall) -> Body:
        for index, message in enumerate(call.messages):
            if "name" in message:
                call.report.drop(f"messages[{index}].name", "no names")
        return without_names(body)

    def without_names(body: Body) -> Body:
        for message in body["conversation"]:
            message.pop("name", None)
        return body

    run(kit(sending_body(encode)), FIELDS)


def refusing_all(body: Body, call: ProviderCall) -> Body:
    raise UnsupportedError("nothing can be said", parameter="messages")


def refusing_a_collision(body: Body, call: ProviderCall) -> Body:
    if call.extra_body:
        raise UnsupportedError("nothing more can be said", parameter="extra_body")
    return body


@pytest.mark.parametrize("test", sorted({test for test, _, _ in LOST} - {"test_extra_body_wins"}))
def test_accepts_what_is_refused(test: str) -> None:
    """A call that is refused says so itself."""
    run(kit(sending_body(refusing_all)), test)


def test_accepts_a_field_that_is_refused_without_another() -> None:
    """A call that is refused without a field shows that the field matters."""

    def encode(body: Body, call: ProviderCall) -> Body:
        if "strict" not in json.dumps(body) and "tools" in call.parameters:
            raise UnsupportedError("only strict tools", parameter="tools")
        return without_strict(body)

    def without_strict(body: Body) -> Body:
        for tool in body["with"].get("tools", ()):
            tool["function"].pop("strict", None)
        return body

    run(kit(sending_body(encode)), FIELDS)


def taking_any_type(body: Body, call: ProviderCall) -> Body:
    return {"flag": True, "number": 1, "list": [1], "none": None, "stream": False, **body}


@pytest.mark.parametrize(
    "change",
    [
        refusing_a_collision,
        taking_any_type,
    ],
)
def test_accepts_collisions_that_the_caller_wins(
    change: Callable[[Body, ProviderCall], Body],
) -> None:
    """A value of any type is replaced, or the call is refused."""
    run(kit(sending_body(change)), "test_extra_body_wins")


# --- what comes back ----------------------------------------------------------------------

SIGNED = RecordedExchange(
    "signed",
    asked(),
    answered({"say": "Hi", "signature": "c2lnbmF0dXJl", **END}),
)


def changed(**changes: Any) -> FakeProvider:
    """A provider whose completions differ from the right ones in these fields."""
    return answering(lambda reply, right: replace(right or Completion([]), **changes))


def calling(call: ToolCall) -> FakeProvider:
    return changed(choices=[Choice(Message(tool_calls=[call]), finish_reason="tool_calls")])


def counting() -> FakeProvider:
    seen: list[HttpResponse] = []

    def decode(reply: HttpResponse, right: Completion | None) -> Completion:
        seen.append(reply)
        if right is None:
            raise DecodeError(f"no answer, {len(seen)}")
        return replace(right, id=f"answer-{len(seen)}")

    return answering(decode)


RETURNED: list[tuple[str, FakeProvider, RecordedExchange, str]] = [
    ("test_signatures_come_back", FakeProvider(), SIGNED, "provider_data"),
    ("test_decodes_the_same_twice", counting(), TEXT, "is another"),
    (
        "test_arguments_are_objects",
        calling(ToolCall("c1", Function("add", "[1]"))),
        TOOL,
        "no object",
    ),
    (
        "test_usage_is_not_invented",
        changed(usage=Usage(1, 2, 3)),
        TEXT,
        "something is counted, but",
    ),
    (
        "test_decodes_what_was_recorded",
        FakeProvider(),
        replace(TEXT, reasoning="Greet them."),
        "the reasoning",
    ),
]


@pytest.mark.parametrize(("test", "provider", "exchange", "finding"), RETURNED)
def test_finds_what_does_not_come_back(
    test: str, provider: FakeProvider, exchange: RecordedExchange, finding: str
) -> None:
    """What a response said, and nothing else, is in the completion and in the next request."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider, exchange), test)


DECODES = "test_decodes_what_was_recorded"
HISTORY = "test_history_is_sent_as_it_was_received"


@pytest.mark.parametrize(
    ("provider", "exchange", "finding"),
    [
        (with_conversation(lambda m: m[:1]), TEXT, "content"),
        (without_field("tool_call_id"), TOOL, "id"),
        (without_field("arguments"), TOOL, "arguments"),
        (with_conversation(lambda m: m[:1]), TOOL, "id"),
    ],
)
def test_finds_a_history_that_is_not_sent(
    provider: FakeProvider, exchange: RecordedExchange, finding: str
) -> None:
    """Texts, ids and arguments of a response are looked for in the request that follows it."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider, exchange), HISTORY)


def test_accepts_signatures_that_come_back() -> None:
    """Wherever they stand in the next request."""
    provider = sending_body(lambda body, call: {**body, "signed": ["c2lnbmF0dXJl"]})
    run(kit(provider, SIGNED), "test_signatures_come_back")


def test_skips_a_response_without_signatures() -> None:
    """Most responses are not signed."""
    with pytest.raises(pytest.skip.Exception, match="no signature"):
        run(kit(FakeProvider(), TEXT), "test_signatures_come_back")


def test_accepts_arguments_that_the_model_broke() -> None:
    """What the model itself wrote in place of JSON is no finding."""
    broken = {"calls": [{**CALL["calls"][0], "function": {"name": "add", "arguments": "{"}}]}
    exchange = RecordedExchange("broken", asked(), answered({**broken, "end": "calls"}))
    run(kit(FakeProvider(), exchange), "test_arguments_are_objects")


def test_accepts_a_response_that_must_be_counted() -> None:
    """A provider may refuse a response without counts."""

    def decode(reply: HttpResponse, right: Completion | None) -> Completion:
        if right is None or right.usage is None:
            raise DecodeError("no usage")
        return right

    run(kit(answering(decode), TEXT), "test_usage_is_not_invented")


def test_a_model_may_write_what_is_no_json() -> None:
    """A message with broken arguments is sent back as it is; custom calls have none."""
    broken = {"calls": [{**CALL["calls"][0], "function": {"name": "add", "arguments": "{"}}]}
    exchange = RecordedExchange("broken", asked(), answered({**broken, "end": "calls"}))
    run(kit(FakeProvider(), exchange), "test_message_can_be_sent_back")
    custom = calling(ToolCall("invented", custom=CustomCall("run", "ls"), type="custom"))
    run(kit(custom, TOOL), HISTORY)


def test_finds_fields_of_a_completion_that_are_not_as_expected() -> None:
    """What an exchange expects of a completion may be any part of it."""
    expected = {"choices": [{"message": {"content": "Grüß dich"}, "index": 0}], "object": "x"}
    with pytest.raises(AssertionError, match="object: expected 'x'"):
        run(kit(FakeProvider(), replace(TEXT, completion=expected)), DECODES)
    del expected["object"]
    run(kit(FakeProvider(), replace(TEXT, completion=expected)), DECODES)
    with pytest.raises(AssertionError, match="choices: expected"):
        run(kit(FakeProvider(), replace(TEXT, completion={"choices": []})), DECODES)


def test_finds_errors_that_do_not_say_what_is_expected() -> None:
    """An exchange may expect a code of an error, and whether to try again."""
    run(kit(FakeProvider(), replace(REFUSED, retryable=None)), DECODES)
    with pytest.raises(AssertionError, match="code of RateLimitError"):
        run(kit(FakeProvider(), replace(REFUSED, code="slow_down")), DECODES)
    text = 'the provider answered with status 429: {"why":"slow down"}'
    run(kit(FakeProvider(), replace(REFUSED, message=text)), DECODES)
    with pytest.raises(AssertionError, match="message of RateLimitError"):
        run(kit(FakeProvider(), replace(REFUSED, message="hurry")), DECODES)
    with pytest.raises(AssertionError, match=r"the status of RateLimitError.*: expected 429"):
        run(kit(refusing(lambda _: RateLimitError("slow down")), REFUSED), DECODES)


def test_finds_what_is_not_reported_at_the_end() -> None:
    """An exchange may expect the whole report, of what was sent and of what was decoded."""

    class Reporting(FakeProvider):
        def complete(self, call: ProviderCall) -> Flow[Completion]:
            completion = yield from super().complete(call)
            call.report.add("converted", "response.usage", "it was counted otherwise")
            return completion

    expected = replace(TEXT, report=["response.usage converted"])
    run(kit(Reporting(), expected), DECODES)
    with pytest.raises(AssertionError, match="the report: expected"):
        run(kit(FakeProvider(), expected), DECODES)
    with pytest.raises(AssertionError, match="the report: expected"):
        run(kit(Reporting(), replace(TEXT, report=[])), DECODES)


def test_equal_calls_are_sent_once() -> None:
    """As recordings have the same call over and over."""
    others = [replace(TEXT, name=f"text {number}") for number in range(9)]
    tested = kit(FakeProvider(), TEXT, *others, calls=())
    assert ["greeting", TEXT.name] == [case.name for case in tested._cases()["case"]]


def test_accepts_that_broken_arguments_are_refused() -> None:
    """A vendor may take back only what parses; the error says so."""

    def encode(body: Body, call: ProviderCall) -> Body:
        if "assistant" in {message["role"] for message in call.messages}:
            raise UnsupportedError("nothing is taken back", parameter="messages")
        return body

    broken = {"calls": [{**CALL["calls"][0], "function": {"name": "add", "arguments": "{"}}]}
    exchange = RecordedExchange("broken", asked(), answered({**broken, "end": "calls"}))
    with pytest.raises(pytest.skip.Exception, match="is refused"):
        run(kit(sending_body(encode), exchange), HISTORY)
    with pytest.raises(UnsupportedError):
        run(kit(sending_body(encode), TEXT), HISTORY)
