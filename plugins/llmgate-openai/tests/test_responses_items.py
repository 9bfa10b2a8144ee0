"""Which item of a response an event is about: by its place, its id, its call's id, or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.openai_response_events import CREATED, DONE, added, event, read

THOUGHT: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "Hm."}],
}
SAID: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello"}],
}


def call(number: int) -> dict[str, Any]:
    """A call as it ends."""
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "weather",
        "arguments": f'{{"n":{number}}}',
    }


OUTPUT = [THOUGHT, SAID, call(1), call(2)]
EMPTY: dict[str, Any] = {"content": [], "arguments": ""}


def begun(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it begins."""
    return {name: EMPTY.get(name, value) for name, value in item.items()}


def pieces_of(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of an item's pieces."""
    kind, whole = {
        "reasoning": ("reasoning_text", "Hm."),
        "message": ("output_text", "Hello"),
        "function_call": ("function_call_arguments", str(item.get("arguments"))),
    }[item["type"]]
    return [event(f"{kind}.delta", delta=piece) for piece in (whole[:2], whole[2:])]


def stream_of(
    output: list[dict[str, Any]], *left_out: str, without: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """A stream of these items whose events lack some fields, and which lacks some events."""
    events: list[dict[str, Any]] = []
    for place, item in enumerate(output):
        of_item = [added(begun(item)), *pieces_of(item), event("output_item.done", item=item)]
        names = {"output_index": place, "item_id": item["id"]}
        for each in of_item:
            named = {**each, **names} if "delta" in each else {**each, "output_index": place}
            if each["type"] not in without:
                events.append({key: named[key] for key in named if key not in left_out})
    return [
        CREATED,
        *events,
        {"type": "response.completed", "response": {**DONE, "output": output}},
    ]


ADDED, ENDED = "response.output_item.added", "response.output_item.done"
NAMES = [(), ("output_index",), ("item_id",), ("output_index", "item_id")]


@pytest.mark.parametrize("has_ends", [True, False])
@pytest.mark.parametrize("left_out", NAMES)
def test_nothing_comes_twice_however_items_are_named(
    left_out: tuple[str, ...], *, has_ends: bool
) -> None:
    """Hosts give the place of an item, its id alone, or neither, and some do not say it ends."""
    expected = read(*stream_of(OUTPUT))
    events = stream_of(OUTPUT, *left_out, without=() if has_ends else (ENDED,))
    assert expected == read(*events)
    message = expected.choices[0].message
    assert ("Hello", "Hm.") == (message.content, message.reasoning_content)
    calls = [(each.id, each.function) for each in message.tool_calls or ()]
    assert [("call_1", '{"n":1}'), ("call_2", '{"n":2}')] == [
        (identifier, function and function.arguments) for identifier, function in calls
    ]


@pytest.mark.parametrize("has_ends", [True, False])
@pytest.mark.parametrize("left_out", NAMES)
def test_items_that_do_not_begin_are_named_by_their_pieces(
    left_out: tuple[str, ...], *, has_ends: bool
) -> None:
    """The first event of an item is then a piece of it, and may not name it."""
    events = stream_of(OUTPUT, *left_out, without=(ADDED,) if has_ends else (ADDED, ENDED))
    assert read(*stream_of(OUTPUT)) == read(*events)


def test_ends_in_a_row_find_what_each_of_them_ends() -> None:
    """llama.cpp ends all items at last, each by its id."""
    events = stream_of(OUTPUT, "output_index")
    ends = [each for each in events if each["type"] == ENDED]
    others = [each for each in events if each["type"] != ENDED]
    assert read(*events) == read(*others[:-1], *ends, others[-1])


def test_a_call_is_known_by_the_id_that_answers_give() -> None:
    """Some hosts begin a call without an id of its own, and name its pieces by the other."""
    nameless = {key: value for key, value in begun(call(1)).items() if key != "id"}
    events = [
        {"type": ADDED, "item": nameless},
        *({"item_id": "call_1", **each} for each in pieces_of(call(1))),
        {"type": ENDED, "item": call(1)},
    ]
    for each in events:
        each.pop("output_index", None)
    assert read(*stream_of([call(1)])) == read(CREATED, *events, stream_of([call(1)])[-1])


def test_places_may_be_counted_in_another_way() -> None:
    """The place in the whole response counts nothing that was not streamed, or something more."""
    later = [{**each, "output_index": 1} for each in stream_of([SAID], without=(ENDED,))[1:-1]]
    completed = stream_of([THOUGHT, SAID])[-1]
    assert "Hello" == read(CREATED, *later, completed).choices[0].message.content
    first = [*stream_of([THOUGHT], without=(ENDED,))[1:-1], *later]
    completed = stream_of([{**SAID, "id": "other"}])[-1]
    assert "Hello" == read(CREATED, *first, completed).choices[0].message.content


def test_two_items_of_one_id_are_two_where_their_places_say_so() -> None:
    """An id that a host gives to all items tells nothing."""
    same = [{**each, "id": "x", "call_id": "y"} for each in (call(1), call(2))]
    events = stream_of(same, without=(ENDED,))
    arguments = [
        each.function and each.function.arguments
        for each in read(*events).choices[0].message.tool_calls or ()
    ]
    assert ['{"n":1}', '{"n":2}'] == arguments


@pytest.mark.parametrize("left_out", NAMES)
def test_an_event_that_comes_twice_says_no_more(left_out: tuple[str, ...]) -> None:
    """Neither a beginning nor an end does; both have the id of their item."""
    events = stream_of(OUTPUT, *left_out)
    twice = [each for each in events for _ in range(1 + (each["type"] in (ADDED, ENDED)))]
    assert read(*events) == read(*twice)


def test_items_of_one_place_are_told_apart_by_their_ids() -> None:
    """A host that counts no places begins the next item in that of the one before."""
    events = [each | {"output_index": 0} for each in stream_of(OUTPUT)[1:-1]]
    ends = [each for each in events if each["type"] == ENDED]
    others = [each for each in events if each["type"] != ENDED]
    expected, completed = read(*stream_of(OUTPUT)), stream_of(OUTPUT)[-1]
    assert expected == read(CREATED, *events, completed)
    message = read(CREATED, *others, *ends, completed).choices[0].message
    assert expected.choices[0].message.content == message.content
    assert expected.choices[0].message.tool_calls == message.tool_calls


def test_an_id_that_is_none_names_nothing() -> None:
    """It is beside the text, which is not lost for it."""
    odd = {**SAID, "id": {"a": 1}}
    events = stream_of([odd], "item_id")
    assert "Hello" == read(*events).choices[0].message.content
