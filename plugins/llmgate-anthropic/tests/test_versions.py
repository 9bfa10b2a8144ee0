"""Which version of the API a request names, its address, and the schema."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError
from llmgate.provider.http import decode_json, is_array, is_object
from llmgate.testing.driving import call_of, first_request
from llmgate_anthropic import Anthropic
from llmgate_anthropic.request.schema import strict_schema

HELLO: Any = [{"role": "user", "content": "Hello"}]
HAIKU, OPUS, OLD = "claude-haiku-4-5", "claude-opus-5-5", "claude-3-5-haiku-latest"
SCHEMA: Any = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}


def text(said: str) -> dict[str, str]:
    """A block of text."""
    return {"type": "text", "text": said}


# --- versions, addresses, headers ---------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "options", "version"),
    [
        ({}, {}, "2026-10-21"),
        ({}, {"temperature": 0.5}, "2023-06-01"),
        ({}, {"extra_body": {"top_k": 4}}, "2023-06-01"),
        ({}, {"model": OPUS, "temperature": 0.5}, "2026-10-21"),
        ({"api_version": "2023-06-01"}, {}, "2023-06-01"),
        ({"api_version": "2026-10-21"}, {"temperature": 0.5}, "2026-10-21"),
        ({"base_url": "https://claude.example"}, {}, "2023-06-01"),
        (
            {},
            {
                "messages": [
                    *HELLO,
                    {"role": "assistant", "content": [{"type": "document", "source": "s"}]},
                    *HELLO,
                ]
            },
            "2023-06-01",
        ),
        (
            {},
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "A", "citations": [{"type": "x"}]}],
                    }
                ]
            },
            "2023-06-01",
        ),
    ],
)
def test_version_is_the_newest_that_takes_what_is_sent(
    settings: dict[str, Any], options: dict[str, Any], version: str
) -> None:
    """Sampling needs the first version; whoever imitates Anthropic knows no other."""
    provider = Anthropic(api_key="k", **settings)
    call = call_of(provider, {"model": HAIKU, "messages": HELLO, "max_tokens": 5} | options)
    request = first_request(provider.complete(call))
    assert version == request.headers["anthropic-version"]
    assert (version == "2026-10-21") <= ("temperature" not in decode_json(request.body))


@pytest.mark.parametrize(
    "address",
    [
        "https://claude.example/base",
        "https://claude.example/base/",
        "https://claude.example/base/v1",
        "https://claude.example/base/v1/messages",
    ],
)
def test_address_may_be_pasted_as_it_is_found(address: str) -> None:
    """Whatever end the address has, requests go to /v1/messages."""
    provider = Anthropic(base_url=address)
    request = first_request(provider.complete(call_of(provider, {"messages": HELLO})))
    assert "https://claude.example/base/v1/messages" == request.url


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "claude.example"},
        {"base_url": "file:///etc"},
        {"base_url": "https://a\n.example"},
        {"api_version": "v1\r\nx: y"},
        {"api_key": ""},
        {"auth_token": "a\nb"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: Any) -> None:
    """An address, a version or a key that cannot be one is refused when the provider is made."""
    with pytest.raises(InvalidRequestError):
        Anthropic(**settings)


def test_schema_agrees_with_the_sdk() -> None:
    """What becomes of a schema is what Anthropic's own helper makes of it."""
    transform: Any = pytest.importorskip("anthropic").transform_schema
    schemas: list[dict[str, Any]] = [
        SCHEMA,
        {"type": "string", "format": "date", "minLength": 3, "description": "A day."},
        {"type": "string", "format": "regex"},
        {"type": "array", "items": {"type": "integer", "maximum": 9}, "minItems": 1},
        {"type": "array", "items": {"type": "string"}, "minItems": 2},
        {"oneOf": [{"type": "string"}, {"type": "object", "properties": {}}]},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": SCHEMA}},
        {"type": "object", "properties": {"k": {"enum": ["a", "b"], "type": "string"}}},
    ]
    for schema in schemas:
        expected, found = transform(schema), strict_schema(schema)
        assert _without_types_of_enums(expected) == _without_types_of_enums(found)


def test_schema_may_be_true() -> None:
    """A schema that is not an object, as JSON Schema allows, stays what it is."""
    assert {"type": "array", "items": True} == strict_schema({"type": "array", "items": True})


@pytest.mark.parametrize("odd", [[], {}, ["date"]])
def test_a_format_that_is_none_is_said_in_the_description(odd: Any) -> None:
    """As every keyword that the dialect does not have."""
    sent = strict_schema({"type": "string", "format": odd})
    assert ("string", f"{{format: {odd}}}") == (sent["type"], sent["description"])


def _without_types_of_enums(schema: Any) -> Any:
    """The helper leaves out a type beside an enumeration, which says it already."""
    if is_array(schema):
        return [_without_types_of_enums(item) for item in schema]
    if not is_object(schema):
        return schema
    plain = {key: _without_types_of_enums(value) for key, value in schema.items()}
    if "enum" in plain:
        plain.pop("type", None)
    return plain
