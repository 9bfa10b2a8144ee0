"""Which requests a model's name leads to, and what is read from the API's descriptions."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import DecodeError, InvalidRequestError
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing.driving import drive
from llmgate_replicate.models import Reference, describe, look_up, parse_reference
from llmgate_replicate.request.inputs import Field, nearest_level, read_fields

HEX = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
API = "https://api.replicate.com/v1"


def url_of(path: str) -> str:
    """The address of a path."""
    return f"https://api.replicate.com{path}"


SCHEMA = {"components": {"schemas": {"Input": {"properties": {"prompt": {"type": "string"}}}}}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("meta/llama-3", Reference("meta", "llama-3")),
        (f"meta/llama-3:{HEX}", Reference("meta", "llama-3", HEX)),
        (HEX, Reference(version=HEX)),
        ("deployments/acme/chat", Reference("acme", "chat", is_deployment=True)),
        ("llama-2-70b-chat", Reference("replicate", "llama-2-70b-chat")),
        (f"llama-2-70b-chat:{HEX}", Reference("replicate", "llama-2-70b-chat", HEX)),
    ],
)
def test_reads_references(name: str, expected: Reference) -> None:
    """Every form of a name that Replicate's own clients know is read."""
    assert expected == parse_reference(name)


@pytest.mark.parametrize(
    "name",
    ["", "a/b/c", "a/", "/b", "a/b:", "a b/c", "deployments/a/b:c", "deployments/a", "a/b:c:d"],
)
def test_refuses_what_is_no_reference(name: str) -> None:
    """Anything else is refused before a request is made."""
    with pytest.raises(InvalidRequestError, match="model: "):
        parse_reference(name)


LOOK_UPS: list[tuple[str, list[Any], list[str], str, str, bool]] = [
    (
        "meta/llama-3",
        [{"is_official": True, "latest_version": {"id": HEX, "openapi_schema": SCHEMA}}],
        ["/models/meta/llama-3"],
        "/models/meta/llama-3/predictions",
        "",
        True,
    ),
    (
        "acme/tuned",
        [{"is_official": False, "latest_version": {"id": HEX, "openapi_schema": SCHEMA}}],
        ["/models/acme/tuned"],
        "/predictions",
        HEX,
        True,
    ),
    (
        "acme/old",
        [{"latest_version": {"id": HEX, "openapi_schema": SCHEMA}}],
        ["/models/acme/old"],
        "/predictions",
        HEX,
        True,
    ),
    (
        "acme/empty",
        [{"latest_version": None}],
        ["/models/acme/empty"],
        "/models/acme/empty/predictions",
        "",
        False,
    ),
    (
        f"acme/tuned:{HEX}",
        [{"id": HEX, "openapi_schema": SCHEMA}],
        [f"/models/acme/tuned/versions/{HEX}"],
        "/predictions",
        HEX,
        True,
    ),
    (HEX, [], [], "/predictions", HEX, False),
    (
        "deployments/acme/chat",
        [
            {"current_release": {"model": "acme/tuned", "version": HEX}},
            {"id": HEX, "openapi_schema": SCHEMA},
        ],
        ["/deployments/acme/chat", f"/models/acme/tuned/versions/{HEX}"],
        "/deployments/acme/chat/predictions",
        "",
        True,
    ),
    (
        "deployments/acme/chat",
        [{"current_release": None}],
        ["/deployments/acme/chat"],
        "/deployments/acme/chat/predictions",
        "",
        False,
    ),
]


@pytest.mark.parametrize(("name", "replies", "asked", "url", "version", "is_known"), LOOK_UPS)
def test_looks_models_up(
    name: str, replies: list[Any], asked: list[str], url: str, version: str, is_known: bool
) -> None:
    """The schema is asked for where it is, and the predictions are made where the model runs."""
    waiting = [HttpResponse(200, {}, encode_json(reply)) for reply in replies]
    driven = drive(look_up(parse_reference(name), url_of), waiting)
    assert [f"{API}{path}" for path in asked] == [request.url for request in driven.requests]
    model = driven.result
    assert (f"/v1{url}", version) == (model.path, model.version)
    assert is_known == (model.fields is not None)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>"])
def test_a_description_that_is_none_is_an_error(body: bytes) -> None:
    """A proxy's page in place of a model is no model."""
    with pytest.raises(DecodeError):
        drive(look_up(parse_reference("a/b"), url_of), [HttpResponse(200, {}, body)])


FIELDS: list[tuple[Any, Field]] = [
    ({"type": "string"}, Field("x", "string")),
    ({}, Field("x")),
    (
        {"type": "integer", "minimum": 1, "maximum": 5, "default": 2},
        Field("x", "integer", 2, 1, 5),
    ),
    (
        {"allOf": [{"$ref": "#/components/schemas/level"}], "default": "low"},
        Field("x", "string", "low", choices=("low", "high")),
    ),
    (
        {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/level"}]},
        Field("x", "string", choices=("low", "high")),
    ),
    ({"type": 5, "minimum": "a", "enum": {}, "allOf": 3}, Field("x")),
    ({"allOf": [{"$ref": "#/components/schemas/none"}, 5, {"$ref": 7}]}, Field("x")),
]


@pytest.mark.parametrize(("schema", "expected"), FIELDS)
def test_reads_fields(schema: Any, expected: Field) -> None:
    """Types, bounds and choices are read in every form in which Cog writes them."""
    level = {"type": "string", "enum": ["low", "high"]}
    document = {"components": {"schemas": {"Input": {"properties": {"x": schema}}, "level": level}}}
    assert {"x": expected} == read_fields(document)


@pytest.mark.parametrize("document", [None, [], {}, {"components": {"schemas": {"Input": []}}}])
def test_a_document_without_inputs_describes_none(document: Any) -> None:
    """That is not the same as a model without inputs."""
    assert read_fields(document) is None


@pytest.mark.parametrize(
    ("name", "path", "version"),
    [
        ("meta/llama-3", "/models/meta/llama-3/predictions", ""),
        (f"meta/llama-3:{HEX}", "/predictions", HEX),
        (HEX, "/predictions", HEX),
        ("deployments/acme/chat", "/deployments/acme/chat/predictions", ""),
    ],
)
def test_a_schema_that_is_known_beforehand_needs_no_look_up(
    name: str, path: str, version: str
) -> None:
    """What a name alone says is enough to run the model."""
    model = describe(parse_reference(name), SCHEMA)
    assert (f"/v1{path}", version) == (model.path, model.version)
    assert {"prompt"} == set(model.fields or ())


@pytest.mark.parametrize(
    ("field", "level", "expected"),
    [
        (Field("x", "string", choices=("Low", "High")), "medium", "Low"),
        (Field("x", "string", choices=("slow", "fast")), "low", "low"),
        (Field("x", "string", choices=("low", "high")), "novel", "novel"),
        (Field("x", "string"), "low", "low"),
        (Field("x", "boolean"), "none", False),
    ],
)
def test_levels(field: Field, level: str, expected: Any) -> None:
    """The nearest level that the model has; words that are no levels stay."""
    assert expected == nearest_level(field, level)
