"""Conformance of streams: pieces, cuts, and events that make no sense."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any

import pytest

from llmgate.errors import DecodeError, LLMGateError, StreamTruncatedError
from llmgate.provider import Decoder
from llmgate.provider.accumulate import Accumulator, accumulate
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import decode_json, encode_json
from llmgate.testing._answers import essence
from llmgate.testing._basis import Basis, check, fail, near_the_end, only_our_errors, spread
from llmgate.testing._samples import MALFORMED, damaged
from llmgate.testing._values import differences
from llmgate.testing.canned import Canned
from llmgate.testing.driving import (
    GREETING,
    Outcome,
    StreamReader,
    drive,
    frames_of,
    read_stream,
    watch_stream,
)
from llmgate.testing.recordings import RecordedExchange
from llmgate.types import Chunk, Completion


class Streams(Basis):
    """Tests of decoders."""

    def test_any_pieces_give_the_same_chunks(self, stream: RecordedExchange) -> None:
        """Chunks do not depend on where the network cuts the bytes."""
        stream, body = self.ready(stream), stream.replies[-1].body
        whole = self._chunks(stream, [body])
        bytewise = self._chunks(stream, [body[i : i + 1] for i in range(len(body))])
        check(whole == bytewise, "the chunks differ when the bytes come one by one")
        for place in spread(len(body), self.most_splits):
            chunks = self._chunks(stream, [body[:place], body[place:]])
            check(whole == chunks, f"the chunks differ when the bytes are split after {place}")

    def test_leaves_its_response_to_the_decoder(self, stream: RecordedExchange) -> None:
        """The last request of a flow of ``stream`` says that its response is to be streamed."""
        provider, call = self.make_provider(), self.call(stream.call)
        driven = drive(provider.stream(call), stream.replies, error=provider.error)
        what = "the request has no stream=True, so the response would be read to its end first"
        check(driven.requests[-1].stream, what)

    def test_accumulates_what_its_chunks_say(self, stream: RecordedExchange) -> None:
        """A decoder with an accumulator of its own adds to it just what its chunks say."""
        decoder = self.open(stream)
        chunks = read_stream(decoder, [stream.replies[-1].body])
        accumulator: Accumulator | None = getattr(decoder, "accumulator", None)
        if accumulator is None:
            pytest.skip("the decoder leaves it to others to add up its chunks")
        for path, value, found in differences(
            accumulate(chunks).model_dump(), accumulator.completion().model_dump()
        ):
            fail(f"{path}: the chunks say {value!r:.300}, the decoder's accumulator {found!r:.300}")

    def test_deltas_of_calls_can_be_joined(self, stream: RecordedExchange) -> None:
        """The first delta of a tool call alone has its id and type, and none repeats its name:
        who joins what the deltas say gets the call."""
        chunks = self._chunks(stream, [stream.replies[-1].body])
        joined = defaultdict[tuple[str, int, int], str](str)
        for choice in (choice for chunk in chunks for choice in chunk.choices):
            for part in choice.delta.tool_calls or ():
                named = part.function.name if part.function else None
                for name, value in (("id", part.id), ("type", part.type), ("name", named)):
                    joined[name, choice.index, part.index] += value or ""
        for whole in accumulate(chunks).choices:
            for index, call in enumerate(whole.message.tool_calls or ()):
                named = call.function.name if call.function else ""
                for name, value in (("id", call.id), ("type", call.type), ("name", named)):
                    found = joined[name, whole.index, index]
                    is_right = found == value or (name == "type" and not found)  # few hosts name it
                    check(is_right, f"the deltas' {name} is {found!r}, the call's {value!r}")

    def test_line_ends_do_not_matter(self, stream: RecordedExchange) -> None:
        """Server-sent events may end their lines with CRLF or CR as well as with LF."""
        if not isinstance(self.open(stream).framer, SSEFramer):
            pytest.skip("the stream is not of server-sent events")
        plain = stream.replies[-1].body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        whole = self._chunks(stream, [plain])
        for end in (b"\r\n", b"\r"):
            body = plain.replace(b"\n", end)
            check(whole == self._chunks(stream, [body]), f"the chunks differ with {end!r}")
            pieces = [piece + end for piece in body.split(end)]
            check(whole == self._chunks(stream, pieces), f"the chunks differ line by line, {end!r}")

    def test_streams_share_no_state(self, stream: RecordedExchange) -> None:
        """Two streams that are read in turns give what each gives alone."""
        body = stream.replies[-1].body
        pieces = [*(body[i : i + 7] for i in range(0, len(body), 7)), b""]
        alone = self._chunks(stream, pieces)
        first, second = (StreamReader(self.open(stream)) for _ in range(2))
        first.feed(pieces[0])
        for one, other in zip_longest(pieces[1:], pieces):
            second.feed(other)
            if one is not None:
                first.feed(one)
        check(alone == first.chunks == second.chunks, "two streams that are read in turns differ")

    def test_half_an_answer_is_never_passed_off_as_whole(self, stream: RecordedExchange) -> None:
        """A truncated stream raises StreamTruncatedError after the chunks that came.

        Only after the provider's own mark of the end may it end: the answer is then the whole one.
        """
        stream, body = self.ready(stream), stream.replies[-1].body
        places = sorted({0, *spread(len(body), self.most_cuts), *near_the_end(len(body))})
        whole, *cut = asyncio.run(self._watch(stream, [len(body), *places]))
        if whole.completion is None:
            fail(f"the stream as it was recorded gives no answer: {whole.error!r}")
        before: object = None
        for place, outcome in zip(places, cut, strict=True):
            where = f"cut after {place} of {len(body)} bytes"
            if before != _as_seen(outcome):  # most cuts are inside an event
                self._check_cut(where, outcome, whole.completion)
            before = _as_seen(outcome)

    def test_nonsense_is_no_stream(self) -> None:
        """A body that is no stream of this provider raises one of our errors."""
        streams = [exchange for exchange in self.exchanges if exchange.is_stream]
        if not streams:
            pytest.skip("no recorded stream was given in `exchanges`")
        stream = self.ready(streams[0])
        for name, body in MALFORMED.items():
            for shape in (body, body + b"\n", b"data: " + body + b"\n\n"):
                _check_refused(self.open(stream), shape, f"a stream of {name}")

    def test_damaged_events_raise_our_errors(self, stream: RecordedExchange) -> None:
        """An event with something missing or of a wrong type is skipped, or raises our error."""
        stream = self.ready(stream)
        frames = frames_of(self.open(stream), stream.replies[-1].body)
        most = max(24, min(120, 4_000 // max(1, len(frames))))  # long streams cost more
        for number in range(0, len(frames), max(1, len(frames) // 12)):
            for what, wrong in damaged(_json_of(frames[number]), most):
                reader = StreamReader(self.open(stream))
                event = frames[number]._replace(data=encode_json(wrong))
                with suppress(LLMGateError), only_our_errors(f"event {number} with {what}"):
                    reader.take([*frames[:number], event, *frames[number + 1 :]])
                    accumulate(reader.chunks)

    # --- helpers ---

    def _chunks(self, stream: RecordedExchange, pieces: Sequence[bytes]) -> list[Chunk]:
        return read_stream(self.open(stream), pieces)

    async def _watch(self, stream: RecordedExchange, places: Iterable[int]) -> list[Outcome]:
        """What becomes of the stream when it ends at each of these places."""
        provider, reply, outcomes = self.make_provider(), stream.replies[-1], list[Outcome]()
        for place in places:
            canned = Canned(reply.status, reply.headers, reply.body[:place])
            with only_our_errors(f"the stream cut after {place} bytes"):
                outcomes.append(await watch_stream(provider, self.open(stream), canned))
        return outcomes

    def _check_cut(self, where: str, outcome: Outcome, whole: Completion) -> None:
        """A stream truncated there was refused, with what had come; or nothing was missing."""
        error = outcome.error
        if outcome.completion is not None:
            if self.ends_with_connection:
                self._check_partial(where, outcome.completion, whole)
                return
            said, complete = essence(outcome.completion), essence(whole)
            check(
                said == complete,
                f"{where}: passed off as whole, no StreamTruncatedError: {said!r:.300}",
            )
            return
        if not isinstance(error, StreamTruncatedError):
            fail(f"{where}: expected StreamTruncatedError, raised {error!r}")
        has_come = any(chunk.choices for chunk in outcome.chunks)
        message = f"{where}: chunks came: {has_come}, but the error's partial is {error.partial!r}"
        is_silent = error.partial is None or not _says_something(error.partial)
        check(error.partial is not None if has_come else is_silent, message)
        if error.partial is not None:
            self._check_partial(where, error.partial, whole)

    def _check_partial(self, where: str, partial: Completion, whole: Completion) -> None:
        """The partial answer is the beginning of the whole one, and its message can be sent."""
        messages = {choice.index: choice.message for choice in whole.choices}
        for choice in partial.choices:
            text, complete = choice.message.content or "", messages[choice.index].content or ""
            check(complete.startswith(text), f"{where}: the partial text is {text!r:.200}")
            self.call({"model": self.model, "messages": [*GREETING, choice.message]})


def _says_something(partial: Completion) -> bool:
    """Whether there is more in it than who speaks, which is delivered with the first words."""
    return any(any(said[1:5]) for said in essence(partial))


def _as_seen(outcome: Outcome) -> tuple[object, ...]:
    """What whoever reads the stream sees at its end."""
    return type(outcome.error), outcome.completion, getattr(outcome.error, "partial", None)


def _json_of(frame: Frame) -> Any:
    """What a frame says; None where that is no JSON."""
    try:
        return decode_json(frame.data)
    except DecodeError:
        return None


def _check_refused(decoder: Decoder[Chunk], body: bytes, what: str) -> None:
    try:
        with only_our_errors(what):
            chunks = read_stream(decoder, [body])
    except LLMGateError:
        return
    fail(f"{what} was taken for an answer: {chunks!r:.300}")
