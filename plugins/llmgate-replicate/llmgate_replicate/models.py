"""Which model a name means, where its predictions are made, and what its inputs are.

The look-ups are flows: they ask the API for the model's schema, and send nothing themselves.
Source: https://replicate.com/docs/reference/http
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from llmgate.errors import DecodeError, InvalidRequestError, excerpt
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, is_object
from llmgate_replicate.inputs import Fields, read_fields

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
    """A model that can be run: the address that makes its predictions, and its inputs.

    ``version`` is to be named in the request where it is not empty; ``fields`` is None where the
    model's schema is not to be had. ``name`` is ``owner/name``, empty where it is not known.
    """

    url: str
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


def describe(reference: Reference, base_url: str, schema: Any) -> Model:
    """The model with a schema that was known beforehand."""
    return _model(reference, base_url, read_fields(schema), is_official=True)


def look_up(reference: Reference, base_url: str) -> Flow[Model]:
    """The model with the schema that the API gives for it."""
    if not reference.name:  # the API finds no version without its model
        return _model(reference, base_url, None)
    if reference.is_deployment:
        return (yield from _look_up_deployment(reference, base_url))
    if reference.version:
        reply = yield _get(f"{base_url}/models/{reference.path}/versions/{reference.version}")
        return _model(reference, base_url, read_fields(_object(reply).get("openapi_schema")))
    reply = yield _get(f"{base_url}/models/{reference.path}")
    described = _object(reply)
    latest: Any = described.get("latest_version")
    latest = latest if is_object(latest) else {}
    version = latest.get("id")
    # Only official models run without a version, and a model without one can be nothing else.
    is_official = described.get("is_official") is True or not isinstance(version, str)
    if not is_official:
        reference = Reference(reference.owner, reference.name, version)
    fields = read_fields(latest.get("openapi_schema"))
    return _model(reference, base_url, fields, is_official=is_official)


def _look_up_deployment(reference: Reference, base_url: str) -> Flow[Model]:
    """A deployment's inputs are those of the version that it runs now."""
    described = _object((yield _get(f"{base_url}/deployments/{reference.path}")))
    release: Any = described.get("current_release")
    release = release if is_object(release) else {}
    name, version = release.get("model"), release.get("version")
    url = f"{base_url}/deployments/{reference.path}/predictions"
    if not (isinstance(name, str) and name.count("/") == 1 and isinstance(version, str)):
        return Model(url, "")
    path = f"{quote(name)}/versions/{quote(version, safe='')}"
    reply = yield _get(f"{base_url}/models/{path}")
    return Model(url, name, fields=read_fields(_object(reply).get("openapi_schema")))


def _model(
    reference: Reference, base_url: str, fields: Fields | None, *, is_official: bool = False
) -> Model:
    name = f"{reference.owner}/{reference.name}" if reference.name else ""
    if reference.is_deployment:
        return Model(f"{base_url}/deployments/{reference.path}/predictions", name, "", fields)
    if is_official and not reference.version:
        return Model(f"{base_url}/models/{reference.path}/predictions", name, "", fields)
    return Model(f"{base_url}/predictions", name, reference.version, fields)


def _get(url: str) -> HttpRequest:
    return HttpRequest("GET", url, {"accept": "application/json"})


def _object(reply: HttpResponse) -> dict[str, Any]:
    payload = reply.json()
    if not is_object(payload):
        raise DecodeError(f"the reply describes no model: {excerpt(reply.body)}", frame=reply.body)
    return payload
