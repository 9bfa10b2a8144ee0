"""Responses, whole and streamed: content and calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.accumulate import accumulate
from tests.integration.gemini_responses import (
    COUNTS,
    call,
    chunks_of,
    read,
    saying,
    streamed,
    text,
    whole,
)

# --- content ------------------------------------------------------------------------------


def test_text_and_thoughts() -> None:
    """Thoughts are reasoning, and what is plain text needs no data of the provider's."""
    message = whole(saying(text("Hm. ", thought=True), text("Hm.", thought=True), text("Hi")))
    assert ("Hm. Hm.", "Hi") == (message.choices[0].message.reasoning_content, message.text)
    assert message.choices[0].message.provider_data is None


def test_the_head() -> None:
    """Id, model, time and tier; whatever else there is stays in ``extra``."""
    head = {
        "responseId": "r",
        "modelVersion": "m",
        "createTime": "2026-07-22T23:37:37.029264Z",
        "usageMetadata": {**COUNTS, "serviceTier": "flex"},
        "modelStatus": {"stage": "GA"},
    }
    found = whole({**saying(text("Hi")), **head})
    assert ("r", "m", 1784763457, "flex") == (
        found.id,
        found.model,
        found.created,
        found.service_tier,
    )
    assert {"createTime": head["createTime"], "modelStatus": {"stage": "GA"}} == found.extra
    odd = whole({**saying(text("Hi")), "createTime": "then", "responseId": 7})
    assert (0, "7") == (odd.created, odd.id)
    assert 1784763457 == whole({**saying(text("x")), "createTime": "2026-07-22T23:37:37"}).created


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("IMAGE_RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("SOMETHING_NEW", "other"),
        (2, "length"),
        (9, "other"),
        (-1, "other"),
        (0, None),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_reasons(native: Any, reason: Any) -> None:
    """OpenAI's word, and Gemini's own beside it."""
    choice = whole(saying(text("Hi"), reason=native)).choices[0]
    assert reason == choice.finish_reason
    assert (choice.native_finish_reason is None) == (reason is None)


def test_calls_are_a_reason_unless_they_failed() -> None:
    """Gemini has no reason for calls; one that says that they are wrong is kept."""
    assert "tool_calls" == whole(saying(call())).choices[0].finish_reason
    failed = whole(saying(call(), reason="UNEXPECTED_TOOL_CALL", finishMessage="no such tool"))
    assert "other" == failed.choices[0].finish_reason
    assert "no such tool" == failed.choices[0].extra["finishMessage"]


def test_a_blocked_prompt_is_filtered() -> None:
    """There is a choice, which is empty, and the feedback says why."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}
    for found in (
        whole({"promptFeedback": feedback}),
        streamed({"promptFeedback": feedback}),
    ):
        choice = found.choices[0]
        assert ("content_filter", "PROHIBITED_CONTENT") == (
            choice.finish_reason,
            choice.native_finish_reason,
        )
        assert feedback == found.extra["promptFeedback"]


def test_a_response_that_is_blocked_on_its_way() -> None:
    """What has come is kept, and each choice that is not whole yet ends as filtered."""
    block = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    other = {"content": {"parts": [text("Bye")]}, "index": 1}
    begun = [saying(text("Hi"), reason=None), {"candidates": [other]}]
    completion = streamed(*begun, saying(reason="STOP"), block)
    found = [(each.message.content, each.native_finish_reason) for each in completion.choices]
    assert [("Hi", "STOP"), ("Bye", "PROHIBITED_CONTENT")] == found
    assert "content_filter" == completion.choices[1].finish_reason
    assert block["promptFeedback"] == completion.extra["promptFeedback"]


def test_several_candidates() -> None:
    """Each is a choice."""
    payload = {
        "candidates": [
            saying(text("a"))["candidates"][0],
            {**saying(text("b"))["candidates"][0], "index": 1},
        ]
    }
    assert ["a", "b"] == [choice.message.content for choice in whole(payload).choices]


def test_pictures_sound_and_code() -> None:
    """They are where users look for them, and go back as they came."""
    png = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    pdf = {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}}
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    sketch = {"inlineData": {"mimeType": "image/png", "data": "BBBB"}, "thought": True}
    message = whole(saying(png, code, pdf, sketch, png)).choices[0].message
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert [image, image] == message.extra["images"]
    assert [code, pdf, sketch] == message.extra["parts"]
    assert {"gemini": {"parts": [png, code, pdf, sketch, png]}} == message.provider_data
    sound = {"inlineData": {"mimeType": "audio/L16", "data": "AAAA"}}
    message = streamed(saying(sound, sound, reason=None), saying(sound)).choices[0].message
    assert {"data": "AAAA" * 3, "mime_type": "audio/L16"} == message.audio


def test_sounds_of_one_event_are_joined() -> None:
    """Byte for byte, where each is padded by itself."""
    sounds = [{"inlineData": {"mimeType": "audio/wav", "data": data}} for data in ("AA==", "AQ==")]
    audio = {"data": "AAE=", "mime_type": "audio/wav"}
    assert audio == whole(saying(*sounds)).choices[0].message.audio


def test_null_beside_what_a_part_holds() -> None:
    """It counts as absent."""
    message = whole(saying({"text": "Hi", "functionCall": None})).choices[0].message
    assert ("Hi", None) == (message.content, message.tool_calls)
    png = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "text": None}
    assert whole(saying(png)).choices[0].message.extra["images"]


def test_parts_that_say_nothing() -> None:
    """An empty part, and empty text, are none."""
    message = whole(saying({}, text(""), text("Hi"))).choices[0].message
    assert ("Hi", None) == (message.content, message.provider_data)


# --- calls --------------------------------------------------------------------------------


def test_texts_that_are_null() -> None:
    """They say nothing, as if they were not there."""
    parts = [{"text": None}, {"text": None, "thought": True}, text("Hi")]
    assert "Hi" == whole(saying(*parts)).text == streamed(saying(*parts)).text


def test_calls_have_ids() -> None:
    """Gemini's own, or made from the call's; their arguments are never empty."""
    calls = whole(saying(call(id="its", args={"a": [1]}), call())).choices[0].message.tool_calls
    assert calls is not None
    assert [("its", '{"a":[1]}'), ("call_call_0_1", "{}")] == [
        (each.id, each.function.arguments) for each in calls if each.function
    ]


def test_names_are_those_that_were_given() -> None:
    """Where they were sent in other characters."""
    tools = [{"type": "function", "function": {"name": "a b"}}]
    calls = whole(saying(call("a_b")), tools=tools).choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert "a b" == calls[0].function.name


def test_signatures_stay_in_their_parts() -> None:
    """Signed and unsigned parts are never merged, whole or in pieces."""
    parts = [
        text("I "),
        text("think", thoughtSignature="QQ=="),
        {**call(args={}), "thoughtSignature": "Qg=="},
        text("", thoughtSignature="Qw=="),
    ]
    kept = {"gemini": {"parts": parts}}
    assert kept == whole(saying(*parts)).choices[0].message.provider_data
    pieces = [saying(part, reason=None) for part in parts[:3]]
    assert kept == streamed(*pieces, saying(parts[3])).choices[0].message.provider_data


def test_a_signed_thought_goes_back() -> None:
    """It is the only one that does."""
    signed = text("Hm", thought=True, thoughtSignature="QQ==")
    message = whole(saying(text("So", thought=True), signed, text("Hi"))).choices[0].message
    assert {"gemini": {"parts": [signed, text("Hi")]}} == message.provider_data


def partial(*values: Any, **more: Any) -> dict[str, Any]:
    return saying({"functionCall": {"partialArgs": list(values), **more}}, reason=None)


def test_arguments_in_pieces() -> None:
    """Values of every kind at every kind of path, and two calls, one after the other."""
    begun = {
        "functionCall": {"name": "f", "id": "i", "willContinue": True},
        "thoughtSignature": "QQ==",
    }
    found = streamed(
        saying(begun, reason=None),
        partial({"jsonPath": "$.a", "stringValue": "x", "willContinue": True}, willContinue=True),
        partial({"jsonPath": "$.a", "stringValue": "y"}, willContinue=True),
        partial(
            {"jsonPath": "$.b[1].c", "numberValue": 1.5},
            {"jsonPath": "$['d e'][\"f\"]", "boolValue": False},
            {"jsonPath": "$.b[0]", "nullValue": "NULL_VALUE"},
            {"jsonPath": "$.b[1].g", "stringValue": "z"},
            willContinue=True,
        ),
        saying({"functionCall": {}}, reason=None),
        saying({"functionCall": {"name": "g", "willContinue": True}}, reason=None),
        saying({"functionCall": {"name": "h", "willContinue": True}}, reason=None),
        saying(),
    )
    message = found.choices[0].message
    assert message.tool_calls is not None
    arguments = {"a": "xy", "b": [None, {"c": 1.5, "g": "z"}], "d e": {"f": False}}
    named = [
        (each.function.name, json.loads(each.function.arguments))
        for each in message.tool_calls
        if each.function
    ]
    assert [("f", arguments), ("g", {}), ("h", {})] == named
    assert message.provider_data is not None
    first = message.provider_data["gemini"]["parts"][0]
    assert ("QQ==", "i", arguments) == (
        first["thoughtSignature"],
        first["functionCall"]["id"],
        first["functionCall"]["args"],
    )


@pytest.mark.parametrize("path", ["a", "$", "$[0]", "$.a[", "$.a[0].b..c", "$.a[999999]"])
def test_paths_that_are_none(path: str) -> None:
    """They are refused."""
    begun = saying({"functionCall": {"name": "f", "willContinue": True}}, reason=None)
    with pytest.raises(DecodeError):
        chunks_of(begun, partial({"jsonPath": path, "boolValue": True}))


# --- streams ------------------------------------------------------------------------------


def test_plain_events_are_read_alike() -> None:
    """Whichever way an event takes through the decoder, it says the same."""
    head = {"responseId": "r", "modelVersion": "m", "usageMetadata": COUNTS}
    plain: list[Any] = [{**saying(text(t), reason=None, index=0), **head} for t in "abc"]
    odd: list[Any] = [
        {**plain[0], "candidates": [{**plain[0]["candidates"][0], "index": 5}]},
        {**plain[0], "candidates": []},
        {**plain[0], "candidates": [{"index": 0, "content": {"parts": [text("d"), text("e")]}}]},
        {**plain[0], "candidates": [{"index": 0, "content": None, "tokenCount": 5}]},
        {**plain[0], "responseId": "s"},
    ]
    last = {**saying(text("f")), **head}
    five: Any = {**saying(text("")), **head}
    five["candidates"][0]["index"] = 5
    found = chunks_of(*plain, *odd, last, five)
    whole = accumulate(found)
    assert ["abcdeaf", "a"] == [choice.message.content for choice in whole.choices]
    assert "abc" == "".join(c.choices[0].delta.content or "" for c in found[:3])
    assert [COUNTS["totalTokenCount"], None, None] == [
        chunk.usage and chunk.usage.total_tokens for chunk in found[:3]
    ]


def test_a_stream_without_a_reason_is_truncated() -> None:
    """So is one without a candidate."""
    truncated: list[list[Any]] = [[saying(text("Hi"), reason=None)], [{}], []]
    for payloads in truncated:
        with pytest.raises(StreamTruncatedError):
            chunks_of(*payloads)


def test_a_stream_as_one_array() -> None:
    """Each element is an event as soon as it is complete, wherever the bytes are cut."""
    payloads = [saying(text('a"\\{['), reason=None), saying(text("}]b"))]
    body = json.dumps(payloads, indent=1).encode()
    expected = chunks_of(*payloads)
    for given in (body, b"\xef\xbb\xbf \n" + body, body + b"\n"):
        assert expected == read(given)
        assert expected == read(*(given[i : i + 1] for i in range(len(given))))


def test_runs_of_plain_events_are_read_at_once() -> None:
    """Their counts grow with each; the text is what a parser reads, and the last counts count."""
    events = [
        {
            **saying(text(f"w{number} "), reason="STOP" if number == 99 else None, index=0),
            "usageMetadata": {
                "promptTokenCount": 3,
                "candidatesTokenCount": number,
                "totalTokenCount": 3 + number,
            },
            "responseId": "r",
        }
        for number in range(100)
    ]
    found = chunks_of(*events)
    assert 100 == len(found)
    whole = accumulate(found)
    assert "".join(f"w{number} " for number in range(100)) == whole.text
    assert whole.usage is not None
    assert (99, 102) == (whole.usage.completion_tokens, whole.usage.total_tokens)


def test_events_that_all_differ_teach_only_at_first() -> None:
    """Learning costs something."""
    events = [
        {
            **saying(text("a"), reason=None, index=0),
            "usageMetadata": {"x": number},
            "responseId": "r",
        }
        for number in range(80)
    ]
    assert 80 * "a" + "b" == streamed(*events, saying(text("b"))).text
