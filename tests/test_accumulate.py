"""Chunks add up to the answer that they are pieces of, at a cost that grows with their number."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._core.check import check_messages
from llmgate._text.json import is_array, is_object
from llmgate.provider.accumulate import Accumulator, Asides, accumulate, beside
from llmgate.provider.merging import merge_data, settled
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    CustomCall,
    FinishReason,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
    Usage,
)


def chunk(
    delta: ChoiceDelta | None = None,
    *,
    index: int = 0,
    reason: FinishReason | None = None,
    **more: Any,
) -> Chunk:
    """A chunk of one choice."""
    choice = ChunkChoice(delta or ChoiceDelta(), index, reason, **more)
    return Chunk([choice], id="c1", created=7, model="m")


def text(content: str, index: int = 0) -> Chunk:
    """A piece of text."""
    return chunk(ChoiceDelta(content=content), index=index)


def call(
    index: int, identifier: str | None = None, name: str | None = None, arguments: str | None = None
) -> Chunk:
    """A piece of a tool call."""
    has_function = name is not None or arguments is not None
    function = FunctionDelta(name, arguments) if has_function else None
    return chunk(ChoiceDelta(tool_calls=[ToolCallDelta(index, identifier, function)]))


STOP = chunk(reason="stop")
CALLED = chunk(reason="tool_calls")


def message_of(*chunks: Chunk) -> Message:
    """The first choice's message."""
    return accumulate(chunks).choices[0].message


# --- texts, choices, and what is said of the whole ---


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


# --- tool calls ---

WEATHER = ToolCall("a", Function("weather", '{"city": "Bern"}'))
TIME = ToolCall("b", Function("time", "{}"))

CALLS: dict[str, tuple[list[Chunk], list[ToolCall]]] = {
    "at once": ([call(0, "a", "weather", '{"city": "Bern"}')], [WEATHER]),
    "in pieces": (
        [
            call(0, "a", "weather", ""),
            call(0, None, None, '{"city"'),
            call(0, arguments=': "Bern"}'),
        ],
        [WEATHER],
    ),
    "interleaved": (
        [
            call(0, "a", "weather"),
            call(1, "b", "time"),
            call(0, arguments='{"city": '),
            call(1, arguments="{}"),
            call(0, arguments='"Bern"}'),
        ],
        [WEATHER, TIME],
    ),
    "in another order": (
        [call(1, "b", "time", "{}"), call(0, "a", "weather", '{"city": "Bern"}')],
        [WEATHER, TIME],
    ),
    "with gaps in the indexes": (
        [call(3, "a", "weather", '{"city": "Bern"}'), call(7, "b", "time")],
        [WEATHER, TIME],
    ),
    "a late id and name": (
        [call(0, None, None, '{"city": "Bern"}'), call(0, name="weather"), call(0, "a")],
        [WEATHER],
    ),
    "ids and names repeated": (
        [call(0, "a", "weather", '{"city": '), call(0, "a", "weather", '"Bern"}')],
        [WEATHER],
    ),
    "without an id": (
        [call(0, None, "f", "{}"), call(1, "", "g", "{}")],
        [ToolCall("call_0", Function("f")), ToolCall("call_1", Function("g"))],
    ),
    "without arguments": ([call(0, "b", "time")], [TIME]),
    "with empty arguments": ([call(0, "b", "time", ""), call(0, arguments=" ")], [TIME]),
    "with arguments that are no JSON": (
        [call(0, "a", "f", '{"a": '), call(0, arguments="oops")],
        [ToolCall("a", Function("f", '{"a": oops'))],
    ),
    "a custom tool": (
        [
            chunk(
                ChoiceDelta(tool_calls=[ToolCallDelta(0, "c", custom={"name": "sh", "input": "l"})])
            ),
            chunk(ChoiceDelta(tool_calls=[ToolCallDelta(0, custom={"input": "s"}, type="custom")])),
        ],
        [ToolCall("c", custom=CustomCall("sh", "ls"), type="custom")],
    ),
    "of a type of their own": (
        [
            chunk(
                ChoiceDelta(
                    tool_calls=[ToolCallDelta(0, "a", FunctionDelta("f"), type="builtin_function")]
                )
            )
        ],
        [ToolCall("a", Function("f"), type="builtin_function")],
    ),
    "with keys that OpenAI does not have": (
        [
            chunk(
                ChoiceDelta(
                    tool_calls=[
                        ToolCallDelta(
                            0,
                            "a",
                            FunctionDelta("f", "{}", {"signature": "x"}),
                            extra={"meta": {"thinking": "y"}},
                        )
                    ]
                )
            ),
            chunk(
                ChoiceDelta(
                    tool_calls=[
                        ToolCallDelta(
                            0,
                            function=FunctionDelta(extra={"signature": "X"}),
                            extra={"meta": {"thinking": "Y"}},
                        )
                    ]
                )
            ),
        ],
        [
            ToolCall(
                "a", Function("f", "{}", {"signature": "xX"}), extra={"meta": {"thinking": "yY"}}
            )
        ],
    ),
}


@pytest.mark.parametrize(("chunks", "expected"), CALLS.values(), ids=CALLS)
def test_fragments_add_up_to_tool_calls(chunks: list[Chunk], expected: list[ToolCall]) -> None:
    """By their index, whatever the order; the model's text is kept verbatim."""
    assert expected == message_of(*chunks, CALLED).tool_calls


def test_fragments_add_up_to_a_legacy_call() -> None:
    """``function_call`` comes in pieces, too."""
    message = message_of(
        chunk(ChoiceDelta(function_call=FunctionDelta("f", ""))),
        chunk(ChoiceDelta(function_call=FunctionDelta(None, '{"a"'))),
        chunk(ChoiceDelta(function_call=FunctionDelta(None, ":1}"))),
        chunk(reason="function_call"),
    )
    assert Message(function_call=Function("f", '{"a":1}')) == message


# --- what comes beside the text ---


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


# --- answers that were cut ---

PARTIAL: dict[str, tuple[list[Chunk], Message]] = {
    "a text": ([text("It is su")], Message("It is su")),
    "a call without its arguments' end": (
        [text("Hm"), call(0, "b", "time", "{}"), call(1, "a", "weather", '{"city": "Be')],
        Message("Hm", tool_calls=[TIME]),
    ),
    "a call without a name": ([text("Hm"), call(0, "a")], Message("Hm")),
    "a call whose arguments are no object": ([call(0, "a", "f", "5")], Message()),
    "a whole call": ([call(0, "b", "time", "{}")], Message(tool_calls=[TIME])),
    "half a legacy call": (
        [chunk(ChoiceDelta(content="Hm", function_call=FunctionDelta("f", "{")))],
        Message("Hm"),
    ),
    "a whole legacy call": (
        [chunk(ChoiceDelta(function_call=FunctionDelta("f", "{}")))],
        Message(function_call=Function("f", "{}")),
    ),
    "half a custom call": (
        [
            chunk(
                ChoiceDelta(tool_calls=[ToolCallDelta(0, "c", custom={"name": "sh", "input": "l"})])
            )
        ],
        Message(tool_calls=[ToolCall("c", custom=CustomCall("sh", "l"), type="custom")]),
    ),
    "a custom call without a name": (
        [chunk(ChoiceDelta(tool_calls=[ToolCallDelta(0, "c", custom={"input": "l"})]))],
        Message(),
    ),
}


@pytest.mark.parametrize(("chunks", "expected"), PARTIAL.values(), ids=PARTIAL)
def test_half_an_answer_is_valid_as_a_message(chunks: list[Chunk], expected: Message) -> None:
    """As long as no finish reason came, a call that is not whole is left out: it could neither be
    made nor be sent back."""
    partial = message_of(*chunks)
    assert expected == partial
    check_messages([{"role": "user", "content": "Hi"}, partial])


def test_a_whole_answer_keeps_what_the_model_wrote() -> None:
    """With a finish reason, arguments that are no JSON are the model's doing, and are kept."""
    chunks = [call(0, "a", "f", '{"a'), chunk(ChoiceDelta(function_call=FunctionDelta("g", "{")))]
    message = message_of(*chunks, chunk(reason="length"))
    assert [ToolCall("a", Function("f", '{"a'))] == message.tool_calls
    assert Function("g", "{") == message.function_call


@st.composite
def prefixes(draw: st.DrawFn) -> list[Chunk]:
    """Any beginning of an answer of text, reasoning and calls."""
    arguments = draw(st.sampled_from(["", "{}", '{"city": "Bern", "days": [1, 2]}']))
    places = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=4)))
    cuts = [arguments[a:b] for a, b in zip([0, *places], [*places, len(arguments)], strict=True)]
    chunks = [
        chunk(ChoiceDelta(role="assistant", content="", reasoning_content="Let me see")),
        text("I look"),
        call(0, "a"),
        call(0, name="weather"),
        *(call(0, arguments=cut) for cut in cuts),
        call(1, "b", "time"),
        STOP,
    ]
    return chunks[: draw(st.integers(1, len(chunks)))]


@given(prefixes())
def test_an_answer_cut_anywhere_can_be_sent_back(chunks: list[Chunk]) -> None:
    """What is in ``.partial`` of a cut stream is accepted as a message of the next request."""
    check_messages([{"role": "user", "content": "Hi"}, message_of(*chunks)])


# --- cost ---


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


# --- what decoders tell beside the answer -------------------------------------------------


def test_asides_are_told_whole_and_not_with_each_item() -> None:
    """The first few at once, then when they have doubled, and the rest at the end: what is told is
    in all a small multiple of what there is."""
    asides, told = Asides(), list[int]()
    for number in range(1000):
        extra = asides.add("logs" if number % 2 else "events", number)
        if extra:
            told.append(sum(len(items) for items in extra.values()))
    assert [*range(1, 17), 32, 64, 128, 256, 512] == told
    whole = {"events": [*range(0, 1000, 2)], "logs": [*range(1, 1000, 2)]}
    assert whole == asides.rest()
    assert {} == asides.rest()


def test_what_was_told_does_not_change() -> None:
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
