"""Parameters that are refused, and what the errors say."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llmgate._core.check import (
    check_json,
    check_parameters,
)
from llmgate._core.refusals import LARGEST, json_fault
from llmgate.errors import InvalidRequestError
from tests.not_json import NOT_JSON

BAD_PARAMETERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a temperature in words": (
        {"temperature": "hot"},
        "temperature",
        "expected a number, got 'hot'",
    ),
    "a temperature that is a flag": ({"temperature": True}, "temperature", "got True"),
    "a temperature that is not a number": (
        {"temperature": math.nan},
        "temperature",
        "nan is not a JSON number",
    ),
    "a temperature without bounds": (
        {"top_p": 10**5000},
        "top_p",
        "an integer of more than 1,200 digits",
    ),
    "none": ({"temperature": None}, "temperature", "got None"),
    "no tokens": ({"max_tokens": 0}, "max_tokens", "expected greater than or equal to 1, got 0"),
    "half a token": ({"max_tokens": 1.5}, "max_tokens", "expected a valid integer, got 1.5"),
    "too many tokens": (
        {"max_completion_tokens": 2**63},
        "max_completion_tokens",
        "expected less than",
    ),
    "no answers": ({"n": 0}, "n", "expected greater than or equal to 1"),
    "a seed that no machine holds": ({"seed": 2**64}, "seed", "expected less than"),
    "a seed below them all": ({"seed": -(2**63) - 1}, "seed", "greater than or equal to"),
    "a tool without a type": (
        {"tools": [{"name": "f", "parameters": {}}]},
        "tools[0].type",
        'is missing; write {"type": "function", "function": {"name": …, "parameters": …}}',
    ),
    "a custom tool without a name": (
        {"tools": [{"type": "custom", "custom": {"name": ""}}]},
        "tools[0].custom.name",
        "must not be empty",
    ),
    "a seed in words": ({"seed": "1"}, "seed", "expected a valid integer, got '1'"),
    "a flag in words": ({"logprobs": "yes"}, "logprobs", "expected a valid boolean, got 'yes'"),
    "a flag as a number": ({"store": 1}, "store", "expected a valid boolean, got 1"),
    "fewer than none": ({"top_logprobs": -1}, "top_logprobs", "greater than or equal to 0"),
    "one stop that is a number": ({"stop": 5}, "stop", "expected a string or a list of strings"),
    "a stop that is a number": ({"stop": ["a", 5]}, "stop[1]", "expected a valid string, got 5"),
    "a stop with half a character": ({"stop": "\ud800"}, "stop", "a lone surrogate"),
    "a bias in words": ({"logit_bias": {"1": "x"}}, "logit_bias.1", "got 'x'"),
    "functions that are none": ({"functions": []}, "functions", "must not be empty"),
    "a function without a name": ({"functions": [{}]}, "functions[0].name", "is missing"),
    "a function with a text for schema": (
        {"functions": [{"name": "f", "parameters": "{}"}]},
        "functions[0].parameters",
        "expected a dictionary, got str",
    ),
    "a bias by truth": ({"logit_bias": {True: 1}}, "logit_bias", "the key True is not a string"),
    "fewer tokens than none": ({"max_tokens": -2}, "max_tokens", "greater than or equal to 1"),
    "a format without a type": (
        {"response_format": {"json_schema": {"name": "a", "schema": {}}}},
        "response_format.type",
        "is missing",
    ),
    "one tool": ({"tools": {}}, "tools", "expected a valid list, got dict"),
    "a tool that is a text": ({"tools": ["f"]}, "tools[0]", "expected a dictionary, got str"),
    "a tool without a function": (
        {"tools": [{"type": "function"}]},
        "tools[0].function",
        "is missing",
    ),
    "a tool without a name": (
        {"tools": [{"type": "function", "function": {"name": ""}}]},
        "tools[0].function.name",
        "must not be empty",
    ),
    "a tool whose schema has a set": (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"enum": {1}}}}]},
        "tools[0].function.parameters.enum",
        "set is not a JSON value",
    ),
    "a choice that is a number": (
        {"tool_choice": 5},
        "tool_choice",
        "expected a valid string, got 5",
    ),
    "a format that is a word": (
        {"response_format": "json"},
        "response_format",
        "expected a dictionary, got str",
    ),
    "modalities that are one word": (
        {"modalities": "text"},
        "modalities",
        "expected a valid list, got 'text'",
    ),
    "an effort that is a number": (
        {"reasoning_effort": 5},
        "reasoning_effort",
        "expected a valid string",
    ),
    "a user that is bytes": ({"user": b"x"}, "user", "bytes is not a JSON value"),
    "options that are a flag": (
        {"stream_options": True},
        "stream_options",
        "expected a dictionary, got bool",
    ),
    "metadata that are a text": ({"metadata": "x"}, "metadata", "expected a dictionary, got str"),
    "metadata with bytes": ({"metadata": {"a": b"x"}}, "metadata.a", "bytes is not a JSON value"),
    "audio that is a word": ({"audio": "wav"}, "audio", "expected a dictionary, got str"),
}


@pytest.mark.parametrize(
    ("parameters", "path", "reason"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS
)
def test_wrong_parameters_are_refused_with_their_path(
    parameters: dict[str, Any], path: str, reason: str
) -> None:
    """Each by its name, and by the place inside it."""
    with pytest.raises(InvalidRequestError) as caught:
        check_parameters(parameters)
    assert path == caught.value.path
    assert reason in str(caught.value)


@pytest.mark.parametrize(("value", "inner", "reason"), NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_json_is_refused_wherever_it_stands(value: Any, inner: str, reason: str) -> None:
    """Above all in ``extra_body``, which nothing else looks at."""
    with pytest.raises(InvalidRequestError) as caught:
        check_json({"a": value}, "extra_body")
    assert (f"extra_body.a{inner}", True) == (caught.value.path, reason in str(caught.value))


def test_the_largest_integers_are_accepted() -> None:
    """Both checks, the quick and the one that explains, agree where they end."""
    value = [LARGEST - 1, 1 - LARGEST]
    assert value == check_json(value, "x")
    assert json_fault(value, "x") is None
