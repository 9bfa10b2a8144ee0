"""The provider of Vertex AI: its addresses and credentials, over the same formats.

Models of Google's speak Gemini's format, and Claude speaks Anthropic's; see ``claude``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import (
    AccessToken,
    Decoder,
    Embedder,
    EmbeddingAbilities,
    ModelLister,
    Provider,
    Rule,
    Signing,
    Support,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import Credential, Settings, Vendor, key_from, variable
from llmgate.types import Chunk, Completion
from llmgate_gemini.credentials import GoogleCredentials, TokenProvider, token_of
from llmgate_gemini.provider import complete, stream
from llmgate_gemini.request.address import resource
from llmgate_gemini.request.parts import Api
from llmgate_gemini.response.errors import vertex_error
from llmgate_gemini.traits import PARAMETERS, abilities_of

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model

__all__ = ["VertexAI"]

_API = Api(is_vertex=True)
_LABELS: Mapping[str, Support] = dict.fromkeys(("metadata", "user"), Support.TRANSLATED)
_VENDOR = Vendor(
    name="Vertex AI",
    hosts=("googleapis.com",),
    base_url_variables=("GOOGLE_VERTEX_BASE_URL",),
    endings=("/v1beta1", "/v1"),
    credentials={
        "api_key": Credential(("GOOGLE_API_KEY",), "x-goog-api-key", ""),
        "access_token": Credential(()),
    },
)
_LOCATION = re.compile(r"[a-z0-9-]{1,40}")
_PAGE = 100


class VertexAI(Provider, Embedder, ModelLister):
    """Google's Vertex AI: Gemini, and Claude by ``vertex/claude-…``.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code. The same holds for the Application Default
    Credentials.

    Args:
        api_key: A key, for express mode where no project is given beside it; by default
            ``GOOGLE_API_KEY``, where there is no project.
        project: By default ``GOOGLE_CLOUD_PROJECT``, or what the credentials name.
        location: A region, ``us``, ``eu`` or ``global``; by default ``GOOGLE_CLOUD_LOCATION``, or
            ``global``.
        credentials: The path of a service account's file, what is in it, or credentials of
            ``google-auth``; by default the Application Default Credentials.
        access_token: A token, which is sent as is.
        token_provider: A callable that returns one, see :data:`TokenProvider`.
        base_url: The address without the version; by default ``GOOGLE_VERTEX_BASE_URL``, or that of
            the location.
        api_version: ``v1beta1`` by default.
        headers: Further headers.

    Raises:
        InvalidRequestError: for a setting that cannot be sent, and for several credentials.
    """

    protocol = 2
    name = "vertex"
    parameters: ClassVar[Mapping[str, Support] | None] = {**PARAMETERS, **_LABELS}

    def __init__(  # noqa: PLR0913 - settings by name, each optional
        self,
        *,
        api_key: str | Secret | None = None,
        project: str | None = None,
        location: str | None = None,
        credentials: Any = None,
        access_token: str | Secret | None = None,
        token_provider: TokenProvider | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key, access_token = key_from(api_key), key_from(access_token, "access_token")
        if credentials is not None and not isinstance(credentials, GoogleCredentials):
            credentials = GoogleCredentials(credentials)
        given = [each for each in (api_key, credentials, access_token, token_provider) if each]
        if len(given) > 1:
            reason = "give one of api_key, credentials, access_token and token_provider"
            raise InvalidRequestError(reason)
        is_express = api_key is not None and project is None
        self._location = location or variable("GOOGLE_CLOUD_LOCATION") or "global"
        vendor = replace(_VENDOR, base_url=_host_of("global" if is_express else self._location))
        self._settings = settings = Settings(
            vendor,
            api_key=api_key,
            project=project,
            location=location,
            credentials=credentials,
            access_token=access_token,
            token_provider=token_provider,
            base_url=base_url,
            api_version=api_version,
            headers=headers,
        )
        self._version = api_version or "v1beta1"
        self._token_provider = token_provider
        self._credentials: GoogleCredentials | None = credentials
        self._project = None if is_express else self._find_project(project)
        has_key = settings.key("api_key") is not None and (api_key or self._project is None)
        if not (given or has_key) and settings.trusts_environment:
            self._credentials = GoogleCredentials()

    def _find_project(self, given: str | None) -> str | None:
        named = None if self._credentials is None else self._credentials.project
        found = given or variable("GOOGLE_CLOUD_PROJECT") or named
        path = self._settings.variable("GOOGLE_APPLICATION_CREDENTIALS")
        if found is None and self._credentials is None and path is not None:
            found = GoogleCredentials(path).project
        return found

    def configured(self, **settings: Any) -> VertexAI:
        """The same provider with some of its settings changed; a credential replaces another."""
        names = ("api_key", "credentials", "access_token", "token_provider")
        if any(settings.get(name) is not None for name in names):
            settings = {**dict.fromkeys(names), **settings}
        return type(self)(**self._settings.changed(**settings))

    def abilities(
        self, model: str, parameters: ChatParameters, /
    ) -> Mapping[str, Support | Rule] | None:
        """Those of the model's maker."""
        if _is_claude(model):
            from llmgate_gemini.claude import claude  # noqa: PLC0415 - only for whoever uses it

            return claude().abilities(model, parameters)
        return {**abilities_of(model), **_LABELS}

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        url = self._model_url(call.model)
        if _is_claude(call.model):
            from llmgate_gemini.claude import claude, on_vertex  # noqa: PLC0415 - likewise

            return on_vertex(claude().complete(call), url)
        return complete(call, url, _API)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        url = self._model_url(call.model)
        if _is_claude(call.model):
            from llmgate_gemini.claude import claude, on_vertex  # noqa: PLC0415 - likewise

            return on_vertex(claude().stream(call), url)
        return stream(call, url, _API)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, by the method that the model has."""
        from llmgate_gemini.embeddings import embed_on_vertex  # noqa: PLC0415 - not paid by chat

        return embed_on_vertex(call, self._model_url(call.model))

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What a model takes beside its texts."""
        from llmgate_gemini.embeddings import vertex_abilities  # noqa: PLC0415 - likewise

        return vertex_abilities(model)

    def list_models(self) -> Flow[list[Model]]:
        """Google's own models, in as many requests as there are pages."""
        from llmgate_gemini.listing import list_pages  # noqa: PLC0415 - likewise

        url = self._settings.url(f"/{self._version}/publishers/google/models")
        return list_pages(url, size=_PAGE)

    async def authorize(self, request: HttpRequest, signing: Signing, /) -> HttpRequest:
        """The request with the key or the token."""
        headers: dict[str, str] = {}
        makes_token = self._token_provider is not None or self._credentials is not None
        is_ours = makes_token and self._settings.owns(request.url)
        if is_ours and not request.has_header("authorization", "x-goog-api-key"):
            token = await signing.once("access_token", lambda: self._token(signing))
            headers["Authorization"] = f"Bearer {token.secret.reveal()}"
        return self._settings.authorized(request, headers)

    async def _token(self, signing: Signing) -> AccessToken:
        if self._token_provider is not None:
            return await token_of(self._token_provider, signing)
        return await (self._credentials or GoogleCredentials()).token(signing)

    def error(self, response: HttpResponse, /) -> ProviderError:
        """What an error's status and body mean; a 401 is retried with a fresh token."""
        error = vertex_error(response)
        if response.status == 401 and (self._token_provider or self._credentials):
            error.retryable = True
        return error

    def __repr__(self) -> str:
        return f"VertexAI(base_url={self._settings.shown_url!r}, project={self._project!r})"

    def _model_url(self, model: str) -> str:
        path = resource(model)
        if not path.startswith(("projects/", "publishers/")) or self._project is not None:
            path = path if path.startswith("projects/") else f"{self._parent()}/{path}"
        elif path.startswith("publishers/") and self._settings.key("api_key") is None:
            path = f"{self._parent()}/{path}"
        return self._settings.url(f"/{self._version}/{path}")

    def _parent(self) -> str:
        if self._project is None:
            reason = (
                "Vertex AI needs a project: set GOOGLE_CLOUD_PROJECT, or pass "
                "provider_settings={'project': …}"
            )
            raise InvalidRequestError(reason, path="project")
        return f"projects/{self._project}/locations/{self._location}"


def _is_claude(model: str) -> bool:
    return model.rpartition("/")[2].startswith("claude")


def _host_of(location: str) -> str:
    """The address of a location.

    Raises:
        InvalidRequestError: for what cannot be one.
    """
    if not _LOCATION.fullmatch(location):
        raise InvalidRequestError(f"{location!r:.60} is not a location", path="location")
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"
