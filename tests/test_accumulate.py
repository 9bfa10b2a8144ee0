"""Chunks add up to the completion, and what that costs."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._text.json import is_array, is_object
from llmgate.provider.accumulate import Accumulator, accumulate
from llmgate.provider.merging import merge_data, settled
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FunctionDelta,
    Message,
    ToolCallDelta,
    Usage,
)
from tests.accumulated import chunk, message_of, text

# --- texts, choices, and what is said of the whole --------------------------------------


def test_pieces_of_text_are_joined() -> None:
    """Content, reasoning and refusal, each in its order; the role is said once."""
    message = message_of(
        chunk(ChoiceDelta(role="assistant", content="", reasoning_content="Let ")),
        chunk(ChoiceDelta(reasoning_content="me see.")),
        text("It is "),
        text("sunny."),
        chunk(ChoiceDelta(role="", refusal="I can")),
        chunk(ChoiceDelta(refusal="not.")),
    )
    expected = Message("It is sunny.", reasoning_content="Let me see.", refusal="I cannot.")
    assert expected == message


@pytest.mark.parametrize(
    ("chunks", "content"), [([text("")], ""), ([chunk()], None), ([text("a"), chunk()], "a")]
)
def test_empty_text_is_not_the_same_as_none(chunks: list[Chunk], content: str | None) -> None:
    """What no chunk said is absent."""
    assert content == message_of(*chunks).content


def test_choices_are_kept_apart() -> None:
    """Interleaved, late, and with a reason of their own each."""
    answer = accumulate(
        [
            text("b", 1),
            text("a", 0),
            chunk(index=1, reason="length", native_finish_reason="MAX"),
            text("A", 0),
            chunk(index=0, reason="stop"),
        ]
    )
    expected = [
        Choice(Message("aA"), 0, "stop"),
        Choice(Message("b"), 1, "length", native_finish_reason="MAX"),
    ]
    assert expected == answer.choices


def test_an_answer_has_the_name_that_its_first_chunk_gives() -> None:
    """Id, time and model are those first said; the tier that served it, and the usage, the last."""
    usage = Usage(1, 2, 3)
    answer = accumulate(
        [
            Chunk([]),
            Chunk([], id="a", created=1, model="m1", system_fingerprint="f", service_tier="auto"),
            Chunk([], id="b", created=2, model="m2", usage=Usage()),
            Chunk([], service_tier="default", usage=usage),
            Chunk([]),
        ]
    )
    expected = Completion(
        [],
        id="a",
        created=1,
        model="m1",
        usage=usage,
        system_fingerprint="f",
        service_tier="default",
    )
    assert expected == answer


def test_nothing_adds_up_to_nothing() -> None:
    """An answer of no chunks has no choice; a usage alone is no answer either."""
    accumulator = Accumulator()
    assert (True, Completion([])) == (accumulator.is_empty, accumulator.completion())
    accumulator.add(Chunk([], usage=Usage(1)))
    assert (True, Usage(1)) == (accumulator.is_empty, accumulator.usage)
    accumulator.add(text("a"))
    assert not accumulator.is_empty


def test_the_answer_so_far_is_a_copy() -> None:
    """It may be asked for at any time, and what comes later does not change it."""
    accumulator = Accumulator()
    piece = chunk(
        ChoiceDelta(
            content="a",
            annotations=[{"n": 1}],
            audio={"data": "x", "list": [1]},
            provider_data={"p": {"blocks": [1]}},
            extra={"x": {"text": "t"}},
        ),
        logprobs={"content": [1]},
        extra={"e": [1]},
    )
    accumulator.add(piece)
    first = accumulator.completion()
    before = copy.deepcopy(first)
    accumulator.add(piece)
    assert before == first
    assert "aa" == accumulator.completion().text


# --- what comes beside the text ---------------------------------------------------------


def test_audio_is_joined() -> None:
    """Data and transcript grow; the id is said once, and when it expires, last."""
    message = message_of(
        chunk(ChoiceDelta(audio={"id": "a1", "transcript": "He"})),
        chunk(ChoiceDelta(audio={"data": "UklG", "transcript": "llo"})),
        chunk(ChoiceDelta(audio={"data": "RgAA", "id": None})),
        chunk(ChoiceDelta(audio={"expires_at": 1})),
        chunk(ChoiceDelta(audio={"expires_at": 2})),
    )
    expected = {"id": "a1", "transcript": "Hello", "data": "UklGRgAA", "expires_at": 2}
    assert expected == message.audio


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        (["QQ==", "QkM="], "QUJD"),  # each of them padded
        (["QU", "JD", "QQ=="], "QUJDQQ=="),  # cut anywhere
        (["QQ==", "?"], "QQ==?"),  # not base64
    ],
)
def test_the_bytes_of_audio_are_joined(pieces: list[str], joined: str) -> None:
    """Also where each piece is base64 by itself."""
    message = message_of(*(chunk(ChoiceDelta(audio={"data": piece})) for piece in pieces))
    assert {"data": joined} == message.audio


def test_log_probabilities_grow() -> None:
    """One list of tokens; null stays null until there is something."""
    answer = accumulate(
        [
            chunk(logprobs={"content": [{"token": "a"}], "refusal": None}),
            chunk(logprobs={"content": [{"token": "b"}], "refusal": None}),
            chunk(logprobs={"content": None, "refusal": [{"token": "c"}]}),
        ]
    )
    expected = {"content": [{"token": "a"}, {"token": "b"}], "refusal": [{"token": "c"}]}
    assert expected == answer.choices[0].logprobs


def test_annotations_are_collected() -> None:
    """Citations come one by one."""
    pieces = [chunk(ChoiceDelta(annotations=[{"url": url}])) for url in ("a", "b")]
    assert [{"url": "a"}, {"url": "b"}] == message_of(*pieces).annotations


def test_what_only_a_provider_understands_is_kept() -> None:
    """On message, choice and answer, and in ``provider_data``."""
    answer = accumulate(
        [
            Chunk(
                [
                    ChunkChoice(
                        ChoiceDelta(
                            provider_data={"canned": {"signature": "a"}}, extra={"mood": "good"}
                        ),
                        extra={"score": 1},
                    )
                ],
                extra={"cost": 1},
            ),
            Chunk(
                [
                    ChunkChoice(
                        ChoiceDelta(
                            provider_data={"canned": {"signature": "b"}}, extra={"mood": "bad"}
                        ),
                        extra={"score": 2},
                    )
                ],
                extra={"cost": 2},
            ),
        ]
    )
    choice = answer.choices[0]
    assert {"canned": {"signature": "ab"}} == choice.message.provider_data
    assert ({"mood": "bad"}, {"score": 2}, {"cost": 2}) == (
        choice.message.extra,
        choice.extra,
        answer.extra,
    )


MERGES: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([{}, {}], {}),
    ([{"id": "a"}, {"id": "b"}], {"id": "b"}),
    ([{"id": "a"}, {"id": None}], {"id": "a"}),
    ([{"id": None}, {"id": "a"}], {"id": "a"}),
    ([{"id": None}], {"id": None}),
    ([{"text": "a"}, {"text": "b"}, {"text": "c"}], {"text": "abc"}),
    ([{"text": "a"}, {"text": None}, {"text": "b"}], {"text": "ab"}),
    ([{"text": None}, {"text": "a"}], {"text": "a"}),
    ([{"text": "a"}, {"text": 5}], {"text": 5}),
    ([{"text": 5}, {"text": "a"}, {"text": "b"}], {"text": "ab"}),
    ([{"text": ["a"]}, {"text": "b"}], {"text": "b"}),
    ([{"list": [1]}, {"list": [2, 3]}, {"list": []}], {"list": [1, 2, 3]}),
    ([{"list": [1]}, {"list": {"a": 1}}], {"list": {"a": 1}}),
    (
        [{"deep": {"a": {"data": "x"}}}, {"deep": {"a": {"data": "y"}}}],
        {"deep": {"a": {"data": "xy"}}},
    ),
    ([{"deep": {"a": 1}}, {"deep": {"b": 2}}], {"deep": {"a": 1, "b": 2}}),
    ([{"deep": {}}, {"deep": 5}], {"deep": 5}),
    ([{"n": 1}, {"n": 2}], {"n": 2}),
]


@pytest.mark.parametrize(("pieces", "expected"), MERGES)
def test_fragments_of_json_are_merged(
    pieces: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    """Lists grow, objects merge, texts that come in pieces are joined, and all else is replaced;
    null says nothing. No fragment is changed by it."""
    before = copy.deepcopy(pieces)
    whole: dict[str, Any] = {}
    for piece in pieces:
        merge_data(whole, piece)
    assert expected == settled(whole)
    assert before == pieces


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "text", "data", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FRAGMENTS = st.lists(
    st.dictionaries(st.sampled_from(["id", "text", "data", "a", "b"]), JSON, max_size=4), max_size=4
)


@given(FRAGMENTS)
def test_any_fragments_merge_into_plain_json(pieces: list[dict[str, Any]]) -> None:
    """Nothing of the machinery is left in the result, and no fragment is changed."""
    before = copy.deepcopy(pieces)
    whole: dict[str, Any] = {}
    for piece in pieces:
        merge_data(whole, piece)
    result = settled(whole)
    assert before == pieces
    assert {type(None), bool, int, str, list, dict} >= kinds_in(result)
    assert {key for piece in pieces for key in piece} == set(result)


def kinds_in(value: Any) -> set[object]:
    """The types of a value and of all that is inside it."""
    inner: list[Any] = [*value.values()] if is_object(value) else []
    if is_array(value):
        inner += value
    kinds: set[object] = {value.__class__}
    return kinds.union(*map(kinds_in, inner))


@given(FRAGMENTS)
def test_a_single_fragment_is_itself(pieces: list[dict[str, Any]]) -> None:
    """What came whole is not changed by being merged with nothing."""
    for piece in pieces:
        whole: dict[str, Any] = {}
        merge_data(whole, piece)
        assert piece == settled(whole)


# --- cost -------------------------------------------------------------------------------


def seconds(count: int) -> float:
    """The time that this many chunks of every kind take."""
    delta = ChoiceDelta(
        content="some text",
        reasoning_content="some thought",
        tool_calls=[
            ToolCallDelta(0, function=FunctionDelta(arguments='{"a": 1}'), extra={"data": "x"})
        ],
        audio={"data": "UklGRgAA" * 8, "transcript": "x"},
        provider_data={"canned": {"thinking": "x" * 16, "list": [1]}},
    )
    piece = chunk(delta, logprobs={"content": [{"token": "a"}]})
    chunks = [piece] * count
    best = 1e9
    for _ in range(3):
        started = time.process_time()
        accumulate(chunks)
        best = min(best, time.process_time() - started)
    return best


def test_ten_times_the_chunks_cost_ten_times_as_much() -> None:
    """Joining at each chunk would cost a hundred times as much."""
    assert seconds(10_000) < 25 * seconds(1_000)


def test_what_every_chunk_repeats_is_kept_once() -> None:
    """What is said of the answer as a whole replaces what was said before, such as citations."""
    chunk = Chunk([], extra={"citations": ["a", "b"]})
    assert {"citations": ["a", "b"]} == accumulate([chunk, chunk, chunk]).extra
