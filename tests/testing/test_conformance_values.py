"""The conformance kit finds lost values, wrong reports, lost settings, and calls not refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from llmgate.errors import DecodeError, InvalidRequestError, ProviderError, UnsupportedError
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.report import DeviationKind
from llmgate.testing import CANARY, FakeProvider, GoldenCall
from llmgate.testing._samples import odd
from llmgate.testing._values import value_at
from llmgate.testing.fake import FakeDecoder
from llmgate.types import Chunk, Completion, Usage
from tests.testing.mutants import answering, kit, reworded, run, sending, sending_body, streaming
from tests.testing.recorded import TEXT, TEXT_STREAM, asked

ODD = "test_odd_values_are_kept_or_reported"
REPORTS = "test_reports_values_as_they_are"


def without_the_rest(response: HttpResponse, right: Completion | None) -> Completion:
    """A completion that has lost what it has no field for."""
    if right is None:
        raise DecodeError("it is no completion")
    return replace(right, extra={})


def reporting(kind: DeviationKind, given: Any, sent: Any) -> FakeProvider:
    """A provider that reports this of a temperature."""

    def report(request: HttpRequest, call: ProviderCall) -> HttpRequest:
        if "temperature" in call.parameters:
            call.report.add(kind, "temperature", "its scale", given=given, sent=sent)
        return request

    return sending(report)


def test_values_at_paths() -> None:
    """A path of the report leads to what stands in the call."""
    call = {"messages": [{"name": "ann"}], "stop": ["a", "b"]}
    paths = ("messages[0].name", "stop[1]", "stop[2]", "seed", "stop.first", "messages[0].name.x")
    assert [value_at(call, path) for path in paths] == ["ann", "b", None, None, None, None]


def test_odd_values_take_the_place_of_what_an_answer_says() -> None:
    """Flags, kinds, and texts that the answer lacks or that occur twice, are left as they are."""
    payload = {"id": "c1", "type": "message", "ok": True, "a": "no", "b": "x", "c": "x", "n": [4]}
    found = dict(odd(payload, "c1 x", 100))
    assert [*found] == ["id", "n", "n.0"]
    assert found["id"]["id"] == {"x_odd": "odd-4600"}
    assert found["n.0"]["n"] == ["odd-4600"]


def test_finds_odd_values_that_are_lost() -> None:
    """A value of another type than usual is in the answer or in the report, or it is refused."""
    body = b'{"say": "Hi", "end": "done", "x_host": {"region": "eu"}}'
    text = replace(TEXT, replies=(HttpResponse(200, {}, body),))
    run(kit(FakeProvider(api_key=CANARY), text), ODD)
    with pytest.raises(AssertionError, match=r"x_host was 'odd-4600', which is lost"):
        run(kit(answering(without_the_rest), text), ODD)


@pytest.mark.parametrize(
    ("provider", "finding"),
    [
        (reporting("converted", 0.75, None), "given is 0.75, but the call has 0.5"),
        (reporting("clamped", 0.5, 0.25), "sent is 0.25, which the body does not have"),
        (reporting("defaulted", None, None), "sent is None"),
    ],
)
def test_finds_reports_of_other_values(provider: FakeProvider, finding: str) -> None:
    """What a report says was given was given, and what it says was sent was sent."""
    with pytest.raises(AssertionError, match=finding):
        run(kit(provider, TEXT), REPORTS)
    run(kit(reporting("clamped", 0.5, 0.5), TEXT), REPORTS)
    run(kit(reporting("converted", 0.5, "half"), TEXT), REPORTS)


def test_finds_what_stands_twice() -> None:
    """What has a field is not in ``extra`` as well, nor beside it under the provider's name."""
    test = "test_nothing_stands_twice"
    run(kit(reworded(extra={"index": None, "message": "another"})), test)
    with pytest.raises(AssertionError, match="extra of Choice and in its field finish_reason"):
        run(kit(reworded(finish_reason="stop", extra={"finish_reason": "stop"})), test)
    with pytest.raises(AssertionError, match="extra of Choice and in its field index"):
        run(kit(reworded(extra={"fake": {"index": 0}})), test)


def test_finds_reports_of_responses_that_lack_a_half() -> None:
    """What was converted was something before, and is something afterwards."""
    test = "test_reports_of_responses_are_whole"
    for given, sent, path in ((5, 6, "response.n"), (None, None, "response.n"), (5, None, "n")):
        run(kit(Converting(given, sent, path), TEXT), test)
    for given, sent in ((5, None), (None, 6)):
        with pytest.raises(AssertionError, match=f"only one of given={given}, sent={sent}"):
            run(kit(Converting(given, sent, "response.n"), TEXT), test)


class Converting(FakeProvider):
    """A provider that reports this of what it decoded."""

    def __init__(self, given: Any, sent: Any, path: str) -> None:
        super().__init__(api_key=CANARY)
        self.given, self.sent, self.path = given, sent, path

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion, one entry of the report."""
        completion = yield from super().complete(call)
        call.report.add("converted", self.path, "why", given=self.given, sent=self.sent)
        return completion


def test_counts_under_other_names_are_no_invention() -> None:
    """A response that counts under a name of the vendor's own is not judged."""
    body = b'{"say": "Hi", "end": "done", "cost": {"in": 71, "out": 2}}'
    text = replace(TEXT, replies=(HttpResponse(200, {}, body),))

    def counted(response: HttpResponse, right: Completion | None) -> Completion:
        if right is None:
            raise DecodeError("it is no completion")
        return replace(right, usage=Usage(71, 2, 73))

    with pytest.raises(pytest.skip.Exception):
        run(kit(answering(counted), text), "test_usage_is_not_invented")


def with_one_role(body: dict[str, Any], call: ProviderCall) -> dict[str, Any]:
    """A body in which everybody is the user."""
    return {**body, "conversation": [{**m, "role": "user"} for m in body["conversation"]]}


def test_finds_roles_that_are_sent_alike() -> None:
    """Instructions that are sent as words of the user are found."""
    test = "test_who_speaks_makes_a_difference"
    run(kit(FakeProvider(api_key=CANARY)), test)
    with pytest.raises(AssertionError, match="of the system is sent like one of the user"):
        run(kit(sending_body(with_one_role)), test)


# --- golden calls -------------------------------------------------------------------------


class Regional(FakeProvider):
    """A provider with a setting, which a variable of the environment may give."""

    def __init__(
        self, region: str | None = None, api_key: str | Secret | None = None, tries: int = 1
    ) -> None:
        import os

        super().__init__(api_key=CANARY)
        self.region = region or os.environ.get("FAKE_REGION", "eu")

    def configured(self, **settings: Any) -> Regional:
        """The same provider with another region."""
        changed: dict[str, Any] = {"region": self.region, **settings}
        return type(self)(**changed)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, to the region."""
        if self.region == "moon":
            raise InvalidRequestError("there is no such region", path="region")
        flow = super().complete(call)
        response = yield replace(next(flow), url=f"https://{self.region}.fake.invalid")
        try:
            flow.send(response)
        except StopIteration as stop:
            completion: Completion = stop.value
            return completion
        raise AssertionError("the flow goes on")


class Forgetful(Regional):
    """A provider whose settings are lost when another one is changed."""

    def configured(self, **settings: Any) -> Regional:
        """A new provider with these settings alone."""
        return type(self)(**settings)


def golden(url: str, settings: Mapping[str, Any], environment: Mapping[str, str]) -> GoldenCall:
    """A call that goes to this address."""
    body: dict[str, Any] = {"model": "fake-1", "conversation": asked()["messages"], "with": {}}
    return GoldenCall("g", asked(), body, url, {}, [], settings=settings, environment=environment)


def test_golden_calls_may_have_settings_and_an_environment() -> None:
    """A golden call says what a setting, or a variable of the environment, makes of a request."""
    calls = (
        golden("https://eu.fake.invalid", {}, {}),
        golden("https://us.fake.invalid", {"region": "us"}, {}),
        golden("https://asia.fake.invalid", {}, {"FAKE_REGION": "asia"}),
        golden("https://us.fake.invalid", {"region": "us"}, {"FAKE_REGION": "asia"}),
    )
    for test in ("test_golden_bodies", "test_golden_reports", "test_golden_headers"):
        run(kit(Regional(), calls=calls), test)
    assert [case.name for case in kit(Regional(), calls=calls[1:])._calls()][1:2] == ["text"]
    with pytest.raises(AssertionError, match="no method `configured`"):
        run(kit(FakeProvider(api_key=CANARY), calls=calls[1:2]), "test_golden_bodies")


def test_golden_calls_may_be_refused() -> None:
    """A golden call with an error finds a provider that sends it, or raises another error."""
    refused = GoldenCall("r", asked(), error=InvalidRequestError, settings={"region": "moon"})
    test = "test_golden_calls_are_refused"
    run(kit(Regional(), calls=(refused,)), test)
    with pytest.raises(AssertionError, match="expected UnsupportedError, raised Inv"):
        run(kit(Regional(), calls=(replace(refused, error=UnsupportedError),)), test)
    with pytest.raises(AssertionError, match="expected InvalidRequestError, sent"):
        run(kit(Regional(), calls=(replace(refused, settings={}),)), test)


def test_finds_settings_that_are_lost() -> None:
    """Settings stay when others are changed; one that cannot be used stays as well."""
    test = "test_configured_keeps_the_other_settings"
    run(kit(Regional()), test)
    with pytest.raises(AssertionError, match="the setting region is lost"):
        run(kit(Forgetful()), test)
    with pytest.raises(pytest.skip.Exception):
        run(kit(FakeProvider(api_key=CANARY)), test)


class Refusing(Regional):
    """A provider that takes no region but its own."""

    def __init__(self, region: str | None = None, api_key: str | Secret | None = None) -> None:
        super().__init__(region)
        if region not in (None, "eu"):
            raise InvalidRequestError("there is no such region", path="region")


def test_settings_that_are_refused_are_refused_again() -> None:
    """A value that the provider takes for no setting is no finding."""
    run(kit(Refusing()), "test_configured_keeps_the_other_settings")


# --- streams ------------------------------------------------------------------------------


class Adding(FakeDecoder):
    """A decoder with an accumulator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.accumulator = Accumulator()

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one line, added."""
        chunks = [*super().feed(frame)]
        for chunk in chunks:
            self.accumulator.add(chunk)
        return chunks


class AddingTwice(Adding):
    """A decoder that adds each chunk twice."""

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one line, added once more."""
        chunks = [*super().feed(frame)]
        for chunk in chunks:
            self.accumulator.add(chunk)
        return chunks


def test_finds_accumulators_that_say_something_else() -> None:
    """A decoder that adds up its chunks itself does it as they say."""
    test = "test_accumulates_what_its_chunks_say"
    run(kit(streaming(Adding), TEXT_STREAM), test)
    with pytest.raises(AssertionError, match=r"content: the chunks say 'Grüß dich', the decoder"):
        run(kit(streaming(AddingTwice), TEXT_STREAM), test)
    with pytest.raises(pytest.skip.Exception):
        run(kit(FakeProvider(api_key=CANARY), TEXT_STREAM), test)


def test_finds_streams_whose_response_is_read_first() -> None:
    """The request of a stream says that its response is left to the decoder."""
    test = "test_leaves_its_response_to_the_decoder"
    run(kit(FakeProvider(api_key=CANARY), TEXT_STREAM), test)
    with pytest.raises(AssertionError, match="stream=True"):
        run(kit(sending(lambda request, call: replace(request, stream=False)), TEXT_STREAM), test)


def with_a_text_as_frame(response: HttpResponse, right: Completion | None) -> Completion:
    """A provider that mistakes what was wrong for the data."""
    error: Any = DecodeError("the response cannot be read")
    error.frame = "the response"
    raise error


def test_finds_errors_whose_frame_is_no_data() -> None:
    """The frame of an error is a piece of the response."""
    with pytest.raises(AssertionError, match="whose frame is no bytes"):
        run(kit(answering(with_a_text_as_frame)), "test_nonsense_is_no_answer")


# --- errors -------------------------------------------------------------------------------


def raising(error: ProviderError) -> FakeProvider:
    """A provider whose streams bring this error."""

    class Failing(FakeDecoder):
        def feed(self, frame: Frame) -> Iterable[Chunk]:
            raise error

    return streaming(Failing)


def test_finds_errors_that_say_something_else() -> None:
    """The status, the request and the place of an error in a stream are compared."""
    test = "test_decodes_what_was_recorded"
    failed = replace(TEXT_STREAM, error=ProviderError, status=503, request_id="r1", text=None)
    right = ProviderError("busy", status=503, in_stream=True, request_id="r1")
    run(kit(raising(right), failed), test)
    for wrong, finding in (
        (ProviderError("busy", status=503, request_id="r1"), "its in_stream is false"),
        (ProviderError("busy", status=500, in_stream=True, request_id="r1"), "status of"),
        (ProviderError("busy", status=503, in_stream=True), "request_id of"),
    ):
        with pytest.raises(AssertionError, match=finding):
            run(kit(raising(wrong), failed), test)
