"""The provider: addresses, keys, and where they go."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, MissingKeyError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, Secret
from llmgate.testing.driving import first_request
from llmgate.testing.signing import FixedSigning
from llmgate_cohere import Cohere

ASKED = ProviderCall("command-r", [{"role": "user", "content": "Hi"}])
OWN = "http://127.0.0.1:8000"


def url_of(provider: Cohere) -> str:
    """Where a call goes."""
    return first_request(provider.complete(ASKED)).url


async def authorization(provider: Cohere) -> str | None:
    """What is sent as ``authorization``."""
    request = await provider.authorize(HttpRequest("POST", url_of(provider)), FixedSigning())
    return request.headers.get("Authorization")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (None, "https://api.cohere.com/v2/chat"),
        ("https://api.cohere.ai/", "https://api.cohere.ai/v2/chat"),
        ("https://api.cohere.com/v2", "https://api.cohere.com/v2/chat"),
        ("https://api.cohere.com/v2/chat", "https://api.cohere.com/v2/chat"),
        ("https://api.cohere.ai/compatibility/v1", "https://api.cohere.ai/v2/chat"),
        (f" {OWN}/proxy/v1/ ", f"{OWN}/proxy/v2/chat"),
    ],
)
def test_addresses(address: str | None, url: str) -> None:
    """An address may be pasted with whatever end it has."""
    assert url == url_of(Cohere(api_key="k", base_url=address))


@pytest.mark.parametrize(
    "address", ["api.cohere.com", "ftp://a.example", "https://", "http://a:b", "http://a b/\n"]
)
def test_what_is_no_address(address: str) -> None:
    """Anything else is refused, naming the setting."""
    with pytest.raises(InvalidRequestError) as caught:
        Cohere(base_url=address)
    assert caught.value.path == "base_url"


@pytest.mark.parametrize(
    ("environment", "settings", "sent"),
    [
        ({}, {"api_key": "given"}, "Bearer given"),
        ({}, {"api_key": Secret("given")}, "Bearer given"),
        ({"CO_API_KEY": "theirs"}, {}, "Bearer theirs"),
        ({"COHERE_API_KEY": "customary"}, {}, "Bearer customary"),
        ({"CO_API_KEY": "theirs", "COHERE_API_KEY": "customary"}, {}, "Bearer theirs"),
        ({"CO_API_KEY": "theirs"}, {"api_key": "given"}, "Bearer given"),
        ({"CO_API_KEY": "theirs"}, {"base_url": OWN}, None),
        ({"CO_API_KEY": "theirs"}, {"base_url": "https://api.cohere.ai"}, "Bearer theirs"),
        ({"CO_API_KEY": "theirs", "CO_API_URL": OWN}, {}, "Bearer theirs"),
        ({"CO_API_KEY": "theirs", "CO_API_URL": OWN}, {"base_url": OWN}, "Bearer theirs"),
        ({}, {"base_url": OWN}, None),
    ],
)
async def test_keys(
    monkeypatch: pytest.MonkeyPatch, environment: Any, settings: Any, sent: str | None
) -> None:
    """A key from the environment goes to Cohere's hosts and to an address of the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert sent == await authorization(Cohere(**settings))


async def test_a_missing_key_is_named() -> None:
    """Without a key, the variable to set is named."""
    with pytest.raises(MissingKeyError, match="COHERE_API_KEY"):
        await authorization(Cohere())


async def test_settings_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest stays; a host that is named in a call does not get the environment's key."""
    monkeypatch.setenv("CO_API_KEY", "theirs")
    provider = Cohere(headers={"X-Client-Name": "tests"})
    changed = provider.configured(base_url=OWN)
    assert f"{OWN}/v2/chat" == url_of(changed)
    assert await authorization(changed) is None
    request = await changed.authorize(HttpRequest("POST", url_of(changed)), FixedSigning())
    assert request.headers["X-Client-Name"] == "tests"
    assert await authorization(changed.configured(api_key="given")) == "Bearer given"


async def test_a_key_goes_to_no_other_host() -> None:
    """A request to an address that a response named is left as it is."""
    request = HttpRequest("POST", "https://a.example")
    assert request == await Cohere(api_key="given").authorize(request, FixedSigning())


def test_headers_are_text() -> None:
    """A header that cannot be sent is refused, without its value."""
    with pytest.raises(InvalidRequestError) as caught:
        Cohere(headers={"X-Key": "geheim\n"})
    assert "geheim" not in str(caught.value)


def test_an_address_shows_no_password() -> None:
    """What may be a credential in an address is not in the provider's ``repr``."""
    assert "geheim" not in repr(Cohere(base_url="https://user:geheim@a.example"))
