"""Refuses grammars and JSON schemas that llama.cpp cannot take; it must not judge anything else.

A repetition whose maximum is below its minimum makes it ask for memory until its process is killed,
with all generations that run there. For a pattern that it does not understand it writes a warning
and then accepts any string. Neither may reach it.
Source: common/json-schema-to-grammar.cpp and src/llama-grammar.cpp of llama.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError

__all__ = ["check_constraints"]

_MAX_REPETITIONS = 2000
_RANGES = (("minLength", "maxLength"), ("minItems", "maxItems"))
# these hold data, not schemas
_DATA_KEYS = frozenset({"const", "default", "enum", "example", "examples"})
_REPETITION = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*\}")
_GRAMMAR_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*')
_ESCAPE = r'\\(?:[trn\\"\[\]\-]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})'
_PATTERN = re.compile(
    rf"""
    \^(?:
        [^\\\[\](){{}}^$\x00-\x1f]        # a letter, a dot, a repetition sign or a bar
        | {_ESCAPE} | \\[$^.*+?|(){{}}]
        | \[(?:[^\\\]\x00-\x1f]|{_ESCAPE})+\]
        | \((?:\?:|(?!\?)) | \)
        | \{{\d+(?:,\d*)?\}}
    )*\$
    """,
    re.VERBOSE,
)


def check_constraints(body: Mapping[str, Any]) -> None:
    """Look through all of a request's fields that constrain the answer.

    Raises:
        InvalidRequestError: a minimum is above its maximum.
        UnsupportedError: llama.cpp cannot enforce one of them.
    """
    grammar = body.get("grammar")
    if isinstance(grammar, str):
        _check_repetitions(_GRAMMAR_TEXT.sub("", grammar), "grammar")
    for field in ("response_format", "json_schema", "tools"):
        for schema in _mappings(body.get(field)):
            _check_schema(schema, field)


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    """Every mapping in a JSON value, the outer ones first."""
    # Depth is no concern of a stack of our own: json.dumps refuses what is nested too deeply.
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, Mapping):
            mapping = cast("Mapping[str, object]", current)
            yield mapping
            pending.extend(item for key, item in mapping.items() if key not in _DATA_KEYS)
        elif isinstance(current, list):
            pending.extend(cast("list[object]", current))


def _check_schema(schema: Mapping[str, object], field: str) -> None:
    for low_key, high_key in _RANGES:
        _check_range(schema.get(low_key), schema.get(high_key), field, low_key, high_key)
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        _check_pattern(pattern, field)


def _check_range(low: object, high: object, field: str, low_name: str, high_name: str) -> None:
    if isinstance(low, int) and low > _MAX_REPETITIONS:
        most = f"{_MAX_REPETITIONS}, the most llama.cpp can enforce"
        raise UnsupportedError(f"{field}: {low_name} is above {most}", parameter=field)
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise InvalidRequestError(f"{low_name} {low} is above {high_name} {high}", path=field)


def _check_pattern(pattern: str, field: str) -> None:
    if _PATTERN.fullmatch(pattern) is None:
        raise UnsupportedError(
            f"{field}: llama.cpp cannot enforce the pattern {pattern!r}; it has to begin with ^"
            r" and end with $, and knows neither look-around nor classes such as \d and \w",
            parameter=field,
        )
    _check_repetitions(pattern, field)


def _check_repetitions(text: str, field: str) -> None:
    for low, high in _REPETITION.findall(text):
        _check_range(int(low), int(high), field, "the repetition's minimum", "its maximum")
