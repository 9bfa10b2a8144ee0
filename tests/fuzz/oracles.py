"""What must hold of whatever a fuzzer makes up; it knows the contract, and no provider by name.

An oracle is handed bytes and returns, or raises :class:`FindingError`. It takes nothing for granted
that the code under test says of itself, and swallows nothing but llmgate's own errors.
"""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Any, TypeAlias, TypeVar
from zlib import crc32

from llmgate._text.shape import Shape
from llmgate.errors import LLMGateError, ProviderError
from llmgate.provider import Decoder
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame, Framer
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.testing.driving import OutOfRepliesError, StreamReader
from llmgate.types import Chunk, Completion

__all__ = [
    "SECONDS",
    "FindingError",
    "decoder_oracle",
    "error_oracle",
    "flood",
    "framer_oracle",
    "reply_oracle",
    "sound",
    "timed",
]

Oracle: TypeAlias = Callable[[bytes], None]
AnyShape = TypeVar("AnyShape", bound=Shape)

SECONDS = 5.0
"""Processor time that one input of at most 20 kB may take, instrumented as the code is then."""

_MOST_BYTEWISE = 400
_RARELY = 1024


class FindingError(AssertionError):
    """Something that must hold does not."""


def timed(oracle: Oracle) -> Oracle:
    """The oracle, which also finds what takes long."""

    def check(data: bytes) -> None:
        started = time.thread_time()
        oracle(data)
        took = time.thread_time() - started
        if took > SECONDS:
            raise FindingError(f"{len(data)} bytes took {took:.1f} s of processor time")

    return check


# --- framers ------------------------------------------------------------------------------


def framer_oracle(make: Callable[[], Framer]) -> Oracle:
    """The same bytes, cut anywhere, are the same frames, before the same error where one is raised;
    and what was fed is not made longer."""

    def check(data: bytes) -> None:
        whole = _frames(make(), [data])
        if sum(len(frame.data) for frame in whole[0]) > len(data):
            raise FindingError("the frames hold more than was fed")
        for pieces in _cuts(data):
            if _frames(make(), pieces) != whole:
                raise FindingError(f"other frames when cut into {_sizes(pieces)}")

    return timed(check)


def _frames(
    framer: Framer, pieces: Iterable[bytes]
) -> tuple[list[Frame], type[LLMGateError] | None]:
    fed: list[Frame] = []
    try:
        for piece in pieces:
            for frame in framer.feed(piece):
                fed.append(frame)  # noqa: PERF402 - those before an error count
        fed += framer.close()
    except LLMGateError as error:
        return fed, type(error)
    return fed, None


def _cuts(data: bytes) -> Iterator[list[bytes]]:
    """The data in pieces: one by one, and at random places, which depend on the data only."""
    if len(data) <= _MOST_BYTEWISE:
        yield [data[place : place + 1] for place in range(len(data))]
    random = Random(crc32(data))
    places = sorted(random.choices(range(len(data) + 1), k=random.choice((2, 5, 40))))
    yield [data[a:b] for a, b in pairwise([0, *places, len(data)]) if a < b]


def _sizes(pieces: Sequence[bytes]) -> list[int]:
    return [len(piece) for piece in pieces]


# --- whole answers and errors -------------------------------------------------------------


def reply_oracle(decodes: Sequence[Callable[[bytes], Completion]]) -> Oracle:
    """Each gives an answer that is sound, or one of llmgate's errors."""

    def check(data: bytes) -> None:
        for decode in decodes:
            try:
                answer = decode(data)
            except (LLMGateError, OutOfRepliesError):
                continue
            if not answer.choices:
                raise FindingError("an answer without a choice")
            sound(answer)

    return timed(check)


def error_oracle(read: Callable[[HttpResponse], ProviderError]) -> Oracle:
    """Whatever the body, there is an error, and its text forges no line and is not endless.

    The first byte of the data chooses the status, and the rest is the body.
    """

    def check(data: bytes) -> None:
        status = 400 + (data[0] if data else 0) % 200
        headers = {"content-type": "application/json", "retry-after": "1"}
        error: Any = read(HttpResponse(status, headers, data[1:]))
        if not isinstance(error, ProviderError):
            raise FindingError(f"{error!r:.200} is no ProviderError")
        if not (error.message.strip() and error.message.isprintable() and str(error)):
            raise FindingError(f"its text is {error.message!r:.200}")
        if len(str(error)) > 10_000:
            raise FindingError("its text is endless")

    return timed(check)


def sound(value: Shape) -> None:
    """A dump of it, as values and as JSON, loads back to the same."""
    text = value.model_dump_json()
    loaded = type(value).model_validate(json.loads(text))
    if loaded.model_dump_json() != text:
        raise FindingError(f"another JSON when it is loaded: {text:.300}")
    if _is_finite(value.model_dump()) and not loaded == value == _reloaded(value):
        raise FindingError(f"not the same when it is loaded: {text:.300}")


def _reloaded(value: AnyShape) -> AnyShape:
    return type(value).model_validate(value.model_dump())


def _is_finite(value: Any) -> bool:
    """Whether it holds no infinity and no NaN, which JSON cannot say."""
    if isinstance(value, float):
        return math.isfinite(value)
    if is_object(value):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if is_array(value) else True


# --- streams ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outcome:
    """What came of a stream: its chunks, and the error, if there was one."""

    chunks: list[Chunk]
    error: tuple[Any, ...] | None

    @property
    def answer(self) -> Completion:
        return accumulate(self.chunks)


HasEnded: TypeAlias = Callable[[list[Frame], Completion], bool]
"""Whether these frames, of which this answer was made, hold the terminator."""


def decoder_oracle(opens: Sequence[Callable[[], Decoder[Chunk]]], has_ended: HasEnded) -> Oracle:
    """Each stream gives the same however it is cut, and is whole only where its terminator is."""

    def check(data: bytes) -> None:
        for open_ in opens:
            whole = _read(open_(), [data])
            sound(whole.answer)
            for pieces in _cuts(data):
                outcome = _read(open_(), pieces)
                if not _same(outcome, whole):
                    raise FindingError(f"another outcome when cut into {_sizes(pieces)}")
            _check_end(whole, _frames(open_().framer, [data])[0], has_ended)
            for prefix in _prefixes(data):
                outcome = _read(open_(), [prefix])
                _check_end(outcome, _frames(open_().framer, [prefix])[0], has_ended)

    read_in_time = timed(check)

    def check_and_flood(data: bytes) -> None:
        read_in_time(data)
        if (
            crc32(data) % _RARELY == 0
        ):  # thousands of events, judged by their ratio and not by seconds
            for open_ in opens:
                _flood_one(open_, data)

    return check_and_flood


def _read(decoder: Decoder[Chunk], pieces: Iterable[bytes]) -> _Outcome:
    reader = StreamReader(decoder)
    try:
        for piece in (*pieces, b""):
            reader.feed(piece)
    except LLMGateError as error:
        return _Outcome(reader.chunks, (type(error), error.message, error.code))
    return _Outcome(reader.chunks, None)


def _same(one: _Outcome, other: _Outcome) -> bool:
    """NaN is not equal to itself, so chunks that hold it are compared as they are shown."""
    return one == other or repr(one) == repr(other)


def _prefixes(data: bytes) -> list[bytes]:
    random = Random(crc32(data) + 1)
    return [data[: random.randrange(len(data))] for _ in range(2)] if data else []


def _check_end(outcome: _Outcome, frames: list[Frame], has_ended: HasEnded) -> None:
    if outcome.error is not None:
        return
    answer = outcome.answer
    if not answer.choices:
        raise FindingError("a stream without an answer passes for whole")
    if not has_ended(frames, answer):
        raise FindingError(f"passes for whole without a terminator: {frames!r:.300}")


# --- floods -------------------------------------------------------------------------------


def _flood_one(open_: Callable[[], Decoder[Chunk]], data: bytes) -> None:
    frames, _ = _frames(open_().framer, [data])
    if frames:
        place = crc32(data[::-1]) % len(frames)
        flood(open_, frames[:place], frames[place])


def flood(
    open_: Callable[[], Decoder[Chunk]],
    before: Sequence[Frame],
    frame: Frame,
    count: int = 2000,
    least: float = 0.4,
) -> None:
    """Eight times as many of an event take about eight times as long, and not sixty-four.

    An event that brings numbers is repeated with other ones, too, so that each begins something.
    What takes less than ``least`` seconds is not judged.
    """
    if len(frame.data) > 2000:
        return
    for vary in (False, True):
        if vary and _numbered(frame, 1) == _numbered(frame, 2):
            return
        many = _flood_seconds(open_, before, frame, 8 * count, vary=vary)
        if many < least:
            continue
        few = min(_flood_seconds(open_, before, frame, count, vary=vary) for _ in range(2))
        if many > 20 * few:
            raise FindingError(
                f"{count} events take {few:.3f} s, 8 times as many {many:.3f} s: {frame!r:.300}"
            )


def _flood_seconds(
    open_: Callable[[], Decoder[Chunk]],
    before: Sequence[Frame],
    frame: Frame,
    count: int,
    *,
    vary: bool,
) -> float:
    frames = [*before, *(_numbered(frame, number) if vary else frame for number in range(count))]
    reader = StreamReader(open_())
    gc.collect()
    gc.disable()  # what it costs depends on what else there is
    started = time.thread_time()
    try:
        reader.take(frames)
        accumulate(reader.chunks)
    except LLMGateError:
        pass
    finally:
        took = time.thread_time() - started
        gc.enable()
    return took


def _numbered(frame: Frame, number: int) -> Frame:
    """The event with every index and id in it changed."""
    try:
        value = json.loads(frame.data)
    except (ValueError, RecursionError):
        return frame
    return frame._replace(data=json.dumps(_renumbered(value, number)).encode())


def _renumbered(value: Any, number: int) -> Any:
    if is_array(value):
        return [_renumbered(item, number) for item in value]
    if not is_object(value):
        return value
    changed = {key: _renumbered(item, number) for key, item in value.items()}
    if isinstance(value.get("index"), int):
        changed["index"] = number
    if isinstance(value.get("id"), str):
        changed["id"] = f"{value['id']}{number}"
    return changed


def replies_of(data: bytes) -> list[HttpResponse]:
    """The replies of a flow of several steps: their bodies are parted by ASCII's own mark."""
    plain = HttpResponse(200, {"content-type": "application/json"}, b"")
    return [replace(plain, body=body) for body in data.split(b"\x1e")]
