"""Messages and large parameters are looked at once for the JSON that they are written as."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from llmgate import Client, Completion, Stream
from llmgate._core import remembered
from llmgate._core.check import check_messages, check_parameters
from llmgate.errors import InvalidRequestError
from llmgate.middleware import Middleware
from llmgate.options import ChatCall
from llmgate.provider.call import PlainMessages, ProviderCall
from llmgate.provider.http import Flow, decode_json, encode_json
from llmgate.report import Deviation
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def tool(name: str = "forecast", **more: Any) -> dict[str, Any]:
    """A tool, made anew."""
    fields = {"city": {"type": "string", "enum": ["Oslo", "Bergen"], **more}}
    function = {"name": name, "parameters": {"type": "object", "properties": fields}}
    return {"type": "function", "function": function}


def checked(*tools: Any) -> list[Any]:
    """The tools of a call, as a provider is given them."""
    parameters: Any = check_parameters({"tools": [*tools]})
    found: list[Any] = parameters["tools"]
    return found


def test_what_is_written_alike_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is not is looked at: a list that was changed meanwhile is another one."""
    tools = [tool("looked_at_once")]
    first = checked(*tools)
    monkeypatch.setattr("llmgate._core.remembered.validator", None)
    assert tools == first == checked(tool("looked_at_once"))
    tools[0]["function"]["name"] = "another"
    with pytest.raises(TypeError):
        checked(*tools)


def test_a_call_has_its_own_list_and_nothing_of_the_callers() -> None:
    """What either does with it is not seen by the next call."""
    mine = [tool("own_list")]
    first = checked(*mine)
    first.append(tool("more"))
    mine[0]["function"]["parameters"]["properties"].clear()
    assert [tool("own_list")] == checked(tool("own_list")) == first[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "function", "function": {"name": ""}},
        tool(default=float("nan")),
        tool(default=float("inf")),
        tool(default="\ud800"),
        tool(default={1: 2}),
        tool(default=("a",)),
        tool(default=object),
        "no tool",
    ],
    ids=repr,
)
def test_what_is_wrong_is_refused_each_time(wrong: Any) -> None:
    """Also after a right one, and where its JSON would be that of a right one."""
    for right in (None, ["a"]):
        checked(tool(), tool(default=right))
    for _ in range(3):
        with pytest.raises(InvalidRequestError) as caught:
            checked(tool(), wrong)
        assert caught.value.path is not None
        assert caught.value.path.startswith("tools[1]")


@pytest.mark.parametrize(
    "odd", [tool(default=None), tool(default=2**70), tool(description="x" * 150_000)], ids=len
)
def test_what_is_not_remembered_is_taken_all_the_same(odd: Any) -> None:
    """A null, an integer that few writers know, and what is very long."""
    for _ in range(2):
        assert [odd] == checked(copy.deepcopy(odd))


# --- messages -----------------------------------------------------------------------------


def called(arguments: str = "{}", **more: Any) -> dict[str, Any]:
    """A message with a call, made anew."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


def conversation(*messages: Any) -> list[Any]:
    """The messages of a call, as a provider is given them."""
    return check_messages([*HI, *messages])


def test_messages_of_earlier_calls_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for long ones. What differs in anything is another message."""
    first = conversation(called('{"looked": "at once"}'))
    monkeypatch.setattr("llmgate._core.remembered.validator", None)
    assert first == conversation(called('{"looked": "at once"}'))
    assert first[1] is not conversation(called('{"looked": "at once"}'))[1]
    for other in (called('{"looked": "twice"}'), called('{"looked": "at once"}', name="n")):
        with pytest.raises(TypeError):
            conversation(other)


@pytest.mark.parametrize(
    "message",
    [called(), called("x" * 10_000), called(refusal=None), called(name="n")],
    ids=["short", "long", "null", "named"],
)
def test_messages_are_the_same_each_time(message: dict[str, Any]) -> None:
    """What holds nothing is left out, but for the content."""
    expected = {name: value for name, value in message.items() if name != "refusal"}
    for _ in range(3):
        assert [*HI, expected] == conversation(copy.deepcopy(message))


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_null(odd: float) -> None:
    """Though it is written as one."""
    conversation(called(own=None))
    conversation(called(own={"a": None}))
    for _ in range(2):
        with pytest.raises(InvalidRequestError, match="is not a JSON number"):
            conversation(called(own={"a": odd}))


def test_what_is_respelled_is_recorded_each_time() -> None:
    """It is not what was given, and the report says so."""
    for _ in range(3):
        changes = list[Deviation]()
        image = {"type": "image_url", "image_url": {"url": "HTTPS://host/a.png"}}
        sent: Any = check_messages([{"role": "user", "content": [image]}], changes)
        assert "https://host/a.png" == sent[0]["content"][0]["image_url"]["url"]
        assert changes


def test_middleware_may_change_all_of_a_call() -> None:
    """It has a copy: the next call of the same tools is another."""
    seen = list[Any]()

    class Renames(Middleware):
        async def chat(
            self, call: ChatCall, handler: Callable[[ChatCall], Awaitable[Completion | Stream]]
        ) -> Completion | Stream:
            message: Any = call.messages[1]
            message["tool_calls"][0]["id"] += "_2"
            seen.append(message["tool_calls"][0]["id"])
            parameters: Any = call.parameters
            parameters["tools"][0]["function"]["name"] += "_2"
            seen.append(parameters["tools"][0]["function"]["name"])
            return await handler(call)

    client = Client(providers={"fake": FakeProvider(["Hello"] * 3)}, middleware=[Renames()])
    for _ in range(3):
        client.completion("fake/m", [*HI, called()], tools=[tool("renamed")], seed=1)
    client.close()
    assert ["a_2", "renamed_2"] * 3 == seen


RESULT: Any = {"role": "tool", "tool_call_id": "a", "content": "{}"}
ANSWER: Any = {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    ("message", "is_plain"),
    [
        (called(), True),
        (called(content=""), True),
        (called(content="So:"), True),
        (called(refusal=None), True),
        ({**called(), "tool_calls": [{**called()["tool_calls"][0], "index": 0}]}, False),
        ({"role": "user", "content": "Hi", "tool_calls": called()["tool_calls"]}, False),
        (RESULT, True),
        (ANSWER | {"content": ""}, False),
        (ANSWER | {"content": None}, False),
        (ANSWER | {"reasoning_content": "Hm"}, False),
        ({key: value for key, value in called().items() if key != "content"}, False),
        ({"role": "assistant", "content": None, "function_call": {"name": "f"}}, False),
        ({"role": "function", "name": "f", "content": "{}"}, False),
        ({"role": "user", "content": [{"type": "text", "text": "Hi"}]}, False),
        ({"role": "user", "content": "Hi", "cache_control": {"type": "ephemeral"}}, False),
    ],
    ids=repr,
)
def test_plain_messages_are_known_as_such(message: dict[str, Any], *, is_plain: bool) -> None:
    """Texts, calls and results without any other field: nobody need look for such."""
    for _ in range(2):
        found = conversation(called(), copy.deepcopy(message), RESULT)
        assert is_plain == isinstance(found, PlainMessages)


def test_a_conversation_goes_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its beginning, what is new, and what differs at its place is looked for by its JSON."""
    asked = list[Any]()

    def known(message: Any) -> Any:
        asked.append(message)
        return real(message)

    real = remembered._known
    monkeypatch.setattr(remembered, "_known", known)
    talk = [called('{"goes": "on"}'), RESULT, called("{}"), RESULT]
    further = [*talk[:2], called('{"x": 1}'), RESULT, ANSWER]
    for messages, expected in (
        (talk, [*HI, *talk]),
        ([*talk, ANSWER], [*HI, talk[0], ANSWER]),
        (talk[:2], [*HI, talk[0]]),
        (further, [*HI, talk[0], further[2]]),
        (further, [*HI, talk[0]]),
    ):
        asked.clear()
        assert [*HI, *messages] == conversation(*copy.deepcopy(messages))
        assert expected == asked
    long = [RESULT, called("y" * 10_000), *[RESULT, called()] * 100]
    assert [*HI, *talk, *long] == conversation(*talk, *long)
    asked.clear()
    assert [*HI, *talk, *long] == conversation(*talk, *long)
    assert [*HI, talk[0], long[1], *long[123:]] == asked


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), ("1", 1)])
def test_what_is_merely_equal_is_another_message(one: Any, other: Any) -> None:
    """At the same place of the same conversation."""
    for value in (one, other, one):
        message = called()
        message["tool_calls"][0]["place"] = value
        found = conversation(called('{"a": 1}'), RESULT, message)
        assert repr(value) == repr(found[3]["tool_calls"][0]["place"])


class Incomparable:
    """Like an array of numbers, it is neither equal to a text nor unequal."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] # as an array has none

    def __bool__(self) -> bool:
        raise ValueError("it is ambiguous")


def test_what_cannot_be_compared_is_refused_by_its_path() -> None:
    """Also where it stands in place of a message that is known."""
    conversation = [*HI, called(), RESULT, *HI]
    with Client(providers={"fake": FakeProvider(["Hello", "Hello"])}) as client:
        for _ in range(2):
            client.completion("fake/m", conversation)
        odd: Any = [*conversation[:-1], {"role": "user", "content": Incomparable()}]
        with pytest.raises(InvalidRequestError, match=r"messages\[3\].content"):
            client.completion("fake/m", odd)


def test_the_json_of_plain_messages_is_what_they_say() -> None:
    """What was dropped is not in it, and an added message is."""
    found = conversation(called("{}", refusal=None), RESULT, called("x" * 10_000), RESULT)
    assert [*HI, called(), RESULT, called("x" * 10_000), RESULT] == decode_json(encode_json(found))
    expected = encode_json({"messages": [*found]})
    assert expected == encode_json({"messages": found})
    found.append(ANSWER)
    assert [*found] == decode_json(encode_json({"messages": found}))["messages"]


@pytest.mark.parametrize("messages", [HI, [*HI, called(), RESULT]])
def test_what_middleware_changes_in_place_is_looked_at(messages: list[Any]) -> None:
    """The messages that it is given are of no class that says what is in them."""
    marked: Any = {"role": "user", "content": "Hi", "cache_control": {"type": "ephemeral"}}

    class Marks(Middleware):
        async def chat(
            self, call: ChatCall, handler: Callable[[ChatCall], Awaitable[Completion | Stream]]
        ) -> Completion | Stream:
            call.messages[0] = marked
            return await handler(call)

    class Noting(FakeProvider):
        def complete(self, call: ProviderCall) -> Flow[Completion]:
            seen.append(call.messages)
            return super().complete(call)

    seen = list[Any]()
    with Client(providers={"fake": Noting(["Hello"])}, middleware=[Marks()]) as client:
        client.completion("fake/m", messages)
    assert [[marked, *messages[1:]]] == seen
    assert not isinstance(seen[0], PlainMessages)


def test_what_was_added_to_a_written_list_is_written() -> None:
    """Its JSON is that of what it holds, and a copy of it can be changed at will."""
    names = [tool("written"), tool("again")]
    tools = checked(*names)
    assert encode_json({"tools": names}) == encode_json({"tools": tools})
    copies: list[Any] = [copy.copy(tools), copy.deepcopy(tools)]
    for each in copies:
        each[0] = tool("changed")
        assert list is type(each)
        assert encode_json({"tools": [tool("changed"), names[1]]}) == encode_json({"tools": each})
    tools[0] = tool("in place")
    assert encode_json({"tools": [tool("in place"), names[1]]}) == encode_json({"tools": tools})
    tools.append(tool("added"))
    assert encode_json({"tools": [*tools]}) == encode_json({"tools": tools})


def test_what_is_beside_a_written_list_may_be_large() -> None:
    """An integer that the quicker writer does not take is written, and the list with it."""
    tools = checked(tool("beside"))
    written = encode_json({"tools": tools, "seed": 2**70})
    assert {"tools": [tool("beside")], "seed": 2**70} == decode_json(written)
