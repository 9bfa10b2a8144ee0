"""What becomes of responses, whole and streamed, and of errors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    DecodeError,
    LLMGateError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.testing import load_recording
from llmgate.testing.driving import call_of, drive, first_request
from llmgate.types import Chunk, Completion, ToolCall
from llmgate_bedrock import Bedrock
from llmgate_bedrock.event_stream import EventStreamFramer
from tests.aws import event, message
from tests.bedrock import LEFT_OUT

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
PROVIDER = Bedrock(api_key="k", region="us-east-1")
USAGE = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
Events = list[tuple[str, dict[str, Any]]]


def whole(payload: Any, *, model: str = CLAUDE, **options: Any) -> Completion:
    call = call_of(PROVIDER, {"model": model, "messages": [HI], **options})
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return drive(PROVIDER.complete(call), [HttpResponse(200, {}, body)]).result


def said(*blocks: Any, reason: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    output = {"message": {"role": "assistant", "content": [*blocks]}}
    return {"output": output, "stopReason": reason, **more}


def calls_in(completion: Completion) -> list[ToolCall]:
    return completion.choices[0].message.tool_calls or []


def chunks_of(body: bytes, *, model: str = CLAUDE, **options: Any) -> list[Chunk]:
    call = call_of(PROVIDER, {"model": model, "messages": [HI], "stream": True, **options})
    decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
    found = [chunk for frame in decoder.framer.feed(body) for chunk in decoder.feed(frame)]
    return found if decoder.finished else [*found, *decoder.close()]


def streamed(events: Events, **options: Any) -> Completion:
    body = b"".join(event(name, json.dumps(payload).encode()) for name, payload in events)
    return accumulate(chunks_of(body, **options))


def delta(given: dict[str, Any], index: Any = 0) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": given}


END: Events = [("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": USAGE})]
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


# --- what is odd --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        {"output": {"message": {"content": None}}},
        {"output": {}},
        said(reason=None),
        said({"text": 1}),
        said({"toolUse": {"name": None}}),
        said("text"),
        said({}),
    ],
)
def test_no_responses(payload: Any) -> None:
    """What is not of the format is an error that quotes it."""
    with pytest.raises(DecodeError) as caught:
        whole(payload)
    assert caught.value.frame == json.dumps(payload).encode()


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 1}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": 1}}}),
        ("contentBlockDelta", {"delta": {"text": "Hi"}}),
        ("contentBlockDelta", {"contentBlockIndex": 0}),
        ("contentBlockDelta", [1]),
        ("contentBlockStart", {"contentBlockIndex": 0}),
        ("messageStop", "x"),
    ],
)
def test_no_events(name: str, payload: Any) -> None:
    """Likewise."""
    body = event("contentBlockDelta", json.dumps(delta({"text": "a"})[1]).encode())
    with pytest.raises(DecodeError, match="the event cannot be read"):
        chunks_of(body + event(name, json.dumps(payload).encode()))


def test_the_end_of_a_stream() -> None:
    """It is whole once there is a reason, and truncated before."""
    assert "Hi" == streamed([delta({"text": "Hi"}), END[0]]).choices[0].message.content
    with pytest.raises(StreamTruncatedError):
        streamed([delta({"text": "Hi"}), ("metadata", {"usage": USAGE})])


def test_bytes_that_are_none() -> None:
    """They stay as they came."""
    events: Events = [delta({"reasoningContent": {"redactedContent": "?"}}), *END]
    data = streamed(events).choices[0].message.provider_data
    assert [{"reasoningContent": {"redactedContent": "?"}}] == (data or {})["bedrock"]["content"]


def test_an_empty_response() -> None:
    """A reason is one, too; a text of nothing is no block to be sent back."""
    assert "stop" == whole(said()).choices[0].finish_reason
    message_said = whole(said({"text": "Hi"}, {"text": ""})).choices[0].message
    assert ("Hi", None) == (message_said.content, message_said.provider_data)


def test_no_stream() -> None:
    """A host may send a whole response, or an error, where a stream was requested."""
    whole_body = json.dumps(said({"text": "Hi"}, usage=USAGE)).encode()
    call = call_of(PROVIDER, {"model": CLAUDE, "messages": [HI], "stream": True})
    decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
    completion = accumulate(decoder.feed(Frame(whole_body)))
    assert ("Hi", True) == (completion.text, decoder.finished)
    assert "response" in call.report
    with pytest.raises(ServerError) as caught:
        decoder.feed(Frame(b'{"message": "no", "code": 500}'))
    assert caught.value.in_stream
    with pytest.raises(DecodeError):
        decoder.feed(Frame(b"<html>"))


# --- errors -------------------------------------------------------------------------------


def test_an_error_whose_text_is_blank_says_its_code() -> None:
    """Or that it says nothing."""
    body = b'{"message": " ", "__type": "ValidationException"}'
    assert "ValidationException" == PROVIDER.error(HttpResponse(400, {}, body)).message
    assert "no text" == PROVIDER.error(HttpResponse(400, {}, b'{"message": "\\n"}')).message


@pytest.mark.parametrize(
    ("status", "code", "kind", "retryable"),
    [
        (400, "ValidationException", BadRequestError, False),
        (400, "ServiceQuotaExceededException", QuotaExceededError, False),
        (403, "AccessDeniedException", PermissionDeniedError, False),
        (403, "UnrecognizedClientException", AuthenticationError, False),
        (403, "ExpiredTokenException", AuthenticationError, False),
        (403, "InvalidSignatureException", AuthenticationError, False),
        (404, "ResourceNotFoundException", NotFoundError, False),
        (408, "ModelTimeoutException", RequestTimeoutError, True),
        (424, "ModelErrorException", ServerError, False),
        (424, "ModelStreamErrorException", ServerError, True),
        (429, "ThrottlingException", RateLimitError, None),
        (429, "ModelNotReadyException", RateLimitError, None),
        (500, "InternalServerException", ServerError, None),
        (503, "ServiceUnavailableException", OverloadedError, None),
    ],
)
def test_errors(status: int, code: str, kind: type[ProviderError], retryable: bool | None) -> None:
    """By the status and the code, with a response and inside a stream."""
    headers = {"X-Amzn-ErrorType": f"{code}:http://internal.amazon.com/coral/"}
    error = PROVIDER.error(HttpResponse(status, headers, b'{"Message": "no"}'))
    assert (kind, status, code, retryable) == (
        type(error),
        error.status,
        error.code,
        error.retryable,
    )
    assert "no" in str(error)
    body = json.dumps({"__type": f"com.amazon.coral#{code}"}).encode()
    assert (kind, code) == (
        type(error := PROVIDER.error(HttpResponse(status, {}, body))),
        error.code,
    )
    name = f"{code[0].lower()}{code[1:]}"
    if code in ("ExpiredTokenException", "InvalidSignatureException"):
        return  # no stream begins with them
    with pytest.raises(kind) as caught:
        chunks_of(event(name, b'{"message": "no"}', "exception"))
    assert (status, True, name) == (
        caught.value.status,
        caught.value.in_stream,
        caught.value.code,
    )


def test_an_error_of_the_model() -> None:
    """The status that it had says whose fault it is, and whether to ask again."""
    for original, retryable, kind in ((500, True, ServerError), (400, False, BadRequestError)):
        body = json.dumps({"message": "no", "originalStatusCode": original}).encode()
        with pytest.raises(kind) as caught:
            chunks_of(event("modelStreamErrorException", body, "exception"))
        assert (424, retryable) == (caught.value.status, caught.value.retryable)


def test_an_expired_token_that_is_renewed() -> None:
    """Another attempt has the new one, where it is found in AWS's files and not given."""
    provider = Bedrock(profile="tool", region="us-east-1")
    headers = {"x-amzn-errortype": "ExpiredTokenException:"}
    assert provider.error(HttpResponse(403, headers)).retryable


def test_errors_without_a_body() -> None:
    """A message of the kind error has a code and a text; an exception may be no JSON."""
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "no"}
    with pytest.raises(ServerError, match="no"):
        chunks_of(message(headers, b""))
    with pytest.raises(RateLimitError, match="text"):
        chunks_of(event("throttlingException", b"text", "exception"))
    with pytest.raises(LLMGateError, match="newException"):
        chunks_of(event("newException", b"[]", "exception"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (402, b"", QuotaExceededError, "402"),
        (400, b'{"error": {"message": "no"}}', BadRequestError, "no"),
        (400, b'{"error": {"reason": "no"}}', BadRequestError, "no text"),
        (400, b'{"error": "no"}', BadRequestError, "no"),
        (400, b'[{"message": "no"}]', BadRequestError, "no"),
        (502, b"<html>", ServerError, "html"),
        (500, b"[]", ServerError, r"\[\]"),
    ],
)
def test_errors_of_other_hosts(
    status: int, body: bytes, kind: type[ProviderError], text: str
) -> None:
    """Proxies have other shapes."""
    error = PROVIDER.error(HttpResponse(status, {}, body))
    assert kind is type(error)
    with pytest.raises(kind, match=text):
        raise error


def test_an_error_with_status_200() -> None:
    """In place of a response."""
    with pytest.raises(RateLimitError) as caught:
        whole({"__type": "ThrottlingException", "message": "no"})
    assert not caught.value.in_stream
    with pytest.raises(ProviderError):
        whole({"message": "no"})


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
