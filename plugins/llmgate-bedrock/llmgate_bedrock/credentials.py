"""AWS's credentials: of settings, the environment and the shared files; of SSO, containers,
instances, web identity and assumed roles by ``botocore``, which is imported when first needed.

Files are read, and ``botocore`` runs, on a thread. It signs nothing itself. Source: AWS SDKs and
Tools Reference Guide, "Standardized credential providers"; botocore 1.44.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from configparser import Error as ConfigError
from configparser import RawConfigParser
from importlib import import_module
from pathlib import Path
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    ConnectError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
)
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest
from llmgate.provider.kit import Credential, Settings, variable
from llmgate.provider.threads import run_in_thread
from llmgate_bedrock.signing import ALGORITHM, AwsCredentials, Clock, sign

__all__ = ["CREDENTIALS", "Authorizer", "default_region", "load_credentials"]

_ID, _KEY, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
CREDENTIALS: Mapping[str, Credential] = {
    "api_key": Credential(("AWS_BEARER_TOKEN_BEDROCK",)),
    **{name: Credential((name.upper(),), None) for name in (_ID, _KEY, _TOKEN)},
}
"""The kinds of keys, for the plugin's ``Vendor``; AWS's own files have three of them by the same
names."""

_FOR_BOTOCORE = frozenset(
    {"role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "sso_account_id"}
)
"""What comes before the keys of the same profile."""
_SOURCES = "set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_EXTRA = "botocore, which reads all other sources, is not installed: it is the extra botocore"


class Authorizer:
    """Adds the bearer key, or the signature, to the requests of one provider.

    A key that was given in code comes first, then ``profile``, then a bearer key of the environment
    and its access key. The shared files, and what ``botocore`` finds, count as of the environment,
    unless ``profile`` was given in code.

    Raises:
        InvalidRequestError: for one half of an access key.
    """

    __slots__ = ("_credentials", "_profile", "_settings", "clock", "uses_chain")

    def __init__(
        self, settings: Settings, profile: str | None = None, clock: Clock | None = None
    ) -> None:
        given = settings.changed()
        if any(given.get(name) is not None for name in CREDENTIALS):
            profile = None  # it says the region alone
        self._settings = settings
        self._profile = profile
        self.clock = clock or Clock()
        self._credentials: AwsCredentials | None = None
        has_bearer = profile is None and settings.key("api_key") is not None
        names = () if profile is not None or has_bearer else (_ID, _KEY, _TOKEN)
        keys = {name: key for name in names if (key := settings.key(name)) is not None}
        if keys:
            missing = next((name for name in (_ID, _KEY) if name not in keys), None)
            if missing is not None:
                raise InvalidRequestError("an access key has an id and a secret", path=missing)
            self._credentials = AwsCredentials(keys[_ID], keys[_KEY], keys.get(_TOKEN))
        is_allowed = profile is not None or settings.trusts_environment
        self.uses_chain = is_allowed and not (keys or has_bearer)

    async def authorized(
        self, request: HttpRequest, signing: Signing, region: str | None
    ) -> HttpRequest:
        """The request with what it needs, and the headers of the settings.

        Where the caller, or the settings' own headers, have an authorization, that is sent; and a
        request to a host that is not the settings' own is returned unchanged.

        Raises:
            MissingKeyError: when there are no credentials.
            AuthenticationError: when AWS gives none for what is configured.
            InvalidRequestError: when there is no region to sign for.
            TransportError: when the source of the credentials cannot be reached.
        """
        settings = self._settings
        is_signed = self._credentials is not None or self.uses_chain
        if not is_signed or request.has_header("authorization") or not settings.owns(request.url):
            return settings.authorized(request)
        prepared = settings.authorized(request, {"Authorization": ALGORITHM})
        if prepared.headers.get("Authorization") != ALGORITHM:
            return prepared
        if region is None:
            raise InvalidRequestError("a region is needed: set AWS_REGION", path="region")
        credentials = self._credentials or await signing.once("credentials", self._load)
        return sign(prepared, credentials, region, self.clock.now(signing))

    async def _load(self) -> AwsCredentials:
        return await run_in_thread(lambda: load_credentials(self._profile))


# --- the shared files ---------------------------------------------------------------------


def default_region(profile: str | None = None) -> str | None:
    """The region of the profile given in code, or else of the environment, or its profile's."""
    if profile is not None:
        return _profile(profile).get("region")
    return variable("AWS_REGION", "AWS_DEFAULT_REGION") or _profile(_named()).get("region")


def load_credentials(profile: str | None = None) -> AwsCredentials:
    """What the chain finds first; it blocks.

    Raises:
        MissingKeyError: when there is nothing, or ``botocore`` is needed and not installed.
        AuthenticationError: when AWS gives none for what is configured.
        InvalidRequestError: when there is no such profile, or a file cannot be read.
        ConnectError: when a source cannot be reached.
    """
    found = _profile(profile or _named())
    is_delegated = not _FOR_BOTOCORE.isdisjoint(found)
    is_delegated |= profile is None and variable("AWS_WEB_IDENTITY_TOKEN_FILE") is not None
    if is_delegated or not (found.get(_ID) and found.get(_KEY)):
        return _by_botocore(profile)
    return AwsCredentials(found[_ID], found[_KEY], found.get(_TOKEN))


def _named() -> str:
    return variable("AWS_PROFILE", "AWS_DEFAULT_PROFILE") or "default"


def _profile(name: str) -> Mapping[str, str]:
    """What both files say of a profile; that of credentials comes first."""
    config = _sections("AWS_CONFIG_FILE", "config")
    section = "default" if name == "default" else f"profile {name}"
    return {
        **config.get(section, {}),
        **_sections("AWS_SHARED_CREDENTIALS_FILE", "credentials").get(name, {}),
    }


def _sections(name: str, default: str) -> Mapping[str, Mapping[str, str]]:
    path = Path(variable(name) or f"~/.aws/{default}")
    parser = RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(path.expanduser().read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, RuntimeError):  # RuntimeError: no home
        return {}
    except (OSError, ValueError, ConfigError):
        pass  # what it says may quote a secret
    else:
        return {_plain(section): dict(parser[section]) for section in parser.sections()}
    raise InvalidRequestError(f"{default} of AWS cannot be read, see {name}", path="profile")


def _plain(section: str) -> str:
    """A section's name without quotation marks: ``profile "my own"``."""
    try:
        return " ".join(shlex.split(section))
    except ValueError:
        return section


# --- botocore -----------------------------------------------------------------------------


def _by_botocore(profile: str | None) -> AwsCredentials:
    """What ``botocore`` finds. What its exceptions say may hold a secret: only a class is named."""
    try:
        exceptions: Any = import_module("botocore.exceptions")
        sessions: Any = import_module("botocore.session")
    except ImportError:
        raise MissingKeyError(f"Bedrock needs credentials: {_SOURCES}; {_EXTRA}") from None
    failures = (exceptions.BotoCoreError, exceptions.ClientError)
    try:
        found = sessions.Session(profile=profile).get_credentials()
        keys = None if found is None else found.get_frozen_credentials()
    except failures as error:
        failure = _failure(error, exceptions)
    else:
        if keys is not None:
            expires = getattr(found, "_expiry_time", None)  # it has no public name
            return AwsCredentials(keys.access_key, keys.secret_key, keys.token, expires)
        failure = MissingKeyError(f"Bedrock needs credentials, and there are none: {_SOURCES}")
    raise failure


def _failure(error: Exception, exceptions: Any) -> LLMGateError:
    name = type(error).__name__
    if isinstance(error, exceptions.ProfileNotFound):
        return InvalidRequestError("AWS's files have no such profile", path="profile")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return ConnectError(f"the source of AWS's credentials cannot be reached ({name})")
    return AuthenticationError(f"AWS gave no credentials ({name})")
