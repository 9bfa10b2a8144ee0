"""Frames recognised by a template: never anything but what a parser would say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.templates import FrameTemplate


def frame(text: str, **more: Any) -> bytes:
    """A frame as providers write it."""
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return json.dumps({"id": "c1", **delta, **more}, ensure_ascii=False).encode()


def template(data: bytes, text: str, padding: str = "") -> FrameTemplate:
    """The template of a frame that has one."""
    made = FrameTemplate.of(data, "content", text, padding)
    assert made is not None
    return made


PLAIN = template(frame(" the"), " the")
PADDED = template(frame(" the", padding="a1Z"), " the", "padding")


@pytest.mark.parametrize("text", [" model", "", "é–漢", "\U0001f600", "}{:,"])
def test_a_text_is_read(text: str) -> None:
    """Whatever stands in the hole, in any script."""
    assert text == PLAIN.text_in(frame(text))
    assert text == PADDED.text_in(frame(text, padding="Qq"))


def test_without_spaces() -> None:
    """As most providers write."""
    data = b'{"delta":{"content":"a"},"n":1}'
    assert "b c" == template(data, "a").text_in(b'{"delta":{"content":"b c"},"n":1}')


@pytest.mark.parametrize(
    "data",
    [
        frame("a\nb"),  # an escape
        frame('a"b'),
        frame("a\\b"),
        frame("a").replace(b"c1", b"c2"),
        frame("a", more=1),
        frame("a")[:-1],
        frame("a") + b" ",
        frame("a").replace(b'"a"', b'"a\x01"'),  # which is no JSON
        frame("a").replace(b'"a"', b'"\xff"'),
        frame("a").replace(b'"a"', b'"a"x"'),
        frame("a").replace(b'"a"', b"null"),
        b"",
        b"{",
        b"[DONE]",
    ],
)
def test_other_frames_are_left_to_a_parser(data: bytes) -> None:
    """What is not certain is not guessed."""
    assert PLAIN.text_in(data) is None


@pytest.mark.parametrize("padding", ['"', "", "a b", "\\n", "é", 'a","id":"c2'])
def test_padding_is_ascii_letters_and_digits(padding: str) -> None:
    """Anything else could mean something."""
    assert PADDED.text_in(frame("x").replace(b"a1Z", padding.encode())) is None
    data = frame("x", padding="abc").replace(b"abc", padding.encode())
    assert PADDED.text_in(data) is None


@pytest.mark.parametrize(
    ("data", "key", "text"),
    [
        (frame("a\n"), "content", "a\n"),  # an escape
        (b'{"content":"a","content":"a"}', "content", "a"),  # the last counts
        (b'{"x":{"content":"b"},"delta":{"content":"a"}}', "content", "a"),
        (b'{"content":"b"}', "content", "a"),
        (b'{"content":null}', "content", "a"),
        (b'{"content"  :"a"}', "content", "a"),
        (b'{"text":"a"}', "content", "a"),
        (b'{"x":"content","content":"a"}', "content", "a"),
    ],
)
def test_some_frames_are_no_template(data: bytes, key: str, text: str) -> None:
    """Where the hole is, is certain, or there is none."""
    assert FrameTemplate.of(data, key, text) is None


@pytest.mark.parametrize("padding", [b'"p":1', b'"p":""', b'"p":"a b"', b'"p":"a","p":"b"'])
def test_odd_padding_is_no_template(padding: bytes) -> None:
    """Padding that is no word stands for something."""
    data = b'{"content":"a",' + padding + b"}"
    assert FrameTemplate.of(data, "content", "a", "p") is None


@given(
    st.text(max_size=6),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.none(), max_size=3),
    st.text(max_size=6),
    st.integers(0, 200),
    st.binary(max_size=3),
    st.booleans(),
)
def test_it_never_differs_from_a_parser(
    first: str, more: dict[str, Any], text: str, at: int, put: bytes, escaped: bool
) -> None:
    """Whatever a frame is changed into: the parser's value but for the text, or nothing."""
    value = {**more, "delta": {"content": first}}
    data = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "replace")
    made = FrameTemplate.of(data, "content", first, padding="p")
    changed: Any = {**value, "delta": {"content": text}}
    other = json.dumps(changed, ensure_ascii=escaped).encode("utf-8", "replace")
    for sent in (other, other[:at] + put + other[at:]):
        read = None if made is None else made.text_in(sent)
        if read is not None:
            parsed = json.loads(sent)
            assert read == parsed["delta"]["content"]
            padding = {"p": parsed["p"]} if "p" in value and "p" in parsed else {}
            assert {**value, **padding, "delta": {"content": read}} == parsed
