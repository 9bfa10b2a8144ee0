"""What a stream says beside its completion is accumulated as well."""

from __future__ import annotations

from typing import Any

from llmgate.provider.accumulate import Accumulator, Asides, beside
from llmgate.provider.merging import merge_data, settled
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Message,
)

# --- what decoders tell beside the answer -------------------------------------------------


def test_asides_are_emitted_whole_and_not_with_each_item() -> None:
    """The first few at once, then when they have doubled, and the rest at the end: all that is
    emitted is a small multiple of what there is."""
    asides, emitted = Asides(), list[int]()
    for number in range(1000):
        extra = asides.add("logs" if number % 2 else "events", number)
        if extra:
            emitted.append(sum(len(items) for items in extra.values()))
    assert [*range(1, 17), 32, 64, 128, 256, 512] == emitted
    whole = {"events": [*range(0, 1000, 2)], "logs": [*range(1, 1000, 2)]}
    assert whole == asides.rest()
    assert {} == asides.rest()


def test_what_was_emitted_does_not_change() -> None:
    """A chunk that was delivered stays as it is."""
    asides = Asides()
    first = asides.add("events", 1)
    asides.add("events", 2)
    assert {"events": [1]} == first


def test_what_a_provider_says_beside_its_answer_takes_no_place_of_ours() -> None:
    """A key that means something else in the shape stands under the provider's name, so that what
    is dumped and loaded is the same."""
    rest = {"x": 1, "audio": 0, "refusal": "no"}
    extra = beside(rest, Message, "acme")
    assert {"x": 1, "acme": {"audio": 0, "refusal": "no"}} == extra
    message = Message("Hi", extra=extra)
    assert message == Message.model_validate(message.model_dump())
    assert {"x": 1} == beside({"x": 1}, Message, "acme")


def test_items_with_an_index_are_joined() -> None:
    """As hosts give them whole: the fragments of one index and type are one item."""
    pieces: list[dict[str, Any]] = [
        {"details": [{"index": 0, "type": "text", "text": "Two"}, {"index": 1, "text": "x"}]},
        {"details": [{"index": 0, "type": "text", "text": " and"}]},
        {
            "details": [
                {"index": 0, "type": "text", "signature": "s"},
                {"index": 0, "type": "other"},
            ]
        },
        {"details": [5, {"text": "no index"}, {"index": 2, "id": "a"}, {"index": 2, "id": "b"}]},
    ]
    whole: dict[str, Any] = {}
    for piece in pieces:
        merge_data(whole, piece)
    assert settled(whole)["details"] == [
        {"index": 0, "type": "text", "text": "Two and", "signature": "s"},
        {"index": 1, "text": "x"},
        {"index": 0, "type": "other"},
        5,
        {"text": "no index"},
        {"index": 2, "id": "a"},
        {"index": 2, "id": "b"},
    ]
    assert pieces[0]["details"][0]["text"] == "Two"


def test_many_pieces_of_extra_are_merged() -> None:
    """Those that repeat the one before count as often as they come."""
    accumulator = Accumulator()
    for number in range(200):
        extra = {"ids": [number // 2]}
        accumulator.add(Chunk([ChunkChoice(ChoiceDelta("x"), extra=extra)], extra={"a": {"b": 1}}))
    completion = accumulator.completion()
    assert completion.choices[0].extra == {"ids": [number // 2 for number in range(200)]}
    assert completion.extra == {"a": {"b": 1}}


def test_pieces_are_added_as_they_are() -> None:
    """By a decoder that has them at hand."""
    accumulator = Accumulator()
    accumulator.add_piece(0, None, "tool", "why", "no", {"a": 1}, {"b": 2}, {"content": [{}]})
    accumulator.add_piece(0, "text")
    (choice,) = accumulator.completion().choices
    message = choice.message
    assert (message.content, message.role) == ("text", "tool")
    assert (message.reasoning_content, message.refusal, message.extra) == ("why", "no", {"a": 1})
    assert (choice.extra, choice.logprobs) == ({"b": 2}, {"content": [{}]})
