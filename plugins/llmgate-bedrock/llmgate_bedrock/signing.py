"""AWS's signature (SigV4) of a request: over the URL, the headers and the bytes that are sent.

It finds no credentials and sees no clock. Source: AWS, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from posixpath import normpath
from typing import NoReturn
from urllib.parse import quote, unquote_to_bytes, urlsplit

from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest, HttpResponse, Secret

__all__ = ["ALGORITHM", "AwsCredentials", "Clock", "sign"]

ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = frozenset(
    {
        *("authorization", "baggage", "connection", "expect", "keep-alive", "proxy-authenticate"),
        *("proxy-authorization", "te", "traceparent", "tracestate", "trailer"),
        *("transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id"),
    }
)
"""Headers that a proxy may change on the way."""
_UNRESERVED = "-_.~"
_PORTS = {"http": 80, "https": 443}
_MOST_KEYS = 16
_TOLERANCE = timedelta(minutes=2)
"""By how much a clock may be wrong; AWS itself takes five minutes."""
_REFUSED = (400, 401, 403)


class AwsCredentials:
    """An access key, until ``expires`` if it is a temporary one. It shows no secret.

    Raises:
        InvalidRequestError: for what cannot be a key; it is not quoted.
    """

    __slots__ = ("_keys", "_secret_key", "access_key_id", "expires", "session_token")

    def __init__(
        self,
        access_key_id: str | Secret,
        secret_access_key: str | Secret,
        session_token: str | Secret | None = None,
        expires: datetime | None = None,
    ) -> None:
        self.access_key_id = _secret(access_key_id, "aws_access_key_id")
        self._secret_key = _secret(secret_access_key, "aws_secret_access_key")
        self.session_token = _secret(session_token, "aws_session_token") if session_token else None
        self.expires = expires
        self._keys: dict[str, bytes] = {}

    def signing_key(self, scope: str) -> bytes:
        """The key of a scope ``date/region/service/aws4_request``, derived once for each."""
        key = self._keys.get(scope)
        if key is None:
            key = f"AWS4{self._secret_key.reveal()}".encode()
            for part in scope.split("/"):
                key = _hmac(key, part)
            if len(self._keys) >= _MOST_KEYS:  # it is another one each day
                self._keys.clear()
            self._keys[scope] = key
        return key

    def __repr__(self) -> str:
        return "AwsCredentials('***')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled: make them again where they are needed")


def _secret(key: str | Secret, name: str) -> Secret:
    try:
        return key if isinstance(key, Secret) else Secret(key, name=name)
    finally:
        del key  # a traceback may show what is here


class Clock:
    """The time at AWS: that of this machine, corrected by what refused requests say it is."""

    __slots__ = ("_given", "_offset")

    def __init__(self) -> None:
        self._offset = timedelta()
        self._given: datetime | None = None

    def now(self, signing: Signing) -> datetime:
        """The time for a signature, in UTC."""
        previous = signing.previous
        there = None if previous is None or previous.status not in _REFUSED else _date(previous)
        if there is not None:
            offset = there - signing.now
            self._offset = offset if abs(offset) > _TOLERANCE else timedelta()
        self._given = signing.now + self._offset
        return self._given

    def is_wrong(self, response: HttpResponse) -> bool:
        """Whether a response says that the last signature had a date that AWS does not take."""
        there = _date(response)
        if there is None or self._given is None:
            return False
        return abs(there - self._given) > _TOLERANCE


def _date(response: HttpResponse) -> datetime | None:
    try:
        date = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def sign(
    request: HttpRequest,
    credentials: AwsCredentials,
    region: str,
    now: datetime,
    *,
    service: str = "bedrock",
) -> HttpRequest:
    """The request with the date, the session token and the signature in its headers.

    ``now`` is in UTC. A header that the caller gave for the call is signed as it is.
    """
    time = now.strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": time}
    if credentials.session_token is not None:
        added["X-Amz-Security-Token"] = credentials.session_token.reveal()
    request = request.with_headers(added)
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    canonical, names = _canonical(request)
    to_sign = f"{ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = _hmac(credentials.signing_key(scope), to_sign).hex()
    access_key = credentials.access_key_id.reveal()
    authorization = (
        f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return request.with_headers({"Authorization": authorization})


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


# --- the canonical request ----------------------------------------------------------------


def _canonical(request: HttpRequest) -> tuple[str, str]:
    """The canonical request, and the names of the headers in it."""
    parts = urlsplit(request.url)
    host = (parts.hostname or "") if "[" not in parts.netloc else f"[{parts.hostname}]"
    if parts.port not in (None, _PORTS.get(parts.scheme)):
        host = f"{host}:{parts.port}"
    headers = _signed_headers(request.headers, host)
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    body = hashlib.sha256(request.body).hexdigest()
    path, query = _path(parts.path), _query(parts.query)
    return f"{request.method.upper()}\n{path}\n{query}\n{lines}\n{names}\n{body}", names


def _signed_headers(headers: Mapping[str, str], host: str) -> dict[str, str]:
    signed = {"host": host}
    for name, value in headers.items():
        lower = name.lower()
        if lower not in _UNSIGNED:
            signed[lower] = " ".join(value.split())
    return dict(sorted(signed.items()))


def _path(path: str) -> str:
    """The path as it is sent, encoded once more: ``%3A`` becomes ``%253A``."""
    if "//" in path or "/." in path:
        is_folder = path.endswith(("/", "/.", "/.."))
        path = normpath(f"/{path.lstrip('/')}")
        path = f"{path}/" if is_folder and path != "/" else path
    return quote(path or "/", safe=f"/{_UNRESERVED}")


def _query(query: str) -> str:
    if not query:
        return ""
    pairs = [pair.partition("=") for pair in query.split("&")]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)
