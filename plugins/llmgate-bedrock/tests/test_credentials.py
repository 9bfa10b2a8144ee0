"""Where credentials come from, which come first, and what is signed with them through retries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    InvalidRequestError,
    MissingKeyError,
)
from llmgate.provider.http import HttpRequest
from llmgate.provider.kit import Settings
from llmgate.testing.signing import FixedSigning
from llmgate_bedrock.credentials import (
    Authorizer,
    default_region,
    load_credentials,
)
from tests.aws import AwsKey, AwsServer, Reply, Verifier
from tests.faults.calls import AT_ONCE
from tests.integration.bedrock_credentials import (
    HOST,
    KNOWN,
    VENDOR,
    Signed,
    ask,
    call_once,
    completed,
    environment,
)
from tests.sdk import OPENAI_ANSWER

pytestmark = pytest.mark.usefixtures("home")
REQUEST = HttpRequest("POST", f"{HOST}/model/m/converse", {"content-type": "application/json"})
KEYS = {"aws_access_key_id": "AKIDCODE", "aws_secret_access_key": "secret-code"}


async def authorization(profile: str | None = None, **settings: Any) -> str | None:
    """What is sent in the header, in short: the key's id, or the bearer."""
    authorizer = Authorizer(Settings(VENDOR, **settings), profile)
    url = settings.get("base_url", HOST)
    request = HttpRequest("POST", f"{url}/model/m/converse")
    sent = await authorizer.authorized(request, FixedSigning(), "us-east-1")
    header = sent.headers.get("Authorization")
    return header if header is None else header.removeprefix("AWS4-HMAC-SHA256 ").split("/")[0]


# --- what comes first ---------------------------------------------------------------------


async def test_the_order_of_the_sources(
    files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that is added comes before all below it."""
    with pytest.raises(MissingKeyError, match="AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID"):
        await authorization()
    config = "[default]\naws_access_key_id = AKIDCONFIG\naws_secret_access_key = s\n"
    files("", config)
    assert "Credential=AKIDCONFIG" == await authorization()
    other = "[other]\naws_access_key_id=AKIDOTHER\naws_secret_access_key=s\n"
    files(f"[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n{other}", config)
    assert "Credential=AKIDFILE" == await authorization()
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert "Credential=AKIDOTHER" == await authorization()
    environment(monkeypatch, AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY="s")
    assert "Credential=AKIDENV" == await authorization()
    environment(monkeypatch, AWS_BEARER_TOKEN_BEDROCK="bearer-env")
    assert "Bearer bearer-env" == await authorization()
    assert "Credential=AKIDFILE" == await authorization("default")
    assert "Credential=AKIDCODE" == await authorization(**KEYS)
    assert "Bearer mine" == await authorization(api_key="mine")
    assert "Credential=AKIDCODE" == await authorization("default", **KEYS)
    assert "Bearer mine" == await authorization("default", api_key="mine")


async def test_a_session_token_belongs_to_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's is not sent with a key that was given in code."""
    environment(
        monkeypatch,
        AWS_ACCESS_KEY_ID="AKIDENV",
        AWS_SECRET_ACCESS_KEY="s",
        AWS_SESSION_TOKEN="token-env",
    )
    for settings, token in (({}, "token-env"), (KEYS, None)):
        authorizer = Authorizer(Settings(VENDOR, **settings))
        sent = await authorizer.authorized(REQUEST, FixedSigning(), "us-east-1")
        assert token == sent.headers.get("X-Amz-Security-Token")


@pytest.mark.parametrize("name", ["aws_access_key_id", "aws_secret_access_key"])
def test_half_a_key_is_refused(name: str) -> None:
    """It names the other half, not what was given."""
    half = {key: value for key, value in KEYS.items() if key != name}
    with pytest.raises(InvalidRequestError, match=name) as caught:
        Authorizer(Settings(VENDOR, **half))
    assert "secret-code" not in str(caught.value)


# --- where they go ------------------------------------------------------------------------


async def test_credentials_of_the_environment_go_to_the_vendors_hosts_only(
    files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And to an address that the environment names; what is given in code goes to any."""
    files("[default]\naws_access_key_id=AKIDFILE\naws_secret_access_key=s\n")
    assert None is await authorization(base_url="https://proxy.invalid")
    assert "Credential=AKIDCODE" == await authorization(base_url="https://proxy.invalid", **KEYS)
    assert "Credential=AKIDFILE" == await authorization("default", base_url="https://x.invalid")
    environment(monkeypatch, AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY="s")
    assert None is await authorization(base_url="https://proxy.invalid")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://proxy.invalid")
    authorizer = Authorizer(Settings(VENDOR))
    request = HttpRequest("POST", "https://proxy.invalid/x")
    sent = await authorizer.authorized(request, FixedSigning(), "us-east-1")
    assert "AKIDENV" in sent.headers["Authorization"]
    elsewhere = HttpRequest("POST", "https://elsewhere.invalid/x")
    assert elsewhere is await authorizer.authorized(elsewhere, FixedSigning(), "us-east-1")


async def test_an_authorization_of_the_callers_or_of_the_settings_is_sent_as_it_is() -> None:
    """No credentials are looked for."""
    mine = HttpRequest("POST", f"{HOST}/x", {"authorization": "mine"})
    sent = await Authorizer(Settings(VENDOR)).authorized(mine, FixedSigning(), None)
    assert {"authorization": "mine"} == sent.headers
    settings = Settings(VENDOR, headers={"authorization": "the gateway's"})
    sent = await Authorizer(settings).authorized(REQUEST, FixedSigning(), None)
    assert "the gateway's" == sent.headers["authorization"]
    assert "Authorization" not in sent.headers


async def test_without_a_region_nothing_is_signed() -> None:
    """A key alone does not say where."""
    with pytest.raises(InvalidRequestError, match="set AWS_REGION"):
        await Authorizer(Settings(VENDOR, **KEYS)).authorized(REQUEST, FixedSigning(), None)


def test_the_region(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is given, the environment, the profile that it names."""
    assert default_region() is None
    files("", '[default]\nregion = eu-north-1\n[profile "my own"]\nregion=sa-east-1\n[profile "]\n')
    assert ("eu-north-1", "sa-east-1") == (default_region(), default_region("my own"))
    monkeypatch.setenv("AWS_PROFILE", "my own")
    assert "sa-east-1" == default_region()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert "us-west-2" == default_region()
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert ("us-east-2", None) == (default_region(), default_region("none"))


def test_files_that_cannot_be_read(
    files: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error quotes nothing of them. One that is not there is as good as an empty one."""
    files("secret-file without a section\n")
    with pytest.raises(InvalidRequestError, match="AWS_SHARED_CREDENTIALS_FILE") as caught:
        load_credentials()
    assert (
        "secret-file" not in f"{caught.value!r}{caught.value.__cause__}{caught.value.__context__}"
    )
    home.joinpath(".aws/credentials").write_bytes(b"\xff")
    with pytest.raises(InvalidRequestError, match="AWS_SHARED_CREDENTIALS_FILE"):
        load_credentials()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "mine"))
    home.joinpath("mine").write_text("[default]\nregion = eu-north-1\ns3 =\n  a = b\n")
    assert "eu-north-1" == default_region()


# --- signed, through retries --------------------------------------------------------------


async def test_each_retry_is_signed_and_verified() -> None:
    """What arrives is what was signed, byte for byte."""
    replies = iter([Reply(status=503), Reply(status=429), Reply(OPENAI_ANSWER)])
    with AwsServer(lambda _: next(replies), Verifier(KNOWN)) as server:
        await ask(Signed(server.url, **KEYS))
    assert (3, []) == (len(server.requests), server.refused)


async def test_a_wrong_clock_costs_one_refusal() -> None:
    """The call that meets it is retried with the right time, and those after it begin with that."""
    verifier = Verifier(KNOWN, now=lambda: datetime.now(UTC) + timedelta(hours=2))
    with AwsServer(completed, verifier) as server:
        provider = Signed(server.url, **KEYS)
        await ask(provider)
        await ask(provider)
    assert (3, ["InvalidSignatureException"]) == (len(server.requests), server.refused)


async def test_an_expired_token_is_replaced(files: Callable[..., None]) -> None:
    """As tools do that write new keys into the file: it is read again when they are refused."""
    section = "[tool]\naws_access_key_id={}\naws_secret_access_key={}\naws_session_token={}\n"
    files(section.format("AKIDOLD", "secret-old", "token-old"))
    old = AwsKey("secret-old", "token-old")
    keys = {**KNOWN, "AKIDOLD": old}
    with AwsServer(completed, Verifier(keys)) as server:
        provider = Signed(server.url, "tool")
        async with Client(providers={"openai": provider}, retry=AT_ONCE) as client:
            await call_once(client)
            keys["AKIDOLD"] = AwsKey("secret-old", "token-old", datetime.now(UTC))
            files(section.format("AKIDTEMP", "secret-temp", "token-temp"))
            await call_once(client)
            await call_once(client)
    assert (4, ["ExpiredTokenException"]) == (len(server.requests), server.refused)
