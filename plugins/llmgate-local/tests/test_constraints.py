"""Grammars and schemas that would kill llama.cpp, or be ignored by it, are refused before."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate_local.request.constraints import check_constraints

MANY: dict[str, Any] = {"type": "string", "minLength": 5, "maxLength": 2}


@pytest.mark.parametrize("pattern", [r"^(a|[b-z]{2,3})+\.\[$", '^(?:"x").*?$', "^$", r"^\x41é$"])
def test_patterns_that_llama_cpp_enforces_pass(pattern: str) -> None:
    """And data inside a schema is not looked at."""
    check_constraints({"json_schema": {"pattern": pattern, "enum": [MANY]}})


@pytest.mark.parametrize("pattern", [r"^\d$", "^(?=a)$", "^a^b$", r"^[\w]$", "^\x00$", "^a", "a$"])
def test_patterns_that_it_would_ignore_do_not(pattern: str) -> None:
    """For it would accept any text in their place."""
    with pytest.raises(UnsupportedError, match="cannot enforce") as caught:
        check_constraints({"json_schema": {"pattern": pattern}})
    assert "json_schema" == caught.value.parameter


def test_braces_in_texts_of_a_grammar_are_no_repetitions() -> None:
    """Texts, classes and comments are passed over."""
    check_constraints({"grammar": 'root ::= "{5,2}" [{5,2}] # {5,2}\n'})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"grammar": 'root ::= "a"{5,2}'}, "grammar: .*minimum 5 is above its maximum 2"),
        ({"json_schema": MANY}, "json_schema: minLength 5 is above maxLength 2"),
        ({"response_format": {"schema": {"items": [MANY]}}}, "minLength 5 is above"),
        ({"tools": [{"function": {"parameters": MANY}}]}, "tools: minLength 5 is above"),
        ({"json_schema": {"pattern": "^a{5,2}$"}}, "minimum 5 is above its maximum 2"),
    ],
)
def test_a_minimum_above_its_maximum_is_refused(body: dict[str, Any], message: str) -> None:
    """Wherever it stands."""
    with pytest.raises(InvalidRequestError, match=message):
        check_constraints(body)


def test_more_repetitions_than_it_can_enforce_are_refused() -> None:
    """They would take all the memory there is."""
    with pytest.raises(UnsupportedError, match="minItems is above 2000"):
        check_constraints({"json_schema": {"minItems": 2001}})
