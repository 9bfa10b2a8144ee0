"""Where credentials come from, which come first, and what is signed with them through retries."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    AuthenticationError,
    ConnectError,
    InvalidRequestError,
    MissingKeyError,
    ProviderError,
)
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import Settings, Vendor
from llmgate.testing.signing import FixedSigning
from llmgate_bedrock.credentials import (
    CREDENTIALS,
    Authorizer,
    default_region,
    load_credentials,
)
from llmgate_openai import OpenAI
from tests.aws import AwsKey, AwsServer, Reply, Verified, Verifier
from tests.faults.calls import AT_ONCE, HI
from tests.sdk import OPENAI_ANSWER

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
REQUEST = HttpRequest("POST", f"{HOST}/model/m/converse", {"content-type": "application/json"})
VENDOR = Vendor(
    name="Bedrock",
    hosts=("bedrock-runtime.us-east-1.amazonaws.com",),
    base_url=HOST,
    base_url_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
    credentials=CREDENTIALS,
)
KEYS = {"aws_access_key_id": "AKIDCODE", "aws_secret_access_key": "secret-code"}
KNOWN = {
    "AKIDCODE": AwsKey("secret-code"),
    "AKIDENV": AwsKey("secret-env"),
    "AKIDFILE": AwsKey("secret-file"),
    "AKIDTEMP": AwsKey("secret-temp", "token-temp"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without files, and no metadata service but one that a test names."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tmp_path.joinpath(".aws").mkdir()
    return tmp_path


@pytest.fixture
def files(home: Path) -> Callable[..., None]:
    """Writes the shared files."""

    def write(credentials: str = "", config: str = "") -> None:
        home.joinpath(".aws/credentials").write_text(credentials)
        home.joinpath(".aws/config").write_text(config)

    return write


def environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def everything_of(error: BaseException) -> str:
    """What a traceback of it would show."""
    return f"{error!r} {error.__cause__!r} {error.__context__!r}"


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


class Signed(OpenAI):
    """Sends OpenAI's requests with AWS's signatures."""

    def __init__(self, url: str, profile: str | None = None, **settings: Any) -> None:
        super().__init__(api_key="x", base_url=url)
        self._authorizer = Authorizer(Settings(VENDOR, base_url=url, **settings), profile)

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return await self._authorizer.authorized(request, signing, "us-east-1")

    def error(self, reply: HttpResponse) -> ProviderError:
        if reply.status == 403:
            return AuthenticationError("refused", status=403, retryable=True)
        return super().error(reply)


def completed(_: Verified) -> Reply:
    return Reply(OPENAI_ANSWER)


async def ask(provider: Signed, times: int = 1) -> None:
    async with Client(providers={"openai": provider}, retry=AT_ONCE) as client:
        await asyncio.gather(*(_call(client) for _ in range(times)))


async def _call(client: Client) -> None:
    completion = await client.acompletion("openai/gpt-4o", HI, extra_headers={"X-A": "b  c"})
    assert completion.choices


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
            await _call(client)
            keys["AKIDOLD"] = AwsKey("secret-old", "token-old", datetime.now(UTC))
            files(section.format("AKIDTEMP", "secret-temp", "token-temp"))
            await _call(client)
            await _call(client)
    assert (4, ["ExpiredTokenException"]) == (len(server.requests), server.refused)


# --- botocore -----------------------------------------------------------------------------

EXPIRY = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=12)
TEMPORARY = {
    "AccessKeyId": "AKIDTEMP",
    "SecretAccessKey": "secret-temp",
    "Token": "token-temp",
    "Expiration": EXPIRY.strftime("%Y-%m-%dT%H:%M:%SZ"),
}


def as_json(payload: Mapping[str, Any]) -> Reply:
    return Reply(json.dumps(payload).encode())


def of_sts(action: str) -> Callable[[Verified], Reply]:
    """STS's response to an action."""
    keys = {**TEMPORARY, "SessionToken": TEMPORARY["Token"]}
    del keys["Token"]
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    result = f"<{action}Result><Credentials>{fields}</Credentials></{action}Result>"
    space = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
    body = f"<{action}Response {space}>{result}</{action}Response>"
    return lambda request: Reply(body.encode(), headers={"content-type": "text/xml"})


def container(monkeypatch: pytest.MonkeyPatch, server: AwsServer) -> None:
    server.answer = lambda _: as_json(TEMPORARY)
    environment(
        monkeypatch,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/creds",
        AWS_CONTAINER_AUTHORIZATION_TOKEN="of the container",
    )


def instance(monkeypatch: pytest.MonkeyPatch, server: AwsServer) -> None:
    def answer(request: Verified) -> Reply:
        if request.method == "PUT":
            return Reply(b"imds-token")
        assert "imds-token" == request.headers["x-aws-ec2-metadata-token"]
        is_list = request.target.endswith("/security-credentials/")
        return Reply(b"role") if is_list else as_json({"Code": "Success", **TEMPORARY})

    server.answer = answer
    environment(
        monkeypatch,
        AWS_EC2_METADATA_DISABLED="false",
        AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url,
    )


def web_identity(monkeypatch: pytest.MonkeyPatch, server: AwsServer) -> None:
    server.answer = of_sts("AssumeRoleWithWebIdentity")
    token = Path.home() / "token"
    token.write_text("of the cluster")
    environment(
        monkeypatch,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(token),
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/r",
        AWS_ENDPOINT_URL_STS=server.url,
        AWS_REGION="us-east-1",
    )


def assumed_role(monkeypatch: pytest.MonkeyPatch, server: AwsServer) -> None:
    server.answer = of_sts("AssumeRole")
    server.verifier = Verifier(KNOWN, service="sts")
    Path.home().joinpath(".aws/config").write_text(
        "[profile mine]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
        "region = us-east-1\n[profile base]\n"
        "aws_access_key_id=AKIDFILE\naws_secret_access_key=secret-file\n"
    )
    environment(monkeypatch, AWS_PROFILE="mine", AWS_ENDPOINT_URL_STS=server.url)


def single_sign_on(monkeypatch: pytest.MonkeyPatch, server: AwsServer) -> None:
    keys = {
        "accessKeyId": "AKIDTEMP",
        "secretAccessKey": "secret-temp",
        "sessionToken": "token-temp",
        "expiration": int(EXPIRY.timestamp() * 1000),
    }
    server.answer = lambda _: as_json({"roleCredentials": keys})
    start = "https://start.invalid/start"
    Path.home().joinpath(".aws/config").write_text(
        f"[default]\nsso_start_url = {start}\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = r\n"
    )
    cache = Path.home() / ".aws/sso/cache"
    cache.mkdir(parents=True)
    name = hashlib.sha1(start.encode(), usedforsecurity=False).hexdigest()
    token = {"accessToken": "t", "expiresAt": TEMPORARY["Expiration"], "startUrl": start}
    cache.joinpath(f"{name}.json").write_text(json.dumps(token))
    # botocore asks for the home when it is imported
    monkeypatch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(cache))
    environment(monkeypatch, AWS_ENDPOINT_URL_SSO=server.url)


SOURCES = [container, instance, web_identity, assumed_role, single_sign_on]


@pytest.mark.parametrize("source", SOURCES)
async def test_the_rest_of_the_chain(
    source: Callable[[pytest.MonkeyPatch, AwsServer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By botocore, once for all calls at the same time, and the event loop goes on meanwhile."""
    with AwsServer(verifier=None) as aws, AwsServer(completed, Verifier(KNOWN)) as server:
        source(monkeypatch, aws)
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        assert EXPIRY == load_credentials().expires
        needed = len(aws.requests)
        aws.requests.clear()
        await ask(Signed(server.url), times=20)
    assert (20, []) == (len(server.requests), server.refused)
    assert (needed, []) == (len(aws.requests), aws.refused)


async def test_credentials_are_replaced_ahead_of_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A minute before it, or a tenth of their life."""
    with AwsServer(verifier=None) as aws, AwsServer(completed, Verifier(KNOWN)) as server:
        container(monkeypatch, aws)
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        async with Client(providers={"openai": Signed(server.url)}) as client:
            for _ in range(3):
                await _call(client)
            assert 1 == len(aws.requests)
            with monkeypatch.context() as later:
                later.setattr("time.time", lambda: EXPIRY.timestamp() - 30)
                await _call(client)
            assert 2 == len(aws.requests)


def test_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files do not have is an error, and is not taken from elsewhere."""
    environment(monkeypatch, AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY="s")
    with pytest.raises(InvalidRequestError, match="no such profile"):
        load_credentials("none")


def test_a_source_that_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is no failure of the network; only the class of botocore's exception is named."""
    with AwsServer(lambda _: Reply(b"secret", 403), verifier=None) as aws:
        container(monkeypatch, aws)
        aws.answer = lambda _: Reply(b"hunter2", 403)
        with pytest.raises(AuthenticationError, match="CredentialRetrievalError") as caught:
            load_credentials()
    assert "hunter2" not in everything_of(caught.value)


def test_a_source_that_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, files: Callable[..., None]
) -> None:
    """It is a failure of the network, which may be retried."""
    with AwsServer(verifier=None) as aws:
        assumed_role(monkeypatch, aws)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ConnectError, match="EndpointConnectionError"):
        load_credentials()


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the only way to those sources."""
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(MissingKeyError, match="the extra botocore"):
        load_credentials()


def test_botocore_is_not_imported_where_it_is_not_needed() -> None:
    """It takes longer than all else."""
    program = """
import asyncio, os, sys
os.environ |= {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
import llmgate_bedrock
from llmgate.provider.http import HttpRequest
from llmgate.provider.kit import Settings, Vendor
from llmgate.testing.signing import FixedSigning
from llmgate_bedrock.credentials import CREDENTIALS, Authorizer
vendor = Vendor("x", ("a.example",), "https://a.example", credentials=CREDENTIALS)
authorizer = Authorizer(Settings(vendor))
request = HttpRequest("POST", "https://a.example/x")
sent = asyncio.run(authorizer.authorized(request, FixedSigning(), "us-east-1"))
assert "AKID" in sent.headers["Authorization"]
assert not any(name.partition(".")[0] in ("botocore", "google") for name in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert (0, b"") == (done.returncode, done.stderr)
