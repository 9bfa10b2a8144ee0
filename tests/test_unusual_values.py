"""Values that have no truth value, such as arrays of numpy's, anywhere in a call's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from pydantic import BaseModel

from llmgate import Client, InvalidRequestError
from llmgate.testing import FakeProvider


class Array:
    """What numpy's arrays have in common with lists, and what they have not."""

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])

    def __eq__(self, _: object) -> Any:
        return Array()

    def __hash__(self) -> int:
        raise TypeError("unhashable type: 'Array'")

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


ARRAY: Any = Array()
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
CALL: dict[str, Any] = {
    "id": "a",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
}


def calls(call: Any) -> dict[str, Any]:
    """A response that makes this call."""
    return {"role": "assistant", "tool_calls": [call]}


MESSAGES: dict[str, Any] = {
    "messages[0].role": {"role": ARRAY, "content": None},
    "messages[0].content": {"role": "user", "content": ARRAY},
    "messages[0].tool_call_id": {"role": "tool", "content": "x", "tool_call_id": ARRAY},
    "messages[0].tool_calls[0].id": calls({**CALL, "id": ARRAY}),
    "messages[0].tool_calls[0].type": calls({**CALL, "type": ARRAY}),
    "messages[0].tool_calls[0].function": calls({**CALL, "function": ARRAY}),
    "messages[0].tool_calls[0].function.name": calls({**CALL, "function": {"name": ARRAY}}),
    "messages[0].function_call.name": {"role": "assistant", "function_call": {"name": ARRAY}},
    "messages[0].extra": {"role": "user", "content": "x", "extra": ARRAY},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "unsupported": {"unsupported": ARRAY},
    "functions": {"functions": ARRAY},
    "max_tokens": {"max_tokens": ARRAY},
    "max_completion_tokens": {"max_completion_tokens": ARRAY},
    "tools[0].type": {"tools": [{"type": ARRAY}]},
    "response_format.type": {"response_format": {"type": ARRAY, "properties": {}}},
    "tool_choice": {"tool_choice": ARRAY},
    "stop": {"stop": ARRAY},
}


async def refused(messages: Any, **options: Any) -> str | None:
    """The path by which a call is refused."""
    async with Client(providers={"fake": FakeProvider()}) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.acompletion("fake/m", messages, **options)
    return caught.value.path


@pytest.mark.parametrize("path", MESSAGES)
async def test_an_array_in_a_message(path: str) -> None:
    """It is refused by its path; its truth value, which it has not, is not asked for."""
    assert path == await refused([MESSAGES[path]])


@pytest.mark.parametrize("path", OPTIONS)
async def test_an_array_in_a_parameter(path: str) -> None:
    """Likewise."""
    assert path == await refused(HELLO, **OPTIONS[path])


async def test_an_array_as_the_name_of_a_result() -> None:
    """It is the name of no call."""
    nameless = {"role": "tool", "content": "x", "name": ARRAY}
    assert "messages[1].name" == await refused([calls(CALL), nameless])


# --- objects whose own code fails ---


class Failing:
    """Like a model of pydantic's that cannot be written."""

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """It fails."""
        raise RuntimeError("no serializer")


class Lost(Mapping[str, Any]):
    """A mapping that has lost what its keys stand for."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(["role"])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Failing(), "messages: Failing cannot be read: RuntimeError: no serializer"),
        (Lost(), "messages: Lost cannot be read: KeyError: 'role'"),
        (BaseModel, "messages[0]: the class BaseModel is not"),
    ],
)
async def test_a_message_that_cannot_be_read(message: Any, reason: str) -> None:
    """The error says whose code failed, and how; a class is no message."""
    async with Client(providers={"fake": FakeProvider()}) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.acompletion("fake/m", [message])
    assert reason == str(caught.value)[: len(reason)]


async def test_a_document_that_cannot_be_read() -> None:
    """Likewise."""
    async with Client(providers={"fake": FakeProvider()}) as client:
        with pytest.raises(InvalidRequestError, match="Failing cannot be read") as caught:
            await client.arerank("fake/m", "q", cast("Any", [Failing()]))
    assert "documents" == caught.value.path
