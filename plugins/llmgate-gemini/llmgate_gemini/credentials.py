"""Access tokens of Google's: by ``google-auth``, which is imported when the first one is needed,
or by a callable.

Whatever blocks runs on a thread. What is sent for a token goes through the call's own transport.
Source: https://google.aip.dev/auth/4110; google-auth 2.63.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn, TypeAlias

from llmgate.errors import (
    AuthenticationError,
    ConnectError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
)
from llmgate.provider import AccessToken, Signing
from llmgate.provider.http import HttpRequest, HttpResponse, Secret, decode_json, is_object
from llmgate.provider.kit.tokens import ask_for_token
from llmgate.provider.threads import run_in_thread

__all__ = ["GoogleCredentials", "TokenProvider", "token_of"]

TokenProvider: TypeAlias = Callable[[], "str | AccessToken | Awaitable[str | AccessToken]"]
"""Returns an access token. One that says when it expires is used until then; a plain string is
asked for once a minute. A callable that is not async is called on a thread."""

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_LIFE_OF_TEXT = timedelta(minutes=1)
_HELP = "see the package's README, Credentials"


# --- a callable ---------------------------------------------------------------------------


async def token_of(provider: TokenProvider, signing: Signing) -> AccessToken:
    """What a callable returned.

    Raises:
        MissingKeyError: when it fails; it names the exception's class, whose text may be a secret.
    """
    token: str | AccessToken = await ask_for_token(provider)
    if isinstance(token, AccessToken):
        return token
    return AccessToken(Secret(token, name="token_provider"), signing.now + _LIFE_OF_TEXT)


# --- google-auth --------------------------------------------------------------------------


class GoogleCredentials:
    """Credentials that ``google-auth`` makes tokens of; they show nothing of themselves.

    Args:
        given: The path of a file, what is in it, credentials of ``google-auth``'s own, or None for
            the Application Default Credentials: a file that the environment names, that of the
            ``gcloud`` tool, or the metadata server.

    Raises:
        InvalidRequestError: for a file that cannot be read, or what is none.
    """

    __slots__ = ("_given", "_lock", "_made")

    def __init__(self, given: Any = None) -> None:
        if isinstance(given, str | Path):
            given = _read(Path(given))
        self._given = given
        self._made: Any = None
        self._lock = Lock()

    @property
    def project(self) -> str | None:
        """The project that the credentials name."""
        found: Any = None
        if is_object(self._given):
            found = self._given.get("project_id") or self._given.get("quota_project_id")
        elif self._given is not None:
            found = getattr(self._given, "project_id", None)
        return found if isinstance(found, str) else None

    async def token(self, signing: Signing) -> AccessToken:
        """A fresh token.

        Raises:
            MissingKeyError: when there are no credentials, or ``google-auth`` is not installed.
            AuthenticationError: when Google gives no token for them.
            TransportError: when there is no complete response.
        """
        bridge = _Bridge(signing, asyncio.get_running_loop())
        return await run_in_thread(lambda: self._refresh(bridge))

    def _refresh(self, bridge: _Bridge) -> AccessToken:
        """It blocks. What an exception says may hold a secret, so only its class is named."""
        try:
            exceptions = _google("auth.exceptions")
        except ImportError:
            raise MissingKeyError(f"google-auth is not installed: {_HELP}") from None
        try:
            with self._lock:
                credentials = self._made = self._made or self._make(bridge)
                credentials.refresh(bridge)
                token, expiry = credentials.token, credentials.expiry
        except exceptions.GoogleAuthError as error:
            is_missing = isinstance(error, exceptions.DefaultCredentialsError)
            name = type(error).__name__
        else:
            return AccessToken(Secret(token, name="token"), _aware(expiry))
        if bridge.error is not None:
            raise bridge.error
        if is_missing:
            raise MissingKeyError(f"Vertex AI needs credentials, and there are none: {_HELP}")
        raise AuthenticationError(f"Google gave no token for the credentials ({name})")

    def _make(self, bridge: _Bridge) -> Any:
        given = self._given
        if given is None:
            return _google("auth").default(scopes=_SCOPES, request=bridge)[0]
        if not is_object(given):
            return _google("auth.credentials").with_scopes_if_required(given, _SCOPES)
        match given.get("type"):
            case "service_account":
                account = _google("oauth2.service_account").Credentials
                make = account.from_service_account_info
            case "authorized_user":
                make = _google("oauth2.credentials").Credentials.from_authorized_user_info
            case _:
                _refuse("are neither a service account's nor a user's")
        try:
            return make(given, scopes=_SCOPES)
        except (ValueError, TypeError):
            pass
        _refuse("lack a field, or hold a key that is none")

    def __repr__(self) -> str:
        return "GoogleCredentials('***')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled: make them again where they are needed")


def _google(name: str) -> Any:
    """A module of ``google-auth``, which is an extra: it is imported where it is used."""
    return import_module(f"google.{name}")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        given = decode_json(path.read_bytes())
    except (OSError, LLMGateError):
        given = None
    if not is_object(given):
        _refuse("cannot be read as a JSON file")
    return given


def _refuse(why: str) -> NoReturn:
    raise InvalidRequestError(f"the credentials {why}", path="credentials")


def _aware(expiry: datetime | None) -> datetime | None:
    """``google-auth`` has its times in UTC, and does not say so."""
    return None if expiry is None else expiry.replace(tzinfo=UTC)


class _Bridge:
    """Sends what ``google-auth`` asks for from its thread on the call's loop and transport.

    It is what ``google.auth.transport.Request`` declares, without importing that.
    """

    def __init__(self, signing: Signing, loop: asyncio.AbstractEventLoop) -> None:
        self._signing = signing
        self._loop = loop
        self.error: LLMGateError | None = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _BridgeResponse:
        """The response; an error is google-auth's own, so that it can try something else."""
        data = body.encode() if isinstance(body, str) else body or b""
        request = HttpRequest(method, url, dict(headers or {}), data)
        sent: Future[HttpResponse] = asyncio.run_coroutine_threadsafe(
            _sent(self._signing, request), self._loop
        )
        try:
            return _BridgeResponse(sent.result(timeout))
        except LLMGateError as error:
            self.error = error
        except TimeoutError:
            sent.cancel()
            self.error = ConnectError("the server of the token did not answer in time")
        raise _google("auth.exceptions").TransportError("no response")


async def _sent(signing: Signing, request: HttpRequest) -> HttpResponse:
    return await signing.send(request)


class _BridgeResponse:
    """What ``google.auth.transport.Response`` declares."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.data = response.body
