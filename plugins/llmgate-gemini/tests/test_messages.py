"""Messages as Gemini's contents: turns, parts, calls with their signatures, and results."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError

HI: dict[str, Any] = {"role": "user", "content": "Hi"}
PNG = "data:image/png;base64,iVBORw0KGgo="
SKIP = base64.b64encode(b"skip_thought_signature_validator").decode()


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def part(kind: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, kind: value, **more}


def called(*names: str, **message: Any) -> dict[str, Any]:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": '{"a": 1}'}}
        for n, name in enumerate(names)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, **message}


def result(identifier: str, content: Any = "5", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": content, **more}


def contents(sent: Any, *messages: Any, **options: Any) -> list[Any]:
    body, _ = sent(messages, **options)
    found: list[Any] = body["contents"]
    return found


# --- turns --------------------------------------------------------------------------------


def test_instructions_stand_before_all_turns(sent: Any) -> None:
    """Each is a part of the system instruction; one among the turns is moved, and reported."""
    late = {"role": "developer", "content": [part("text", "Be kind.")]}
    body, call = sent([{"role": "system", "content": "Be brief."}, HI, late])
    assert {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]} == body["systemInstruction"]
    assert [{"role": "user", "parts": [{"text": "Hi"}]}] == body["contents"]
    assert ["messages[2]"] == [deviation.path for deviation in call.report]


def test_instructions_alone_are_a_turn(sent: Any) -> None:
    """A request without any turn is refused by the API."""
    body, call = sent([{"role": "system", "content": "Say hello."}])
    assert [{"role": "user", "parts": [{"text": "Say hello."}]}] == body["contents"]
    assert "systemInstruction" not in body
    assert "messages" in call.report


def test_instructions_are_text(sent: Any) -> None:
    """Pictures have no place in them."""
    with pytest.raises(UnsupportedError, match=r"messages\[0\]\.content\[0\]"):
        sent([{"role": "system", "content": [part("image_url", {"url": PNG})]}, HI])


def test_empty_texts_are_left_out(sent: Any) -> None:
    """An empty turn is none."""
    body, call = sent([HI, {"role": "assistant", "content": ""}, HI])
    assert ["user", "user"] == [turn["role"] for turn in body["contents"]]
    assert "messages[1].content" in call.report


def test_names_and_refusals(sent: Any) -> None:
    """A name is dropped, and a refusal is text."""
    refusal = {"role": "assistant", "content": [part("refusal", "No.")]}
    other = {"role": "assistant", "content": None, "refusal": "Never."}
    body, call = sent([{**HI, "name": "ann"}, refusal, other, HI])
    texts = [turn["parts"][0]["text"] for turn in body["contents"]]
    assert ["Hi", "No.", "Never.", "Hi"] == texts
    assert {"messages[0].name", "messages[2].refusal"} <= {d.path for d in call.report}


# --- parts --------------------------------------------------------------------------------


def inline(kind: str, data: str, **more: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": data, **more}}


def by_uri(uri: str, kind: str) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri, "mimeType": kind}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (part("image_url", {"url": PNG}), inline("image/png", "iVBORw0KGgo=")),
        (
            part("image_url", {"url": "https://a.example/b.webp?x=1"}),
            by_uri("https://a.example/b.webp?x=1", "image/webp"),
        ),
        (
            part("image_url", {"url": "gs://bucket/a", "format": "image/heic"}),
            by_uri("gs://bucket/a", "image/heic"),
        ),
        (part("input_audio", {"data": "AAAA", "format": "wav"}), inline("audio/wav", "AAAA")),
        (
            part("video_url", {"url": "https://youtu.be/x"}),
            by_uri("https://youtu.be/x", "video/mp4"),
        ),
        (
            part("video_url", {"url": "data:video/webm;base64,AAAA"}),
            inline("video/webm", "AAAA"),
        ),
        (
            part("file", {"file_data": "data:application/pdf;base64,JVBERi0="}),
            inline("application/pdf", "JVBERi0="),
        ),
        (part("file", {"file_data": "JVBERi0="}), inline("application/pdf", "JVBERi0=")),
        (
            part("file", {"file_id": "files/abc"}),
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        ),
        (
            part("file", {"file_id": "gs://bucket/a.pdf"}),
            by_uri("gs://bucket/a.pdf", "application/pdf"),
        ),
        (
            {"type": "inlineData", "inlineData": {"mimeType": "image/png", "data": "AA"}},
            inline("image/png", "AA"),
        ),
    ],
)
def test_media(given: Any, expected: Any, sent: Any) -> None:
    """Pictures, sound, video and documents, inline and by address, without a deviation."""
    body, call = sent(user(given))
    assert [expected] == body["contents"][0]["parts"]
    assert [] == list(call.report)


def test_what_an_address_does_not_say(sent: Any) -> None:
    """The type is then the usual one, and reported."""
    body, call = sent(user(part("image_url", {"url": "https://a.example/b"})))
    assert "image/jpeg" == body["contents"][0]["parts"][0]["fileData"]["mimeType"]
    assert ["messages[0].content[0].image_url.url"] == [d.path for d in call.report]


def test_a_picture_may_be_looked_at_closely(sent: Any) -> None:
    """By part, since the third generation; before, the detail is dropped."""
    message = user(part("image_url", {"url": PNG, "detail": "high"}))
    body, _ = sent(message)
    level = body["contents"][0]["parts"][0]["mediaResolution"]
    assert {"level": "MEDIA_RESOLUTION_HIGH"} == level
    body, call = sent(message, model="gemini-2.5-flash")
    assert "mediaResolution" not in body["contents"][0]["parts"][0]
    assert "messages[0].content[0].image_url.detail" in call.report


def test_a_files_name(sent: Any, sent_to_vertex: Any) -> None:
    """Vertex AI takes it for what is inline, and the Developer API does not."""
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    body, _ = sent_to_vertex(user(part("file", file)))
    assert "a.pdf" == body["contents"][0]["parts"][0]["inlineData"]["displayName"]
    _, call = sent(user(part("file", file)))
    assert "messages[0].content[0].file.filename" in call.report


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (part("file", {"filename": "a.pdf"}), "file"),
        (part("video_url", {}), "video_url"),
        (part("video_url", "https://a.example"), "video_url"),
        (part("video_url", {"url": "data:,x"}), "video_url.url"),
        (part("file", {"file_data": "data:,x"}), "file.file_data"),
    ],
)
def test_parts_that_are_not_what_they_say(given: Any, path: str, sent: Any) -> None:
    """They are refused with their place."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(user(given))
    assert f"messages[0].content[0].{path}" == caught.value.path


def test_parts_that_gemini_has_nothing_for(sent: Any) -> None:
    """They are refused, and fields that it does not know are dropped."""
    with pytest.raises(UnsupportedError, match="'smell'"):
        sent(user({"type": "smell", "smell": {}}))
    _, call = sent(user(part("text", "Hi", cache_control={})))
    assert "messages[0].content[0].cache_control" in call.report


# --- calls and their results --------------------------------------------------------------


def test_results_of_a_turn_stand_together(sent: Any) -> None:
    """Each names its function and has the id of its call; what failed says so."""
    turns = contents(
        sent, HI, called("f", "g"), result("c0"), result("c1", "no", is_error=True), HI
    )
    assert ["user", "model", "user", "user"] == [turn["role"] for turn in turns]
    assert [
        {"functionResponse": {"name": "f", "response": {"output": "5"}, "id": "c0"}},
        {"functionResponse": {"name": "g", "response": {"error": "no"}, "id": "c1"}},
    ] == turns[2]["parts"]
    call = {"id": "c0", "name": "f", "args": {"a": 1}}
    assert {"functionCall": call, "thoughtSignature": SKIP} == turns[1]["parts"][0]
    assert "thoughtSignature" not in turns[1]["parts"][1]


def test_models_before_the_third_need_no_signature(sent: Any) -> None:
    """Google's word for calls of other models is sent to those alone that check it."""
    turns = contents(sent, HI, called("f"), result("c0"), model="gemini-2.5-flash")
    assert "thoughtSignature" not in turns[1]["parts"][0]


def test_pictures_in_results(sent: Any) -> None:
    """They are in the result since the third generation; before, behind all results."""
    shown = [part("text", "Here:"), part("image_url", {"url": PNG, "detail": "low"})]
    messages = [HI, called("f", "g"), result("c0", shown), result("c1")]
    turns = contents(sent, *messages)
    first = turns[2]["parts"][0]["functionResponse"]
    assert ({"output": "Here:"}, [inline("image/png", "iVBORw0KGgo=")]) == (
        first["response"],
        first["parts"],
    )
    body, call = sent(messages, model="gemini-2.5-flash")
    assert 2 == len(body["contents"][2]["parts"])
    assert [inline("image/png", "iVBORw0KGgo=")] == body["contents"][3]["parts"]
    assert "messages[2].content" in call.report


def test_a_result_without_its_call(sent: Any) -> None:
    """It needs the function's name: its own, or it is refused."""
    turns = contents(sent, HI, result("x", name="f"))
    assert "f" == turns[1]["parts"][0]["functionResponse"]["name"]
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]\.tool_call_id"):
        sent([HI, result("x")])


def test_custom_calls_are_refused(sent: Any) -> None:
    """Gemini has functions only."""
    call = {"id": "c", "type": "custom", "custom": {"name": "x", "input": "y"}}
    with pytest.raises(InvalidRequestError, match=r"tool_calls\[0\]"):
        sent([HI, {"role": "assistant", "content": None, "tool_calls": [call]}, result("c")])


def test_arguments_that_are_no_object(sent: Any) -> None:
    """They are the value of one, and reported."""
    message = called("f")
    message["tool_calls"][0]["function"]["arguments"] = "[1]"
    body, call = sent([HI, message, result("c0")])
    assert {"arguments": "[1]"} == body["contents"][1]["parts"][0]["functionCall"]["args"]
    assert "messages[1].tool_calls[0].function.arguments" in call.report


def test_signatures_of_the_compatible_route(sent: Any) -> None:
    """A history from Google's OpenAI-compatible route keeps its signatures."""
    message = called("f")
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    turns = contents(sent, HI, message, result("c0"))
    assert "c2ln" == turns[1]["parts"][0]["thoughtSignature"]


# --- earlier responses --------------------------------------------------------------------

SIGNED = {
    "functionCall": {"name": "f", "args": {"a": 1}},
    "thoughtSignature": "c2ln",
}


def with_parts(*parts: Any, **message: Any) -> dict[str, Any]:
    return {"role": "assistant", "provider_data": {"gemini": {"parts": list(parts)}}, **message}


def test_a_response_goes_back_in_its_parts(sent: Any) -> None:
    """With each signature in the part in which it came, and no made-up id."""
    parts = [{"text": "I look."}, SIGNED, {"text": "", "thoughtSignature": "ZW5k"}]
    message = {**called("f"), **with_parts(*parts, {"text": ""}, content="I look.")}
    body, call = sent([HI, message, result("c0"), HI])
    assert parts == body["contents"][1]["parts"]
    assert {"name": "f", "response": {"output": "5"}} == body["contents"][2]["parts"][0][
        "functionResponse"
    ]
    assert [] == list(call.report)


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "Changed."},
        {"tool_calls": None},
        {"tool_calls": called("g")["tool_calls"]},
        {"tool_calls": called("f", "g")["tool_calls"]},
    ],
)
def test_a_response_that_was_changed(changed: dict[str, Any], sent: Any) -> None:
    """The message counts, and its calls are not signed as if they had come so."""
    before = with_parts({"text": "I look."}, SIGNED, content="I look.")
    message = {**called("f"), **before, **changed}
    results = [result(call["id"]) for call in message["tool_calls"] or ()]
    body, call = sent([HI, message, *results, HI])
    assert "messages[1].provider_data.gemini" in call.report
    assert "c2ln" not in str(body)


def test_a_call_with_another_id_is_another(sent: Any) -> None:
    """The vendor's own id is part of what came."""
    native = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "its"}, "thoughtSignature": "x"}
    _, call = sent([HI, {**called("f"), **with_parts(native)}, result("c0")])
    assert "messages[1].provider_data.gemini" in call.report


@pytest.mark.parametrize("spoilt", [None, -1, "x", [1]])
@pytest.mark.parametrize("calls", [[], ["f"]])
def test_a_part_whose_call_is_none(calls: list[str], spoilt: Any, sent: Any) -> None:
    """It is not what came, so that the message counts."""
    made = {**(called(*calls) if calls else {}), "content": "So:"}
    history = [HI, {**with_parts({"text": "So:"}, {"functionCall": spoilt}), **made}]
    body, call = sent([*history, *(result("c0") for _ in calls), HI])
    assert "messages[1].provider_data.gemini" in call.report
    assert len(calls) == str(body["contents"][1]).count("functionCall")


def test_parts_that_are_none(sent: Any) -> None:
    """They are refused with their place."""
    for wrong in (["x"], "x"):
        data = {"gemini": {"parts": wrong}}
        message = {"role": "assistant", "content": "x", "provider_data": data}
        with pytest.raises(InvalidRequestError, match="provider_data"):
            sent([HI, message])


def test_what_a_turn_has_no_place_for(sent: Any) -> None:
    """It is left out, which is reported, of messages of every role and of tools."""
    mark = {"type": "ephemeral"}
    function = {"name": "add", "description": "Adds.", "output": "a number"}
    tools = [{"type": "function", "function": function, "cache_control": mark}]
    messages = [
        {"role": "system", "content": "Be brief.", "cache_control": mark},
        {**HI, "cache_control": mark, "mood": None},
        {**called("add"), "cache_control": mark},
        {**result("c0"), "cache_control": mark},
    ]
    body, call = sent(messages, tools=tools)
    assert "ephemeral" not in str(body)
    assert [
        *(f"messages[{place}].cache_control" for place in range(4)),
        "tools[0].cache_control",
        "tools[0].function.output",
    ] == [each.path for each in call.report if "no such field" in each.reason]


def test_what_other_providers_left(sent: Any) -> None:
    """Their data and reasoning stay behind, which is reported."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "Yes",
        "reasoning_content": "hm",
        "provider_data": {"anthropic": {"content": []}},
    }
    body, call = sent([HI, message, HI])
    assert [{"text": "Yes"}] == body["contents"][1]["parts"]
    assert {"messages[1].reasoning_content", "messages[1].provider_data.anthropic"} == {
        deviation.path for deviation in call.report
    }
