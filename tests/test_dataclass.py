"""Slotted dataclasses and compiled loaders: what the standard library's do, for less."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._text.dataclass import slotted
from llmgate._text.shape import Shape, shape
from llmgate._text.shape_loading import load_with_care
from llmgate.errors import DecodeError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.types import (
    Completion,
    Exchange,
    Message,
    Usage,
    with_exchange,
)

# --- slotted ---


@slotted
class Point:
    """A class with each kind of default."""

    x: int
    y: int = 2
    tags: list[str] = dataclasses.field(default_factory=list[str])
    more: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"made": "anew"})


class Named(Point):
    """A class derived without the decorator."""

    label = "derived"


@slotted
class Deep(Point):
    """A class derived with it."""

    z: int = 3


def test_fields_are_set_and_defaults_made_anew() -> None:
    """By place or by name, as a dataclass does."""
    one, other = Point(1), Point(x=1, y=2)
    assert one == other
    assert [] == one.tags
    assert one.tags is not other.tags
    assert one.more is not other.more
    assert (1, 5, ["a"]) == ((point := Point(1, 5, ["a"])).x, point.y, point.tags)
    assert type(one) is Point


@pytest.mark.parametrize("point", [Point(1), Named(1), Deep(1)])
def test_it_can_be_changed_and_has_no_hash(point: Point) -> None:
    """As a list has none; a misspelt attribute is an error."""
    point.x = 2
    assert 2 == point.x
    with pytest.raises(TypeError, match="unhashable"):
        hash(point)
    with pytest.raises(AttributeError):
        setattr(Point(1), "z", 2)  # noqa: B010 - a type checker forbids it, as it should


def test_a_derived_class_is_its_own() -> None:
    """With the decorator or without."""
    assert (Named, 1, "derived") == (type(named := Named(1)), named.x, named.label)
    assert (Deep, 1, 3) == (type(deep := Deep(1)), deep.x, deep.z)


@pytest.mark.parametrize("point", [Point(1, 3, ["a"], {}), Deep(1, 3, ["a"], {}, 4)])
def test_it_is_copied_and_pickled(point: Point) -> None:
    """Whole, and as what it is."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert point == pickle.loads(pickle.dumps(point, protocol))  # noqa: S301 - our own
    deep = copy.deepcopy(point)
    assert point == copy.copy(point) == deep
    assert deep.tags is not point.tags
    assert 9 == dataclasses.replace(point, x=9).x
    assert "x=1" in repr(point)


def test_its_signature_is_that_of_its_fields() -> None:
    """For whoever asks."""
    assert ["x", "y", "tags", "more"] == list(inspect.signature(Point).parameters)
    made: Any = Point
    with pytest.raises(TypeError, match="x"):
        made()


def test_what_is_checked_after_making_is_checked() -> None:
    """``__post_init__`` runs."""
    with pytest.raises(ValueError, match="positive"):
        Timeout(total=-1)


def test_it_is_equal_by_its_fields() -> None:
    """To one of the very class, and to nothing else."""
    one: object = 1
    assert Timeout(1) == Timeout(1.0)
    assert Timeout(1) != Timeout(2)
    assert Timeout(1) != one


def test_what_is_none_is_not_printed() -> None:
    """Nor is a field that is not to be printed."""

    @slotted
    class Half:
        a: int | None = None
        b: int | None = None
        c: int = dataclasses.field(default=1, repr=False)

    assert "Half(b=2)" == repr(Half(b=2)).rpartition(".")[2]


# --- compiled loaders ---


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "delta", "choices", "index", "content", "usage", "x"]),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def careful(kind: type[Shape], data: Any) -> Any:
    """What the loader that explains everything makes of it."""
    try:
        return load_with_care(kind, data)
    except DecodeError as error:
        return error.message


def quick(kind: type[Shape], data: Any) -> Any:
    """What everybody calls."""
    try:
        return kind.model_validate(data)
    except DecodeError as error:
        return error.message


@given(JSON, JSON)
def test_a_compiled_loader_gives_the_same(inner: Any, other: Any) -> None:
    """For any JSON: the same value, or the same error."""
    answer = {"choices": [{"message": inner}], "usage": other, "created": 1.0}
    for kind, data in (
        (Completion, inner),
        (Completion, answer),
        (Message, other),
        (Usage, inner),
    ):
        before = json.dumps(data)
        quick(kind, data)  # the first time, nothing is compiled
        assert careful(kind, data) == quick(kind, data)
        assert before == json.dumps(data)


def test_a_loaded_value_is_itself() -> None:
    """As is one of a derived class."""

    class Mine(Message):
        """Nothing more."""

    for message in (Message("a"), Mine("a")):
        assert message is Message.model_validate(message)
        choice = Completion.model_validate({"choices": [{"message": message}]}).choices[0]
        assert message is choice.message


def test_a_shape_without_room_for_more() -> None:
    """What it does not name is not kept."""

    @shape
    class Narrow(Shape):
        """One field."""

        a: int = 0

    for _ in range(2):  # the second time by a compiled loader
        assert Narrow(2) == Narrow.model_validate({"a": 2, "b": 3})


def test_lists_are_not_shared_with_what_was_loaded() -> None:
    """What the caller does to its data later is not ours."""
    data: dict[str, Any] = {"annotations": [{"a": 1}]}
    message = Message.model_validate(data)
    data["annotations"].append({})
    assert [{"a": 1}] == message.annotations


# --- with its exchange ---


def test_an_answer_with_its_exchange() -> None:
    """Every field is kept."""
    values: dict[str, Any] = {each.name: {} for each in dataclasses.fields(Completion)}
    exchange = Exchange("p", headers={"a": "b"})
    made = with_exchange(Completion(**values), exchange)
    assert values == {name: getattr(made, name) for name in values}
    assert exchange is made.exchange


def test_an_answer_that_is_given_twice() -> None:
    """Whoever got it first keeps its exchange: the second is a copy."""
    given = [Completion.model_validate({"choices": [], "id": "a"}) for _ in range(3)][-1]
    first = with_exchange(given, Exchange("p"))
    second = with_exchange(given, Exchange("q"))
    assert ("p", "q") == (first.provider, second.provider)
    assert first == second


def test_a_request_with_further_headers() -> None:
    """Every field is kept, and so are the headers it had."""
    request = HttpRequest("POST", "u", {"a": "1", "b": "2"}, b"x", 1.0, True, None, False)
    made = request.with_headers({"b": "3", "c": "4"})
    assert dataclasses.replace(request, headers={"a": "1", "b": "3", "c": "4"}) == made
