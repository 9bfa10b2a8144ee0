"""What becomes of odd responses, and of errors."""

from __future__ import annotations

import json
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
from llmgate.testing.driving import call_of, drive
from llmgate_bedrock import Bedrock
from tests.aws import event, message
from tests.integration.bedrock_responses import (
    CLAUDE,
    END,
    HI,
    PROVIDER,
    USAGE,
    Events,
    chunks_of,
    delta,
    said,
    streamed,
    whole,
)

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
