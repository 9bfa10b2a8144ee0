"""The provider: its settings, where and with what it sends, and calls from end to end."""

from __future__ import annotations

import json
import pickle
import traceback
from typing import Any

import pytest

from llmgate import Client
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    InvalidRequestError,
    MissingKeyError,
)
from llmgate.provider import ProviderCall
from llmgate.provider.http import HttpRequest, Secret
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.testing.signing import FixedSigning
from llmgate_openai import OpenAI, base_url_of, chat_url

_HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
_OFFICIAL = "https://api.openai.com/v1"
_ELSEWHERE = "https://compatible.invalid/v1"


async def _authorized(provider: OpenAI) -> dict[str, str]:
    return dict((await _request(provider)).headers)


async def _request(provider: OpenAI) -> HttpRequest:
    """What is sent for a call."""
    request = next(provider.complete(ProviderCall("m", _HELLO)))
    return await provider.authorize(request, FixedSigning())


# --- where ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (_OFFICIAL, f"{_OFFICIAL}/chat/completions"),
        (f" {_OFFICIAL}/ ", f"{_OFFICIAL}/chat/completions"),
        (f"{_OFFICIAL}/chat/completions", f"{_OFFICIAL}/chat/completions"),
        (f"{_OFFICIAL}/chat/completions/", f"{_OFFICIAL}/chat/completions"),
        (f"{_OFFICIAL}/responses", f"{_OFFICIAL}/chat/completions"),
        (f"{_OFFICIAL}/completions", f"{_OFFICIAL}/chat/completions"),
        (f"{_OFFICIAL}/embeddings", f"{_OFFICIAL}/chat/completions"),
        ("http://localhost:8080", "http://localhost:8080/chat/completions"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"),
        ("https://x.invalid/v1?version=1", "https://x.invalid/v1/chat/completions?version=1"),
        ("https://x.invalid/v1#part", "https://x.invalid/v1/chat/completions"),
        ("HTTPS://x.invalid/v1", "https://x.invalid/v1/chat/completions"),
    ],
)
def test_addresses_are_taken_as_they_are_pasted(address: str, expected: str) -> None:
    """A slash or the route at the end, or a query, do no harm."""
    assert expected == chat_url(base_url_of(address))


@pytest.mark.parametrize(
    "address",
    [
        "api.openai.com/v1",
        "//api.openai.com/v1",
        "file:///etc/passwd",
        "ftp://x.invalid",
        "javascript:alert(1)",
        "https://",
        "https:///v1",
        "https://:443/v1",
        "https://x.invalid:port/v1",
        "https://x.invalid:99999/v1",
        "https://[::1/v1",
        "https://x.invalid/a\nb",
        "https://x.invalid/a b",
        "https://x.invalid/\x1b[2J",
        " ",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """Before anything is sent, and naming the setting."""
    with pytest.raises(InvalidRequestError) as caught:
        OpenAI(api_key="sk-test", base_url=address)
    assert "base_url" == caught.value.path
    assert str(caught.value).isprintable()


def test_the_environment_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """``OPENAI_BASE_URL`` is read when a provider is made, and what is given wins."""
    monkeypatch.setenv("OPENAI_BASE_URL", _ELSEWHERE)
    assert _ELSEWHERE in repr(OpenAI())
    assert _OFFICIAL in repr(OpenAI(base_url=_OFFICIAL))


async def test_the_former_name_of_the_variable_is_read_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``OPENAI_API_BASE`` counts where ``OPENAI_BASE_URL`` is not set; the report says so. It
    names the address, so that the key may go there."""
    monkeypatch.setenv("OPENAI_API_BASE", _ELSEWHERE)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    call = ProviderCall("m", _HELLO)
    request = next(OpenAI().complete(call))
    assert f"{_ELSEWHERE}/chat/completions" == request.url
    assert [("defaulted", "base_url", _ELSEWHERE)] == [
        (d.kind, d.path, d.sent) for d in call.report
    ]
    assert "Bearer sk-test" == (await _authorized(OpenAI()))["Authorization"]
    embedding = EmbeddingCall("m", ["a"])
    next(OpenAI().embed(embedding))
    assert "base_url" in embedding.report
    assert _OFFICIAL in repr(OpenAI(base_url=_OFFICIAL))
    monkeypatch.setenv("OPENAI_BASE_URL", "https://newer.invalid/v1")
    newer = ProviderCall("m", _HELLO)
    assert "https://newer.invalid/v1/chat/completions" == next(OpenAI().complete(newer)).url
    assert [] == [*newer.report]


async def test_the_former_name_of_the_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise; the newer one counts."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_ORGANIZATION", "org-1")
    assert "org-1" == (await _authorized(OpenAI()))["OpenAI-Organization"]
    monkeypatch.setenv("OPENAI_ORG_ID", "org-2")
    assert "org-2" == (await _authorized(OpenAI()))["OpenAI-Organization"]


@pytest.mark.parametrize(
    "model", ["ft:gpt-4o:a::b", "ft:o4-mini:a::b", "ft:o3-mini:a::b", "ft:o1:a::b"]
)
def test_fine_tuned_models_are_known_without_a_prefix(model: str) -> None:
    """Whatever they were made of."""
    with Client(providers={"openai": OpenAI(api_key="sk-test")}) as client:
        assert model == json.loads(client.preview(model, _HELLO).body)["model"]


async def test_a_password_in_an_address_is_not_shown() -> None:
    """Neither by the provider, nor by what it holds, nor in an error; it is sent."""
    provider = OpenAI(base_url="https://me:hunter2@x.invalid/v1?api_key=hunter2&tier=2")
    assert "hunter2" not in f"{provider!r} {vars(provider)!r} {provider.configured()!r}"
    assert "hunter2" not in next(provider.complete(ProviderCall("m", _HELLO))).url
    with pytest.raises(TypeError):
        pickle.dumps(provider)
    expected = "https://me:hunter2@x.invalid/v1/chat/completions?tier=2&api_key=hunter2"
    assert expected == (await _request(provider)).url == (await _request(provider.configured())).url
    with pytest.raises(InvalidRequestError) as caught:
        OpenAI(base_url="ftp://me:hunter2@x.invalid/v1?key=hunter2")
    assert "hunter2" not in str(caught.value)


# --- with what ------------------------------------------------------------------------------


async def test_the_key_is_sent_as_a_bearer_token() -> None:
    """White space around it, as files have it, is stripped."""
    assert "Bearer sk-test" == (await _authorized(OpenAI(api_key=" sk-test\n")))["Authorization"]
    secret = OpenAI(api_key=Secret("sk-test"))
    assert "Bearer sk-test" == (await _authorized(secret))["Authorization"]


async def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``OPENAI_API_KEY`` is read when a provider is made."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    assert "Bearer sk-environment" == (await _authorized(OpenAI()))["Authorization"]


async def test_a_missing_key_names_the_variable() -> None:
    """And what else can be done."""
    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        await _authorized(OpenAI())


@pytest.mark.parametrize("key", ["", "  ", "sk\ntest", "sk-tést", 5])
def test_a_key_that_is_none_is_refused_without_being_shown(key: Any) -> None:
    """Keys end up in logs by their errors."""
    with pytest.raises(InvalidRequestError) as caught:
        OpenAI(api_key=key)
    assert "sk" not in str(caught.value)


_ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-environment",
    "OPENAI_ORG_ID": "org-1",
    "OPENAI_PROJECT_ID": "proj-1",
    "OPENAI_CUSTOM_HEADERS": "X-Gateway: one\nno header\nX-Team : two ",
}


async def test_the_environments_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Organization, project and lines of further headers."""
    for name, value in _ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert {
        "content-type": "application/json",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
        "X-Gateway": "one",
        "X-Team": "two",
        "Authorization": "Bearer sk-environment",
    } == await _authorized(OpenAI())


async def test_the_environments_secrets_go_to_no_other_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host that a program names is not the one whose key is in the environment."""
    for name, value in _ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    only = {"content-type": "application/json"}
    assert only == await _authorized(OpenAI(base_url=_ELSEWHERE))
    assert only == await _authorized(OpenAI().configured(base_url=_ELSEWHERE))
    assert only == await _authorized(OpenAI(base_url="https://api.openai.com.evil.invalid"))
    assert only == await _authorized(OpenAI(base_url="https://evil.invalid/api.openai.com"))
    assert only == await _authorized(OpenAI(base_url="https://api.openai.com@evil.invalid"))
    assert "Authorization" in await _authorized(OpenAI(base_url="https://eu.api.openai.com/v1"))
    monkeypatch.setenv("OPENAI_BASE_URL", _ELSEWHERE)
    assert "Authorization" in await _authorized(OpenAI())


async def test_settings_can_be_changed() -> None:
    """What is not named stays as it was."""
    provider = OpenAI(api_key="sk-test", organization="org-1", headers={"X-Team": "two"})
    changed = await _authorized(provider.configured(api_key="sk-other"))
    assert ("Bearer sk-other", "org-1", "two") == (
        changed["Authorization"],
        changed["OpenAI-Organization"],
        changed["X-Team"],
    )
    moved = await _authorized(provider.configured(base_url=_ELSEWHERE))
    assert "Bearer sk-test" == moved["Authorization"]


async def test_an_authorization_of_ones_own_is_sent_instead() -> None:
    """A gateway may want another one; then no key is needed."""
    headers = await _authorized(OpenAI(headers={"authorization": "Basic x"}))
    assert {"content-type": "application/json", "authorization": "Basic x"} == headers


@pytest.mark.parametrize("headers", [{"X": "a\nb"}, {"X": "é"}, {"X\n": "a"}, {"": "a"}])
def test_headers_that_cannot_be_sent_are_refused(headers: dict[str, str]) -> None:
    """Their values are not shown."""
    with pytest.raises(InvalidRequestError) as caught:
        OpenAI(api_key="sk-test", headers=headers)
    assert caught.value.path.startswith("headers.")


@pytest.mark.parametrize(
    "wrong", [{"base_url": "ftp://x.invalid"}, {"headers": {"X": "a\nb"}}, {"headers": []}]
)
def test_a_key_is_in_no_traceback_of_another_setting(wrong: dict[str, Any]) -> None:
    """Even where locals are shown, as error trackers do."""
    with pytest.raises(InvalidRequestError) as caught:
        OpenAI(api_key="sk-canary", **wrong)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    held = [value for frame in frames[1:] for value in frame.f_locals.values()]
    assert len(frames) > 2
    assert "sk-canary" not in str([each for each in held if not isinstance(each, OpenAI)])


def test_the_key_is_not_shown() -> None:
    """Not by the provider, nor by what it keeps."""
    provider = OpenAI(api_key="sk-canary")
    assert "sk-canary" not in repr(provider) + str(vars(provider))


# --- from end to end ------------------------------------------------------------------------


def _client(*replies: Canned, **settings: Any) -> tuple[Client, CannedTransport]:
    transport = CannedTransport(replies)
    provider = with_transport(OpenAI(api_key="sk-test", **settings), transport)
    return Client(providers={"openai": provider}, max_retries=0), transport


async def test_legacy_functions_go_to_openai_as_they_are() -> None:
    """They are answered in the form in which they were asked."""
    message = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
    choice = {"index": 0, "message": message, "finish_reason": "function_call"}
    client, transport = _client(Canned(body=json.dumps({"choices": [choice]}).encode()))
    async with client:
        answer = await client.acompletion("gpt-4o", _HELLO, functions=[{"name": "f"}])
    assert {"model", "messages", "functions"} == set(json.loads(transport.requests[0].body))
    called = answer.choices[0].message.function_call
    assert called is not None
    assert "f" == called.name


async def test_legacy_functions_go_elsewhere_as_tools() -> None:
    """Imitators ignore the legacy form in silence; the answer still comes in it."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choice = {"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    reply = Canned(body=json.dumps({"choices": [choice]}).encode())
    client, transport = _client(reply, base_url=_ELSEWHERE)
    async with client:
        answer = await client.acompletion("openai/m", _HELLO, functions=[{"name": "f"}])
    sent = json.loads(transport.requests[0].body)
    assert {"model", "messages", "tools", "parallel_tool_calls"} == set(sent)
    assert sent["parallel_tool_calls"] is False
    assert "function_call" == answer.choices[0].finish_reason
    assert answer.choices[0].message.function_call is not None
