"""Events recognised by a template: never anything but what a parser would say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.errors import ResponseTooLargeError
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.templated_sse import FrameTemplate


def frame(text: str, **more: Any) -> bytes:
    """A frame as providers write it."""
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return json.dumps({"id": "c1", **delta, **more}, ensure_ascii=False).encode()


def template(data: bytes, text: str, padding: str = "") -> FrameTemplate:
    """The template of a frame that has one."""
    made = FrameTemplate.of(data, "content", text, padding)
    assert made is not None
    return made


def event(data: bytes, start: bytes = b"") -> bytes:
    """A frame as an event of a stream."""
    return start + b"data: " + data + b"\n\n"


def learned(
    stream: bytes, made: FrameTemplate, cuts: Iterable[int] = (), only: int | None = None
) -> list[Frame]:
    """What a framer gives that learns from the first event, or from each but for its texts.

    ``only`` is the number of the event that is learned from; ``cuts`` cut the stream in pieces.
    """
    framer, frames = SSEFramer(), list[Frame]()
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    for piece in pieces:
        for each in framer.feed(piece):
            frames.append(each)
            if len(frames) == 1 + (only or 0) and not each.texts:
                framer.learn(made, each)
    return [*frames, *framer.close()]


FIRST = frame(" the")
PLAIN = template(FIRST, " the")
PADDED_FIRST = frame(" the", padding="a1Z")
PADDED = template(PADDED_FIRST, " the", "padding")
TEXTS = [
    " model",
    "",
    "é–漢",
    "\U0001f600",
    "}{:,",
    "a\nb",
    "\\",
    "a\\",
    'a"b',
    '",',
    "\x7f",
    "\u2028",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read(text: str) -> None:
    """Whatever it is, in any script, with escapes or without."""
    found = learned(event(FIRST) + event(frame(text)), PLAIN)
    assert [Frame(FIRST), Frame(b"", "", [text])] == found
    padded = event(PADDED_FIRST) + event(frame(text, padding="Qq"))
    assert [text] == learned(padded, PADDED)[1].texts


def test_a_run_is_read_at_once() -> None:
    """One frame stands for all of it, also where some of its texts have quotes."""
    for texts in (["a", "b c", "\n"], TEXTS):
        stream = event(FIRST) + b"".join(event(frame(text)) for text in texts)
        assert [Frame(FIRST), Frame(b"", "", texts)] == learned(stream, PLAIN)
        padded = event(PADDED_FIRST) + b"".join(event(frame(text, padding="")) for text in texts)
        assert [Frame(b"", "", texts)] == learned(padded, PADDED)[1:]


def test_without_spaces() -> None:
    """As most providers write."""
    first, second = b'{"delta":{"content":"a"},"n":1}', b'{"delta":{"content":"b c"},"n":1}'
    assert ["b c"] == learned(event(first) + event(second), template(first, "a"))[1].texts


@pytest.mark.parametrize("start", [b"event: delta\n", b"event:delta\n", b"event: \n"])
def test_events_with_a_name(start: bytes) -> None:
    """The name is the same for all that are like the first."""
    other = event(frame("c"), b"event: error\n")
    stream = event(FIRST, start) + event(frame("b"), start) + other + event(frame("d"), start)
    found = learned(stream, PLAIN)
    name = start[6:].strip().decode()
    assert [Frame(FIRST, name), Frame(b"", "", ["b"])] == found[:2]
    assert [Frame(frame("c"), "error"), Frame(b"", "", ["d"])] == found[2:]


@pytest.mark.parametrize(
    "first",
    [
        b": " + FIRST + b"\ndata: " + FIRST + b"\n\n",
        b"data: " + FIRST + b"\n: " + FIRST + b"\n\n",
        b"data: " + FIRST + b"\nid: 5\n\n",
        b"id: 5\ndata: " + FIRST + b"\n\n",
        b"event: a\nevent: b\ndata: " + FIRST + b"\n\n",
    ],
)
def test_events_written_in_unusual_ways_teach_nothing(first: bytes) -> None:
    """A comment, say, could be taken for the data."""
    second = first.replace(b" the", b" a")
    plain = [*SSEFramer().feed(first + second)]
    assert plain == learned(first + second, PLAIN)


@pytest.mark.parametrize(
    "data",
    [
        frame("a").replace(b"c1", b"c2"),
        frame("a", more=1),
        frame("a")[:-1],
        frame("a") + b" ",
        frame("a").replace(b'"a"', b'"a\x01"'),  # which is no JSON
        frame("a").replace(b'"a"', b'"\xff"'),
        frame("a").replace(b'"a"', b'"a"x"'),
        frame("a").replace(b'"a"', b'"a\\"'),
        frame("a").replace(b'"a"', b'"a\\x"'),
        frame("a").replace(b'"a"', b'"\\ud83d"'),  # half a character
        frame("a").replace(b'"a"', b'"a","content":"b"'),
        frame("a").replace(b'"a"', b"null"),
        b"{",
        b"[DONE]",
    ],
)
def test_other_frames_are_left_to_a_parser(data: bytes) -> None:
    """What is not certain is not guessed; what stands around it is read all the same."""
    assert [Frame(FIRST), Frame(data)] == learned(event(FIRST) + event(data), PLAIN)
    texts = [event(frame(text)) for text in "wxyz"]
    stream = [event(FIRST), *texts[:2], event(data), *texts[2:]]
    found = [each for each in learned(b"".join(stream), PLAIN) if each != Frame(data)]
    assert [["w", "x"], ["y", "z"]] == [each.texts for each in found[1:]]


@pytest.mark.parametrize("texts", [["a\\", ',"b'], ["a", 'b","c'], ["a\\", 'b","c', "d"]])
def test_texts_do_not_reach_into_each_other(texts: list[str]) -> None:
    """Pieces that are no texts by themselves, and would be in a row."""
    raw = [FIRST.replace(b" the", text.encode()) for text in texts]
    found = learned(event(FIRST) + b"".join(map(event, raw)), PLAIN)
    for each in found[1:]:
        assert [json.dumps(text)[1:-1] for text in each.texts] == list(each.texts)
    assert any(each.data for each in found[1:])


@pytest.mark.parametrize("padding", ['"', "a b", "\\n", "é", 'a","id":"c2'])
def test_padding_is_ascii_letters_and_digits(padding: str) -> None:
    """Anything else could mean something; nothing at all means nothing."""
    for data in (
        PADDED_FIRST.replace(b"a1Z", padding.encode()),
        frame("x", padding="abc").replace(b"abc", padding.encode()),
    ):
        assert [Frame(data)] == learned(event(PADDED_FIRST) + event(data), PADDED)[1:]


@pytest.mark.parametrize(
    ("data", "key", "text"),
    [
        (frame("a", more="\n"), "content", "a"),  # an escape elsewhere
        (b'{"content":"a","content":"a"}', "content", "a"),  # the last counts
        (b'{"x":{"content":"b"},"delta":{"content":"a"}}', "content", "a"),
        (b'{"content":"b"}', "content", "a"),
        (b'{"content":"\xff"}', "content", "a"),
        (b'{"content":null}', "content", "a"),
        (b'{"content"  :"a"}', "content", "a"),
        (b'{"text":"a"}', "content", "a"),
        (b'{"x":"content","content":"a"}', "content", "a"),
        (frame("a" * 17_000), "content", "a" * 17_000),
    ],
)
def test_some_frames_are_no_template(data: bytes, key: str, text: str) -> None:
    """Where the hole is, is certain, or there is none."""
    assert FrameTemplate.of(data, key, text) is None


def test_a_text_with_escapes_teaches_too() -> None:
    """As a piece of a call's arguments nearly always has."""
    first = frame('{"city": "\n')
    made = template(first, '{"city": "\n')
    assert ['Oslo"}'] == learned(event(first) + event(frame('Oslo"}')), made)[1].texts


@pytest.mark.parametrize("padding", [b'"p":1', b'"p":""', b'"p":"a b"', b'"p":"a","p":"b"'])
def test_odd_padding_is_no_template(padding: bytes) -> None:
    """Padding that is no word stands for something."""
    data = b'{"content":"a",' + padding + b"}"
    assert FrameTemplate.of(data, "content", "a", "p") is None


def test_what_was_learned_is_forgotten() -> None:
    """From the next event on, also in the midst of a piece."""
    framer, found = SSEFramer(), list[Frame]()
    stop, more = event(b'{"stop":1}'), event(frame("b")) + event(frame("c"))
    for each in framer.feed(event(FIRST) + 2 * event(frame("a")) + stop + more):
        found.append(each)
        if each.data == FIRST:
            framer.learn(PLAIN, each)
        elif each.data:
            framer.forget()
    expected = [Frame(FIRST), Frame(b"", "", ["a", "a"]), Frame(b'{"stop":1}')]
    assert [*expected, Frame(frame("b")), Frame(frame("c"))] == found


def test_an_event_of_which_half_is_the_other_half_does_not_fit() -> None:
    """Its beginning and its end may not share a quote."""
    one_quote = FIRST.replace(b" the", b"").replace(b'""', b'"')
    assert one_quote.endswith(PLAIN.behind)
    assert [Frame(FIRST), Frame(one_quote)] == learned(
        event(FIRST) + event(one_quote), PLAIN, [len(event(FIRST))]
    )


def test_an_event_in_an_unusual_way_ends_what_was_learned() -> None:
    """Else the texts of events like the first would be taken for those of this one."""
    framer, other = SSEFramer(), frame("b", id="c2")
    found = list[Frame]()
    for each in framer.feed(event(FIRST) + event(other, b"id: 1\n") + event(FIRST)):
        found.append(each)
        framer.learn(PLAIN if each.data == FIRST else template(other, "b"), each)
    assert [FIRST, other, FIRST] == [each.data for each in found]


def test_a_learned_event_is_no_larger_than_others() -> None:
    """The limit holds for it too, also where it comes alone."""
    framer = SSEFramer(limit=200)
    for each in framer.feed(event(FIRST)):
        framer.learn(PLAIN, each)
    assert [Frame(b"", "", ["x" * 50])] == list(framer.feed(event(frame("x" * 50))))
    with pytest.raises(ResponseTooLargeError):
        list(framer.feed(event(frame("x" * 200))))


def test_a_large_frame_is_no_example() -> None:
    """To look through 16 MB of escapes took 900 MB of memory."""
    text = '"' * 10_000
    assert FrameTemplate.of(frame(text), "content", text) is None
    assert template(frame(text[:5000]), text[:5000]).behind == PLAIN.behind


TURNS = {
    "events of two forms": event(FIRST) + event(frame(" the", id="c2")),
    "events and comments": event(FIRST) + b":\n\n",
    "large comments": b":" + b"x" * 15_000 + b"\n\n",
    "a name twice": event(FIRST) + event(FIRST.replace(b" the", b'a","content":"b')),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_what_is_looked_at_in_vain_costs_little(turn: bytes) -> None:
    """However much comes at once: little more than if nothing had been learned."""
    turns = turn * (500_000 // len(turn))
    learning, parsing = (min(_seconds(turns, learns=x) for _ in "123") for x in (True, False))
    assert learning < 4 * parsing + 0.01  # it was 7 to 30 times as much


def _seconds(turns: bytes, *, learns: bool) -> float:
    """The processor time for these events, after much that is learned and forgotten again."""
    framer, stop = SSEFramer(), event(b"{}")
    stream = (event(FIRST) + stop) * 60 + event(FIRST) + turns
    started = time.process_time()
    for each in framer.feed(stream):
        if each.data == FIRST and learns:
            framer.learn(PLAIN, each)
        elif each.data == b"{}":
            framer.forget()
        elif each.data:
            json.loads(each.data)
    return time.process_time() - started


def test_long_runs_and_long_events() -> None:
    """Longer than what is looked at in one go."""
    texts = ["x" * size for size in (10, 20_000, 5, *[300] * 100, 17_000)]
    stream = event(FIRST) + b"".join(event(frame(text)) for text in texts)
    assert texts == [text for each in learned(stream, PLAIN)[1:] for text in texts_of(each)]


def texts_of(found: Frame) -> list[str]:
    """The texts of events, however they are given."""
    if not found.data:
        return list(found.texts)
    return [json.loads(found.data)["choices"][0]["delta"]["content"]]


@given(st.lists(st.text(max_size=9), max_size=9), st.lists(st.integers(0, 900), max_size=4))
def test_wherever_a_stream_is_cut(texts: list[str], cuts: list[int]) -> None:
    """The texts are the same."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    stream = event(FIRST) + b"".join(event(frame(text)) for text in texts)
    cuts = [min(cut, len(stream)) for cut in cuts]
    found = learned(stream, PLAIN, cuts)
    assert [" the", *texts] == [text for each in found for text in texts_of(each)]


@given(
    st.text(max_size=6),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.none(), max_size=3),
    st.lists(st.text(max_size=6), max_size=4),
    st.integers(0, 300),
    st.binary(max_size=3),
    st.booleans(),
)
def test_it_never_differs_from_a_parser(
    first: str, more: dict[str, Any], texts: list[str], at: int, put: bytes, escaped: bool
) -> None:
    """Whatever events are changed into: the parser's values, but for padding."""
    values = [{**more, "delta": {"content": text}} for text in (first, *texts)]
    blocks = [
        event(json.dumps(value, ensure_ascii=escaped).encode("utf-8", "replace"))
        for value in values
    ]
    made = FrameTemplate.of(blocks[0][6:-2], "content", first, padding="p")
    if made is None:
        return
    rest = b"".join(blocks[1:])
    stream = blocks[0] + rest[:at] + put + rest[at:]
    plain = SSEFramer()
    expected, found = [*plain.feed(stream), *plain.close()], learned(stream, made)
    read = list[Frame | str]()
    for each in found:
        read.extend(each.texts or [each])
    assert len(expected) == len(read)
    for frame_of_it, told in zip(expected, read, strict=True):
        if isinstance(told, str):
            parsed = json.loads(frame_of_it.data)
            padding = {"p": parsed["p"]} if "p" in more and "p" in parsed else {}
            assert {**values[0], **padding, "delta": {"content": told}} == parsed
        else:
            assert frame_of_it == told


# --- counts -------------------------------------------------------------------------------


def counted(text: str, said: str, total: str, **more: Any) -> bytes:
    """A frame that counts what has been said so far."""
    counts = {"prompt": 3, "said": 77_777, "total": 88_888, **more}
    data = json.dumps({"content": text, "usage": counts}).encode()
    return data.replace(b"77777", said.encode()).replace(b"88888", total.encode())


COUNTS = ("total", "said", "absent")


def test_counts_may_be_any() -> None:
    """Those that are named, wherever they stand behind the text."""
    made = FrameTemplate.of(counted("a", "1", "4"), "content", "a", counts=COUNTS)
    assert made is not None
    stream = [counted(*each) for each in (("a", "1", "4"), ("b", "20", "23"), ("c", "0", "3"))]
    frames = learned(b"".join(map(event, stream)), made)
    assert [("b", "c")] == [tuple(each.texts) for each in frames[1:]]


@pytest.mark.parametrize(
    "data",
    [
        counted("b", "01", "4"),
        counted("b", "-1", "4"),
        counted("b", "1.5", "4"),
        counted("b", '"1"', "4"),
        counted("b", "1", "9" * 19),
        counted("b", "1", "4", prompt=4),
        counted("b", "1", "4").replace(b"said", b"sald"),
    ],
)
def test_other_counts_are_left_to_a_parser(data: bytes) -> None:
    """What is no whole number, and what was not named."""
    made = FrameTemplate.of(counted("a", "1", "4"), "content", "a", counts=COUNTS)
    assert made is not None
    frames = learned(event(counted("a", "1", "4")) + event(data), made)
    assert [data] == [each.data for each in frames[1:]]


@pytest.mark.parametrize(
    "data", [b'{"content":"a","said":"1"}', b'{"content":"a","said":1,"x":{"said":2}}']
)
def test_counts_that_are_none_are_part_of_the_template(data: bytes) -> None:
    """A text, and a name that occurs twice."""
    made = FrameTemplate.of(data, "content", "a", counts=("said",))
    assert made is not None
    assert data == made.before + b"a" + made.behind
