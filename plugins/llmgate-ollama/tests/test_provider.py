"""Addresses, keys and settings, and calls to a server on the loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client, completion
from llmgate.errors import InvalidRequestError, MissingKeyError, QuotaExceededError, ServerError
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing import FixedSigning
from llmgate_ollama import Ollama
from tests.sdk import SdkServer

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ANSWER = {
    "model": "qwen3",
    "created_at": "2026-11-30T10:00:00Z",
    "message": {"role": "assistant", "content": "Hi"},
    "done": True,
    "done_reason": "stop",
}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - nothing is opened there
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":56789", "http://127.0.0.1:56789"),
        ("example.com", "http://example.com:11434"),
        ("example.com/path/", "http://example.com:11434/path"),
        ("http://1.2.3.4", "http://1.2.3.4"),
        ("https://example.com:56789/path", "https://example.com:56789/path"),
        ("[0001:002:003:0004::1]:56789", "http://[0001:002:003:0004::1]:56789"),
        ("0001:002:003:0004::1", "http://[0001:002:003:0004::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("ollama.com", "https://ollama.com"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("http://localhost:11434/v1/chat/completions", "http://localhost:11434"),
        ("http://localhost:11434/api/chat", "http://localhost:11434"),
    ],
)
def test_addresses(given: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read as Ollama's own programs read them, in code and from the environment."""
    if given:  # an empty variable is none
        assert repr(Ollama(base_url=given)) == f"Ollama(base_url={url!r})"
    monkeypatch.setenv("OLLAMA_HOST", given)
    assert repr(Ollama()) == f"Ollama(base_url={url!r})"


@pytest.mark.parametrize(
    "given", ["ftp://example.com", "not an address", "", "/v1", "http//a", "https:/a"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        Ollama(base_url=given)
    assert caught.value.path == "base_url"


async def _authorization(provider: Ollama, url: str) -> str | None:
    request = HttpRequest("POST", url, {}, b"{}")
    authorized = await provider.authorize(request, FixedSigning())
    return authorized.headers.get("Authorization")


async def test_the_key_goes_to_the_cloud_and_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never to an address given in code; one's own server needs none."""
    local = "http://127.0.0.1:11434/api/chat"
    assert await _authorization(Ollama(), local) is None
    monkeypatch.setenv("OLLAMA_API_KEY", "secret-of-the-cloud")
    cloud = Ollama(base_url="https://ollama.com")
    assert await _authorization(cloud, "https://ollama.com/api/chat") == (
        "Bearer secret-of-the-cloud"
    )
    other = Ollama(base_url="proxy.example:80")
    assert await _authorization(other, "http://proxy.example:80/api/chat") is None
    monkeypatch.setenv("OLLAMA_HOST", "proxy.example:80")
    named = Ollama()
    assert await _authorization(named, "http://proxy.example:80/api/chat") == (
        "Bearer secret-of-the-cloud"
    )


async def test_the_cloud_needs_a_key() -> None:
    """The error names the variable."""
    with pytest.raises(MissingKeyError, match="OLLAMA_API_KEY"):
        await _authorization(Ollama(base_url="https://ollama.com"), "https://ollama.com/api/chat")


def test_a_call_without_any_key() -> None:
    """It is answered, and its settings can be given with the call."""
    with SdkServer(json.dumps(ANSWER).encode()) as server:
        settings: dict[str, Any] = {"keep_alive": "1h", "options": {"num_ctx": 8192}}
        answer = completion("ollama/qwen3", HELLO, base_url=server.url, provider_settings=settings)
    assert answer.text == "Hi"
    assert "authorization" not in server.asked[0].headers
    assert server.asked[0].path == "/api/chat"
    assert {name: server.asked[0].json[name] for name in settings} == settings
    with (
        SdkServer(json.dumps(ANSWER).encode()) as server,
        Client(providers={"ollama": Ollama(options={"num_ctx": 1})}) as client,
    ):
        client.completion("ollama/qwen3", HELLO, base_url=server.url, api_key="of-a-proxy")
    assert server.asked[0].headers["authorization"] == "Bearer of-a-proxy"
    assert server.asked[0].json["options"] == {"num_ctx": 1}


def test_options_are_a_dictionary() -> None:
    """The error says which setting it is."""
    options: Any = ["num_ctx"]
    with pytest.raises(InvalidRequestError) as caught:
        Ollama(options=options)
    assert caught.value.path == "options"


def test_its_own_name_is_its_only_pattern() -> None:
    """Models of Ollama's are everybody's: none is claimed without the prefix."""
    assert Ollama.models == ()


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"{}"), (500, b"<html>"), (500, b'{"error": {}}'), (500, b'{"error": ""}')],
)
def test_errors_without_a_message(status: int, body: bytes) -> None:
    """The status decides, and the text is the body's."""
    error = Ollama().error(HttpResponse(status, {}, body))
    assert type(error) is ServerError
    assert "status 500" in error.message


def test_errors_of_proxies() -> None:
    """An object in place of the text; a redirect stays what it is; 402 is a matter of billing."""
    made = Ollama()
    error = made.error(HttpResponse(500, {}, b'{"error": {"message": "no", "code": 5}}'))
    assert error.message == "no"
    assert made.error(HttpResponse(500, {}, b'{"error": {"code": 5}}')).message == "{'code': 5}"
    assert "redirected" in made.error(HttpResponse(302, {}, b'{"error": "moved"}')).message
    for body in (b'{"error": "pay"}', b""):
        assert type(made.error(HttpResponse(402, {}, body))) is QuotaExceededError
