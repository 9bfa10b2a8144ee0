"""The events of a prediction's stream, and the one reply of a model that has none."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    LLMGateError,
    ProviderError,
    ResponseTooLargeError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import MAX_FRAME
from llmgate.provider.http import encode_json
from llmgate.testing.driving import read_stream
from llmgate.types import Chunk, Completion
from llmgate_replicate.response.parts import TextReader
from llmgate_replicate.response.stream import EventDecoder, WholeDecoder

PREDICTION: dict[str, Any] = {
    "id": "p1",
    "model": "acme/chat",
    "version": "hidden",
    "status": "starting",
    "logs": "",
    "output": None,
    "error": None,
    "created_at": "2024-10-04T18:07:33Z",
    "urls": {"stream": "https://stream.replicate.com/v1/files/x"},
}
DONE = ("done", "{}")


def events(*said: tuple[str, str]) -> bytes:
    """Server-sent events with ids and comments, as Replicate writes them."""
    written = [": hi\n\n"]
    for number, (name, text) in enumerate(said):
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        written.append(f"event: {name}\nid: 1698774369:{number}\n{lines}\n")
    return "".join(written).encode()


def read(body: bytes, **reading: Any) -> list[Chunk]:
    decoder = EventDecoder(PREDICTION, TextReader(**reading), model="asked/for")
    return read_stream(decoder, [body])


def whole(body: bytes, **reading: Any) -> Completion:
    return accumulate(read(body, **reading))


def test_a_stream_is_a_completion() -> None:
    """Text arrives as it is; the reason is that of the event done, kept beside OpenAI's word."""
    chunks = read(events(("output", " Hello"), ("output", ",\n"), ("output", "  there"), DONE))
    assert [" Hello", ",\n", "  there", None] == [c.choices[0].delta.content for c in chunks]
    assert {("p1", "acme/chat", 1728065253)} == {(c.id, c.model, c.created) for c in chunks}
    last = chunks[-1].choices[0]
    assert ("stop", "done") == (last.finish_reason, last.native_finish_reason)
    assert "assistant" == chunks[0].choices[0].delta.role


def test_what_the_prediction_says_is_kept() -> None:
    """Version and addresses are in ``extra``; what changes while it runs is not."""
    extra = whole(events(("output", "Hi"), DONE)).extra
    assert {"version", "urls", "created_at"} == extra.keys()


TEXTS: list[tuple[list[tuple[str, str]], str | None, str | None]] = [
    ([("output", "\n")], "\n", None),
    ([("output", "a"), ("output", "\n\n"), ("output", "b")], "a\n\nb", None),
    ([], None, None),
    (
        [("output", "<think>"), ("output", "Hm."), ("output", "</think>"), ("output", "Hi")],
        "Hi",
        "Hm.",
    ),
    ([("output", "{not JSON")], "{not JSON", None),
    ([("output", "ñ \U0001f600")], "ñ \U0001f600", None),
]


@pytest.mark.parametrize(("said", "text", "reasoning"), TEXTS)
def test_texts(said: list[tuple[str, str]], text: str | None, reasoning: str | None) -> None:
    """Line ends inside a token come as several lines of data, and are not lost."""
    message = whole(events(*said, DONE)).choices[0].message
    assert (text, reasoning) == (message.content, message.reasoning_content)


def test_logs_and_unknown_events_are_kept() -> None:
    """They are in ``extra``, in their order, and in no text."""
    body = events(("logs", "one"), ("output", "Hi"), ("logs", "two"), ("novel", "x"), DONE)
    completion = whole(body)
    assert "Hi" == completion.text
    assert ["one", "two"] == completion.extra["logs"]
    assert [{"event": "novel", "data": "x"}] == completion.extra["events"]


def test_what_the_last_event_adds_is_kept() -> None:
    """Fields that done may have one day are in ``extra``."""
    completion = whole(events(("output", "Hi"), ("done", '{"metrics": {"a": 1}}')))
    assert {"metrics": {"a": 1}} == completion.extra["done"]


def test_an_unknown_reason_is_kept_as_it_is() -> None:
    """OpenAI has no word for it."""
    choice = whole(events(("output", "Hi"), ("done", '{"reason": "novel"}'))).choices[0]
    assert ("other", "novel") == (choice.finish_reason, choice.native_finish_reason)


def test_a_stop_ends_the_stream() -> None:
    """What the model writes on is not read."""
    body = events(("output", "One E"), ("output", "ND two"), ("output", "three"))
    completion = whole(body, stops=["END"])
    assert "One " == completion.text
    assert "stop" == completion.choices[0].finish_reason


ERRORS: list[tuple[tuple[str, str], type[LLMGateError], str]] = [
    (("error", '{"detail": "Boom"}'), ServerError, "the prediction failed: Boom"),
    (("error", '"Boom"'), ServerError, "failed: Boom"),
    (("error", "Boom"), ServerError, "failed: Boom"),
    (("error", '{"detail": 5}'), ServerError, "detail"),
    (("done", '{"reason": "error"}'), ServerError, r"failed: .*prediction p1"),
    (("done", '{"reason": "canceled"}'), ProviderError, "was canceled"),
    (("done", "[]"), DecodeError, "not an object"),
    (("done", "x"), DecodeError, "JSON"),
]


@pytest.mark.parametrize(("event", "kind", "text"), ERRORS)
def test_errors_inside_a_stream(
    event: tuple[str, str], kind: type[LLMGateError], text: str
) -> None:
    """They are typed errors; another prediction is not made by itself, since it is billed."""
    with pytest.raises(kind, match=text) as caught:
        read(events(("output", "Hi"), event))
    if isinstance(caught.value, ProviderError):
        assert (True, False) == (caught.value.in_stream, caught.value.retryable)


@pytest.mark.parametrize(
    "body",
    [b"", b"data: {}\n\n", b"<html></html>", b'{"id": "x"}', events(("output", "Hi"))],
)
def test_a_stream_without_its_end_is_no_answer(body: bytes) -> None:
    """Half an answer is never passed off as whole."""
    with pytest.raises(StreamTruncatedError):
        read(body)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"busy", ServerError),
        (b'"busy"', ServerError),
        (b'{"detail": "busy"}', ServerError),
        (b"null", DecodeError),
        (b"[7", DecodeError),
    ],
)
def test_an_event_without_a_name_is_none_of_replicates(
    data: bytes, kind: type[LLMGateError]
) -> None:
    """What stands between may say in one what is wrong."""
    with pytest.raises(kind):
        read(b"data: " + data + b"\n\n" + events(("output", "Hi"), DONE))


def test_after_its_end_a_stream_has_no_more_to_say() -> None:
    """Closing what is whole is fine."""
    decoder = EventDecoder(PREDICTION, TextReader(), model="m")
    assert read_stream(decoder, [events(("output", "Hi"), DONE)])
    assert () == decoder.close()


def test_bytes_that_are_no_text_are_no_answer() -> None:
    """Broken UTF-8 is our error."""
    with pytest.raises(DecodeError, match="no text") as caught:
        read(b"event: output\ndata: \xff\n\n")
    assert b"\xff" == caught.value.frame


# --- without a stream ---------------------------------------------------------------------


def read_whole(pieces: list[bytes]) -> list[Chunk]:
    decoder = WholeDecoder(TextReader(), model="asked/for", limit=None)
    return read_stream(decoder, pieces)


def test_a_model_without_a_stream_gives_all_at_once() -> None:
    """One chunk holds the text, another the reason, the last the tokens."""
    metrics = {"input_token_count": 1, "output_token_count": 2}
    ended = {**PREDICTION, "status": "succeeded", "output": ["Hel", "lo"], "metrics": metrics}
    body = encode_json(ended)
    first, second, third = read_whole([body[:7], body[7:]])
    assert "Hello" == first.choices[0].delta.content
    assert "stop" == second.choices[0].finish_reason
    assert third.usage is not None
    assert 3 == third.usage.total_tokens
    assert "hidden" == accumulate([first, second, third]).extra["version"]


def test_a_prediction_that_did_not_come_is_no_answer() -> None:
    """Neither is half of one, or one that still runs."""
    with pytest.raises(StreamTruncatedError):
        read_whole([])
    for body in (encode_json(PREDICTION)[:20], encode_json(PREDICTION)):
        with pytest.raises(DecodeError):
            read_whole([body])


def test_a_prediction_that_never_ends_is_too_large() -> None:
    """The limit is that of any other event."""
    with pytest.raises(ResponseTooLargeError):
        read_whole([b" " * MAX_FRAME, b" "])
