"""The addresses of an endpoint's routes, from whatever form of it was pasted; it sends nothing.

Source: https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import parse_qs, quote, unquote, urlsplit

from llmgate.errors import InvalidRequestError
from llmgate.provider import Rule
from llmgate_openai import base_url_of

__all__ = ["DEFAULT_VERSION", "Endpoint", "Family", "endpoint_of"]

DEFAULT_VERSION = "2024-10-21"
"""The last generally available dated version."""

_FOUNDRY_VERSION = "2024-05-01-preview"
_FIRST_WITH_STREAM_USAGE = "2024-09-01"
_FIRST_WITH_PARALLEL_CALLS = "2024-08-01"
_FIRST_WITH_RESPONSES = "2025-03-01"
_UNDATED = frozenset({"v1", "preview", "latest"})


class Family(Enum):
    """The URL families. Which one it is decides where the deployment's name goes."""

    DATED = "dated"  # …/openai/deployments/<deployment>/chat/completions?api-version=<date>
    V1 = "v1"  # …/openai/v1/chat/completions
    MODELS = "models"  # …/models/chat/completions?api-version=<date>, the older inference API
    PLAIN = "plain"  # …/v1/chat/completions, a serverless deployment


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resource, and the URL family by which it is called.

    ``root`` is the address up to the family's own path. ``deployment`` is the one that the pasted
    address names; it takes precedence over a call's model. ``version`` is the ``api-version``, None
    for none. ``is_default`` says that none was given although the family needs one. ``query`` is
    what else the address asked for, such as the subscription of a gateway.
    """

    root: str
    family: Family
    version: str | None = None
    deployment: str | None = None
    is_default: bool = False
    query: str = field(default="", repr=False)

    def chat_url(self, model: str) -> str:
        """Where to ask for a chat completion of a deployment."""
        return self._url(f"{self._path(self.deployment or model)}/chat/completions")

    def embeddings_url(self, model: str) -> str:
        """Where to ask for embeddings of a deployment."""
        return self._url(f"{self._path(self.deployment or model)}/embeddings")

    def responses_url(self) -> str | None:
        """Where to ask for a response, whose model is in the body; None where the family has no
        Responses API."""
        if self.family is Family.DATED:
            return self._url("/openai/responses")
        return self._url("/openai/v1/responses") if self.family is Family.V1 else None

    @property
    def has_responses(self) -> bool:
        """Whether the Responses API is known to be there; older dated versions do not have it."""
        if self.family is Family.DATED:
            return (self.version or "") >= _FIRST_WITH_RESPONSES
        return self.family is Family.V1

    def models_url(self) -> str | None:
        """Where to ask for the models; None where the family has no such list."""
        match self.family:
            case Family.DATED:
                return self._url("/openai/models")
            case Family.MODELS:
                return None
            case Family.V1 | Family.PLAIN:
                return self._url(f"{self._path('')}/models")

    @property
    def streams_usage(self) -> bool:
        """Whether ``stream_options`` is supported; older dated versions respond with 400 to it."""
        return self.family is not Family.DATED or (self.version or "") >= _FIRST_WITH_STREAM_USAGE

    def lacking(self) -> Mapping[str, Rule]:
        """What this version of the API does not have yet, of the parameters that all later have."""
        if self.family is not Family.DATED:
            return {}
        version, rules = self.version or "", dict[str, Rule]()
        reason = f"version {version} of the API does not have it"
        if version < _FIRST_WITH_PARALLEL_CALLS:
            rules["parallel_tool_calls"] = Rule(reason=reason, allowed=())
        if version < _FIRST_WITH_STREAM_USAGE:
            rules["max_completion_tokens"] = Rule(reason=reason, to="max_tokens")
        return rules

    def _url(self, path: str) -> str:
        version = f"api-version={quote(self.version, safe='')}" if self.version else ""
        query = "&".join(filter(None, [version, self.query]))
        return f"{self.root}{path}{'?' if query else ''}{query}"

    def _path(self, deployment: str) -> str:
        match self.family:
            case Family.DATED:
                return f"/openai/deployments/{quote(deployment, safe='')}"
            case Family.V1:
                return "/openai/v1"
            case Family.MODELS:
                return "/models"
            case Family.PLAIN:
                return "/v1"


def endpoint_of(address: str, version: str | None) -> Endpoint:
    """The endpoint that an address stands for: a bare resource, or any URL copied from the portal.

    ``version`` takes precedence over the address's own ``api-version``. A bare resource belongs to
    the v1 family, unless a dated version is given.

    Raises:
        InvalidRequestError: when it is not an address, or that of another format, or the v1 family
            is given a dated version.
    """
    parts = urlsplit(base_url_of(address))
    given = version or next(iter(parse_qs(parts.query).get("api-version", [])), None)
    if given is not None and not re.fullmatch(r"[\w.-]+", given):
        raise InvalidRequestError(f"{given!r:.40} is not a version", path="api_version")
    path = parts.path.rstrip("/")
    host = f"{parts.scheme}://{parts.netloc}"
    if _ANTHROPIC.fullmatch(path):
        raise InvalidRequestError(
            "that address takes Anthropic's format: use the provider anthropic with it",
            path="base_url",
        )
    project = _PROJECT.fullmatch(path)
    if project:
        path = project["root"] + ("/openai/v1" if given is None else "")
    others = [each for each in parts.query.split("&") if each.partition("=")[0] != "api-version"]
    return replace(_found(host, path, given), query="&".join(others))


def _found(host: str, path: str, version: str | None) -> Endpoint:
    """The endpoint by the path."""
    for pattern, family in _PATHS:
        found = pattern.fullmatch(path)
        if found:
            deployment = found.groupdict().get("deployment")
            return _endpoint(f"{host}{found['root']}".rstrip("/"), family, version, deployment)
    name = urlsplit(host).hostname or ""
    return _endpoint(f"{host}{path}", _family_of(name, version), version, None)


_ROUTE = "(/+(deployments|responses|models|realtime|files|batches|assistants|threads)(/.*)?)?"
_PATHS = (
    (re.compile(r"(?P<root>.*?)/+openai/+v1(/.*)?"), Family.V1),
    (re.compile(r"(?P<root>.*?)/+openai/+deployments/+(?P<deployment>[^/]+)(/.*)?"), Family.DATED),
    (re.compile(r"(?P<root>.*?)/+openai" + _ROUTE), Family.DATED),
    (re.compile(r"(?P<root>.*?)/+models(/+info)?"), Family.MODELS),
    (re.compile(r"(?P<root>.*?)/+v1"), Family.PLAIN),
)
_PROJECT = re.compile(r"(?P<root>.*?)/+api/+projects(/.*)?")
"""A project of Foundry, whose models are called at its resource."""
_ANTHROPIC = re.compile(r".*?/+anthropic(/.*)?")


def _family_of(host: str, version: str | None) -> Family:
    """The family of a bare address."""
    if host.endswith(".models.ai.azure.com"):
        return Family.PLAIN
    return Family.V1 if version is None or version in _UNDATED else Family.DATED


def _endpoint(root: str, family: Family, version: str | None, deployment: str | None) -> Endpoint:
    named = None if deployment is None else unquote(deployment)
    if family is Family.DATED and version in _UNDATED:
        family = Family.V1
    if family is Family.V1:
        if version is not None and version not in _UNDATED:
            raise InvalidRequestError(
                f"/openai/v1 takes no dated version, and {version} was given: leave it out, or "
                "give the endpoint without /openai/v1",
                path="api_version",
            )
        return Endpoint(root, family, version if version == "preview" else None, named)
    if family is Family.PLAIN:
        return Endpoint(root, family, None)
    default = DEFAULT_VERSION if family is Family.DATED else _FOUNDRY_VERSION
    return Endpoint(root, family, version or default, named, is_default=version is None)
