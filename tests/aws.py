"""What AWS does at the other end, for tests: messages of event streams, and requests verified.

It shares no code with the plugin that it tests. Sources: AWS, "Event stream encoding" and
"Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote, unquote_to_bytes
from uuid import UUID
from zlib import crc32

from tests.loopback import LoopbackServer

__all__ = [
    "AwsKey",
    "AwsServer",
    "Reply",
    "Verified",
    "Verifier",
    "event",
    "message",
    "with_checksums",
]


# --- event streams ------------------------------------------------------------------------


def message(headers: Mapping[str, object], payload: bytes) -> bytes:
    """One message; each header has the type of its value, and whole numbers the shortest one."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    checked = prelude + struct.pack("!I", crc32(prelude)) + packed + payload
    return checked + struct.pack("!I", crc32(checked))


def event(name: str, payload: bytes, kind: str = "event") -> bytes:
    """A message as Bedrock's; of ``kind`` exception, the name is the exception's."""
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return message(headers, payload)


def with_checksums(data: bytes) -> bytes:
    """The messages in these bytes, as far as their lengths go, with checksums that match."""
    messages, at = list[bytes](), 0
    while len(data) - at >= 16:
        size = min(max(int.from_bytes(data[at : at + 4]), 16), len(data) - at)
        prelude = size.to_bytes(4) + data[at + 4 : at + 8]
        checked = prelude + crc32(prelude).to_bytes(4) + data[at + 12 : at + size - 4]
        messages.append(checked + crc32(checked).to_bytes(4))
        at += size
    return b"".join([*messages, data[at:]])


def _header(name: str, value: object) -> bytes:
    return struct.pack("!B", len(name.encode())) + name.encode() + _value(value)


def _value(value: object) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int():
            sizes = ((2, "b", 8), (3, "h", 16), (4, "i", 32), (5, "q", 64))
            kind, form = next(
                (k, f) for k, f, bits in sizes if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)
            )
            return struct.pack(f"!B{form}", kind, value)
        case bytes():
            return struct.pack("!BH", 6, len(value)) + value
        case str():
            return struct.pack("!BH", 7, len(value.encode())) + value.encode()
        case datetime():
            return struct.pack("!Bq", 8, round(value.timestamp() * 1000))
        case UUID():
            return b"\x09" + value.bytes
        case _:
            raise TypeError(type(value))


# --- signatures ---------------------------------------------------------------------------


@dataclass(frozen=True)
class AwsKey:
    """An access key as AWS knows it; ``expires`` is that of a temporary one."""

    secret: str
    token: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True)
class Verified:
    """One request as it came: its target, and its headers by their names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class RefusedError(Exception):
    """AWS refuses the request with this code."""

    def __init__(self, code: str, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[\w/+=.-]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z0-9-]+)/aws4_request, ?SignedHeaders=(?P<names>[a-z0-9;_-]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass
class Verifier:
    """Checks a request as AWS does: its key, its date, its session token, and its signature."""

    keys: Mapping[str, AwsKey] = field(default_factory=dict[str, AwsKey])
    bearers: tuple[str, ...] = ()
    region: str = "us-east-1"
    service: str = "bedrock"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def check(self, request: Verified) -> None:
        """Return where AWS would go on.

        Raises:
            RefusedError: where it would not.
        """
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise RefusedError("MissingAuthenticationTokenException", "Missing Token")
        if authorization.startswith("Bearer "):
            if authorization.removeprefix("Bearer ") not in self.bearers:
                raise RefusedError("AccessDeniedException", "Authentication failed")
            return
        found = _AUTHORIZATION.fullmatch(authorization)
        if found is None:
            raise RefusedError("IncompleteSignatureException", "not in the AWS form", 400)
        key = self.keys.get(found["key"])
        if key is None or request.headers.get("x-amz-security-token") != key.token:
            raise RefusedError("UnrecognizedClientException", "The security token is invalid.")
        self._check_date(request.headers.get("x-amz-date", ""), found["day"])
        if key.expires is not None and key.expires <= self.now():
            raise RefusedError("ExpiredTokenException", "The security token is expired")
        if (found["region"], found["service"]) != (self.region, self.service):
            raise _mismatch("the scope of the credential is another one")
        names = found["names"].split(";")
        needed = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
        if names != sorted(names) or not needed <= {*names} <= {*request.headers}:
            raise _mismatch(f"the signed headers are {names}")
        if found["signature"] != self._signature(request, key.secret, names):
            raise _mismatch("the signature that was calculated does not match")

    def _check_date(self, date: str, day: str) -> None:
        try:
            time = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise RefusedError("IncompleteSignatureException", "no date", 400) from None
        if date[:8] != day:
            raise _mismatch("the date of the credential is another one")
        if abs(self.now() - time) > timedelta(minutes=5):
            raise _mismatch(f"Signature expired or not yet current: {date}")

    def _signature(self, request: Verified, secret: str, names: list[str]) -> str:
        path, _, query = request.target.partition("?")
        segments = list[str]()
        for segment in path.split("/"):
            if segment == "..":
                segments[-1:] = []
            elif segment not in ("", "."):
                segments.append(quote(segment, safe=""))
        folder = "/" if path[-1] == "/" and segments else ""
        pairs = sorted(
            tuple(quote(unquote_to_bytes(half), safe="") for half in pair.split("=", 1))
            for pair in query.split("&")
            if pair
        )
        canonical = [
            request.method,
            f"/{'/'.join(segments)}{folder}",
            "&".join(f"{pair[0]}={''.join(pair[1:])}" for pair in pairs),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        ]
        date = request.headers["x-amz-date"]
        scope = [date[:8], self.region, self.service, "aws4_request"]
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        key = f"AWS4{secret}".encode()
        for part in scope:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope), digest])
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _mismatch(text: str) -> RefusedError:
    return RefusedError("InvalidSignatureException", text)


# --- a server -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """What the server sends back."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


@dataclass
class AwsServer(LoopbackServer):
    """A server on loopback for as long as its ``with`` block, which refuses what AWS refuses.

    ``answer`` gives the reply to each request that is accepted; ``requests`` are all that came, and
    ``refused`` the codes with which some were refused.
    """

    answer: Callable[[Verified], Reply] = lambda _: Reply()
    verifier: Verifier | None = field(default_factory=Verifier)
    requests: list[Verified] = field(default_factory=list[Verified])
    refused: list[str] = field(default_factory=list[str])

    def reply(self, request: Verified) -> Reply:
        """The reply to one request."""
        self.requests.append(request)
        try:
            if self.verifier is not None:
                self.verifier.check(request)
        except RefusedError as error:
            self.refused.append(error.code)
            body = json.dumps({"message": str(error)}).encode()
            return Reply(body, error.status, {"x-amzn-errortype": f"{error.code}:http://internal/"})
        return self.answer(request)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The class that answers requests."""
        return _Handler


class _Handler(BaseHTTPRequestHandler):
    owner: AwsServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.owner.reply(Verified(self.command, self.path, headers, body))
        verifier = self.owner.verifier or Verifier()
        self.send_response_only(reply.status)
        self.send_header("date", format_datetime(verifier.now(), usegmt=True))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - so they are called

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""
