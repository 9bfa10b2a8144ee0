"""What becomes of responses, whole and streamed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import UnsupportedError
from llmgate.testing import load_recording
from llmgate.testing.driving import call_of, first_request
from llmgate.types import Completion, ToolCall
from llmgate_bedrock.event_stream import EventStreamFramer
from tests.bedrock import LEFT_OUT
from tests.integration.bedrock_responses import (
    CLAUDE,
    END,
    HI,
    PROVIDER,
    USAGE,
    Events,
    delta,
    said,
    streamed,
    whole,
)

NOVA = "us.amazon.nova-pro-v1:0"
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}


def calls_in(completion: Completion) -> list[ToolCall]:
    return completion.choices[0].message.tool_calls or []


USED = {"toolUseId": "t", "name": "f"}
RESULT = {"toolUseId": "t"}


# --- reasons, counts, and what is beside --------------------------------------------------


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filtered", "content_filter"),
        ("guardrail_intervened", "content_filter"),
        ("malformed_model_output", "other"),
        ("malformed_tool_use", "other"),
        ("new_reason", "other"),
        ("tool_use", "stop"),
    ],
)
def test_reasons(native: str, reason: str) -> None:
    """In OpenAI's word and in Bedrock's."""
    choice = whole(said({"text": "Hi"}, reason=native)).choices[0]
    assert (reason, native) == (choice.finish_reason, choice.native_finish_reason)
    with_call = whole(said({"toolUse": {**USED, "input": {}}}, reason=native)).choices[0]
    expected = (
        "tool_calls"
        if native in ("end_turn", "stop_sequence", "tool_use", "new_reason")
        else reason
    )
    assert expected == with_call.finish_reason


def test_counts() -> None:
    """The prompt is with what was read from the cache, and written to it."""
    counts = {**USAGE, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 20, "totalTokens": 33}
    details = {"cacheDetails": [{"ttl": "1h", "inputTokens": 20}]}
    usage = whole(said({"text": "Hi"}, usage={**counts, **details})).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert (31, 2, 33) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    cached = usage.prompt_tokens_details
    assert (10, 20) == (cached.cached_tokens, cached.cache_write_tokens)
    assert details == usage.extra
    usage = whole(said({"text": "Hi"}, usage={"inputTokens": 5})).usage
    assert usage is not None
    assert (5, 5, None) == (usage.prompt_tokens, usage.total_tokens, usage.prompt_tokens_details)
    completion = whole(said({"text": "Hi"}, usage={"new": 1}))
    assert (None, {"new": 1}) == (completion.usage, completion.extra["bedrock"]["usage"])


def test_what_is_beside() -> None:
    """Traces, metrics, tiers, and fields of the model."""
    more: dict[str, Any] = {
        "trace": {"guardrail": {"actionReason": "x"}},
        "metrics": {"latencyMs": 5},
        "serviceTier": {"type": "flex"},
        "additionalModelResponseFields": {"a": 1},
    }
    completion = whole(said({"text": "Hi"}, **more))
    assert "flex" == completion.service_tier
    assert {key: more[key] for key in more if key != "serviceTier"} == dict(completion.extra)
    events: Events = [
        delta({"text": "Hi"}),
        ("news", {"a": 1}),
        ("messageStop", {"stopReason": "end_turn", "additionalModelResponseFields": {"a": 1}}),
        ("metadata", {"usage": USAGE, **more, "p": "abc"}),
    ]
    found = streamed(events)
    assert {**completion.extra, "events": [{"news": {"a": 1}}]} == dict(found.extra)
    assert "flex" == found.service_tier


# --- calls and blocks ---------------------------------------------------------------------


def test_names_and_ids_of_calls() -> None:
    """Names are those that the caller gave; an id that is missing is made from the call's."""
    tool = {"type": "function", "function": {"name": "f.g", "parameters": CITY}}
    block = {"toolUse": {"name": "f_g", "input": '{"city": 1}'}}
    (found,) = calls_in(whole(said(block), tools=[tool]))
    assert found.function is not None
    assert ("f.g", '{"city": 1}') == (found.function.name, found.function.arguments)
    assert found.id.startswith("call_")
    (found,) = calls_in(whole(said({"toolUse": {**USED, "input": [1]}})))
    assert found.function is not None
    assert "[1]" == found.function.arguments


def test_streamed_calls() -> None:
    """In pieces; one without any is of no arguments."""
    events: Events = [
        ("messageStart", {"role": "assistant"}),
        delta({"text": "I look"}),
        delta({"text": ""}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": USED}}),
        delta({"toolUse": {"input": ""}}, 1),
        delta({"toolUse": {"input": '{"a"'}}, 1),
        delta({"toolUse": {"input": ": 1}"}}, 1),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": USED}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("messageStop", {"stopReason": "tool_use"}),
    ]
    choice = streamed(events).choices[0]
    functions = [call.function for call in choice.message.tool_calls or ()]
    assert ['{"a": 1}', "{}"] == [each.arguments for each in functions if each]
    assert ("tool_calls", None) == (choice.finish_reason, choice.message.provider_data)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_sounds_are_where_users_look_for_them(is_streamed: bool) -> None:
    """As bytes in base64, with their type; they go back as they came, and no others do."""
    block: dict[str, Any] = {"audio": {"format": "wav", "source": {"bytes": "AA=="}}}
    events = [delta(block), delta({"audio": {"source": {"bytes": "AQ=="}}}), *END]
    if not is_streamed:
        block["audio"]["source"]["bytes"] = "AAE="
    completion = streamed(events) if is_streamed else whole(said(block))
    message = completion.choices[0].message
    assert {"data": "AAE=", "mime_type": "audio/wav"} == message.audio
    call = call_of(PROVIDER, {"model": CLAUDE, "messages": [HI, message, HI]})
    sound = {"audio": {"format": "wav", "source": {"bytes": "AAE="}}}
    body = json.loads(first_request(PROVIDER.complete(call)).body)
    assert [sound] == body["messages"][1]["content"]
    stranger = {**message.model_dump(exclude_none=True), "provider_data": None}
    call = call_of(PROVIDER, {"model": CLAUDE, "messages": [HI, stranger, HI]})
    with pytest.raises(UnsupportedError, match="no spoken responses but its own"):
        first_request(PROVIDER.complete(call))


def test_a_function_of_the_name_of_a_kind() -> None:
    """It keeps its name, in a block that is kept for the way back as well."""
    used: dict[str, Any] = {**USED, "name": "tool_use", "type": "tool_use", "more": 1}
    events: Events = [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": used}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "tool_use"}),
    ]
    message = streamed(events).choices[0].message
    block: dict[str, Any] = {"toolUse": {**USED, "name": "tool_use", "more": 1, "input": {}}}
    assert {"bedrock": {"content": [block]}} == message.provider_data


def test_a_call_of_the_server() -> None:
    """It is nobody else's to answer, and stays with its result for the way back."""
    server = {**USED, "type": "server_tool_use"}
    events: Events = [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": server}}),
        delta({"toolUse": {"input": '{"a": '}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 1, "start": {"toolResult": {"toolUseId": "t"}}},
        ),
        delta({"toolResult": [{"text": "a"}]}, 1),
        delta({"toolResult": {"text": "b"}}, 1),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        delta({"new": 1, "text": "Hi"}, 2),
        ("contentBlockStop", {"contentBlockIndex": "2"}),
        ("contentBlockStart", {"contentBlockIndex": 3, "start": {}}),
        delta({"new": {"a": 1}}, 3),
        delta({"new": 2}, 3),
        ("contentBlockStart", {"contentBlockIndex": 4, "start": {"text": "x", "new": 1}}),
        *END,
    ]
    said_message = streamed(events).choices[0].message
    result = {**RESULT, "content": [{"text": "a"}, {"text": "b"}]}
    assert said_message.provider_data is not None
    assert (
        None,
        [
            {"toolUse": {**server, "input": '{"a": '}},
            {"toolResult": result},
            {"text": "Hi", "new": 1},
            {"new": 2},
            {"text": "x", "new": 1},
        ],
    ) == (said_message.tool_calls, said_message.provider_data["bedrock"]["content"])


def test_citations() -> None:
    """With their places in the text; a page of the web as OpenAI has it."""
    web = {"title": "t", "location": {"web": {"url": "https://x.example", "domain": "x"}}}
    block = {"citationsContent": {"content": [{"text": "Yes."}], "citations": [web, "odd"]}}
    annotations = whole(said({"text": "So: "}, block)).choices[0].message.annotations
    page = {"title": "t", "url": "https://x.example", "domain": "x"}
    place = {"start_index": 4, "end_index": 8}
    assert [{"type": "url_citation", "url_citation": {**page, **place}}] == annotations
    document = {"source": "s", "location": {"documentPage": {"start": 1}}}
    found = streamed([delta({"text": "Yes."}), delta({"citation": document}), *END])
    place = {"start_index": 0, "end_index": 4}
    cited = {"source": "s", "start": 1, **place}
    assert [{"type": "documentPage", "documentPage": cited}] == found.choices[0].message.annotations


def native_of(events: Events) -> list[Any]:
    """The blocks that go back."""
    data = streamed(events).choices[0].message.provider_data or {}
    content: list[Any] = data["bedrock"]["content"]
    return content


def test_pieces_of_pictures_and_of_sound() -> None:
    """Their bytes are joined, also where each piece is padded; the rest is kept beside them."""
    first, second, joined = (base64.b64encode(data).decode() for data in (b"a", b"b", b"ab"))
    begun = {"contentBlockIndex": 0, "start": {"audio": {"format": "pcm"}}}
    events: Events = [
        ("contentBlockStart", begun),
        delta({"audio": {"source": {"bytes": first}}}),
        delta({"audio": {"source": {"bytes": second}}}),
        delta({"image": {"format": "png", "source": {"bytes": "iVBO"}}}, 1),
        delta({"image": {"source": {"bytes": "Rw0K"}}}, 1),
        delta({"image": {"error": {"message": "cut"}}}, 1),
        *END,
    ]
    picture = {"format": "png", "source": {"bytes": "iVBORw0K"}, "error": {"message": "cut"}}
    sound = {"format": "pcm", "source": {"bytes": joined}}
    assert [{"audio": sound}, {"image": picture}] == native_of(events)


def test_pictures() -> None:
    """In the form of an image part, as other providers' are; they go back as they came."""
    block = {"image": {"format": "png", "source": {"bytes": "iVBO"}}}
    streamed_block = [delta({"image": {"format": "png", "source": {"bytes": "iVBO"}}}), *END]
    url = {"url": "data:image/png;base64,iVBO"}
    for found in (whole(said(block)), streamed(streamed_block)):
        message = found.choices[0].message
        assert [{"type": "image_url", "image_url": url}] == message.extra["images"]
        call = call_of(PROVIDER, {"model": CLAUDE, "messages": [HI, message, HI]})
        body = json.loads(first_request(PROVIDER.complete(call)).body)
        assert [block] == body["messages"][1]["content"]
        assert "images" not in str([each.path for each in call.report])


def test_thoughts_of_which_some_are_hidden() -> None:
    """Both kinds are kept in the block in which they came."""
    hidden = [base64.b64encode(data).decode() for data in (b"a", b"b", b"ab")]
    thoughts = [{"text": "Hm"}, *({"redactedContent": data} for data in hidden[:2])]
    block = {"reasoningText": {"text": "Hm"}, "redactedContent": hidden[2]}
    events = [delta({"reasoningContent": thought}) for thought in thoughts]
    assert [{"reasoningContent": block}] == native_of([*events, *END])


def test_a_schema_by_a_forced_tool() -> None:
    """Its input is the text, and the response is no call."""
    block = {"toolUse": {"toolUseId": "t", "name": "city", "input": {"city": "Bern"}}}
    choice = whole(said(block, reason="tool_use"), model=NOVA, response_format=FORMAT).choices[0]
    assert ('{"city":"Bern"}', "stop") == (choice.message.content, choice.finish_reason)
    assert (None, None) == (choice.message.tool_calls, choice.message.provider_data)
    used = {"toolUseId": "t", "name": "city"}
    events: Events = [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": used}}),
        delta({"toolUse": {"input": '{"city":'}}),
        delta({"toolUse": {"input": '"Bern"}'}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "tool_use"}),
    ]
    found = streamed(events, model=NOVA, response_format=FORMAT).choices[0]
    assert ('{"city":"Bern"}', "stop") == (found.message.content, found.finish_reason)


def test_tools_in_words() -> None:
    """A model without tools writes its calls, which are read from its text."""
    tool = {"type": "function", "function": {"name": "f", "parameters": CITY}}
    text = '<tool_call>{"name": "f", "arguments": {"city": "Bern"}}</tool_call>'
    options: dict[str, Any] = {"model": "amazon.titan-text-express-v1", "tools": [tool]}
    for found in (
        whole(said({"text": text}), **options),
        streamed([delta({"text": text}), *END], **options),
    ):
        (called,) = calls_in(found)
        assert called.function is not None
        assert {"city": "Bern"} == json.loads(called.function.arguments)


# --- recordings that the kit is not given -------------------------------------------------


def test_other_recordings(corpus: Path) -> None:
    """Those of InvokeModel: their errors are Bedrock's, and so is the framing of their streams."""
    for name in LEFT_OUT:
        exchange = load_recording(corpus / f"{name}.json", expect=None)
        reply = exchange.replies[-1]
        if exchange.is_refusal:
            error = PROVIDER.error(reply)
            assert (reply.status, True) == (error.status, (error.code or "").endswith("Exception"))
        elif exchange.is_stream:
            frames = [*EventStreamFramer().feed(reply.body)]
            assert {"chunk"} == {frame.event for frame in frames}
            inner = [base64.b64decode(json.loads(frame.data)["bytes"]) for frame in frames]
            assert all(json.loads(each) for each in inner)
