"""The conformance kit passes a sound provider, and says what it skips."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate.errors import UnsupportedError
from llmgate.options import ChatParameters
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse
from llmgate.testing import CANARY, FakeProvider, GoldenCall, ProviderConformance, RecordedExchange
from llmgate.types import CustomCall, Function, ToolCall
from tests.testing.mutants import (
    answering,
    declaring,
    gullible,
    kit,
    reworded,
    run,
    sending_body,
    without,
)
from tests.testing.recorded import (
    DONE_FIRST,
    EVENTS,
    EXCHANGES,
    GOLDEN,
    TEXT,
    TOOL,
    USER,
    EventProvider,
    asked,
)


class TestFakeProvider(ProviderConformance):
    """The fake provider conforms."""

    provider = FakeProvider(api_key=CANARY)
    exchanges = EXCHANGES
    calls = (GOLDEN, replace(GOLDEN, name="anywhere", url=None))


class TestEventProvider(ProviderConformance):
    """So it does with server-sent events; a call may also be ready-made."""

    exchanges = (replace(EVENTS, call=ProviderCall("fake-1", USER, stream=True)), DONE_FIRST)

    def make_provider(self) -> FakeProvider:
        return EventProvider(api_key=CANARY)


# --- what is no fault ---------------------------------------------------------------------


def test_accepts_parameters_in_other_words() -> None:
    """A parameter that is declared as translated may be sent in the provider's own terms."""

    def translate(body: dict[str, Any], call: ProviderCall) -> dict[str, Any]:
        return {**without("store")(body, call), "keep": "forever" * ("store" in call.parameters)}

    every = dict.fromkeys(ChatParameters.__annotations__, Support.NATIVE)
    for support, is_found in ((Support.NATIVE, True), (Support.TRANSLATED, False)):
        provider = sending_body(translate)
        type(provider).parameters = {**every, "store": support}
        with pytest.raises(AssertionError, match="store") if is_found else nullcontext():
            run(kit(provider), "test_takes_or_reports_each_parameter")


def test_finds_a_translated_parameter_that_changes_nothing() -> None:
    """Declaring a parameter as translated does not excuse leaving it out."""
    provider = sending_body(without("store"))
    type(provider).parameters = dict.fromkeys(ChatParameters.__annotations__, Support.TRANSLATED)
    with pytest.raises(AssertionError, match="store"):
        run(kit(provider), "test_takes_or_reports_each_parameter")


def test_accepts_what_is_dropped_and_reported() -> None:
    """What a provider does not declare is dropped by the core, which reports or refuses it."""
    run(kit(declaring(parameters={})), "test_takes_or_reports_each_parameter")


def test_accepts_a_parameter_that_another_needs() -> None:
    """A call that is refused without a parameter shows that the parameter matters."""

    def encode(body: dict[str, Any], call: ProviderCall) -> dict[str, Any]:
        if "store" not in call.parameters:
            raise UnsupportedError("only calls that are stored", parameter="store")
        return without("store")(body, call)

    provider = sending_body(encode)
    type(provider).parameters = dict.fromkeys(ChatParameters.__annotations__, Support.TRANSLATED)
    tested = kit(provider)
    tested.test_reports_what_it_does_not_send(SimpleNamespace(name="", call=asked(store=True)))


SKIPS: list[tuple[str, dict[str, Any], str]] = [
    ("test_secret_does_not_show", {"secret": None}, "no secret"),
    ("test_keeps_unknown_fields", {"keeps_unknown_fields": False}, "no place"),
    ("test_nonsense_is_no_stream", {"exchanges": (TEXT,)}, "no recorded stream"),
    ("test_recorded_errors_never_break_it", {"exchanges": (TEXT,)}, "no recorded refusal"),
    ("test_line_ends_do_not_matter", {}, "not of server-sent events"),
]


@pytest.mark.parametrize(("test", "attributes", "reason"), SKIPS)
def test_says_what_it_skips(test: str, attributes: dict[str, Any], reason: str) -> None:
    """A test that needs what its author did not give says so."""
    with pytest.raises(pytest.skip.Exception, match=reason):
        run(kit(FakeProvider(api_key=CANARY), **attributes), test)


@pytest.mark.parametrize("body", [b"plain text", b"[1]"])
def test_skips_replies_without_fields(body: bytes) -> None:
    """Where a reply is not a JSON object there is nothing to damage, and no place for a field."""
    told = RecordedExchange("told", asked(), (HttpResponse(200, {}, body),))
    tested = kit(answering(gullible), told)
    with pytest.raises(pytest.skip.Exception):
        run(tested, "test_keeps_unknown_fields")
    if body == b"plain text":
        with pytest.raises(pytest.skip.Exception):
            run(tested, "test_damaged_answers_raise_our_errors")


def test_cases_that_are_lacking_are_skipped() -> None:
    """A class without exchanges has each test that needs one once, as skipped, with the reason."""
    given: dict[str, list[Any]] = {}
    metafunc = SimpleNamespace(fixturenames=["stream"], parametrize=given.__setitem__)
    bare = kit(FakeProvider(), exchanges=())
    bare.pytest_generate_tests(metafunc)
    (lacking,) = given["stream"]
    assert lacking.marks[0].kwargs["reason"] == "no recorded stream was given in `exchanges`"


def test_calls_may_be_ready_made() -> None:
    """A ready-made call, with a stream's options, is asked for whole without them."""
    call = ProviderCall("fake-1", USER, {"seed": 7}, stream=True, include_usage=True)
    run(
        kit(FakeProvider(), calls=(GoldenCall("made", call, {}),)),
        "test_says_which_reply_is_a_stream",
    )


def test_tool_calls_of_other_kinds() -> None:
    """Custom tools are compared by their text, and arguments that are no JSON as they stand."""
    custom = {"tool_calls": [ToolCall("a", custom=CustomCall("run", "ls"), type="custom")]}
    expected = replace(TOOL, tool_calls=[("run", "ls")], finish_reason=None)
    run(kit(reworded(None, message=custom), expected), "test_decodes_what_was_recorded")
    broken = {"tool_calls": [ToolCall("a", Function("add", "{"))]}
    expected = replace(TOOL, tool_calls=[("add", "{")], finish_reason=None)
    run(kit(reworded(None, message=broken), expected), "test_decodes_what_was_recorded")
    neither = {"tool_calls": [ToolCall("a")]}
    expected = replace(TOOL, tool_calls=[("", None)], finish_reason=None)
    run(kit(reworded(None, message=neither), expected), "test_decodes_what_was_recorded")
