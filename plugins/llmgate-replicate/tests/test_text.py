"""Reading a model's raw text: reasoning, stops and fences, in any pieces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate_replicate.response.parts import TextReader

CASES: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "Hello there", "", "Hello there"),
    ({}, "", "", ""),
    ({}, "  \n Hello", "", "  \n Hello"),
    ({}, "<think>Hm.</think>\n\nHello", "Hm.", "Hello"),
    ({}, "\n<think>\nHm.\n</think>Hello", "\nHm.\n", "Hello"),
    ({}, "<think>never closed </thi", "never closed </thi", ""),
    ({}, "<think></think>Hi", "", "Hi"),
    ({}, "<thin", "", "<thin"),
    ({}, "Say <think>no</think>", "", "Say <think>no</think>"),
    ({"stops": ["END"]}, "One END two", "", "One "),
    ({"stops": ["END", "\n"]}, "One\nEND", "", "One"),
    ({"stops": ["END"]}, "One EN", "", "One EN"),
    ({"stops": ["END"]}, "<think>END</think>Two END", "END", "Two "),
    ({"is_json": True}, '{"a": 1}', "", '{"a": 1}'),
    ({"is_json": True}, '```json\n{"a": "`"}\n```\n', "", '{"a": "`"}'),
    ({"is_json": True}, '```\n{"a": 1}\n``` so', "", '{"a": 1}\n``` so'),
    ({"is_json": True}, '  ```json\n{"a": 1}', "", '{"a": 1}'),
    ({"is_json": True}, "``", "", "``"),
    ({}, "```json\n{}\n```", "", "```json\n{}\n```"),
    ({"is_json": True, "stops": ["}"]}, "```\n{}", "", "{"),
]


def read(pieces: list[str], **settings: Any) -> tuple[str, str]:
    reader = TextReader(**settings)
    read = [*(reader.feed(piece) for piece in pieces), reader.close()]
    return "".join(thought for thought, _ in read), "".join(said for _, said in read)


@pytest.mark.parametrize(("arguments", "text", "thought", "said"), CASES)
def test_reads_whole_and_letter_by_letter(
    arguments: dict[str, Any], text: str, thought: str, said: str
) -> None:
    """Reasoning, stops and fences are found wherever the text is cut."""
    assert (thought, said) == read([text], **arguments)
    assert (thought, said) == read(list(text), **arguments)
    for place in range(len(text)):
        assert (thought, said) == read([text[:place], text[place:]], **arguments)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["<think>", "</think>", "```", "json", "\n", " ", "END", "E", "a"])),
    st.sampled_from([[], ["END"], ["a", "EN"]]),
    st.booleans(),
    st.data(),
)
def test_any_pieces_read_the_same(
    parts: list[str], stops: list[str], is_json: bool, data: st.DataObject
) -> None:
    """What is read never depends on the pieces."""
    text = "".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read([text], stops=stops, is_json=is_json) == read(pieces, stops=stops, is_json=is_json)


def test_says_what_is_certain_at_once() -> None:
    """Plain text is not held back."""
    reader = TextReader(["END"])
    assert ("", "Hello ") == reader.feed("Hello ")
    assert ("", "th") == reader.feed("thE")
    assert ("", "EEre") == reader.feed("Ere")
    assert ("", "") == reader.close()
    assert not reader.is_stopped
