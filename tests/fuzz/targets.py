"""The fuzz targets by name: an oracle for whatever bytes come, and the bytes to begin with.

It needs no fuzzer: the tests run every target over its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any
from zlib import crc32

from llmgate._core.check import check_messages, check_name, check_parameters
from llmgate._core.retry import parse_retry_after
from llmgate.errors import InvalidRequestError, LLMGateError
from llmgate.provider._emulated import EmulatedDecoder, completion_with_calls
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame, Framer, NDJSONFramer, SSEFramer
from llmgate.provider.http import decode_json, encode_json, is_object
from llmgate.report import Deviation
from llmgate.types import Choice, ChoiceDelta, Chunk, ChunkChoice, Completion, Message, Usage
from llmgate_bedrock.event_stream import EventStreamFramer
from tests.aws import with_checksums
from tests.fuzz import formats, seeds
from tests.fuzz.oracles import (
    FindingError,
    decoder_oracle,
    error_oracle,
    framer_oracle,
    reply_oracle,
    sound,
    timed,
)
from tests.fuzz.vendors import VENDORS

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """What is fuzzed: ``make`` gives the oracle, once it is needed."""

    make: Callable[[], Callable[[bytes], None]]
    seeds: Callable[[], Iterable[bytes]]


# --- small parsers ------------------------------------------------------------------------


def _retry_after(data: bytes) -> None:
    """The first two bytes are the time; the rest is one header, or two parted by a line end."""
    now = int.from_bytes(data[:2], "big") * 86_400.0
    plain, _, milliseconds = data[2:].decode("latin-1").partition("\n")
    for headers in (
        {"retry-after": plain},
        {"retry-after-ms": milliseconds},
        {"retry-after": plain, "retry-after-ms": milliseconds},
    ):
        wait = parse_retry_after(headers, now)
        if wait is not None and not wait >= 0:  # as NaN is not
            raise FindingError(f"{headers} gives {wait!r}")
        if wait is not None and math.isfinite(wait) and wait > 1e12 and "e" not in plain.lower():
            again = parse_retry_after(headers, now)
            if again != wait:
                raise FindingError(f"{headers} gives {wait!r}, and then {again!r}")


_NAMES = frozenset({"f", "g"})


class _Told:
    """A decoder whose events are texts."""

    def __init__(self) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        return [Chunk([ChunkChoice(ChoiceDelta(frame.data.decode("utf-8")))])]

    def close(self) -> Iterable[Chunk]:
        return [Chunk([ChunkChoice(ChoiceDelta(), finish_reason="stop")])]


def _emulation(data: bytes) -> None:
    """Calls in a text are the same in a whole answer and in a stream, however it is cut."""
    text = data.decode("utf-8", "replace")
    whole = completion_with_calls(_saying(text), _NAMES, "1")
    sound(whole)
    random = Random(crc32(data))
    for most in (1, 3, min(len(text), 60)):
        places = sorted(random.choices(range(len(text) + 1), k=most))
        pieces = [text[a:b] for a, b in pairwise([0, *places, len(text)])]
        decoder = EmulatedDecoder(_Told(), _NAMES, "1")
        chunks = [c for piece in pieces for c in decoder.feed(Frame(piece.encode()))]
        answer = accumulate([*chunks, *decoder.close()])
        if _said(answer) != _said(whole):
            raise FindingError(f"{_said(answer)!r:.300} streamed, {_said(whole)!r:.300} whole")


def _saying(text: str) -> Completion:
    return Completion([Choice(Message(text or None), finish_reason="stop")])


def _said(answer: Completion) -> tuple[Any, ...]:
    choice = answer.choices[0]
    return choice.message.content or None, choice.message.tool_calls, choice.finish_reason


def _validate(data: bytes) -> None:
    """Any JSON value becomes a sound value of the type, or is refused."""
    try:
        value = decode_json(data)
    except LLMGateError:
        return
    for shape in (Completion, Chunk, Message, Usage):
        try:
            loaded = shape.model_validate(value)
        except LLMGateError:
            continue
        sound(loaded)


def _request(data: bytes) -> None:
    """Any JSON value is refused as messages and parameters, or passes as it is."""
    try:
        value = decode_json(data)
    except LLMGateError:
        return
    given: dict[str, Any] = value if is_object(value) else {"messages": value}
    _unchanged(check_messages, given.get("messages"))
    _unchanged(_check_named, {key: given[key] for key in given if key != "messages"})


def _check_named(parameters: Mapping[str, Any]) -> Any:
    for name in parameters:
        check_name(name)
    changes: list[Deviation] = []
    checked = check_parameters(parameters, changes)
    return parameters if changes else checked  # what is read as meant is recorded, and no fault


def _unchanged(check: Callable[[Any], Any], value: Any) -> None:
    try:
        checked = check(value)
    except InvalidRequestError:
        return
    if decode_json(encode_json(checked)) != decode_json(encode_json(value)):
        raise FindingError(f"{value!r:.300} became {checked!r:.300}")


def _event_stream() -> Callable[[bytes], None]:
    """Of bytes as they are, and of the same with checksums that match, so that more is read."""
    oracle = framer_oracle(EventStreamFramer)

    def check(data: bytes) -> None:
        oracle(data)
        oracle(with_checksums(data))

    return check


def _mended(
    oracle: Callable[[bytes], None], mend: Callable[[bytes], bytes]
) -> Callable[[bytes], None]:
    """Of bytes as they are, and of the same with checksums that match, where there are any."""

    def check(data: bytes) -> None:
        oracle(data)
        if (mended := mend(data)) != data:
            oracle(mended)

    return check


# --- the table ----------------------------------------------------------------------------


def _vendor_targets(name: str) -> Mapping[str, Target]:
    vendor = VENDORS[name]
    return {
        f"reply-{name}": Target(
            lambda: reply_oracle(vendor.decodes()), partial(seeds.replies, name, vendor.folders)
        ),
        f"stream-{name}": Target(
            lambda: _mended(decoder_oracle(vendor.opens(), vendor.has_ended), vendor.mend),
            partial(seeds.streams, name, vendor.folders),
        ),
        f"error-{name}": Target(
            lambda: error_oracle(vendor.provider.error), partial(seeds.errors, vendor.folders)
        ),
    }


def _fixed(oracle: Callable[[bytes], None], data: Sequence[bytes]) -> Target:
    return Target(lambda: timed(oracle), lambda: data)


TARGETS: Mapping[str, Target] = {
    "framer-sse": Target(lambda: framer_oracle(SSEFramer), lambda: seeds.SSE),
    "framer-ndjson": Target(lambda: framer_oracle(NDJSONFramer), lambda: seeds.NDJSON),
    "framer-eventstream": Target(_event_stream, lambda: seeds.EVENT_STREAMS),
    **{key: target for name in VENDORS for key, target in _vendor_targets(name).items()},
    "retry-after": _fixed(_retry_after, seeds.RETRY_AFTER),
    "emulation": _fixed(_emulation, seeds.EMULATION),
    "model-validate": _fixed(_validate, formats.SHAPES),
    "request": _fixed(_request, formats.REQUESTS),
}
"""Every target, in the order in which the report names them."""
