"""Responses in the other framing: events in place of a whole, terminators in other spellings.

Only what is unmistakable is read; what it means is the provider's decoder's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from llmgate.errors import StreamTruncatedError

if TYPE_CHECKING:
    from llmgate.provider.accumulate import Accumulator
    from llmgate.provider.contract import Decoder
    from llmgate.provider.framing import Frame, Framer
    from llmgate.types import Chunk, Completion

__all__ = ["completion_of_events", "is_done_mark", "is_event_stream", "without_terminator"]

_EVENT_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")
_DATA = re.compile(rb"^data:", re.MULTILINE)
_TERMINATOR = re.compile(rb"[\r\n]\s*data: ?(\S+)\s*\Z")


def is_done_mark(data: bytes) -> bool:
    """Whether the data of an event is ``[DONE]``, in quotes or small letters as well."""
    return data.strip().strip(b"\"'").upper() == b"[DONE]"


def is_event_stream(body: bytes) -> bool:
    """Whether a body consists of server-sent events: no JSON begins as these do."""
    is_object = body.startswith(b"{")  # nearly always, and known sooner than by the pattern
    return not is_object and bool(_EVENT_FIELD.match(body) and _DATA.search(body))


def without_terminator(body: bytes) -> bytes:
    """A body without the ``data: [DONE]`` that some hosts write behind a whole response."""
    found = _TERMINATOR.search(body, max(0, len(body) - _MAX_TERMINATOR))
    return body[: found.start()] if found and is_done_mark(found[1]) else body


_MAX_TERMINATOR = 64


def completion_of_events(body: bytes, decoder: Decoder[Chunk]) -> Completion:
    """The completion that the events of a whole body add up to.

    Raises:
        ProviderError: for an error among them.
        DecodeError: for an event that cannot be read.
        StreamTruncatedError: when the terminator never came; ``partial`` is what did.
    """
    from llmgate.provider.accumulate import Accumulator  # noqa: PLC0415 - rarely needed

    accumulator = Accumulator()
    try:
        _feed(body, decoder, accumulator)
    except StreamTruncatedError as error:
        error.partial = None if accumulator.is_empty else accumulator.completion()
        raise
    return accumulator.completion()


def _feed(body: bytes, decoder: Decoder[Chunk], accumulator: Accumulator) -> None:
    framer = decoder.framer
    for frame in _frames(body, framer):  # each is decoded before the next is asked for
        for chunk in decoder.feed(frame):
            accumulator.add(chunk)
        if decoder.finished:
            return
    for chunk in decoder.close():
        accumulator.add(chunk)


def _frames(body: bytes, framer: Framer) -> Iterator[Frame]:
    yield from framer.feed(body)
    yield from framer.close()
