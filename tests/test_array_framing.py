"""The framer of streams that are server-sent events or one JSON array of them."""

from __future__ import annotations

import pytest

from llmgate.errors import ResponseTooLargeError
from llmgate.provider.array_framing import EventOrArrayFramer

ARRAY = b'[{"a": "a\\"\\\\{["}, \n{"b": [{}, []]}]'
ELEMENTS = [b'{"a": "a\\"\\\\{["}', b'{"b": [{}, []]}']


@pytest.mark.parametrize("given", [ARRAY, b"\xef\xbb\xbf \n" + ARRAY, ARRAY + b"\n"])
def test_the_elements_of_an_array_are_events(given: bytes) -> None:
    """Each as soon as it is complete, wherever the bytes are cut."""
    whole = EventOrArrayFramer()
    assert ELEMENTS == [frame.data for frame in whole.feed(given)]
    framer = EventOrArrayFramer()
    cut = [frame for i in range(len(given)) for frame in framer.feed(given[i : i + 1])]
    assert ELEMENTS == [frame.data for frame in (*cut, *framer.close())]


def test_other_elements_and_what_follows_the_array() -> None:
    """Any value is an element, and what was cut is none."""
    framer = EventOrArrayFramer()
    assert [b"5", b"{}"] == [frame.data for frame in framer.feed(b"[5, {}")]
    assert [b"[1]", b'"x"'] == [frame.data for frame in framer.feed(b', [1], "x"] ] [')]
    assert [] == [*framer.close()]


def test_an_array_that_has_no_end() -> None:
    """An element has the limit of every event."""
    framer = EventOrArrayFramer(limit=10)
    assert [] == [*framer.feed(b'["12345')]
    with pytest.raises(ResponseTooLargeError):
        list(framer.feed(b"6789012"))


def test_nothing_but_space_is_no_stream() -> None:
    """Which framing it is has not been told by then; what comes is not held, and has a limit."""
    framer = EventOrArrayFramer()
    assert [] == [*framer.feed(b" \n"), *framer.close()]
    for blanks, events in ((b" \n", [b"1"]), (b"\n ", []), (b"\xef\xbb\xbf\t\r\n", [b"1"])):
        framer = EventOrArrayFramer()
        for blank in blanks:
            assert [] == [*framer.feed(bytes([blank]))]
        assert events == [frame.data for frame in framer.feed(b"data: 1\n\n")]
    framer = EventOrArrayFramer(limit=1000)
    for _ in range(1000):
        framer.feed(b" ")
    with pytest.raises(ResponseTooLargeError):
        framer.feed(b" ")
