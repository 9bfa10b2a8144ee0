"""The fuzz targets hold for their seeds, for all that fuzzing has found, and find what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest

from llmgate.errors import LLMGateError
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, Completion
from tests.fuzz import oracles, seeds
from tests.fuzz.found import FOUND
from tests.fuzz.mutate import mutated
from tests.fuzz.oracles import (
    FindingError,
    decoder_oracle,
    flood,
    framer_oracle,
    reply_oracle,
    timed,
)
from tests.fuzz.seeds import LARGEST
from tests.fuzz.targets import TARGETS
from tests.fuzz.vendors import VENDORS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_hold(name: str) -> None:
    """What fuzzing begins with is no finding."""
    check = TARGETS[name].make()
    for seed in TARGETS[name].seeds():
        if len(seed) <= LARGEST:
            check(seed)


VENDOR_TARGETS = [name for name in TARGETS if name.startswith(("reply-", "stream-", "error-"))]


@pytest.mark.parametrize("name", VENDOR_TARGETS)
def test_damaged_seeds_hold(name: str) -> None:
    """What begins as a response of a vendor's and is damaged is read, or is an error of ours."""
    check = TARGETS[name].make()
    seeds = [seed for seed in TARGETS[name].seeds() if len(seed) <= 2_000]
    damaged = (mutated(seeds[number % len(seeds)], number) for number in range(400))
    for data in damaged:
        if data is not None:
            check(data)


def test_damaged_event_streams_hold() -> None:
    """Bytes changed, removed and added, with checksums that match all the same."""
    check, random = TARGETS["framer-eventstream"].make(), Random(5)
    for number in range(1_000):
        data = bytearray(seeds.EVENT_STREAMS[number % len(seeds.EVENT_STREAMS)])
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(data) + 1)
            data[at : at + random.randrange(3)] = random.randbytes(random.randrange(3))
        check(bytes(data))


@pytest.mark.parametrize(("name", "data"), FOUND, ids=lambda value: str(value)[:40])
def test_what_was_found_stays_mended(name: str, data: bytes) -> None:
    """Each finding of a fuzzer, made small."""
    TARGETS[name].make()(data)


def _event(name: str, **data: Any) -> Frame:
    return Frame(json.dumps({"type": name, **data}).encode(), name)


_CITATION = {"type": "citations_delta", "citation": {"cited_text": "x"}}
_BEGUN = [
    _event("message_start", message={}),
    _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
]
_CALL = {"function": {"name": "f", "arguments": "{}"}}
_CALLS = {"choices": [{"index": 0, "delta": {"tool_calls": [_CALL, {"id": "c"}]}}]}
_RATED = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "safetyRatings": [{"a": 1}]}]}
_LONG = Frame(b"x" * 1000, "output")
_THOUGHTS = "response.reasoning_text.delta"
_CITED = {"type": "url_citation", "url": "https://a.example"}
FLOODS: dict[str, tuple[str, int, list[Frame], Frame]] = {
    "calls without an index": ("openai", 0, [], Frame(json.dumps(_CALLS).encode())),
    "citations of a response": (
        "responses",
        0,
        [],
        _event("response.output_text.annotation.added", output_index=0, annotation=_CITED),
    ),
    "thoughts of a response": ("responses", 0, [], _event(_THOUGHTS, output_index=0, delta="x")),
    "citations": ("anthropic", 0, _BEGUN, _event("content_block_delta", index=0, delta=_CITATION)),
    "unknown events": ("anthropic", 0, [], _event("new")),
    "events unknown to Cohere": ("cohere", 0, [], _event("new")),
    "ratings": ("gemini", 0, [], Frame(json.dumps(_RATED).encode())),
    "logs": ("replicate", 0, [], Frame(b"x", "logs")),
    "events unknown to Replicate": ("replicate", 0, [], Frame(b"x", "new")),
    "text behind a mark": ("replicate", 1, [Frame(b"x<tool_call>", "output")], _LONG),
    "text that may be a call": ("replicate", 1, [Frame(b'{"name": "', "output")], _LONG),
    "white space": ("replicate", 1, [Frame(b"x", "output")], Frame(b" " * 1000, "output")),
}
"""Events that once took time in the square of their number: a vendor, which of its calls, what
comes before, and the event."""


@pytest.mark.parametrize(("name", "number", "before", "event"), FLOODS.values(), ids=FLOODS)
def test_many_events_take_time_in_proportion(
    name: str, number: int, before: list[Frame], event: Frame
) -> None:
    """Eight times as many take eight times as long."""
    count = 250 if len(event.data) > 500 else 1000
    flood(VENDORS[name].opens()[number], before, event, count, least=0.15)


# --- the oracles themselves ---------------------------------------------------------------


class Careless:
    """A framer that loses what is not whole when a piece ends."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        return [Frame(line) for line in data.split(b"\n")[:-1]]

    def close(self) -> Iterable[Frame]:
        return []


class Lazy:
    """A decoder that ends whenever the bytes do; a ``slow`` one looks at all events for each."""

    def __init__(self, *, slow: bool = False) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._slow = slow
        self._seen: list[bytes] = []

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        if self._slow:
            self._seen = [*self._seen, frame.data]
            _ = b"".join(self._seen)
        return [Chunk([ChunkChoice(ChoiceDelta("x"))])]

    def close(self) -> Iterable[Chunk]:
        return ()


def _foreign(data: bytes) -> Completion:
    raise KeyError(data)


def _never(frames: list[Frame], answer: Completion) -> bool:
    return False


@pytest.mark.parametrize(
    ("oracle", "data"),
    [
        (framer_oracle(Careless), b"a\nb\nc\n"),
        (decoder_oracle([Lazy], _never), b"data: a\n\n"),
        (decoder_oracle([Lazy], _never), b""),
        (reply_oracle([lambda _: Completion([])]), b""),
    ],
    ids=["a framer that loses bytes", "no terminator", "no answer", "no choice"],
)
def test_what_is_wrong_is_found(oracle: Callable[[bytes], None], data: bytes) -> None:
    """A framer or a decoder that breaks the contract is a finding."""
    with pytest.raises(FindingError):
        oracle(data)


def test_foreign_exceptions_come_out() -> None:
    """Only llmgate's own errors are an answer."""
    with pytest.raises(KeyError):
        reply_oracle([_foreign])(b"")


def test_time_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that takes long is a finding; so are events that each take longer than the last."""

    def busy(_: bytes) -> None:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    monkeypatch.setattr(oracles, "SECONDS", 0.01)
    with pytest.raises(FindingError, match="processor time"):
        timed(busy)(b"")
    with pytest.raises(FindingError, match="8 times as many"):
        flood(lambda: Lazy(slow=True), [], Frame(b"a" * 300), 1000, least=0.1)
    flood(Lazy, [], Frame(b"a"), 500, least=0.0)


def test_mutations_are_of_json_and_depend_on_their_seed() -> None:
    """The same seed gives the same; different ones reorder events and change values."""
    data = b'data: {"a": [1, "x"]}\n\ndata: {"b": {}}\n\n'
    changed = [mutated(data, seed) for seed in range(200)]
    assert changed == [mutated(data, seed) for seed in range(200)]
    assert len(set(changed)) > 100
    assert mutated(b"plain", 1) is None


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris comes with `make fuzz`")
def test_a_target_is_fuzzed() -> None:
    """For a second: the report names what was done."""
    command: list[Any] = [sys.executable, "-m", "tests.fuzz", "--seconds", "1", "retry-after"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "retry-after" in done.stdout


def test_no_error_of_ours_is_a_finding() -> None:
    """Findings are not llmgate's, or decoders' errors would hide them."""
    assert not issubclass(FindingError, LLMGateError)
