"""Chunks from Gemini's streams; one decoder for each stream, which also reads whole responses.

A stream has no terminator: it ends with its bytes, and is whole where each candidate has a reason.
Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError
from llmgate.provider.framing import Frame
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import Fields, SideFields, add_frame, in_stream_error, read_json
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, Usage
from llmgate_gemini.response.candidate import Candidate, Context
from llmgate_gemini.response.errors import error_from_payload
from llmgate_gemini.response.framing import ContentFramer
from llmgate_gemini.response.parts import seconds_of, usage_of

__all__ = ["ContentDecoder"]

_READ = ("candidates", "usageMetadata", "modelVersion", "responseId")
_PLAIN = frozenset({*_READ, "createTime"})
_PLAIN_CANDIDATE = frozenset({"content", "index"})
_PLAIN_CONTENT = frozenset({"parts", "role"})


class ContentDecoder:
    """Reads one stream of responses.

    Args:
        context: What it has to know of the call.
    """

    def __init__(self, context: Context) -> None:
        self.framer = ContentFramer()
        self.finished = False
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
            return (self._plain(payload) or self.chunk(payload),)
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
        return self.end()

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
            self._is_blocked = True
            choices = [_blocked(blocked)]
        self._read_head(payload)
        is_new = self._sent_counts is None or any(choice.finish_reason for choice in choices)
        self._counts = payload.get("usageMetadata") or self._counts
        return self._chunk(choices, self._usage() if is_new else None)

    # --- one event ---

    def _plain(self, payload: Any) -> Chunk | None:
        """What nearly every event of a stream is: a piece of text, and the counts so far."""
        if not is_object(payload) or not payload.keys() <= _PLAIN or self._sent_counts is None:
            return None
        if payload.get("responseId") != self._head[0] or payload.get("createTime") != self._created:
            return None
        candidates = payload.get("candidates")
        if not is_array(candidates) or len(candidates) != 1 or not is_object(candidates[0]):
            return None
        candidate = candidates[0]
        content = candidate.get("content")
        if not candidate.keys() <= _PLAIN_CANDIDATE or not is_object(content):
            return None
        parts = content.get("parts")
        if not content.keys() <= _PLAIN_CONTENT or not is_array(parts) or len(parts) != 1:
            return None
        part = parts[0]
        if not is_object(part) or len(part) != 1 or type(text := part.get("text")) is not str:
            return None
        index = candidate.get("index", 0)
        known = self._candidates.get(index) if type(index) is int else None
        if known is None or not text:
            return None
        self._counts = payload.get("usageMetadata") or self._counts
        identifier, created, model = self._head
        return Chunk([known.say(text)], identifier, created, model)

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
        extra = fields.others(*_READ)
        counts = payload.get("usageMetadata")
        if is_object(counts) and "serviceTier" not in counts and not _COUNTED & counts.keys():
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


_COUNTED = frozenset({"promptTokenCount", "candidatesTokenCount", "totalTokenCount"})


def _blocked(reason: str) -> ChunkChoice:
    """The choice of a prompt that was not answered."""
    return ChunkChoice(
        ChoiceDelta(), 0, finish_reason="content_filter", native_finish_reason=reason
    )
