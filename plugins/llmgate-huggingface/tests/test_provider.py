"""Addresses, tokens, TGI's peculiarities and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client, completion
from llmgate.errors import (
    BadRequestError,
    InvalidRequestError,
    MissingKeyError,
    NotFoundError,
    OverloadedError,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse, decode_json
from llmgate.testing import (
    FixedSigning,
)
from llmgate.testing.driving import call_of, first_request
from llmgate_huggingface import HuggingFace
from tests.sdk import OPENAI_ANSWER, SdkServer

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TGI = HuggingFace(base_url="http://127.0.0.1:8080")
ROUTER = HuggingFace(api_key="hf_test")


def sent(provider: HuggingFace, messages: Any = HELLO, **options: Any) -> tuple[Any, ProviderCall]:
    """The body of a call, and the call with its report."""
    call = call_of(provider, {"model": "m", "messages": messages, **options})
    return decode_json(first_request(provider.complete(call)).body), call


def report_of(call: ProviderCall) -> list[str]:
    """The report as texts."""
    return [f"{deviation.path} {deviation.kind}" for deviation in call.report]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "https://router.huggingface.co/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("https://x.endpoints.huggingface.cloud/v1/", "https://x.endpoints.huggingface.cloud/v1"),
        (
            "https://x.endpoints.huggingface.cloud/v1/chat/completions",
            "https://x.endpoints.huggingface.cloud/v1",
        ),
        ("https://proxy.example/tgi", "https://proxy.example/tgi/v1"),
        (
            "https://router.huggingface.co/novita/v3/openai",
            "https://router.huggingface.co/novita/v3/openai",
        ),
    ],
)
def test_addresses(given: str | None, url: str) -> None:
    """They are completed as Hugging Face's own package does it."""
    assert repr(HuggingFace(base_url=given)) == f"HuggingFace(base_url={url!r})"
    assert repr(ROUTER.configured(base_url=given)) == f"HuggingFace(base_url={url!r})"


@pytest.mark.parametrize("given", ["127.0.0.1:8080", "http://[", "ftp://a", "http://a\n/v1"])
def test_what_is_no_address_is_refused(given: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match="http"):
        HuggingFace(base_url=given)


async def test_the_token_goes_to_hugging_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to an endpoint whose address is given in code, which anybody may have made."""
    signing, url = FixedSigning(), "https://router.huggingface.co/v1/x"
    with pytest.raises(MissingKeyError, match="HF_TOKEN"):
        await HuggingFace().authorize(HttpRequest("POST", url), signing)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    made = HuggingFace(bill_to="acme")
    headers = (await made.authorize(HttpRequest("POST", url), signing)).headers
    assert headers["Authorization"] == "Bearer hf_of_the_environment"
    assert headers["X-HF-Bill-To"] == "acme"
    endpoint = "https://x.endpoints.huggingface.cloud"
    other = HuggingFace(base_url=endpoint)
    request = HttpRequest("POST", f"{endpoint}/v1/chat/completions")
    assert not (await other.authorize(request, signing)).headers


def test_a_server_of_ones_own() -> None:
    """Needs no token, and its address no version."""
    with SdkServer(OPENAI_ANSWER) as server:
        answer = completion("huggingface/tgi", HELLO, base_url=server.url)
    assert answer.text == "Hi"
    assert server.asked[0].path == "/v1/chat/completions"
    assert "authorization" not in server.asked[0].headers


# --- requests ---


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("weather", "clock")]


def test_schemas_of_tgi() -> None:
    """The schema is the value of an object there, and nowhere else."""
    body, call = sent(TGI, response_format=FORMAT)
    assert body["response_format"] == {"type": "json_object", "value": SCHEMA}
    assert report_of(call) == ["response_format converted"]
    for provider in (ROUTER, HuggingFace(base_url="http://127.0.0.1:8080", tgi=False)):
        assert sent(provider, response_format=FORMAT)[0]["response_format"] == FORMAT
    own = HuggingFace(base_url="https://router.huggingface.co/hf-inference/models/a/b/v1")
    assert sent(own, response_format=FORMAT)[0]["response_format"]["value"] == SCHEMA
    plain = {"type": "json_object"}
    assert sent(TGI, response_format=plain)[0]["response_format"] == plain


def test_no_limit_of_tokens_is_refused() -> None:
    """The error names the parameter that was given."""
    call = ProviderCall("m", HELLO, {"max_completion_tokens": -1})
    with pytest.raises(InvalidRequestError) as caught:
        first_request(ROUTER.complete(call))
    assert caught.value.path == "max_completion_tokens"


def test_no_limit_is_left_out_for_tgi() -> None:
    """It refuses a ``top_p`` of 1."""
    body, call = sent(TGI, top_p=1)
    assert ("top_p" in body, report_of(call)) == (False, ["top_p dropped"])
    assert sent(TGI, top_p=0.5)[0]["top_p"] == 0.5


def test_roles_that_templates_know() -> None:
    """Developers are the system; other messages stay as they are."""
    developer = {"role": "developer", "content": "Be brief."}
    body, call = sent(ROUTER, [developer, *HELLO])
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]
    assert report_of(call) == ["messages[0].role converted"]
    parts = [{"type": "text", "text": "Hello"}]
    body, _ = sent(ROUTER, [developer, {"role": "user", "content": parts}])
    assert body["messages"][1]["content"] == parts


@pytest.mark.parametrize(
    ("choice", "names", "native"),
    [
        (None, ["weather", "clock"], None),
        ("required", ["weather", "clock"], "required"),
        (
            {"type": "function", "function": {"name": "clock"}},
            ["weather", "clock"],
            {"type": "function", "function": {"name": "clock"}},
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "clock"}}],
                },
            },
            ["clock"],
            "auto",
        ),
    ],
)
def test_the_choice_among_tools(choice: Any, names: list[str], native: Any) -> None:
    """It is sent as it is, but for a part of the tools, which is sent alone."""
    options = {} if choice is None else {"tool_choice": choice}
    body, call = sent(ROUTER, tools=TOOLS, **options)
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert body.get("tool_choice") == native
    assert report_of(call) == (["tool_choice converted"] if len(names) == 1 else [])


def test_reasoning_of_earlier_responses_is_left_out() -> None:
    """Some of those behind the router refuse it."""
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}
    body, call = sent(ROUTER, [*HELLO, message, *HELLO])
    assert body["messages"][1] == {"role": "assistant", "content": "Hi"}
    assert report_of(call) == ["messages[1].reasoning_content dropped"]


def test_usage_is_asked_for_until_it_is_refused() -> None:
    """A host that knows no ``stream_options`` is asked again without, and then never more."""
    asked: list[Any] = []

    def answer(path: str) -> bytes:
        asked.append(server.asked[-1].json)
        refused = "stream_options" in asked[-1]
        server.status = 400 if refused else 200
        if refused:
            return b'{"error": "unknown field `stream_options`"}'
        return b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n'

    with SdkServer(answer) as server:
        provider = HuggingFace(base_url=server.url)
        with Client(providers={"huggingface": provider}) as client:
            for _ in range(2):
                stream = client.completion("huggingface/x", HELLO, stream=True)
                assert (
                    "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == "Hi"
                )
    assert ["stream_options" in body for body in asked] == [True, False, False]


# --- errors ---


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (503, {"error": "loading", "estimated_time": 53.4}, (OverloadedError, None, 53.4, None)),
        (503, {"error": "loading", "estimated_time": "soon"}, (OverloadedError, None, None, None)),
        (503, {"error": "loading", "estimated_time": 9e9}, (OverloadedError, None, None, None)),
        (
            424,
            {"error": "Request failed during generation", "error_type": "generation"},
            (BadRequestError, "generation", None, True),
        ),
        (
            424,
            {"error": "wrong model", "error_type": "backend"},
            (BadRequestError, "backend", None, False),
        ),
        (
            422,
            {"error": "Input validation error", "error_type": "validation"},
            (BadRequestError, "validation", None, False),
        ),
        (404, ["no"], (NotFoundError, None, None, False)),
    ],
)
def test_errors(status: int, body: Any, expected: tuple[Any, ...]) -> None:
    """A model that loads says how long; a generation that failed may succeed again."""
    error = ROUTER.error(HttpResponse(status, {}, json.dumps(body).encode()))
    assert (type(error), error.code, error.retry_after, error.retryable) == expected
