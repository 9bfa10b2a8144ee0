"""Vertex AI: credentials of every kind, and the tokens that they are exchanged for."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions
from google.oauth2 import credentials as google_credentials

import llmgate_gemini.credentials as module
from llmgate.errors import (
    AuthenticationError,
    ConnectError,
    InvalidRequestError,
    MissingKeyError,
    NotFoundError,
)
from llmgate.provider import AccessToken
from llmgate.provider.http import HttpRequest, HttpResponse, Secret
from llmgate.testing import Canned, FixedSigning
from llmgate_gemini import VertexAI
from llmgate_gemini.credentials import GoogleCredentials
from tests.integration.vertex_calls import authorized, url_of

TOKEN_URL = "https://oauth2.example/token"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_token_callable(kind: str) -> None:
    """A plain string is asked for once a minute, and again when it was refused."""
    asked: list[str] = []

    def give() -> str:
        asked.append("x")
        return f"t{len(asked)}"

    async def give_later() -> str:
        return give()

    provider = VertexAI(project="p", token_provider=give if kind == "sync" else give_later)
    signing = FixedSigning(now=NOW)
    for _ in range(2):
        assert "Bearer t1" == authorized(provider, signing)["authorization"]
    signing.now += timedelta(minutes=2)
    assert "Bearer t2" == authorized(provider, signing)["authorization"]
    signing.previous = HttpResponse(401)
    assert "Bearer t3" == authorized(provider, signing)["authorization"]
    assert provider.error(HttpResponse(401)).retryable
    given = authorized(provider, signing, authorization="mine")
    assert "mine" == given["authorization"]


def test_a_token_that_says_when_it_expires() -> None:
    """It is used until then."""
    made = AccessToken(Secret("t"), NOW + timedelta(hours=1))
    provider = VertexAI(project="p", token_provider=lambda: made)
    assert "Bearer t" == authorized(provider, FixedSigning())["authorization"]


def test_a_token_callable_that_fails() -> None:
    """The error names its class alone; ours pass."""

    def fail() -> str:
        raise ValueError("secret-1234")

    with pytest.raises(MissingKeyError, match="ValueError") as caught:
        authorized(VertexAI(project="p", token_provider=fail), FixedSigning())
    assert "secret" not in str(caught.value)

    def refuse() -> str:
        raise NotFoundError("x")

    with pytest.raises(NotFoundError):
        authorized(VertexAI(project="p", token_provider=refuse), FixedSigning())


@pytest.fixture(scope="module")
def account() -> dict[str, Any]:
    """A service account's file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "its-project",
        "private_key": pem.decode(),
        "private_key_id": "1",
        "client_email": "a@its-project.iam.gserviceaccount.com",
        "token_uri": TOKEN_URL,
    }


def granting(token: str = "granted", **more: Any) -> Canned:
    return Canned(body=json.dumps({"access_token": token, "expires_in": 3600, **more}).encode())


def test_a_service_account(account: dict[str, Any], tmp_path: Path) -> None:
    """Its file, or what is in it: a signed assertion is exchanged, and the project is its own."""
    path = tmp_path / "account.json"
    path.write_text(json.dumps(account))
    for given in (str(path), path, account):
        provider = VertexAI(credentials=given)
        assert "/projects/its-project/locations/global/" in url_of(provider)
        signing = FixedSigning([granting()])
        headers = authorized(provider, signing)
        assert "Bearer granted" == headers["authorization"]
        (request,) = signing.requests
        sent = parse_qs(request.body.decode())
        assert (TOKEN_URL, 2) == (request.url, sent["assertion"][0].count("."))
        assert "private" not in f"{vars(provider)!r}{provider!r}"
        assert "Bearer granted" == authorized(provider, signing)["authorization"]


def test_a_users_credentials() -> None:
    """A refresh token is exchanged."""
    user = {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "quota_project_id": "q",
        "token_uri": TOKEN_URL,
    }
    provider = VertexAI(credentials=user)
    assert "/projects/q/" in url_of(provider)
    headers = authorized(provider, FixedSigning([granting("u")]))
    assert "Bearer u" == headers["authorization"]


def test_credentials_of_google_auth() -> None:
    """They are used as they are."""
    made: Any = google_credentials.Credentials
    own = made(None, refresh_token="r", token_uri=TOKEN_URL, client_id="c", client_secret="s")
    provider = VertexAI(project="p", credentials=own)
    headers = authorized(provider, FixedSigning([granting("o")]))
    assert "Bearer o" == headers["authorization"]
    assert provider.configured(project="q").error(HttpResponse(401)).retryable


def answer_of_a_machine(request: HttpRequest) -> Canned:
    """What the metadata server says on a machine of Google's."""
    assert "Google" == dict(request.headers)["metadata-flavor"]
    account: dict[str, Any] = {"email": "a@p", "scopes": ["s"], "aliases": ["default"]}
    body = json.dumps(account)
    if request.url.partition("?")[0].endswith("/token"):
        body = json.dumps({"access_token": "of the machine", "expires_in": 3600})
    elif "/project/" in request.url:
        body = "p"
    headers = {"metadata-flavor": "Google", "content-type": "application/json"}
    return Canned(200, headers, body.encode())


def test_the_metadata_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing else names credentials: it is asked over the call's own transport."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("NO_GCE_CHECK", raising=False)
    signing = FixedSigning(answer_of_a_machine)
    headers = authorized(VertexAI(project="p"), signing)
    assert "Bearer of the machine" == headers["authorization"]
    assert "/computeMetadata/v1/instance/service-accounts/" in signing.requests[-1].url


def test_google_auth_is_not_imported_where_it_is_not_needed() -> None:
    """A key, or a token from elsewhere, needs nothing of it."""
    program = """
import asyncio, sys
from llmgate.provider.http import HttpRequest
from llmgate.testing.signing import FixedSigning
from llmgate_gemini import Gemini, VertexAI
key, token = "key-1234567890", "token-1234567890"
for provider in (Gemini(api_key=key), VertexAI(api_key=key),
                 VertexAI(project="p", access_token=token),
                 VertexAI(project="p", token_provider=lambda: token)):
    base = provider._settings.base_url
    sent = asyncio.run(provider.authorize(HttpRequest("POST", f"{base}/x"), FixedSigning()))
    assert key in str(sent.headers) or token in str(sent.headers)
assert not any(name.partition(".")[0] in ("google", "botocore") for name in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert (0, b"") == (done.returncode, done.stderr)


def test_default_credentials(
    account: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the environment names, with their project; they are not for another host."""
    path = tmp_path / "account.json"
    path.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    provider = VertexAI()
    assert "/projects/its-project/" in url_of(provider)
    headers = authorized(provider, FixedSigning([granting("d")]))
    assert "Bearer d" == headers["authorization"]
    foreign = VertexAI(project="p", base_url="https://proxy.example")
    assert "authorization" not in authorized(foreign, FixedSigning())


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it is told what to do."""

    def none(**_: Any) -> Any:
        raise exceptions.DefaultCredentialsError("x")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", none)
    with pytest.raises(MissingKeyError, match="README"):
        authorized(VertexAI(project="p"), FixedSigning())


def test_google_auth_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed, the error says so."""
    monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
    with pytest.raises(MissingKeyError, match="google-auth is not installed"):
        authorized(VertexAI(project="p"), FixedSigning())


def test_refused_credentials(account: dict[str, Any]) -> None:
    """An error of the token's server is no secret's place."""
    refused = Canned(400, body=b'{"error": "invalid_grant", "error_description": "secret-5"}')
    with pytest.raises(AuthenticationError, match="RefreshError") as caught:
        authorized(VertexAI(credentials=account), FixedSigning([refused]))
    assert "secret-5" not in str(caught.value)


def test_a_token_that_cannot_be_asked_for(account: dict[str, Any]) -> None:
    """A failure of the transport is that failure."""
    failed = ConnectError("refused")
    with pytest.raises(ConnectError) as caught:
        authorized(VertexAI(credentials=account), FixedSigning([failed]))
    assert failed is caught.value


def test_a_token_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the time that google-auth gives it."""
    stopped = Event()

    class Silent(FixedSigning):
        async def send(self, request: HttpRequest) -> HttpResponse:
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()
            raise AssertionError

    class Impatient:
        token = expiry = None

        def refresh(self, request: Any) -> None:
            request("https://a.example", "POST", "text", timeout=0.01)

    provider = VertexAI(project="p", credentials=Impatient())
    with pytest.raises(ConnectError, match="in time"):
        authorized(provider, Silent())
    assert stopped.wait(5)


@pytest.mark.parametrize(
    "given",
    [
        "/nowhere/at/all.json",
        {"type": "external_account"},
        {"type": "service_account"},
        {"type": "service_account", "private_key": "x", "client_email": "y", "token_uri": "z"},
    ],
)
def test_credentials_that_are_none(given: Any) -> None:
    """They are refused, and not quoted."""
    with pytest.raises(InvalidRequestError, match="credentials"):
        authorized(VertexAI(project="p", credentials=given), FixedSigning())


def test_a_file_that_holds_no_object(tmp_path: Path) -> None:
    """It holds no credentials."""
    path = tmp_path / "x.json"
    path.write_text("[]")
    with pytest.raises(InvalidRequestError, match="JSON file"):
        VertexAI(credentials=path)


def test_credentials_show_nothing(account: dict[str, Any]) -> None:
    """Neither in a repr nor in a pickle."""
    made = GoogleCredentials(account)
    assert "GoogleCredentials('***')" == repr(made)
    with pytest.raises(TypeError):
        pickle.dumps(made)
    assert GoogleCredentials().project is None
    assert GoogleCredentials({"project_id": 5}).project is None
    assert module.GoogleCredentials is GoogleCredentials


@pytest.mark.parametrize("expiry", [None, datetime(2026, 1, 1)])
def test_times_of_google_auth_are_in_utc(expiry: datetime | None) -> None:
    """Though it does not say so."""

    class Fresh:
        token = "t"

        def refresh(self, request: Any) -> None:
            """It is fresh already."""

    fresh: Any = Fresh()
    fresh.expiry = expiry
    token = asyncio.run(GoogleCredentials(fresh).token(FixedSigning()))
    assert (None if expiry is None else NOW) == token.expires
