"""Credentials of the sources that botocore knows, and what is said where there are none."""

from __future__ import annotations

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
)
from llmgate_bedrock.credentials import (
    load_credentials,
)
from tests.aws import AwsServer, Reply, Verified, Verifier
from tests.integration.bedrock_credentials import (
    KNOWN,
    Signed,
    ask,
    call_once,
    completed,
    environment,
)

pytestmark = pytest.mark.usefixtures("home")


def everything_of(error: BaseException) -> str:
    """What a traceback of it would show."""
    return f"{error!r} {error.__cause__!r} {error.__context__!r}"


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
                await call_once(client)
            assert 1 == len(aws.requests)
            with monkeypatch.context() as later:
                later.setattr("time.time", lambda: EXPIRY.timestamp() - 30)
                await call_once(client)
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
