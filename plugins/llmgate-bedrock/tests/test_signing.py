"""Signatures: as AWS published them, as botocore makes them, and as AWS verifies them."""

from __future__ import annotations

import pickle
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import import_module
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import pytest

from llmgate.errors import InvalidRequestError
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing.signing import FixedSigning
from llmgate_bedrock.signing import AwsCredentials, Clock, sign
from tests.aws import AwsKey, RefusedError, Verified, Verifier

TIME = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CREDENTIALS = AwsCredentials("AKIDEXAMPLE", SECRET)
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP"
    "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT"
    "7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz"
    "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = "application/x-www-form-urlencoded"

# AWS's signature test suite: target, headers, and the signature. Its requests are at
# example.amazonaws.com, for the service "service" in us-east-1. Headers that it sends several times
# are given joined, as HTTP has them mean the same.
VECTORS: list[tuple[str, str, dict[str, str], str]] = [
    ("GET", "/", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", "/", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "GET",
        "/",
        {"My-Header1": "value2,value2,value1"},
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "GET",
        "/",
        {"My-Header1": "value4,value1,value3,value2"},
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "GET",
        "/",
        {"My-Header2": ' "a   b   c"', "My-Header1": " value1"},
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "GET",
        f"/{UNRESERVED}",
        {},
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    ("GET", "/ሴ", {}, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        {},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "GET",
        "/?Param1=value2&Param1=Value1",
        {},
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    (
        "GET",
        "/?Param1=value2&Param1=value1",
        {},
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    (
        "GET",
        f"/?{UNRESERVED}={UNRESERVED}",
        {},
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    ("GET", "/?ሴ=bar", {}, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    (
        "GET",
        "/example1/example2/../..",
        {},
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    ("GET", "/./", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", "/./example", {}, "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    ("GET", "//", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", "//example//", {}, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    (
        "GET",
        "/example space/",
        {},
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    (
        "POST",
        "/",
        {"My-Header1": "VALUE1"},
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    (
        "POST",
        "/",
        {"X-Amz-Security-Token": TOKEN},
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
    (
        "POST",
        "/?Param1=value1",
        {},
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "POST",
        "/",
        {"Content-Type": f"{FORM}; charset=utf8"},
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
    (
        "POST",
        "/",
        {"Content-Type": FORM},
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
]


def authorization(request: HttpRequest) -> str:
    return request.headers["Authorization"]


@pytest.mark.parametrize(("method", "target", "headers", "signature"), VECTORS)
def test_the_published_vectors(
    method: str, target: str, headers: dict[str, str], signature: str
) -> None:
    """Each has the signature that AWS says it has."""
    body = b"Param1=value1" if FORM in str(headers) else b""
    request = HttpRequest(method, f"https://example.amazonaws.com{target}", headers, body)
    signed = sign(request, CREDENTIALS, "us-east-1", TIME, service="service")
    scope = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
    assert authorization(signed).startswith(f"AWS4-HMAC-SHA256 {scope}SignedHeaders=")
    assert authorization(signed).endswith(f", Signature={signature}")
    assert "20150830T123600Z" == signed.headers["X-Amz-Date"]
    assert (request.url, request.body) == (signed.url, signed.body)


def test_a_session_token_is_sent_and_signed() -> None:
    """As the vector with a token has it."""
    request = HttpRequest("POST", "https://example.amazonaws.com/")
    temporary = AwsCredentials("AKIDEXAMPLE", SECRET, TOKEN)
    signed = sign(request, temporary, "us-east-1", TIME, service="service")
    assert TOKEN == signed.headers["X-Amz-Security-Token"]
    assert authorization(signed).endswith(VECTORS[19][3])


# --- beside botocore and AWS's own check --------------------------------------------------

MODELS = (
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "us.amazon.nova-lite-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
    "arn:aws:bedrock:eu-west-1:1:provisioned-model/ab c/é~_",
    "plain",
)
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")


def random_request(random: Random) -> HttpRequest:
    """A request as any of Bedrock's, or stranger."""
    host = random.choice(
        ["bedrock-runtime.us-east-1.amazonaws.com", "Proxy.Example:8443", "127.0.0.1:1", "[::1]:80"]
    )
    scheme = random.choice(["https", "http"])
    path = f"/model/{quote(random.choice(MODELS), safe=random.choice(['', ':', '~']))}/converse"
    path = random.choice(["", "/proxy", "/a//b", "/x/../y", "/."]) + path + random.choice(["", "/"])
    names = ["a", "a-b", "A", "maxResults", "next%2FToken", "%C3%A9"]
    values = ["", "1", "x~y", "a%20b", "%7B%7D", "b%3D"]
    pairs = [f"{random.choice(names)}={random.choice(values)}" for _ in range(random.randrange(4))]
    headers = {
        "content-type": "application/json",
        "User-Agent": "x",
        "Accept": "application/vnd.amazon.eventstream",
        "X-Amzn-Bedrock-Trace": random.choice(["ENABLED", " two  spaces "]),
        "traceparent": "00-1-2-01",
    }
    body = random.randbytes(random.choice((0, 1, 4096)))
    sent = dict(random.sample([*headers.items()], random.randrange(len(headers) + 1)))
    url = f"{scheme}://{host}{path}{'?' if pairs else ''}{'&'.join(pairs)}"
    return HttpRequest(random.choice(["GET", "POST", "PUT"]), url, sent, body)


def signed_by_botocore(
    request: HttpRequest, credentials: tuple[str, str, str | None], region: str, now: datetime
) -> str:
    """The header that AWS's own package makes of it."""
    auth: Any = import_module("botocore.auth")
    make: Any = import_module("botocore.awsrequest").AWSRequest
    keys: Any = import_module("botocore.credentials").Credentials(*credentials)
    theirs = make(request.method, request.url, dict(request.headers), request.body)
    with patch.object(auth, "get_current_datetime", lambda: now):
        auth.SigV4Auth(keys, "bedrock", region).add_auth(theirs)
    return str(theirs.headers["Authorization"])


def as_received(request: HttpRequest) -> Verified:
    """The request as a server has it."""
    parts = urlsplit(request.url)
    default = {"http": 80, "https": 443}[parts.scheme]
    host = parts.netloc.lower().removesuffix(f":{default}")
    headers = {name.lower(): value for name, value in request.headers.items()}
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Verified(request.method, target, {"host": host, **headers}, request.body)


@pytest.mark.parametrize("seed", range(25))
def test_random_requests_are_signed_as_botocore_signs_them(seed: int) -> None:
    """Ten of each seed; what verifies them as AWS does accepts each, and no change of it."""
    random = Random(seed)
    for _ in range(10):
        request = random_request(random)
        token = random.choice([None, "token//+="])
        region, now = random.choice(REGIONS), TIME + timedelta(seconds=random.randrange(10**8))
        signed = sign(request, AwsCredentials("AKID", SECRET, token), region, now)
        expected = signed_by_botocore(request, ("AKID", SECRET, token), region, now)
        assert authorization(signed) == expected, request.url
        keys = {"AKID": AwsKey(SECRET, token)}
        verifier = Verifier(keys, region=region, now=lambda at=now: at)  # type: ignore[misc]
        received = as_received(signed)
        verifier.check(received)
        for changed in (
            Verified(received.method, received.target + "x", received.headers, received.body),
            Verified(received.method, received.target, received.headers, received.body + b"x"),
            Verified("DELETE", received.target, received.headers, received.body),
        ):
            with pytest.raises(RefusedError, match="does not match"):
                verifier.check(changed)


# --- the clock ----------------------------------------------------------------------------


def refusal(date: str, status: int = 403) -> HttpResponse:
    return HttpResponse(status, {"date": date})


def test_a_wrong_clock_is_corrected_by_what_refused_a_request() -> None:
    """From then on for each request, until another refusal says that it is right again."""
    clock, signing = Clock(), FixedSigning(now=TIME)
    assert clock.now(signing) == TIME
    there = TIME + timedelta(hours=3)
    signing.previous = refusal(format_datetime(there, usegmt=True))
    assert clock.now(signing) == there
    signing.previous, signing.now = None, TIME + timedelta(seconds=5)
    assert clock.now(signing) == there + timedelta(seconds=5)
    signing.previous = refusal(format_datetime(signing.now))
    assert clock.now(signing) == signing.now


@pytest.mark.parametrize(
    "previous",
    [
        refusal("Sun, 30 Aug 2015 12:35:00 GMT"),  # a minute is no matter
        refusal("Sun, 30 Aug 2015 09:00:00 GMT", 429),  # it says when the wait began
        refusal("yesterday"),
        refusal(f"Sun, 30 Aug 2015 09:00:00 +{'9' * 30}"),
        refusal(""),
    ],
)
def test_nothing_else_changes_the_clock(previous: HttpResponse) -> None:
    """A response that was waited for, and what is no date."""
    assert Clock().now(FixedSigning(now=TIME, previous=previous)) == TIME


def test_a_date_without_a_zone_is_in_utc() -> None:
    """As HTTP has it."""
    signing = FixedSigning(now=TIME, previous=refusal("Sun, 30 Aug 2015 10:00:00 -0000"))
    assert Clock().now(signing) == TIME.replace(hour=10, minute=0)


# --- secrets and speed --------------------------------------------------------------------


def test_credentials_show_no_secret() -> None:
    """In no repr and no pickle; and what cannot be one is not quoted."""
    temporary = AwsCredentials("AKID", SECRET, TOKEN)
    assert "AwsCredentials('***')" == repr(temporary)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(temporary)
    with pytest.raises(InvalidRequestError, match="aws_secret_access_key") as caught:
        AwsCredentials("AKID", f"{SECRET}\n\0")
    assert SECRET not in str(caught.value)


def test_a_key_is_derived_once_for_each_scope() -> None:
    """A day, a region and a service; old ones are forgotten."""
    credentials = AwsCredentials("AKID", SECRET)
    first = credentials.signing_key("20150830/us-east-1/bedrock/aws4_request")
    assert first is credentials.signing_key("20150830/us-east-1/bedrock/aws4_request")
    for day in range(100):
        credentials.signing_key(f"{day}/us-east-1/bedrock/aws4_request")
    assert len(credentials._keys) <= 16


def test_signing_takes_little_time() -> None:
    """At most 60 µs of processor time for 4 kB; three times that where a machine is busy."""
    path = f"/model/{quote(MODELS[0], safe='')}/converse"
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{path}"
    request = HttpRequest("POST", url, {"content-type": "application/json"}, b"x" * 4096)
    took = list[float]()
    for _ in range(20):
        started = time.thread_time()
        for _ in range(50):
            sign(request, CREDENTIALS, "us-east-1", TIME)
        took.append((time.thread_time() - started) / 50)
    assert min(took) < 180e-6
