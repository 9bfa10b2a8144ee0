"""What becomes of messages: turns, parts, earlier responses and results of tools."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse
from llmgate.testing.driving import call_of, drive
from llmgate_bedrock import Bedrock
from tests.aws import event

Sent = Callable[..., tuple[dict[str, Any], ProviderCall]]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-5-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
TITAN = "amazon.titan-text-express-v1"
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
DATA = base64.b64encode(b"data").decode()
POINT = {"cachePoint": {"type": "default"}}
MARK = {"type": "ephemeral"}


def reported(call: ProviderCall) -> set[str]:
    return {f"{each.path} {each.kind}" for each in call.report}


def said(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def called(identifier: str = "c1", arguments: Any = '{"a": 1}') -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"id": identifier, "type": "function", "function": function}


def used(identifier: str = "c1", given: Any = None) -> dict[str, Any]:
    given = {"a": 1} if given is None else given
    return {"toolUse": {"toolUseId": identifier, "name": "f", "input": given}}


def result(identifier: str = "c1", content: Any = "5", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": content, **more}


# --- turns --------------------------------------------------------------------------------


def test_turns_alternate(sent: Sent) -> None:
    """Messages of one role are one turn, with results of tools before all else."""
    calls = [called("a"), called("b")]
    messages = [HI, said(None, tool_calls=calls), HI, result("a"), result("b", cache_control=MARK)]
    body, call = sent(messages, model=CLAUDE)
    content = body["messages"][2]["content"]
    assert ["toolResult", "toolResult", "cachePoint", "text"] == [*map(_kind, content)]
    assert ["user", "assistant", "user"] == [turn["role"] for turn in body["messages"]]
    assert {"messages[3] merged", "messages[4] merged"} <= reported(call)


def _kind(block: dict[str, Any]) -> str:
    return next(iter(block))


def test_the_user_begins(sent: Sent) -> None:
    """For the families that refuse anything else."""
    body, call = sent([said("Hello."), HI], model=NOVA)
    assert {"role": "user", "content": [{"text": "."}]} == body["messages"][0]
    assert {"messages injected"} == reported(call)
    body, call = sent([said("Hello."), HI], model=CLAUDE)
    assert "assistant" == body["messages"][0]["role"]
    assert not reported(call)


def test_instructions(sent: Sent) -> None:
    """Before all turns; among them only where the model takes them there."""
    late = {"role": "developer", "content": "Be brief."}
    system = {"role": "system", "content": [{"type": "text", "text": "Be good."}]}
    body, call = sent([system, HI, late], model=NOVA)
    assert [{"text": "Be good."}, {"text": "Be brief."}] == body["system"]
    assert {"messages[2] converted"} == reported(call)
    body, call = sent([system, HI, late, said("Yes?"), HI], model=OPUS)
    assert {"role": "system", "content": [{"text": "Be brief."}]} == body["messages"][1]
    assert not reported(call)
    body, call = sent([HI, late, HI], model=OPUS)
    assert [{"text": "Be brief."}] == body["system"]
    assert {"messages[1] converted", "messages[2] merged"} == reported(call)
    body, call = sent([system, HI], model=TITAN)
    assert [{"text": "Be good."}, {"text": "Hi"}] == body["messages"][0]["content"]
    assert {"messages[0] converted", "messages[1] merged"} == reported(call)


def test_instructions_alone(sent: Sent) -> None:
    """They are the user's turn; without any word nothing is sent."""
    body, call = sent([{"role": "system", "content": "Say hi.", "cache_control": MARK}])
    assert [{"role": "user", "content": [{"text": "Say hi."}, POINT]}] == body["messages"]
    assert {"messages converted", "messages[0].cache_control converted"} == reported(call)
    with pytest.raises(InvalidRequestError, match="no message has content"):
        sent([{"role": "system", "content": " "}, {"role": "user", "content": ""}])


def test_cache_points(sent: Sent) -> None:
    """Behind what they are given for, where the family has them."""
    part = {"type": "text", "text": "Long.", "prompt_cache_breakpoint": {"mode": "explicit"}}
    blank = {"type": "text", "text": "", "cache_control": MARK}
    messages = [{"role": "user", "content": [blank, part], "cache_control": {**MARK, "ttl": "1h"}}]
    body, call = sent(messages, model=CLAUDE)
    long_point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert [{"text": "Long."}, POINT, long_point] == body["messages"][0]["content"]
    body, call = sent(messages, model="us.meta.llama3-3-70b-instruct-v1:0")
    assert [{"text": "Long."}] == body["messages"][0]["content"]
    assert "messages[0].cache_control dropped" in reported(call)


# --- parts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{DATA}"}},
            {"image": {"format": "jpeg", "source": {"bytes": DATA}}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "s3://b/a.webp"}},
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/a.webp"}}}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "s3://b/a", "format": "mov"}},
            {"video": {"format": "mov", "source": {"s3Location": {"uri": "s3://b/a"}}}},
        ),
        (
            {"type": "file", "file": {"file_data": f"data:text/x-c;base64,{DATA}"}},
            {"document": {"format": "txt", "source": {"bytes": DATA}, "name": "document"}},
        ),
        (
            {"type": "file", "file": {"file_data": "JVBERi0xLjQ=", "filename": "a  b_c.v2.pdf"}},
            {
                "document": {
                    "format": "pdf",
                    "source": {"bytes": "JVBERi0xLjQ="},
                    "name": "a b-c-v2",
                }
            },
        ),
        (
            {
                "type": "file",
                "file": {"file_data": f"data:application/x;base64,{DATA}", "filename": "a.docx"},
            },
            {"document": {"format": "docx", "source": {"bytes": DATA}, "name": "a"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
            {"audio": {"format": "mp3", "source": {"bytes": DATA}}},
        ),
        ({"type": "refusal", "refusal": "No."}, {"text": "No."}),
        (
            {"type": "guardContent", "guardContent": {"text": {"text": "x"}}},
            {"guardContent": {"text": {"text": "x"}}},
        ),
    ],
)
def test_parts(sent: Sent, part: Any, block: Any) -> None:
    """Each kind in its block."""
    body, _ = sent([{"role": "user", "content": [{"type": "text", "text": "See"}, part]}])
    assert [{"text": "See"}, block] == body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}, UnsupportedError),
        ({"type": "image_url", "image_url": {"url": "data:image/png,x"}}, InvalidRequestError),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/tiff;base64,{DATA}"}},
            UnsupportedError,
        ),
        ({"type": "video_url", "video_url": "s3://b/a.mp4"}, InvalidRequestError),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4,x"}}, InvalidRequestError),
        ({"type": "file", "file": {"file_id": "file-1"}}, InvalidRequestError),
        ({"type": "thinking", "thinking": "x"}, UnsupportedError),
        ({"type": "guardContent", "guardContent": "x"}, UnsupportedError),
    ],
)
def test_parts_that_are_refused(sent: Sent, part: Any, error: type[Exception]) -> None:
    """Before anything is sent."""
    with pytest.raises(error, match=r"messages\[0\].content\[0\]"):
        sent([{"role": "user", "content": [part]}])


def test_documents(sent: Sent) -> None:
    """Each has a name of its own, and a text beside it."""
    part: dict[str, Any] = {"type": "file"}
    part["file"] = {"file_data": f"data:text/csv;base64,{DATA}", "filename": "a"}
    body, call = sent([{"role": "user", "content": [part, part]}])
    first, second, text = body["messages"][0]["content"]
    assert ("a", "a 2") == (first["document"]["name"], second["document"]["name"])
    assert {"text": "."} == text
    for name, sent_name in (("  .csv", "document"), (f"{'a' * 189} b.csv", "a" * 189)):
        named = {"type": "file", "file": {**part["file"], "filename": name}}
        other, _ = sent([{"role": "user", "content": [named]}])
        assert sent_name == other["messages"][0]["content"][0]["document"]["name"]
    assert {"messages injected", "messages[0].content[1].file.filename converted"} == reported(call)


def test_names_of_images(sent: Sent) -> None:
    """A file may be an image, which has no name."""
    file = {"file_data": f"data:image/png;base64,{DATA}", "filename": "a.png"}
    body, call = sent([{"role": "user", "content": [{"type": "file", "file": file}]}])
    assert ["image"] == [*map(_kind, body["messages"][0]["content"])]
    assert {"messages[0].content[0].file.filename dropped"} == reported(call)


def test_text_alone(sent: Sent) -> None:
    """What a model says, and instructions, hold no pictures."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
    for role in ("system", "assistant"):
        with pytest.raises(UnsupportedError, match="text alone"):
            sent([HI, {"role": role, "content": [image]}])


# --- results of tools ---------------------------------------------------------------------


def test_results(sent: Sent) -> None:
    """Texts, images, an error; never nothing."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
    marked = {"type": "text", "text": "5", "cache_control": MARK}
    calls = [called(name) for name in "abc"]
    messages = [
        HI,
        said(None, tool_calls=calls),
        result("a", [marked, image], is_error=True),
        result("b", ""),
        result("c", is_error=False),
    ]
    body, call = sent(messages, model=CLAUDE)
    first, point, second, third = body["messages"][2]["content"]
    assert ("error", POINT) == (first["toolResult"]["status"], point)
    assert ["text", "image"] == [*map(_kind, first["toolResult"]["content"])]
    empty = {"toolUseId": "b", "content": [{"text": "(no content)"}]}
    assert {"toolResult": empty} == second
    assert "success" == third["toolResult"]["status"]
    assert "messages[3].content injected" in reported(call)
    body, call = sent(messages, model="writer.palmyra-x5-v1:0")
    assert "status" not in str(body)
    assert "messages[2].is_error dropped" in reported(call)


def test_ids_and_arguments(sent: Sent) -> None:
    """In the characters, and of the type, that the API accepts."""
    long = "x" * 70
    calls = [called(long, "[1"), called("b", {"a": 1}), called("c", None)]
    body, call = sent([HI, said(None, tool_calls=calls), result(long)], model=CLAUDE)
    cut, whole, none = body["messages"][1]["content"]
    assert {"arguments": "[1"} == cut["toolUse"]["input"]
    assert 64 == len(cut["toolUse"]["toolUseId"])
    assert ({"a": 1}, {}) == (whole["toolUse"]["input"], none["toolUse"]["input"])
    given = body["messages"][2]["content"][0]["toolResult"]
    assert cut["toolUse"]["toolUseId"] == given["toolUseId"]
    assert "messages[1].tool_calls[0].function.arguments converted" in reported(call)
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    with pytest.raises(UnsupportedError, match="functions only"):
        sent([HI, said(None, tool_calls=[custom])])


# --- earlier responses --------------------------------------------------------------------

THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}}
REDACTED = {"reasoningContent": {"redactedContent": DATA}}
CITED = {
    "citationsContent": {
        "content": [{"text": "Yes."}],
        "citations": [
            {"title": "t", "location": {"web": {"url": "https://x.example"}}},
            {"source": "s", "location": {"documentChar": {"start": 1}}},
            {"title": "u"},
        ],
    }
}


def responded(*blocks: Any, **more: Any) -> Any:
    """The message of a whole response with these blocks."""
    provider = Bedrock(api_key="k", region="us-east-1")
    output = {"message": {"role": "assistant", "content": [*blocks]}}
    body = json.dumps({"output": output, "stopReason": "end_turn", **more}).encode()
    call = call_of(provider, {"model": CLAUDE, "messages": [HI]})
    return drive(provider.complete(call), [HttpResponse(200, {}, body)]).result.choices[0].message


@pytest.mark.parametrize(
    "blocks",
    [
        [THOUGHT, {"text": "Yes."}],
        [REDACTED, {"text": "Yes."}, used()],
        [{"text": "A"}, used("a"), {"text": "B"}, used("b", {})],
        [CITED, {"text": "So."}],
        [{"toolUse": {**used()["toolUse"], "type": "server_tool_use"}}, {"text": "Yes."}],
        [{"text": "Yes."}, {"citationsContent": {"citations": []}}],
        [{"image": {"format": "png", "source": {"bytes": DATA}}}, {"text": "Yes."}],
    ],
)
def test_a_response_goes_back_block_by_block(sent: Sent, blocks: list[Any]) -> None:
    """As it came."""
    message = responded(*blocks)
    results = [result(call.id) for call in message.tool_calls or ()]
    body, _ = sent([HI, message, *(results or [HI])], model=CLAUDE)
    assert blocks == body["messages"][1]["content"]


def test_a_streamed_response_goes_back_too(sent: Sent) -> None:
    """With the pieces of a signature and of bytes joined."""
    provider = Bedrock(api_key="k", region="us-east-1")
    call = call_of(provider, {"model": CLAUDE, "messages": [HI], "stream": True})
    decoder = drive(provider.stream(call), [HttpResponse(200, {}, b"")]).result
    image = {"format": "png"}
    events: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        *(_reasoning(0, piece) for piece in ({"text": "H"}, {"text": "m"}, {"signature": "c2"})),
        _reasoning(0, {"signature": "ln"}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        _reasoning(1, {"redactedContent": base64.b64encode(b"d").decode()}),
        _reasoning(1, {"redactedContent": base64.b64encode(b"ata").decode()}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"image": image}}),
        _delta(2, {"image": {"source": {"s3Location": {"uri": "s3://b/a"}}}}),
        _delta(2, {"image": {"error": {"message": "x"}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        _delta(3, {"text": "Yes"}),
        _delta(3, {"text": "."}),
        _delta(3, {"citation": {"title": "t"}}),
        ("contentBlockStart", {"contentBlockIndex": 4, "start": used()}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {}}),
    ]
    body = b"".join(event(name, json.dumps(payload).encode()) for name, payload in events)
    frames = decoder.framer.feed(body)
    message = (
        accumulate(chunk for each in frames for chunk in decoder.feed(each)).choices[0].message
    )
    sent_body, _ = sent([HI, message, result()], model=CLAUDE)
    source = {"s3Location": {"uri": "s3://b/a"}}
    assert [
        THOUGHT,
        REDACTED,
        {"image": {"format": "png", "source": source, "error": {"message": "x"}}},
        {"citationsContent": {"content": [{"text": "Yes."}], "citations": [{"title": "t"}]}},
        used(given={}),
    ] == sent_body["messages"][1]["content"]


def _delta(index: int, delta: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}


def _reasoning(index: int, piece: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return _delta(index, {"reasoningContent": piece})


def test_a_response_that_was_changed(sent: Sent) -> None:
    """Its words count, behind the blocks that have none."""
    message = responded(THOUGHT, {"text": "Yes."}, used())
    message.content = "No."
    body, call = sent([HI, message, result()], model=CLAUDE)
    assert [THOUGHT, {"text": "No."}, used()] == body["messages"][1]["content"]
    assert "messages[1].provider_data.bedrock.content converted" in reported(call)


def test_a_call_that_was_cut_off(sent: Sent) -> None:
    """Its text is an object again."""
    message = responded(THOUGHT, used(given='{"a": '))
    assert '{"a": ' == message.tool_calls[0].function.arguments
    body, _ = sent([HI, message, result()], model=CLAUDE)
    assert {"arguments": '{"a": '} == body["messages"][1]["content"][1]["toolUse"]["input"]


def test_other_earlier_responses(sent: Sent) -> None:
    """What others had thought stays behind; data that is none is refused, and so is speech."""
    message = said("Yes.", refusal="No.", reasoning_content="Hm")
    body, call = sent([HI, message, HI], model=CLAUDE)
    assert [{"text": "Yes."}, {"text": "No."}] == body["messages"][1]["content"]
    assert {
        "messages[1].reasoning_content dropped",
        "messages[1].refusal converted",
    } == reported(call)
    with pytest.raises(InvalidRequestError, match="content blocks"):
        sent([HI, said("Yes.", provider_data={"bedrock": {"content": ["x"]}})])
    with pytest.raises(UnsupportedError, match="spoken"):
        sent([HI, said(None, audio={"id": "a"})])
