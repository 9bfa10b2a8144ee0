"""Events that are read without a parser say what the parser would read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
)
from llmgate.provider.accumulate import Accumulator, accumulate
from llmgate.provider.framing import Frame
from llmgate.types import Chunk, ChunkChoice
from llmgate_openai import ChatDecoder
from tests.integration.openai_events import TERMINATOR, USAGE, chunks_of, event_of, only_choice

# --- the quick way --------------------------------------------------------------------------


_PLAIN: list[Any] = [
    event_of({"content": "Pa"}),
    event_of({"content": "ris"}, obfuscation="aB3"),
    event_of({"role": "assistant", "content": "", "refusal": None}),
    event_of({"content": None, "reasoning_content": "Hm"}),
    event_of({"role": None, "content": "x"}),
    event_of({"content": "x"}, service_tier="default", system_fingerprint="fp"),
    event_of({"content": "x"}, usage=USAGE),
    event_of({"content": "x"}, x_groq={"id": "1"}),
    event_of({"content": "x", "channel": "final"}),
    event_of({"content": "x"}, choice=1),
    event_of({"content": "x"}, choice=2**63),
    event_of(choices=[{"index": 0, "delta": {"content": "x"}, "logprobs": {}}]),
    event_of(choices=[{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": []}}]),
    event_of({"content": "x"}, created=1.5),
    event_of({"tool_calls": [{"index": 4, "id": "a", "function": {"name": "f", "arguments": ""}}]}),
    event_of({"tool_calls": [{"index": 4, "function": {"arguments": "{"}}]}),
    event_of({"tool_calls": [{"index": 4, "function": {"arguments": "}", "name": None}}]}),
    event_of({"tool_calls": [{"index": 4, "function": {"arguments": ""}}], "content": None}),
    event_of({"tool_calls": [{"index": 5, "function": {"name": "g", "arguments": "{}"}}]}),
    event_of({"tool_calls": [{"index": 5, "function": {"arguments": ""}}]}, choice=1),
    event_of({}),
    event_of(finish="tool_calls"),
]


class _GeneralDecoder(ChatDecoder):
    """A decoder that takes the second way for every choice."""

    def _choice(self, item: Any) -> ChunkChoice:
        return self._unusual_choice(item)


def test_both_ways_give_the_same() -> None:
    """Pieces of text and of arguments are read without looking for what they do not have."""
    quick, general = ChatDecoder("7"), _GeneralDecoder("7")
    read = [list(quick.feed(Frame(event))) for event in _PLAIN]
    assert [list(general.feed(Frame(event))) for event in _PLAIN] == read
    assert list(general.feed(Frame(TERMINATOR))) == list(quick.feed(Frame(TERMINATOR)))


# --- events that are read without a parser ---


_TEXTS = (" the", "\n", 'a "b"', "é", "", "\U0001f600", "\ud83d", "x", "\ude00", "y", "\ud83d", "!")


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_a_template_changes_nothing(*, ascii_only: bool, padded: bool) -> None:
    """Texts with escapes, lone surrogates and padding: as if each event stood alone."""
    envelope = json.loads(event_of())
    read: list[str | None] = []
    decoder = ChatDecoder("7")
    for number, text in enumerate(_TEXTS):
        envelope["choices"][0]["delta"] = {"content": text}
        more = {"obfuscation": "aB9"[: number % 3 + 1]} if padded else {}
        data = json.dumps({**envelope, **more}, ensure_ascii=ascii_only)
        for chunk in decoder.feed(Frame(data.encode("utf-8", "replace"))):
            read.append(chunk.choices[0].delta.content)
            assert ("chatcmpl-1", "gpt-5", []) == (chunk.id, chunk.model, [*chunk.extra])
    assert 12 == len(read)
    joined = "".join(text or "" for text in read)
    surrogates = "\ufffdx\ufffdy\ufffd!" if ascii_only else "?x?y?!"
    assert f' the\na "b"é\U0001f600{surrogates}' == joined


def test_half_a_character_in_an_odd_event_is_not_lost() -> None:
    """The event after it has the bytes of a template, but its text is not all that it says."""
    events = [event_of({"content": text}) for text in ("a", "b", "x", "y")]
    odd = event_of({"content": "c\ud83d"}, odd=1)
    texts = [
        chunk.choices[0].delta.content
        for chunk in chunks_of(events[0], events[1], odd, events[2], events[3], TERMINATOR)
    ]
    assert ["a", "b", "c", "\ufffdx", "y"] == texts


def test_a_template_is_for_its_own_choice() -> None:
    """Of two answers that come in turn, each keeps its texts."""
    events = [event_of({"content": f"{n}"}, choice=n % 2) for n in range(9)]
    chunks = chunks_of(*events, TERMINATOR, choices=2)
    said = [(chunk.choices[0].index, chunk.choices[0].delta.content) for chunk in chunks]
    assert [(n % 2, f"{n}") for n in range(9)] == said


def test_a_template_is_not_for_whole_messages() -> None:
    """The first message of a choice stands for its delta, and the next ones for nothing."""
    whole = event_of().replace(b'"delta": {}', b'"message": {"content": "Hi"}')
    assert ["Hi", None, None] == [
        only_choice([chunk]).delta.content for chunk in _streamed([whole, whole, whole])
    ]


def test_a_time_beyond_all_numbers_is_kept_as_it_came() -> None:
    """As in a whole response: it is no time, and stays in the chunk's extra."""
    chunk, *_ = chunks_of(event_of({"content": "x"}, created=2**63), TERMINATOR)
    assert (0, 2**63) == (chunk.created, chunk.extra["created"])


def test_an_event_in_an_unusual_way_does_not_lend_its_choice() -> None:
    """What comes after it belongs to the choice that it names."""
    first, other = event_of({"content": "a"}), event_of({"content": "b"}, choice=1)
    stream = [first, first, b"id: 1\ndata: " + other, first]
    assert [0, 0, 1, 0] == [only_choice([chunk]).index for chunk in _streamed(stream)]


def _streamed(events: list[bytes]) -> list[Chunk]:
    """The chunks of events that the decoder's own framer cuts, fed one by one."""
    decoder = ChatDecoder("7")
    return [
        chunk
        for event in events
        for frame in decoder.framer.feed(
            (event if event.startswith(b"id:") else b"data: " + event) + b"\n\n"
        )
        for chunk in decoder.feed(frame)
    ]


@pytest.mark.parametrize("more", [[], [event_of({"content": "x"}, usage=[]), event_of(choices=[])]])
def test_what_a_decoder_adds_is_what_its_chunks_add_up_to(more: list[bytes]) -> None:
    """It need not have them read again."""
    events = [*_PLAIN, *more, event_of({"refusal": "no"}, id=5), TERMINATOR]
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    chunks = [chunk for event in events for chunk in decoder.feed(Frame(event))]
    expected = accumulate(chunks)
    assert accumulator.completion() == expected
    assert accumulator.completion().model_dump() == expected.model_dump()


_FILTERS = {"hate": {"filtered": False, "severity": "safe"}}


def _filtered(text: str, choice: int = 0, **more: Any) -> bytes:
    given = {"index": choice, "delta": {"content": text}, "content_filter_results": _FILTERS}
    return event_of(choices=[{**given, **more}], provider="Azure", obfuscation=text * 3)


def test_what_repeats_beside_a_text_is_read_as_if_it_came_alone() -> None:
    """An event like the one before is read by its text; each chunk is as from a decoder of its own,
    and nobody who changes one changes another."""
    events = [
        *(_filtered("a"), _filtered("b"), _filtered("c", 1), _filtered("d", 1), _filtered("e")),
        *(_filtered("f", logprobs={"content": []}), _filtered("g"), _filtered("h", spans=[1])),
        *(_filtered("i", spans=[2]), _filtered("j", spans=[2])),
        *(
            event_of({"content": "k", "role": "assistant"}),
            event_of({"content": "l", "role": "tool"}),
        ),
        *(event_of({"content": "m", "role": "assistant"}), event_of({"content": 1})),
        *(event_of({"content": "n"}, usage=USAGE), event_of({"content": "o"}, x=1)),
        *(
            event_of({"content": "p"}, x=1),
            event_of({"content": "q"}, id=5),
            event_of({"content": "r"}),
        ),
    ]
    for event in list(events):
        try:
            ChatDecoder("7").feed(Frame(event))
        except DecodeError:
            events.remove(event)
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    read = [*decoder.feed(Frame(events[0])), *decoder.feed(Frame(events[1]))]
    read[0].choices[0].extra.content_filter_results["hate"] = read[0].extra["provider"] = None
    assert [*ChatDecoder("7").feed(Frame(events[1]))] == read[1:]
    alone = [chunk for event in events for chunk in ChatDecoder("7").feed(Frame(event))]
    together = [read[1], *(chunk for each in events[2:] for chunk in decoder.feed(Frame(each)))]
    assert alone[1:] == together
    assert [each.model_dump() for each in alone[1:]] == [each.model_dump() for each in together]
    assert accumulator.completion() == accumulate(alone)


def test_what_the_end_adds_is_added() -> None:
    """The id of a call whose host gave none."""
    call = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    for event in (event_of({"tool_calls": [call]}), TERMINATOR):
        decoder.feed(Frame(event))
    (made,) = accumulator.completion().choices[0].message.tool_calls or []
    assert made.id == "call_7_0_0"
