"""What the references in a JSON schema point to, each with the name of a definition.

A reference may point to any place of the schema; nothing here knows of a dialect.
Source: https://www.rfc-editor.org/rfc/rfc6901, section 6
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from llmgate.provider.http import is_array, is_object

__all__ = ["definitions_of", "reference_to"]

_DEFINITIONS = ("definitions", "$defs")


def definitions_of(schema: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The definitions by name, and their names by reference.

    A place outside the definitions that a reference points to becomes one.
    """
    definitions: dict[str, Any] = {}
    for key in _DEFINITIONS:
        definitions.update(_object(schema.get(key)))
    names: dict[str, str] = {}
    for reference in _references_in(schema):
        tokens = _tokens(reference)
        if reference in names or tokens is None:
            continue
        if len(tokens) == 2 and tokens[0] in _DEFINITIONS and tokens[1] in definitions:
            names[reference] = tokens[1]
            continue
        target = _target(schema, tokens)
        if target is not None:
            names[reference] = name = _unused(tokens[-1] if tokens else "root", definitions)
            definitions[name] = target
    return definitions, names


def reference_to(name: str) -> str:
    """The reference to a definition."""
    return "#/$defs/" + name.replace("~", "~0").replace("/", "~1")


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}


def _references_in(schema: Mapping[str, Any]) -> Iterator[str]:
    to_do: list[Any] = [schema]
    while to_do:
        value = to_do.pop()
        if is_object(value):
            reference = value.get("$ref")
            if isinstance(reference, str):
                yield reference
            to_do += value.values()
        elif is_array(value):
            to_do += value


def _tokens(reference: str) -> list[str] | None:
    """The keys of a pointer; None for an address or an anchor."""
    pointer = unquote(reference)
    if pointer != "#" and not pointer.startswith("#/"):
        return None
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _target(schema: Mapping[str, Any], tokens: list[str]) -> dict[str, Any] | None:
    """The schema at a place, without the definitions; None where there is none."""
    value: Any = schema
    for token in tokens:
        if is_object(value):
            value = value.get(token)
        elif is_array(value) and token.isascii() and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return None
    if not is_object(value):
        return None
    return {key: each for key, each in value.items() if key not in _DEFINITIONS}


def _unused(name: str, definitions: Mapping[str, Any]) -> str:
    while name in definitions:
        name += "_"
    return name
