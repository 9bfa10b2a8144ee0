"""What a framer learns from a decoder changes nothing of what a stream gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.templated_sse import FrameTemplate
from tests.fuzz.learning import PARTS, learning_oracle, scripted
from tests.fuzz.oracles import FindingError
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


def _always(self: SSEFramer, template: FrameTemplate, frame: Frame) -> None:
    """Learn, but forget nothing that was learned before where an event is unusual."""
    before = self._pattern
    _LEARN(self, template, frame)
    self._pattern = self._pattern or before


def _never(_: SSEFramer) -> None:
    """Do not forget."""


_LEARN = SSEFramer.learn


@pytest.mark.parametrize(
    ("name", "method", "replacement", "script"),
    [
        ("openai", "learn", _always, [2, 0, 0, 8, 0, 9, 2, 0]),
        ("openai", "forget", _never, [2, 0, 2, 0, 88, 17, 2, 0, 2, 0]),
        ("anthropic", "forget", _never, [2, 0, 2, 0, 5, -7, 2, 0]),
    ],
    ids=["of another choice", "of half a character", "of another message"],
)
def test_what_is_wrong_is_found(
    name: str,
    method: str,
    replacement: Callable[..., None],
    script: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A framer that keeps what it should forget is a finding."""
    others = len(PARTS[name].others)
    stream = scripted(PARTS[name], bytes(step if step >= 0 else others + step for step in script))
    check = learning_oracle(VENDORS[name].opens())
    check(stream)
    monkeypatch.setattr(SSEFramer, method, replacement)
    with pytest.raises(FindingError):
        check(stream)
