"""What a framer learns from a decoder changes nothing of what a stream gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.learning import PARTS, learning_oracle, scripted
from tests.fuzz.vendors import VENDORS

_PLAIN_TEXT = st.sampled_from([bytes([2, 0]), bytes([2, 1]), bytes([10, 0])])
SCRIPTS = st.lists(_PLAIN_TEXT | st.binary(min_size=2, max_size=2), max_size=14).map(b"".join)
NAMES = pytest.mark.parametrize("name", PARTS)


@NAMES
def test_no_stream_is_read_otherwise(name: str) -> None:
    """Whatever is mixed into runs of events that are alike, however it is cut."""
    check = learning_oracle(VENDORS[name].opens())

    @given(SCRIPTS)
    def scripts_hold(script: bytes) -> None:
        check(scripted(PARTS[name], script))

    scripts_hold()
