"""Which model a name means, where its predictions are made, and what its inputs are.

The look-ups are flows: they ask the API for the model's schema, and send nothing themselves.
Source: https://replicate.com/docs/reference/http
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from llmgate.errors import DecodeError, InvalidRequestError, excerpt
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.provider.kit import Fields as ObjectFields
from llmgate.provider.kit import SideFields, add_frame, read_json
from llmgate_replicate.request.inputs import Fields, read_fields

__all__ = ["Model", "Reference", "describe", "look_up", "parse_reference"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model's name says; ``owner`` and ``name`` are empty for a bare version."""

    owner: str = ""
    name: str = ""
    version: str = ""
    is_deployment: bool = False

    @property
    def path(self) -> str:
        """Owner and name, as they stand in an address."""
        return f"{quote(self.owner, safe='')}/{quote(self.name, safe='')}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be run: the path that makes its predictions, and its inputs.

    ``version`` is to be named in the request where it is not empty; ``fields`` is None where the
    model's schema is not to be had. ``name`` is ``owner/name``, empty where it is not known.
    """

    path: str
    name: str
    version: str = ""
    fields: Fields | None = None


_WORD = r"[^/:\s]+"
_REFERENCE = re.compile(
    rf"(?P<deployment>deployments/(?=.+/))?(?:(?P<owner>{_WORD})/)?(?P<name>{_WORD})"
    rf"(?::(?P<version>{_WORD}))?"
)
_BARE_VERSION = re.compile(r"[0-9a-f]{64}")


def parse_reference(model: str) -> Reference:
    """``owner/name``, ``owner/name:version``, ``deployments/owner/name``, or a version's 64 digits.

    A name without an owner is one of Replicate's own: ``replicate/llama-2-70b-chat`` loses its
    first word where that word chooses the provider.

    Raises:
        InvalidRequestError: for anything else.
    """
    if _BARE_VERSION.fullmatch(model):
        return Reference(version=model)
    found = _REFERENCE.fullmatch(model)
    is_deployment = found is not None and bool(found["deployment"])
    if found is None or found["owner"] == "deployments" or (is_deployment and found["version"]):
        raise InvalidRequestError(
            f"{excerpt(model, 80)!r} is none of owner/name, owner/name:version, "
            "deployments/owner/name and a version's 64 digits",
            path="model",
        )
    owner, version = found["owner"] or "replicate", found["version"] or ""
    return Reference(owner, found["name"], version, is_deployment)


def describe(reference: Reference, schema: Any) -> Model:
    """The model with a schema that was known beforehand."""
    return _model(reference, read_fields(schema), is_official=True)


def look_up(reference: Reference, url_of: Callable[[str], str]) -> Flow[Model]:
    """The model with the schema that the API gives for it.

    Args:
        reference: What the model's name says.
        url_of: The address of a path of the API.

    Raises:
        DecodeError: when a response describes no model.
    """
    if not reference.name:  # the API finds no version without its model
        return _model(reference, None)
    if reference.is_deployment:
        return (yield from _look_up_deployment(reference, url_of))
    if reference.version:
        path = f"/v1/models/{reference.path}/versions/{reference.version}"
        described = _described((yield _get(url_of(path))))
        return _model(reference, read_fields(described.payload.get("openapi_schema")))
    described = _described((yield _get(url_of(f"/v1/models/{reference.path}"))))
    latest = SideFields(described.payload.get("latest_version"))
    version = latest.text("id")
    # Only official models run without a version, and a model without one can be nothing else.
    is_official = described.payload.get("is_official") is True or version is None
    if not is_official and version is not None:
        reference = Reference(reference.owner, reference.name, version)
    fields = read_fields(latest.payload.get("openapi_schema"))
    return _model(reference, fields, is_official=is_official)


def _look_up_deployment(reference: Reference, url_of: Callable[[str], str]) -> Flow[Model]:
    """A deployment's inputs are those of the version that it runs now."""
    described = _described((yield _get(url_of(f"/v1/deployments/{reference.path}"))))
    release = SideFields(described.payload.get("current_release"))
    name, version = release.text("model"), release.text("version")
    path = f"/v1/deployments/{reference.path}/predictions"
    if name is None or version is None or name.count("/") != 1:
        return Model(path, "")
    described = _described(
        (yield _get(url_of(f"/v1/models/{quote(name)}/versions/{quote(version, safe='')}")))
    )
    return Model(path, name, fields=read_fields(described.payload.get("openapi_schema")))


def _model(reference: Reference, fields: Fields | None, *, is_official: bool = False) -> Model:
    name = f"{reference.owner}/{reference.name}" if reference.name else ""
    if reference.is_deployment:
        return Model(f"/v1/deployments/{reference.path}/predictions", name, "", fields)
    if is_official and not reference.version:
        return Model(f"/v1/models/{reference.path}/predictions", name, "", fields)
    return Model("/v1/predictions", name, reference.version, fields)


def _get(url: str) -> HttpRequest:
    return HttpRequest("GET", url, {"accept": "application/json"})


def _described(response: HttpResponse) -> ObjectFields:
    try:
        return ObjectFields(read_json(response.body))
    except DecodeError as error:
        add_frame(error, "the response describes no model", response.body)
        raise
