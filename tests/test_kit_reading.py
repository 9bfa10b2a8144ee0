"""The kit of providers: what reads responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    ProviderError,
    ServerError,
)
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.provider.kit import (
    Fields,
    NativeContent,
    PartialObject,
    SideFields,
    add_frame,
    arguments_object,
    finish_reason,
    in_stream_error,
    read_json,
    read_response,
)
from llmgate.report import Report
from tests.kit_calls import call_with, reported

# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": "b"}', {"a": "b"}),
        (rb'["\ud83d\ude00"]', ["\U0001f600"]),
        (rb'["a\ud83d"]', ["a\ufffd"]),
        (rb'["\ude00\ud83d"]', ["\ufffd\ufffd"]),
        (rb'{"\udc00": NaN, "b": "\ud83d\ude00\ud83d"}', None),
    ],
)
def test_a_lone_surrogate_is_replaced(data: bytes, value: Any) -> None:
    """Pairs are one character, and everything else is read as always."""
    read = read_json(data)
    assert read == value or {"\ufffd", "b"} == set(read)


@pytest.mark.parametrize("data", [b"{", rb'["\ud83d"', b'["\\ud83d", ' + b"[" * 5000])
def test_what_is_not_json_is_a_decode_error(data: bytes) -> None:
    """With the bytes, whether it has a lone surrogate or not."""
    with pytest.raises(DecodeError) as caught:
        read_json(data)
    assert data == caught.value.frame


def test_an_error_says_what_could_not_be_read() -> None:
    """And keeps the bytes."""
    error = DecodeError("it is empty")
    add_frame(error, "the event is not a message", b"{}\n")
    assert r"the event is not a message (it is empty): {}\n" == error.message == str(error)
    assert b"{}\n" == error.frame


PAYLOAD = {
    "id": "a",
    "n": 3.0,
    "none": None,
    "inner": {"text": "t", "bad": 5},
    "list": [{"x": 1}, {"x": True}],
    "big": 2**63,
}


def test_fields_are_read_as_their_types() -> None:
    """What is absent or null is None, or nothing."""
    fields = Fields(PAYLOAD)
    assert ("a", "a", None, None) == (
        fields.text("id"),
        fields.optional_text("id"),
        fields.optional_text("none"),
        fields.optional_text("missing"),
    )
    assert (3, 3, None) == (
        fields.integer("n"),
        fields.optional_integer("n"),
        fields.optional_integer("none"),
    )
    assert "t" == fields.object("inner").text("text")
    inner = fields.optional_object("inner")
    assert inner is not None
    assert PAYLOAD["inner"] is inner.payload
    assert fields.optional_object("none") is None
    assert [{"x": 1}, {"x": True}] == fields.array("list")
    assert [] == fields.array("none") == fields.objects("missing")
    assert 1 == fields.objects("list")[0].integer("x")
    assert {"id": "a", "n": 3.0} == fields.others("none", "inner", "list", "big")


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: Fields([]), "it must be an object, not an array"),
        (lambda: Fields("x" * 99, "delta"), "delta must be an object, not 'xxx"),
        (lambda: Fields(PAYLOAD).text("none"), "none must be a string, not null"),
        (lambda: Fields(PAYLOAD).optional_text("n"), "n must be a string, not 3.0"),
        (lambda: Fields(PAYLOAD).integer("big"), "big must be an integer, not 9223372036854775808"),
        (lambda: Fields(PAYLOAD).integer("inner"), "inner must be an integer, not an object"),
        (lambda: Fields(PAYLOAD).object("id"), "id must be an object, not 'a'"),
        (lambda: Fields(PAYLOAD).object("inner").text("bad"), "inner.bad must be a string, not 5"),
        (lambda: Fields(PAYLOAD).array("id"), "id must be an array, not 'a'"),
        (
            lambda: Fields(PAYLOAD).objects("list")[1].integer("x"),
            r"list\[1\].x must be an integer, not True",
        ),
    ],
)
def test_a_field_of_another_type_is_a_decode_error(
    read: Callable[[], object], message: str
) -> None:
    """With its path, and what stands there."""
    with pytest.raises(DecodeError, match=f"^{message}"):
        read()


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        ("text", 5, "5"),
        ("text", 0.5, "0.5"),
        ("text", True, None),
        ("text", 2**63, None),
        ("text", ["a"], None),
        ("integer", "7", 7),
        ("integer", "9" * 19, None),
        ("integer", "٣", None),
        ("integer", 1.6, 2),
        ("integer", 1e300, None),
        ("integer", 2**63, None),
        ("integer", True, None),
        ("integer", {"a": 1}, None),
        ("array", {"a": 1}, []),
        ("objects", {"a": 1}, []),
        ("objects", [{"a": 1}, 5], []),
    ],
)
def test_an_odd_value_beside_the_content_is_recorded(kind: str, given: Any, read: Any) -> None:
    """It is converted or left out, stays as it was sent for ``extra``, and is in the report."""
    report = Report()
    fields = SideFields({"x": given, "more": 1}, report, "usage")
    assert read == getattr(fields, kind)("x")
    assert read == getattr(fields, kind)("x")
    assert {"x": given, "more": 1} == fields.others("x")
    is_none = read is None or read == []
    expected = [("dropped" if is_none else "converted", "response.usage.x")]
    assert expected == [(each.kind, each.path) for each in report]
    assert read == getattr(SideFields({"x": given}), kind)("x")


def test_what_is_beside_the_content_is_read_as_its_type() -> None:
    """A value of the expected type is nothing to record; null and absent fields are the same."""
    report = Report()
    payload = {"id": "a", "count": 3, "float": 4.0, "list": [1], "none": None, "in": {"id": 5}}
    fields = SideFields(payload, report)
    assert ("a", 3, 4) == (fields.text("id"), fields.integer("count"), fields.integer("float"))
    assert [1] == fields.array("list")
    assert [{"a": 1}] == SideFields({"list": [{"a": 1}]}, report).objects("list")
    assert (None, None) == (fields.text("none"), fields.integer("absent"))
    assert ([], {}) == (fields.array("none"), fields.object("none").payload)
    assert {"none": None} == fields.others("id", "count", "float", "list", "in")
    assert not report
    assert "5" == fields.object("in").text("id")
    assert ["response.in.id"] == [each.path for each in report]
    assert {} == fields.object("id").payload
    assert {} == SideFields(5, report).payload


def test_an_odd_value_is_recorded_once_for_each_path() -> None:
    """A stream may repeat it with each of its events."""
    report = Report()
    for _ in range(3):
        assert 7 == SideFields({"index": "7"}, report).integer("index")
    SideFields({"logprobs": {"a": 1}}, report).drop("logprobs", "log probabilities")
    assert [("converted", "response.index"), ("dropped", "response.logprobs")] == [
        (each.kind, each.path) for each in report
    ]


@pytest.mark.parametrize(
    ("arguments", "sent", "reason"),
    [
        ('{"a": 1}', {"a": 1}, None),
        ("", {}, None),
        (" \n", {}, None),
        ('{"a": "b', {"arguments": '{"a": "b'}, "Unterminated string"),
        ("[1]", {"arguments": "[1]"}, "not a JSON object"),
        ('{"a": NaN}', {"arguments": '{"a": NaN}'}, "NaN is not a JSON number"),
        ('{"a": -Infinity}', {"arguments": '{"a": -Infinity}'}, "-Infinity"),
        ("[" * 100_000, {"arguments": "[" * 100_000}, "not valid JSON"),
    ],
)
def test_arguments_of_earlier_calls_are_an_object(arguments: str, sent: Any, reason: Any) -> None:
    """A text that is none, since it was cut or is malformed, is kept in one and reported."""
    call = call_with()
    assert sent == arguments_object(arguments, "messages[1].arguments", call)
    expected = [] if reason is None else [("converted", "messages[1].arguments")]
    assert expected == reported(call)
    assert reason is None or reason in call.report[0].reason


def test_finish_reasons_are_translated() -> None:
    """A word that is not known is ``other``; a stop with calls is for their sake."""
    words: Mapping[str, Any] = {"END": "stop", "MAX": "length"}
    assert None is finish_reason(None, words) is finish_reason("", words)
    assert "stop" == finish_reason("END", words)
    assert "tool_calls" == finish_reason("END", words, has_calls=True)
    assert "length" == finish_reason("MAX", words, has_calls=True)
    assert "other" == finish_reason("NEW", words)


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        *((word, "stop") for word in ("stop", "STOP", "eos_token", "end-turn", "Complete")),
        *((word, "length") for word in ("length", "MAX_TOKENS", "model_length")),
        *((word, "content_filter") for word in ("SAFETY", "content-filter", "refusal")),
        ("function_call", "function_call"),
        ("pause_turn", "other"),
    ],
)
def test_customary_finish_reasons_need_no_table(native: str, expected: str) -> None:
    """In any case, and with a dash in place of an underscore."""
    assert expected == finish_reason(native, {})


@pytest.mark.parametrize("native", ["tool_calls", "TOOL_CALL", "function_calls", "tool_use"])
def test_calls_decide_whether_a_response_calls(native: str) -> None:
    """Whoever waits for calls that are not there would wait in vain."""
    assert "tool_calls" == finish_reason(native, {}, has_calls=True)
    assert "stop" == finish_reason(native, {})
    for other in ("stop", "eos_token", "what is new"):
        assert "tool_calls" == finish_reason(other, {}, has_calls=True)
    assert "length" == finish_reason("max_tokens", {}, has_calls=True)


def error_in(payload: Any) -> ProviderError | None:
    return ServerError(payload["error"], in_stream=True) if "error" in payload else None


def test_a_response_is_read() -> None:
    """An error that it holds is raised, as one of a whole response."""
    response = HttpResponse(200, body=b'{"n": 5}')
    assert 5 == read_response(response, lambda payload: Fields(payload).integer("n"), "no number")
    assert {"n": 5} == read_response(response, dict, "no number", error_in)
    with pytest.raises(ServerError, match="overloaded") as caught:
        read_response(HttpResponse(200, body=b'{"error": "overloaded"}'), dict, "no", error_in)
    assert not caught.value.in_stream


def test_a_response_that_cannot_be_read_is_the_frame() -> None:
    """And the message says what it should have held."""
    with pytest.raises(DecodeError) as caught:
        read_response(HttpResponse(200, body=b"[]"), Fields, "it has no models")
    assert "it has no models (it must be an object, not an array): []" == caught.value.message
    assert b"[]" == caught.value.frame


@pytest.mark.parametrize(
    ("data", "event", "message"),
    [
        (b'{"error": "no"}', "", None),
        (b"[1]", "", None),
        (b"  ", "", None),
        (b"5", "", None),
        (b" upstream failed ", "", "upstream failed"),
        (b'"upstream failed"', "", "upstream failed"),
        (b'{"error": "no"}', "error", "no"),
        (b'{"other": "no"}', "error", '{"other": "no"}'),
        (b"{cut", "error", "{cut"),
        (b"\xff", "error", r"\xff"),
        (b" ", "error", "the provider sent an error"),
    ],
)
def test_an_event_can_be_an_error(data: bytes, event: str, message: str | None) -> None:
    """By its name, or by being text where JSON should be."""
    error = in_stream_error(Frame(data, event), error_in)
    assert message == (None if error is None else error.message)
    assert error is None or error.in_stream


def test_native_content_is_kept_where_it_is_needed() -> None:
    """From the first item on that says more than text, with those before it."""

    def is_plain(item: Mapping[str, Any], place: int) -> bool:
        return place == 0 and set(item) == {"text"}

    plain: dict[str, Any] = {"text": "a"}
    content = NativeContent(is_plain)
    assert [] == content.add(plain)
    assert [plain, {"thought": "b"}] == content.add({"thought": "b"})
    assert [{"text": "c"}] == content.add({"text": "c"})
    content = NativeContent(lambda item, place: True)
    assert [] == content.add(plain)
    assert [plain] == content.release()
    assert [plain] == content.add(plain)


def test_an_object_grows_with_a_stream() -> None:
    """Its texts continue what was there, and are joined when it is whole."""
    given = {"type": "text", "text": "a", "n": 1}
    partial = PartialObject(given)
    partial.pieces("text").append("b")
    partial.pieces("text").append("c")
    partial.pieces("signature").append("s")
    partial.fields["n"] = 2
    whole = {"type": "text", "text": "abc", "n": 2, "signature": "s"}
    assert whole == partial.join()
    partial.pieces("text").append("d")
    assert {**whole, "text": "abcd"} == partial.join()
    assert {"type": "text", "text": "a", "n": 1} == given
