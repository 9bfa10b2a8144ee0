"""Functions as tools: what their docstrings say, what the program gives, and how they are run."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field

from llmgate import Client, InvalidRequestError, Tool, function_tool, tool
from llmgate._core.tool_calls import as_content
from llmgate._text.docstring import read_docstring
from llmgate._text.repair import repaired_object
from llmgate.media import LocalFile, image
from llmgate.testing import FakeProvider
from llmgate.tools import Context

# --- docstrings ---


def in_googles_style() -> None:
    """Do it.

    More of it: yes.

    Args:
        first (int, optional): The first
            thing.
        second: The second: with a colon.

        *third, **fourth: The rest.
        fifth:
            On its own line.

    Returns:
        What: it is.

    Raises:
        ValueError: never.
    """


def in_numpys_style() -> None:
    """Do it.

    More of it: yes.

    Parameters
    ----------
    first : int, optional
        The first
        thing.
    second
        The second: with a colon.
    *third, **fourth
        The rest.
    fifth : {"a", "b"}
        On its own line.

    Returns
    -------
    What: it is.

    Raises
    ------
    ValueError
        Never.
    """


def in_sphinxs_style() -> None:
    """Do it.

    More of it: yes.

    :param int first: The first
        thing.
    :param second: The second: with a colon.
    :type second: int
    :keyword third: The rest.
    :param fourth: The rest.
    :param fifth: On its own line.
    :raises ValueError: never.
    :returns: What: it is.
    """


PARAMETERS = {
    "first": "The first thing.",
    "second": "The second: with a colon.",
    "third": "The rest.",
    "fourth": "The rest.",
    "fifth": "On its own line.",
}


@pytest.mark.parametrize("function", [in_googles_style, in_numpys_style, in_sphinxs_style])
def test_a_docstring_describes_the_parameters(function: Any) -> None:
    """Whatever its style; the model is spared what it does not need."""
    text, parameters = read_docstring(function.__doc__)
    assert parameters == PARAMETERS
    assert text.startswith("Do it.\n\nMore of it: yes.\n\n")
    assert "What: it is." in text
    assert "ValueError" not in text


NONE: dict[str, str] = {}


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        (None, ("", NONE)),
        ("One line.", ("One line.", NONE)),
        ("Args:", ("", NONE)),
        ("Args: none are taken.", ("Args: none are taken.", NONE)),
        ("Parameters\nare none.", ("Parameters\nare none.", NONE)),
        ("It.\n\nArgs:\n    none of them matters\n    x: Y.", ("It.", {"x": "Y."})),
    ],
)
def test_a_docstring_without_parameters(docstring: str | None, expected: Any) -> None:
    """It is the description as it is."""
    assert read_docstring(docstring) == expected


# --- schemas ---


class Unit(Enum):
    CELSIUS = "c"
    FAHRENHEIT = "f"


@tool
def weather(
    city: str,
    days: Annotated[int, Field(ge=1, le=7, description="How many.")] = 1,
    unit: Unit = Unit.CELSIUS,
    detail: Literal["low", "high"] | None = None,
) -> str:
    """The weather of a city.

    Args:
        city: Where.
        days: Not this.
        none: Nor this.
        unit: Which scale.
    """
    return f"{city} {days} {unit.value} {detail}"


def test_a_tool_has_a_schema() -> None:
    """Of annotations, constraints, defaults, enumerations, and the docstring."""
    definition: Any = weather.definition
    function = definition["function"]
    assert (function["name"], function["description"]) == ("weather", "The weather of a city.")
    properties = function["parameters"]["properties"]
    assert properties["city"]["description"] == "Where."
    assert properties["days"] == {
        "title": "Days",
        "type": "integer",
        "default": 1,
        "minimum": 1,
        "maximum": 7,
        "description": "How many.",
    }
    assert properties["unit"]["description"] == "Which scale."
    assert properties["detail"]["anyOf"][0]["enum"] == ["low", "high"]
    assert function["parameters"]["required"] == ["city"]
    assert function_tool(weather) == definition


def test_a_tool_stays_a_function() -> None:
    """With its name and its docstring."""
    assert weather("Oslo", days=2) == "Oslo 2 c None"
    assert weather.__name__ == "weather"
    assert repr(weather) == "<Tool weather>"


class Database:
    """Something of the program's."""

    def __init__(self) -> None:
        self.asked = list[str]()

    @tool(name="look_up", description="Looks it up.", timeout=5)
    def find(self, name: str) -> str:
        """Unused."""
        self.asked.append(name)
        return name.upper()

    @tool
    async def count(self) -> int:
        """How many."""
        return len(self.asked)


@tool
def query(table: str, database: Context[Database], most: int = 3) -> list[Any]:
    """Ask the database."""
    return [table, most, type(database).__name__]


async def test_methods_are_tools_of_their_objects() -> None:
    """Sync and async; ``self`` is no parameter."""
    database = Database()
    found: Tool[..., str] = database.find
    definition: Any = found.definition
    assert definition["function"]["name"] == "look_up"
    assert definition["function"]["description"] == "Looks it up."
    assert [*definition["function"]["parameters"]["properties"]] == ["name"]
    assert found.timeout == 5
    assert await found.run({"name": "x"}) == "X"
    assert await database.count.run({}) == 1
    assert database.find("y") == "Y"
    assert isinstance(Database.find, Tool)


async def test_a_context_is_given_by_the_program() -> None:
    """The model neither sees nor gives it."""
    definition: Any = query.definition
    assert [*definition["function"]["parameters"]["properties"]] == ["table", "most"]
    assert await query.run({"table": "t", "most": "2"}, Database()) == ["t", 2, "Database"]
    with pytest.raises(ValueError, match="database"):
        await query.run({"table": "t", "database": 1}, Database())


async def test_a_context_may_be_none() -> None:
    """It is the program's all the same."""

    def one(name: str, database: Context[Database] | None = None) -> Any:
        """Looks something up."""
        return name, type(database).__name__

    def other(database: Optional[Context[Database]], name: str) -> Any:  # noqa: UP045 - as some write it
        """Likewise."""
        return name, type(database).__name__

    for each in (tool(one), tool(other)):
        definition: Any = each.definition
        assert ["name"] == [*definition["function"]["parameters"]["properties"]]
        assert ("x", "Database") == await each.run({"name": "x"}, Database())


class Decorated:
    """Methods of the class, with the decorators in either order."""

    @tool
    @classmethod
    def outside(cls, n: int) -> Any:
        """Of the class."""
        return cls, n

    @classmethod
    @tool
    def inside(cls, n: int) -> Any:
        """Likewise."""
        return cls, n

    @tool
    @staticmethod
    def alone(n: int) -> Any:
        """Of nobody."""
        return Decorated, n


async def test_methods_of_a_class_are_tools() -> None:
    """Of the class, and of its objects."""
    for owner in (Decorated, Decorated()):
        for name in ("outside", "inside", "alone"):
            found: Tool[..., Any] = getattr(owner, name)
            assert (Decorated, 1) == await found.run({"n": "1"})


async def test_a_sync_tool_runs_off_the_loop() -> None:
    """On a thread of its own."""

    @tool
    def where() -> str:
        return threading.current_thread().name

    assert await where.run({}) != threading.current_thread().name


async def test_a_class_is_a_tool_that_makes_one() -> None:
    """As for ``function_tool``."""
    made = await tool(Point).run({"x": "1"})
    assert made.x == 1


class Point(BaseModel):
    """A place."""

    x: int


def opaque(thing: Database) -> None:
    """Takes what no JSON describes."""


def impossible(n: Annotated[int, Field(ge=5, le=1)]) -> None:
    """Takes what is not a number."""


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        ([weather, weather], "two tools have one name: 'weather'"),
        ([weather, tool(name="weather")(opaque)], "two tools have one name"),
        ([opaque], "no schema for opaque"),
        (
            [impossible],
            r"of impossible contradicts itself: properties\.n has minimum 5 and maximum 1$",
        ),
    ],
)
async def test_tools_that_cannot_be_sent(tools: list[Any], reason: str) -> None:
    """They are refused before anything is."""
    provider = FakeProvider(["Hi"])
    async with Client(providers={"fake": provider}) as client:
        with pytest.raises(InvalidRequestError, match=reason):
            await client.acompletion("fake/m", [{"role": "user", "content": "x"}], tools=tools)
    assert provider.transport.requests == []


# --- results and arguments ---

PICTURE = image(b"\x89PNG....")


@pytest.mark.parametrize(
    ("result", "content"),
    [
        ("text", "text"),
        (None, "null"),
        ([1, "ü"], '[1, "ü"]'),
        ({"type": "text"}, '{"type": "text"}'),
        ({"type": "text", "text": "x"}, [{"type": "text", "text": "x"}]),
        (PICTURE, [PICTURE]),
        (["Here:", PICTURE], [{"type": "text", "text": "Here:"}, PICTURE]),
        ((PICTURE, 1), [PICTURE, {"type": "text", "text": "1"}]),
        ((PICTURE,), [PICTURE]),
        ([], "[]"),
    ],
)
def test_results(result: Any, content: Any) -> None:
    """Texts and parts as they are, anything else as JSON."""
    assert as_content(result) == content


def test_a_file_is_a_part() -> None:
    """It is read when the model is asked."""
    content = as_content(image("cat.png"))
    assert isinstance(content[0], LocalFile)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ("{'a': True, 'b': None}", {"a": True, "b": None}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"a": "x\ny"}', {"a": "x\ny"}),
        ('{"a": ",}", "b": [1,],}', {"a": ",}", "b": [1]}),
        ('{"a": ', None),
        ("[1]", None),
        ("{1: 2}", None),
        ("{'a': {1}}", None),
        ("", None),
    ],
)
def test_arguments_are_read_as_what_they_mean(text: str, value: Any) -> None:
    """Where there is no doubt; what was cut is not completed."""
    assert repaired_object(text) == value
