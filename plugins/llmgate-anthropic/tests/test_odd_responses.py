"""What hosts of this format send otherwise than Anthropic does: nothing is lost by it.

Each row is read whole and as a stream.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    ProviderError,
    RateLimitError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.report import Report
from llmgate.testing.driving import read_stream
from llmgate.types import Completion
from llmgate_anthropic import MessagesDecoder, decode

TEXT: Any = {"type": "text", "text": "Good day."}
MESSAGE: Any = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [TEXT],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}


def events_of(message: dict[str, Any]) -> list[Any]:
    """The events of a message, whose blocks come whole with their beginnings."""
    start: Any = {**message, "content": [], "stop_reason": None}
    events: list[Any] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(message["content"]):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    end = {"delta": {"stop_reason": message["stop_reason"]}, "usage": message.get("usage")}
    return [*events, {"type": "message_delta", **end}, {"type": "message_stop"}]


def written(events: list[Any]) -> bytes:
    """Events as a server sends them."""
    data = [event if isinstance(event, bytes) else encode_json(event) for event in events]
    return b"".join(b"data: %s\n\n" % each for each in data)


def read_whole(message: dict[str, Any]) -> tuple[Completion, Report]:
    """The completion of a whole response, and what was recorded."""
    report = Report()
    return decode(HttpResponse(200, {}, encode_json(message)), "c1", report=report), report


def read_events(events: list[Any]) -> tuple[Completion, Report]:
    """The completion of a stream, and what was recorded."""
    report = Report()
    chunks = read_stream(MessagesDecoder("c1", report=report), [written(events)])
    return accumulate(chunks), report


def both_of(message: dict[str, Any]) -> list[tuple[Completion, Report]]:
    """What a message is read as, whole and as a stream."""
    return [read_whole(message), read_events(events_of(message))]


ODD: Any = [
    ({"id": 5}, "id"),
    ({"id": {"a": 1}}, "id"),
    ({"model": ["x"]}, "model"),
    ({"usage": []}, "usage"),
    ({"usage": "none"}, "usage"),
    ({"usage": 7}, "usage"),
    ({"usage": {"input_tokens": "10", "output_tokens": 5}}, "usage.input_tokens"),
    ({"usage": {"input_tokens": 1, "output_tokens": {}}}, "usage.output_tokens"),
    ({"usage": {"input_tokens": 1, "cache_read_input_tokens": 0.5}}, "cache_read_input_tokens"),
    ({"usage": {"input_tokens": 1, "output_tokens_details": []}}, "output_tokens_details"),
    ({"usage": {"input_tokens": 1, "service_tier": 2}}, "usage.service_tier"),
    ({"content": [{**TEXT, "citations": {}}]}, "content[0].citations"),
    ({"content": [{**TEXT, "citations": [5]}]}, "content[0].citations"),
    ({"content": [{"type": "thinking", "thinking": ["x"]}, TEXT]}, "content[0].thinking"),
    ({"stop_reason": 5}, "stop_reason"),
]


@pytest.mark.parametrize(("fields", "path"), ODD)
def test_an_odd_value_beside_the_text_loses_nothing(fields: Any, path: str) -> None:
    """The text is read, the value is in the report and somewhere in the completion."""
    for completion, report in both_of({**MESSAGE, **fields}):
        assert "Good day." == completion.text
        assert [True] == [path in deviation.path for deviation in report]
        (odd,) = [deviation.given for deviation in report]
        assert encode_json(odd).decode() in completion.model_dump_json()
        assert completion == Completion.model_validate(completion.model_dump())


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ('{"city": "Oslo"}', '{"city": "Oslo"}'),
        ('{"city": "Os', '{"city": "Os'),
        (["Oslo"], '["Oslo"]'),
        (5, "5"),
    ],
)
def test_an_odd_input_is_the_text_of_the_arguments(given: Any, arguments: str) -> None:
    """The input of a call that is not an object is for the caller to judge, and recorded."""
    call = {"type": "tool_use", "id": 7, "name": "weather", "input": given}
    for completion, report in both_of({**MESSAGE, "content": [call], "stop_reason": "tool_use"}):
        (read,) = completion.choices[0].message.tool_calls or []
        assert read.function is not None
        assert ("7", "weather", arguments) == (read.id, read.function.name, read.function.arguments)
        assert {"content[0].id", "content[0].input"} == {
            deviation.path.removeprefix("response.") for deviation in report
        }


def test_a_piece_of_an_input_may_be_the_whole_value() -> None:
    """Some hosts send an object where a piece of its JSON should be, and an index as text."""
    call: Any = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}
    events = events_of({**MESSAGE, "content": [call], "stop_reason": "tool_use"})
    delta = {"type": "input_json_delta", "partial_json": {"city": "Oslo"}}
    events.insert(2, {"type": "content_block_delta", "index": "0", "delta": delta})
    completion, report = read_events(events)
    (read,) = completion.choices[0].message.tool_calls or []
    assert read.function is not None
    assert '{"city":"Oslo"}' == read.function.arguments
    assert ["response.index"] == [each.path for each in report]


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": None, "output_tokens": None}])
def test_a_usage_that_was_not_given_is_none(usage: Any) -> None:
    """No counts are no zeros, and nothing to record."""
    for completion, report in both_of({**MESSAGE, "usage": usage}):
        assert completion.usage is None
        assert not report


def test_a_usage_without_counts_is_kept() -> None:
    """What else it says stays in extra."""
    completion, _ = read_whole({**MESSAGE, "usage": {"service_tier": "standard"}})
    assert (None, "standard") == (completion.usage, completion.service_tier)
    assert {"anthropic": {"usage": {"service_tier": "standard"}}} == completion.extra


def test_openai_s_names_of_counts_are_understood() -> None:
    """Some hosts of this format count in OpenAI's words."""
    for completion, report in both_of(
        {**MESSAGE, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    ):
        assert completion.usage is not None
        assert (3, 4, 7) == (
            completion.usage.prompt_tokens,
            completion.usage.completion_tokens,
            completion.usage.total_tokens,
        )
        assert {} == completion.usage.extra
        assert not report


def test_zeros_at_the_end_replace_no_count() -> None:
    """The counts of the beginning stay where the end has none."""
    events = events_of(MESSAGE)
    events[-2]["usage"] = {"input_tokens": 0, "output_tokens": 7}
    completion, _ = read_events(events)
    assert completion.usage is not None
    assert (10, 7) == (completion.usage.prompt_tokens, completion.usage.completion_tokens)


# --- the other framing --------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"[DONE]", b" [DONE] ", b'"[DONE]"', b"[done]", b"'[DONE]'"])
def test_done_ends_a_message_as_well(mark: bytes) -> None:
    """OpenAI's terminator in place of ``message_stop``; what follows is not read."""
    events = [*events_of(MESSAGE)[:-1], mark, b"not read"]
    completion, report = read_events(events)
    assert "Good day." == completion.text
    assert ["response"] == [deviation.path for deviation in report]
    assert "Good day." == decode(HttpResponse(200, {}, written(events)), "c1").text
    whole = encode_json(MESSAGE) + b"\n\ndata: " + mark.strip() + b"\n\n"
    assert "Good day." == decode(HttpResponse(200, {}, whole), "c1").text


def test_events_without_blank_lines_between_them() -> None:
    """They are one event each, and that is recorded; a stop reason ends them as well."""
    body, report = written(events_of(MESSAGE)).replace(b"\n\n", b"\n"), Report()
    chunks = read_stream(MessagesDecoder("c1", report=report), [body])
    assert "Good day." == accumulate(chunks).text
    assert ["response"] == [deviation.path for deviation in report]
    assert "Good day." == read_events(events_of(MESSAGE)[:-1])[0].text


def test_done_after_nothing_is_no_message() -> None:
    """A stream of a terminator alone, or of a beginning and a terminator, has no completion."""
    for events in ([b"[DONE]"], [events_of(MESSAGE)[0], b"[DONE]"]):
        with pytest.raises(Exception, match="event cannot be read"):
            read_events(events)


def test_events_that_say_nothing_are_skipped() -> None:
    """Null and white space stand for nothing."""
    events = events_of(MESSAGE)
    assert "Good day." == read_events([events[0], b"null", b" ", *events[1:]])[0].text


def test_a_stream_in_place_of_a_whole_response_is_recorded() -> None:
    """It is joined; where llmgate requested it itself, there is nothing more to record."""
    body = written(events_of(MESSAGE))
    report = Report()
    assert "Good day." == decode(HttpResponse(200, {}, body), "c1", report=report).text
    assert ["response"] == [deviation.path for deviation in report]
    requested = Report()
    requested.add("injected", "stream", "long")
    decode(HttpResponse(200, {}, b"id: 1\n" + body), "c1", report=requested)
    assert 1 == len(requested)


@pytest.mark.parametrize(
    "content",
    [
        [TEXT],
        [],
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            TEXT,
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}},
        ],
    ],
)
def test_a_whole_message_in_place_of_a_stream(content: list[Any]) -> None:
    """It has the same completion as its events, and is recorded."""
    message = {**MESSAGE, "content": content}
    decoder = MessagesDecoder("c1", report=(report := Report()))
    chunks = [*decoder.feed(Frame(encode_json(message)))]
    assert decoder.finished
    assert read_whole(message)[0] == accumulate(chunks)
    assert ["response"] == [deviation.path for deviation in report]
    assert [*MessagesDecoder("c1").feed(Frame(encode_json(message)))] == chunks


def test_blocks_without_their_end_are_whole_at_the_end_of_the_message() -> None:
    """A host that sends no ``content_block_stop`` loses neither thoughts nor inputs."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    call = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}}
    message = {**MESSAGE, "content": [thought, call], "stop_reason": "tool_use"}
    events = [event for event in events_of(message) if event["type"] != "content_block_stop"]
    assert read_whole(message)[0] == read_events(events)[0]


def without_ends(*, last: bool = True) -> list[Any]:
    """The events of a message of a thought and a call, without the ends of its blocks."""
    events = events_of(CALLING)
    ends = [event for event in events if event["type"] == "content_block_stop"]
    rest = [event for event in events if event not in ends]
    return rest if last else [*rest[:-2], *rest[-1:]]


CALLING: Any = {
    **MESSAGE,
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "t2", "name": "weather", "input": {"city": "Rome"}},
    ],
    "stop_reason": "tool_use",
}


def test_blocks_without_their_end_are_whole_also_without_a_stop_reason() -> None:
    """What came is in the message: a call without its input could be run."""
    events = without_ends(last=False)
    message = read_events(events)[0].choices[0].message
    assert read_whole(CALLING)[0].choices[0].message == message


def test_a_block_ends_where_another_one_begins_in_its_place() -> None:
    """A host that numbers all of them 0, and sends no ``content_block_stop``, loses none."""
    events = [event | {"index": 0} if "index" in event else event for event in without_ends()]
    assert read_whole(CALLING)[0] == read_events(events)[0]


def test_an_end_that_comes_late_or_twice_says_no_more() -> None:
    """All blocks end with the message's stop reason, or before."""
    events, ends = without_ends(), [event for event in events_of(CALLING) if len(event) == 2]
    ends = [event for event in ends if event["type"] == "content_block_stop"]
    expected = read_whole(CALLING)[0]
    assert expected == read_events([*events[:-1], *ends, events[-1]])[0]
    assert expected == read_events([*events[:-2], *ends, *ends, *events[-2:]])[0]


def test_what_is_empty_or_zero_may_be_left_out() -> None:
    """As by hosts that are written in Go: a text, a piece of one or of an input, and an index."""
    call: Any = {"type": "tool_use", "id": "t1", "name": "weather"}
    pieces: Any = [
        *({"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta"}),
        *({"type": "text_delta"}, {"type": "text_delta", "text": "Good day."}),
        *({"type": "input_json_delta"}, {"type": "input_json_delta", "partial_json": "{}"}),
    ]
    events = events_of({**CALLING, "content": []})
    for index, block in enumerate([{"type": "thinking"}, {"type": "text"}, call]):
        place = {"index": index} if index else {}
        events[-2:-2] = [
            {"type": "content_block_start", **place, "content_block": block},
            *(
                {"type": "content_block_delta", **place, "delta": delta}
                for delta in pieces[2 * index : 2 * index + 2]
            ),
            {"type": "content_block_stop", **place},
        ]
    content: Any = [{"type": "thinking", "thinking": "Hm."}, TEXT, {**call, "input": {}}]
    assert read_whole({**CALLING, "content": content})[0] == read_events(events)[0]
    nothing = {**CALLING, "content": [{"type": "text"}, call]}
    for completion, report in both_of(nothing):
        assert completion.choices[0].message.content is None
        assert [] == [*report]


# --- errors with status 200 ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "kind", "code", "message"),
    [
        ({"code": "InvalidApiKey", "message": "No key."}, ProviderError, "InvalidApiKey", "No key"),
        ({"code": 401, "message": "No key."}, AuthenticationError, "401", "No key"),
        ({"code": "429", "message": "Slow."}, RateLimitError, "429", "Slow"),
        ({"detail": "No such model."}, ProviderError, None, "No such model"),
        ({"detail": [{"msg": "x"}]}, ProviderError, None, "msg"),
        ({"title": "Gone", "status": 401}, AuthenticationError, None, "Gone"),
        ({"errors": [{"code": 10000, "message": "No."}]}, ProviderError, "10000", "No"),
        ({"success": False, "errors": ["No."]}, ProviderError, None, "No"),
        (
            {"base_resp": {"status_code": 1004, "status_msg": "login fail"}},
            ProviderError,
            "1004",
            "login fail",
        ),
        ([{"error": {"code": 401, "message": "No key."}}], AuthenticationError, "401", "No key"),
        ({"error": "no"}, ProviderError, None, "no"),
        ({"type": "error"}, ProviderError, None, "error"),
    ],
)
def test_an_error_with_status_200(payload: Any, kind: Any, code: Any, message: str) -> None:
    """In whichever shape, whole, in a stream and in its place, it is the provider's error."""
    body = encode_json(payload)
    with pytest.raises(ProviderError, match=message) as whole:
        decode(HttpResponse(200, {}, body), "c1")
    with pytest.raises(ProviderError, match=message) as streamed:
        read_events([events_of(MESSAGE)[0], payload])
    named = MessagesDecoder("c1")
    with pytest.raises(ProviderError, match=message) as by_name:
        named.feed(Frame(body, "error"))
    for caught in (whole, streamed, by_name):
        assert (kind, code) == (type(caught.value), caught.value.code)
        assert caught.value.in_stream


def test_an_event_that_is_named_error_is_one() -> None:
    """Whatever its own type is."""
    with pytest.raises(ProviderError, match=r"No\.") as caught:
        MessagesDecoder("c1").feed(Frame(b'{"type":"proxy","message":"No."}', "error"))
    assert "proxy" == caught.value.code
    assert [] == [*MessagesDecoder("c1").feed(Frame(b'{"type":"ping"}'))]


@pytest.mark.parametrize("payload", [[], {"base_resp": {"status_code": 0}}, {"message": {}}])
def test_what_says_nothing_is_no_error_of_the_provider(payload: Any) -> None:
    """It is only not a message."""
    with pytest.raises(Exception, match="is not a message"):
        decode(HttpResponse(200, {}, encode_json(payload)), "c1")
