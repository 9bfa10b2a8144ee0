"""Functions and types as tools, and values parsed as them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar

import pytest
from pydantic import BaseModel, TypeAdapter

from llmgate import tools
from llmgate._core.check import check_parameters
from llmgate.errors import DecodeError, InvalidRequestError
from llmgate.tools import function_tool, parse_answer, parse_arguments
from tests.legacy_calls import weather


def nothing() -> None: ...


def anything(**arguments: int) -> None: ...


class Point(BaseModel):
    """A place."""

    x: int
    y: int = 0


@dataclass
class Pair:
    left: int


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Size(TypedDict):
    size: int


class Opaque:
    """Something that no JSON describes."""


def positional(city: str, /) -> None: ...


def several(*cities: str) -> None: ...


def opaque(thing: Opaque) -> None: ...


def unresolved(thing: Any) -> None: ...


unresolved.__annotations__["thing"] = "Nowhere"


class Caller:
    def __call__(self, x: int) -> None: ...


def test_a_function_is_a_tool_by_its_signature() -> None:
    """Name, docstring, and a schema of its parameters with their descriptions and defaults."""
    expected = {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.\n\nMore of it.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "title": "City", "description": "Where."},
                    "unit": {
                        "type": "string",
                        "title": "Unit",
                        "enum": ["c", "f"],
                        "default": "c",
                    },
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    assert expected == function_tool(weather)


EMPTY: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("function", "name", "parameters"),
    [
        (nothing, "nothing", EMPTY),
        (anything, "anything", EMPTY | {"additionalProperties": {"type": "integer"}}),
        (functools.wraps(nothing)(lambda: None), "nothing", EMPTY),
    ],
)
def test_a_function_without_a_docstring_has_no_description(
    function: Callable[..., Any], name: str, parameters: object
) -> None:
    """What is not there is not sent."""
    definition = {"name": name, "parameters": parameters}
    assert {"type": "function", "function": definition} == function_tool(function)


def test_a_class_is_a_tool_that_makes_one() -> None:
    """A pydantic model's fields are the parameters."""
    tool: Any = function_tool(Point)
    assert "Point" == tool["function"]["name"]
    assert {"x", "y"} == set(tool["function"]["parameters"]["properties"])


def test_a_function_s_tool_passes_the_check() -> None:
    """What is made here is what is accepted there."""
    tool = function_tool(weather)
    assert {"tools": [tool]} == check_parameters({"tools": [tool]})


NO_TOOLS: dict[str, tuple[Any, str]] = {
    "parameters by position": (positional, "positional has parameters without a name"),
    "any number of them": (several, "several has parameters without a name"),
    "a type without a schema": (opaque, "no schema for opaque: "),
    "an annotation that means nothing": (unresolved, "no schema for unresolved: name 'Nowhere'"),
    "a lambda": (lambda: None, "has no name"),
    "a partial": (functools.partial(nothing), "has no name"),
    "a callable object": (Caller(), "has no name"),
    "a built-in without a signature": (print, "has parameters without a name|no schema for print"),
    "a class that takes no arguments by name": (int, "int has parameters without a name"),
}


@pytest.mark.parametrize(("function", "reason"), NO_TOOLS.values(), ids=NO_TOOLS)
def test_what_cannot_be_a_tool_is_refused(function: Any, reason: str) -> None:
    """Before anything is sent, and with our own error on one line."""
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        function_tool(function)
    assert "tools" == caught.value.path
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ('{"x": 1}', Point, Point(x=1)),
        ('{"left": 1}', Pair, Pair(1)),
        ('{"content": 1}', Box[int], Box(content=1)),
        (" 5 ", int, 5),
        ('[{"x": 1}]', list[Point], [Point(x=1)]),
        ("null", Point | None, None),
        ('{"x": 1}', TypeAdapter(Point), Point(x=1)),
        ('{"size": 1}', Size, {"size": 1}),
    ],
)
def test_an_answer_is_parsed_as_the_type_that_was_asked_for(
    text: str, kind: type[Any], expected: object
) -> None:
    """JSON text into an instance."""
    assert expected == parse_answer(text, kind)


@pytest.mark.parametrize("text", [None, "", "Sure!", "{", '{"x": "a\nb"}', '{"y": 1}', "\ud800"])
def test_an_answer_that_does_not_fit_is_a_decode_error(text: str | None) -> None:
    """It names the type, on one line, as the text is a provider's."""
    with pytest.raises(DecodeError, match="the completion is not a Point: ") as caught:
        parse_answer(text, Point)
    assert "\n" not in str(caught.value)


def test_an_answer_cannot_be_parsed_as_a_type_without_a_schema() -> None:
    """The mistake is the caller's, not the model's."""
    with pytest.raises(InvalidRequestError, match="no schema for Opaque"):
        parse_answer("{}", Opaque)


def test_arguments_are_parsed_here_too() -> None:
    """The same function serves calls that are no :class:`Function`."""
    assert ({}, {"a": 1}) == (parse_arguments(" "), parse_arguments('{"a":1}'))
    with pytest.raises(DecodeError, match=r"not a JSON object: \[1\]"):
        parse_arguments("[1]")


def test_everything_public_is_there() -> None:
    """``__all__`` names what exists."""
    assert [] == [name for name in tools.__all__ if not hasattr(tools, name)]


class Tree(TypedDict):
    """A type that holds itself."""

    children: list[Tree]


def planted(tree: Tree) -> None:
    """Takes one."""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic reads Python's own there")
def test_a_typed_dict_that_holds_itself_is_of_typing_extensions() -> None:
    """Before Python 3.12; the error says so."""
    with pytest.raises(InvalidRequestError, match=r"use `typing_extensions\.TypedDict`"):
        function_tool(planted)
    with pytest.raises(InvalidRequestError, match=r"use `typing_extensions\.TypedDict`"):
        parse_answer("{}", Tree)
