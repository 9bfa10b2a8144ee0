"""Chunks from Gemini's streams; one decoder for each stream, which also reads whole responses.

A stream has no terminator: it ends with its bytes, and is whole where each candidate has a reason.
Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.array_framing import EventOrArrayFramer
from llmgate.provider.framing import Frame
from llmgate.provider.kit import (
    Fields,
    SideFields,
    add_frame,
    in_stream_error,
    piece_chunk,
    read_json,
)
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, Usage
from llmgate_gemini.response.candidate import Candidate, Context
from llmgate_gemini.response.errors import error_from_payload
from llmgate_gemini.response.parts import seconds_of, usage_of

__all__ = ["ContentDecoder"]

_READ = ("candidates", "usageMetadata", "modelVersion", "responseId")
_PLAIN = frozenset({*_READ, "createTime"})
_PLAIN_CANDIDATE = frozenset({"content", "index"})
_PLAIN_CONTENT = frozenset({"parts", "role"})
_OBJECT: Any = dict
_ARRAY: Any = list
"""The classes of JSON's containers, by a name that leaves what is in them to the reader."""


class ContentDecoder:
    """Reads one stream of responses, and adds what it reads to its ``accumulator``.

    Args:
        context: What it has to know of the call.
    """

    def __init__(self, context: Context) -> None:
        self.framer = EventOrArrayFramer()
        self.finished = False
        self.accumulator = Accumulator()
        self._context = context
        self._report = context.report
        self._candidates: dict[int, Candidate] = {}
        self._is_blocked = False
        self._head: tuple[str, int, str] = ("", 0, "")
        self._created: Any = None
        self._extra: dict[str, Any] = {}
        self._counts: Any = None
        self._sent_counts: Any = None

    @property
    def has_choices(self) -> bool:
        """Whether a candidate has come, or what takes its place where the prompt was blocked."""
        return self._is_blocked or bool(self._candidates)

    @property
    def is_complete(self) -> bool:
        """Whether each candidate has its reason."""
        return self.has_choices and all(each.has_ended for each in self._candidates.values())

    @property
    def empty_candidate(self) -> int | None:
        """The index of a candidate without content, which says no reason for that; or None."""
        empty = (each for each in self._candidates.values() if not each.has_content)
        return next((c.index for c in empty if c.is_malformed or not c.has_ended), None)

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for an event that is not a response; ``frame`` is its data.
        """
        error = in_stream_error(frame, error_from_payload)
        if error is not None:
            raise error
        try:
            payload = read_json(frame.data)
            return (self._plain(payload) or self._added(self.chunk(payload)),)
        except DecodeError as failure:
            add_frame(failure, "the event is not a response of Gemini's", frame.data)
            raise

    def close(self) -> Iterable[Chunk]:
        """The end of the bytes: fine where each candidate has its reason.

        Raises:
            StreamTruncatedError: otherwise.
        """
        if not self.is_complete:
            raise StreamTruncatedError("the stream ended before its finish reason")
        return [*map(self._added, self.end())]

    def _added(self, chunk: Chunk) -> Chunk:
        self.accumulator.add(chunk)
        return chunk

    def end(self) -> Iterable[Chunk]:
        """What is known at the end alone: the last counts, sources, ratings."""
        choices = [end for each in self._candidates.values() if (end := each.end()) is not None]
        usage = self._usage()
        return (self._chunk(choices, usage),) if choices or usage is not None else ()

    def chunk(self, payload: Any) -> Chunk:
        """What a response, or a piece of it, says.

        Raises:
            ProviderError: when it is an error.
            DecodeError: when it is neither.
        """
        error = error_from_payload(payload)
        if error is not None:
            error.in_stream = True
            raise error
        fields = Fields(payload)
        candidates = fields.objects("candidates")
        choices = [self._read_candidate(each, place) for place, each in enumerate(candidates)]
        feedback = SideFields(payload, self._report).object("promptFeedback")
        blocked = feedback.text("blockReason")
        if blocked is not None and not candidates:
            choices = self._block(blocked)
        self._read_head(payload)
        is_new = self._sent_counts is None or any(choice.finish_reason for choice in choices)
        self._counts = payload.get("usageMetadata") or self._counts
        return self._chunk(choices, self._usage() if is_new else None)

    # --- one event ---

    def _block(self, reason: str) -> list[ChunkChoice]:
        """End what is still coming, or the one choice of a prompt that was not answered."""
        ended = [each for each in self._candidates.values() if not each.has_ended]
        for candidate in ended:
            candidate.has_ended = True
        places = [each.index for each in ended] if self._candidates else [0]
        self._is_blocked = True
        return [
            ChunkChoice(ChoiceDelta(), place, "content_filter", native_finish_reason=reason)
            for place in places
        ]

    def _plain(self, payload: Any) -> Chunk | None:
        """What nearly every event of a stream is: a piece of text, and the counts so far."""
        if type(payload) is not _OBJECT or self._sent_counts is None:
            return None
        get = payload.get
        if get("responseId") != self._head[0] or get("createTime") != self._created:
            return None
        found = _plain_text(get("candidates")) if payload.keys() <= _PLAIN else None
        known = None if found is None else self._candidates.get(found[0])
        if found is None or known is None:
            return None
        index, text = found
        self.accumulator.add_piece(index, text)
        self._counts = get("usageMetadata") or self._counts
        known.say(text)
        return piece_chunk(self._head, text, None, None, index)

    def _read_candidate(self, fields: Fields, place: int) -> ChunkChoice:
        index = fields.optional_integer("index")
        if index is None:
            index = place
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = Candidate(index, self._context)
            self._candidates[index] = candidate
        return candidate.read(fields)

    def _read_head(self, payload: Mapping[str, Any]) -> None:
        fields = SideFields(payload, self._report)
        identifier, created, model = self._head
        time = fields.text("createTime")
        if time is not None and time != self._created:
            created, self._created = seconds_of(time), time
        identifier = fields.text("responseId") or identifier
        model = fields.text("modelVersion") or model
        self._head = (identifier, created, model)
        counts = fields.object("usageMetadata").payload
        extra = fields.others(*_READ)
        if counts and "serviceTier" not in counts and not _COUNTED & counts.keys():
            extra["usageMetadata"] = counts  # it counts nothing, and says how it was served
        self._extra |= extra

    def _usage(self) -> Usage | None:
        """The usage, where it is another than was said last."""
        if self._counts is self._sent_counts or self._counts is None:
            return None
        self._sent_counts = self._counts
        return usage_of(self._counts, self._report)

    def _chunk(self, choices: list[ChunkChoice], usage: Usage | None) -> Chunk:
        identifier, created, model = self._head
        tier = SideFields(self._counts).text("serviceTier")
        extra = {name: value for name, value in self._extra.items() if value is not None}
        return Chunk(
            choices, identifier, created, model, usage=usage, service_tier=tier, extra=extra
        )


def _plain_text(candidates: Any) -> tuple[int, str] | None:
    """The index and the text of a single candidate that has nothing else; None for any other."""
    if type(candidates) is not _ARRAY or len(candidates) != 1:
        return None
    candidate = candidates[0]
    if type(candidate) is not _OBJECT or not candidate.keys() <= _PLAIN_CANDIDATE:
        return None
    content, index = candidate.get("content"), candidate.get("index", 0)
    if type(content) is not _OBJECT or not content.keys() <= _PLAIN_CONTENT:
        return None
    parts = content.get("parts")
    if type(parts) is not _ARRAY or len(parts) != 1 or type(index) is not int:
        return None
    part = parts[0]
    text = part.get("text") if type(part) is _OBJECT and len(part) == 1 else None
    return (index, text) if type(text) is str and text else None


_COUNTED = frozenset({"promptTokenCount", "candidatesTokenCount", "totalTokenCount"})
