"""Recorded traffic of OpenAI and of hosts that speak its format: nothing of it is lost.

The recordings lie beside the repository and are never copied into it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llmgate import Client
from llmgate.errors import LLMGateError, StreamTruncatedError, error_class
from llmgate.options import ChatParameters
from llmgate.provider.accumulate import Accumulator, accumulate
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion
from llmgate_openai import ChatDecoder, OpenAI, chat_error, decode

_FAMILIES = (
    "openai azure_openai mistral groq deepseek together openrouter xai fireworks perplexity "
    "cerebras vllm local_openai_compat other_openai_compat"
)
_HERE = Path(__file__).parent
_CORPUS = _HERE.parents[3] / "shared" / "corpus" / "dev"
_NOTES = json.loads((_HERE / "corpus_notes.json").read_text("utf-8"))

if not _CORPUS.is_dir():
    if os.environ.get("CI") == "true":
        pytest.fail(f"the recordings are missing: {_CORPUS}", pytrace=False)
    pytest.skip("the recordings are not beside the repository", allow_module_level=True)


class _Recording:
    """One recorded exchange."""

    def __init__(self, path: Path) -> None:
        recorded = json.loads(path.read_text("utf-8"))
        self.name: str = recorded["id"]
        self.family = path.parent.name
        self.is_openai = recorded["provider"] == "openai"
        self.sent: Any = recorded["request"].get("body")
        response = recorded["response"]
        self.status: int = response["status"]
        self.body: Any = response.get("body")
        text = response["text"] if "text" in response else json.dumps(self.body)
        self.reply = HttpResponse(self.status, response["headers"], text.encode())
        asked = is_object(self.sent) and bool(self.sent.get("stream"))
        kind = response["headers"].get("content-type", "")
        self.is_stream = self.status == 200 and (asked or "event-stream" in kind)

    def frames(self) -> list[Frame]:
        """The events of the stream, without the terminator."""
        framer = SSEFramer()
        frames = [*framer.feed(self.reply.body), *framer.close()]
        return [frame for frame in frames if frame.data.strip() != b"[DONE]"]

    def chunks(self) -> list[Chunk]:
        """The whole stream, decoded."""
        return _read(self.reply.body, len(self.reply.body))

    def answer(self) -> Completion:
        """What the exchange gave."""
        return accumulate(self.chunks()) if self.is_stream else decode(self.reply, "7")


def _read(data: bytes, size: int) -> list[Chunk]:
    """A stream that arrives in pieces of this size."""
    decoder = ChatDecoder("7")
    chunks: list[Chunk] = []
    for start in range(0, len(data), size):
        for frame in decoder.framer.feed(data[start : start + size]):
            if not decoder.finished:
                chunks += decoder.feed(frame)
    for frame in decoder.framer.close():
        chunks += decoder.feed(frame)
    return [*chunks, *decoder.close()]


_RECORDINGS = [
    _Recording(path)
    for family in _FAMILIES.split()
    for path in sorted((_CORPUS / family).glob("*-chat-completions-*.json"))
]
_ANSWERED = [
    recording
    for recording in _RECORDINGS
    if recording.status == 200 and recording.name not in _NOTES["not an answer"]
]


_FIRST = {
    (recording.family, recording.status, recording.is_stream): recording
    for recording in reversed(_RECORDINGS)
}.values()
"""One of each kind; the others take the same ways."""


def _each(recordings: list[_Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "recording",
        [
            pytest.param(each, marks=() if each in _FIRST else pytest.mark.exhaustive, id=each.name)
            for each in recordings
        ],
    )


# --- nothing is lost ------------------------------------------------------------------------


def _lost(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """The places where what we made of a reply does not say what was recorded."""
    if is_object(recorded) and is_object(ours):
        for key, value in recorded.items():
            yield from _lost_field(key, value, ours, f"{path}.{key}")
    elif is_array(recorded) and is_array(ours) and len(recorded) == len(ours):
        for number, (value, mine) in enumerate(zip(recorded, ours, strict=True)):
            yield from _lost(value, mine, f"{path}[{number}]")
    elif recorded != ours:
        yield f"{path}: {recorded!r:.60} is {ours!r:.60}"


_NO_CALL = {"arguments": "", "name": ""}
"""What some hosts write beside each text."""


def _lost_field(key: str, value: Any, ours: dict[str, Any], path: str) -> Iterator[str]:
    """The same for one field, with what is said in another way."""
    mine = ours.get(key)
    says_nothing = value is None or value in ("", [], {}, _NO_CALL)
    if key == "finish_reason" and value:
        mine = ours.get("native_finish_reason") if mine != value else value
    elif path.endswith((".message.content", ".delta.content")) and is_array(value):
        mine = ours.get("content_parts")
    elif path == ".created" and isinstance(value, float):
        value = int(value)
    elif key == "completion_tokens" and mine != value:  # the host counts reasoning beside it
        value = ours["total_tokens"] - ours["prompt_tokens"]
    elif key == "prompt_tokens" and mine != value:  # the host counts audio beside it
        value += ours["prompt_tokens_details"]["audio_tokens"]
    elif key == "arguments" and not isinstance(value, str):
        mine = json.loads(mine or "null")
    elif key == "obfuscation" or (key == "message" and "delta" in ours):
        return  # padding; Perplexity's answer so far
    if not (says_nothing and (not mine or mine == "{}")):
        yield from _lost(value, mine, path)


@_each([recording for recording in _ANSWERED if not recording.is_stream])
def test_a_whole_reply_is_read_without_loss(recording: _Recording) -> None:
    """Every field of the reply is in the completion, known or not."""
    assert [] == list(_lost(recording.body, recording.answer().model_dump()))


@_each([recording for recording in _ANSWERED if recording.is_stream])
def test_a_stream_is_read_without_loss(recording: _Recording) -> None:
    """Every field of every event is in its chunk, and the chunks make the whole text."""
    events = [json.loads(frame.data) for frame in recording.frames()]
    chunks = recording.chunks()
    for event, chunk in zip(_without_repetitions(events), chunks, strict=False):
        assert [] == list(_lost(event, chunk.model_dump()))
    assert _texts_of(events) == {
        choice.index: choice.message.content or "" for choice in accumulate(chunks).choices
    }
    usages = [event["usage"] for event in events if event.get("usage")]
    if usages:
        usage = accumulate(chunks).usage
        assert usage is not None
        assert [] == list(_lost(usages[-1], usage.model_dump()))


@_each([recording for recording in _ANSWERED if recording.is_stream])
def test_a_decoder_adds_what_its_chunks_add_up_to(recording: _Recording) -> None:
    """It does so as it reads; nobody has to read the chunks again."""
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    for frame in [*decoder.framer.feed(recording.reply.body), *decoder.framer.close()]:
        if not decoder.finished:
            decoder.feed(frame)
    assert accumulator.completion() == recording.answer()


def _without_repetitions(events: Iterable[Any]) -> list[Any]:
    """The events without what a tool call had before: its id and name are given once.

    An empty object for arguments is given at the end, when nothing else has come.
    """
    seen = set[tuple[Any, Any]]()
    reduced: list[Any] = json.loads(json.dumps([*events]))
    for choice in [choice for event in reduced for choice in event.get("choices") or ()]:
        delta: Any = choice.get("delta") or {}
        calls: list[Any] = delta.get("tool_calls") or []
        for call in calls:
            key = (choice.get("index"), call.get("index"))
            function: dict[str, Any] = call.get("function") or {}
            if function.get("arguments") == "{}":
                del function["arguments"]
            if key in seen:
                call.pop("id", None)
                call.pop("type", None)
                function.pop("name", None)
            seen.add(key)
    return reduced


def _texts_of(events: list[Any]) -> dict[int, str]:
    """The texts as the simplest reader would join them."""
    texts: dict[int, str] = {}
    for event in events:
        choices: list[Any] = event.get("choices") or []
        for choice in choices:
            delta: Any = choice.get("delta") or {}
            content: Any = delta.get("content") or ""
            if is_array(content):
                content = "".join(part.get("text", "") for part in content)
            texts[choice.get("index", 0)] = texts.get(choice.get("index", 0), "") + content
    return texts


@_each(_ANSWERED)
def test_every_call_is_valid(recording: _Recording) -> None:
    """Each call has an id, a name and arguments, and whoever calls says so."""
    for choice in recording.answer().choices:
        calls = choice.message.tool_calls or []
        assert all(call.id and call.function and call.function.name for call in calls)
        assert not calls or choice.finish_reason in ("tool_calls", "length", None)


@_each([recording for recording in _ANSWERED if recording.is_openai])
def test_the_vendors_own_sdk_reads_the_same(recording: _Recording) -> None:
    """The OpenAI package makes the same of OpenAI's replies."""
    if recording.is_stream:
        ours: list[Any] = list(recording.chunks())
        events = [json.loads(frame.data) for frame in recording.frames()]
        theirs: list[Any] = [
            ChatCompletionChunk.model_validate(event) for event in _without_repetitions(events)
        ]
    else:
        ours, theirs = [recording.answer()], [ChatCompletion.model_validate(recording.body)]
    assert len(theirs) == len(ours)
    for their, our in zip(theirs, ours, strict=True):
        dumped = their.model_dump(exclude_none=True, mode="json")
        assert [] == list(_lost(dumped, our.model_dump()))


# --- streams --------------------------------------------------------------------------------


@_each([recording for recording in _ANSWERED if recording.is_stream])
def test_a_stream_that_is_cut_is_no_answer(recording: _Recording) -> None:
    """Up to the first finish reason, no beginning of a stream passes for the whole."""
    decoder = ChatDecoder("7")
    for frame in recording.frames():
        with pytest.raises(StreamTruncatedError):
            _ = decoder.close()
        choices: list[Any] = json.loads(frame.data).get("choices") or []
        if any(choice.get("finish_reason") for choice in choices):
            break
        _ = decoder.feed(frame)


# --- errors ---------------------------------------------------------------------------------


@_each([recording for recording in _RECORDINGS if recording.status >= 400])
def test_an_error_has_its_class_by_status(recording: _Recording) -> None:
    """Recorded errors are those of their status, or say more than it."""
    error = chat_error(recording.reply)
    assert issubclass(type(error), error_class(recording.status))
    assert error.message


@_each([item for item in _RECORDINGS if item.name in _NOTES["not an answer"]])
def test_an_error_with_status_200_is_raised(recording: _Recording) -> None:
    """What the notes say is no answer is the error that they name."""
    with pytest.raises(LLMGateError) as caught:
        recording.answer()
    assert _NOTES["not an answer"][recording.name][0] == type(caught.value).__name__


# --- requests -------------------------------------------------------------------------------


@_each([item for item in _RECORDINGS if is_object(item.sent) and "messages" in item.sent])
async def test_a_recorded_request_is_sent_again(recording: _Recording) -> None:
    """The same call through the client sends the same body, but for what the report names."""
    transport = CannedTransport([Canned(recording.status, body=recording.reply.body)])
    base_url = None if recording.is_openai else "https://compatible.invalid/v1"
    provider = with_transport(OpenAI(api_key="sk-test", base_url=base_url), transport)
    async with Client(providers={"openai": provider}, max_retries=0) as client:
        reported = await _called(client, recording.sent)
    if recording.name in _NOTES["refused before sending"]:
        assert [] == transport.requests
        return
    (request,) = transport.requests
    sent: dict[str, Any] = json.loads(request.body)
    expected: dict[str, Any] = {"model": "m", **recording.sent}
    if not expected.get("stream"):
        expected.pop("stream", None)
    sent["messages"] = _without_nulls(sent["messages"])
    expected["messages"] = _without_nulls(expected["messages"])
    missing = object()
    differing = {
        key for key in {*sent, *expected} if sent.get(key, missing) != expected.get(key, missing)
    }
    assert set() == {key for key in differing if not any(each.startswith(key) for each in reported)}


def _without_nulls(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages without what says nothing by being null."""
    return [{k: value for k, value in message.items() if value is not None} for message in messages]


async def _called(client: Client, body: dict[str, Any]) -> list[str]:
    """Make the call of a recorded body; the paths of its report."""
    known = ChatParameters.__annotations__
    parameters = {key: value for key, value in body.items() if key in known and value is not None}
    named = {"model", "messages", "stream", *parameters}
    rest = {key: value for key, value in body.items() if key not in named}
    model, is_stream = f"openai/{body.get('model') or 'm'}", bool(body.get("stream"))
    call: Any = client.acompletion
    try:
        answer = await call(
            model, body["messages"], stream=is_stream, extra_body=rest, **parameters
        )
        if is_stream:
            await answer.completion()
    except LLMGateError as error:
        return [deviation.path for deviation in error.report or ()]
    return [deviation.path for deviation in answer.report]
