"""The example of docs/middleware.md: addresses leave in no request, and come back in every way."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.errors import StreamTruncatedError
from llmgate.hooks import CallEnded
from llmgate.middleware import Middleware
from llmgate.testing import Canned, CannedTransport, FakeProvider
from llmgate.types import Function, ToolCall
from tests.faults.calls import Recorder
from tests.plain_provider import PlainProvider
from tests.test_docs import ROOT, run_in_order

ADA, BOB = "ada@example.com", "bob.b+c@mail.example.org"
ASKED: list[Any] = [
    {"role": "system", "content": f"You write for {BOB}."},
    {"role": "user", "content": f"Write to {ADA} and to {BOB}."},
]
WRITTEN, RESTORED = "Dear [EMAIL_2], dear [EMAIL_1] [1]", f"Dear {ADA}, dear {BOB} [1]"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """The names of the page, whose examples were run."""
    return asyncio.run(run_in_order(ROOT / "docs" / "middleware.md"))


@pytest.fixture
def hiding(example: dict[str, Any]) -> Middleware:
    """The middleware of the page."""
    made: Middleware = example["HideEmails"]()
    return made


def test_the_page_s_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    """With what the text says."""
    asyncio.run(run_in_order(ROOT / "docs" / "middleware.md"))
    shown, sent = capsys.readouterr().out.splitlines()
    assert "Dear ada@example.com, … ['Dear ', 'ada@example.com, ', '…']" == shown
    assert "Write to [EMAIL_1]." in sent


async def ask(
    hiding: Middleware, answer: Any, messages: Any = ASKED, *, stream: bool = False, **options: Any
) -> Any:
    """What comes back, and what was sent."""
    provider = FakeProvider([answer])
    async with Client(providers={"fake": provider}, middleware=[hiding]) as client:
        called = await client.acompletion("fake/m", messages, stream=stream, **options)
        completion = await called.completion() if isinstance(called, Stream) else called
    [request] = provider.transport.requests
    return completion, json.loads(request.body)


# --- whole responses ---


async def test_a_whole_response(hiding: Middleware) -> None:
    """The provider sees placeholders, the same for the same address; the caller sees addresses."""
    completion, sent = await ask(hiding, WRITTEN, user=ADA, seed=1)
    assert RESTORED == completion.text
    assert ["You write for [EMAIL_1].", "Write to [EMAIL_2] and to [EMAIL_1]."] == [
        message["content"] for message in sent["conversation"]
    ]
    assert {"user": "[EMAIL_2]", "seed": 1} == sent["with"]
    assert RESTORED in repr(completion)


async def test_addresses_in_calls_of_tools(hiding: Middleware) -> None:
    """Those that the model makes, and those of the history with their results."""
    call = ToolCall("1", Function("send", '{"to": "[EMAIL_1]"}'))
    history: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": f"To {ADA}"}]},
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "0",
                    "type": "function",
                    "function": {"name": "find", "arguments": json.dumps({"of": ADA})},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "0", "content": f"found {ADA}"},
    ]
    completion, sent = await ask(hiding, call, history)
    assert "@" not in json.dumps(sent)
    [made] = completion.choices[0].message.tool_calls
    assert {"to": ADA} == made.function.parse_arguments()
    _, sent_again = await ask(hiding, "ok", [*history, completion.choices[0].message])
    assert sent["conversation"] == sent_again["conversation"][:-1]
    assert "@" not in json.dumps(sent_again)


async def test_the_prompt_s_own_words_are_no_placeholders(hiding: Middleware) -> None:
    """Somebody may write about them."""
    messages = [{"role": "user", "content": f"Is [EMAIL_1] a placeholder for {ADA}?"}]
    completion, sent = await ask(hiding, "[EMAIL_1] is not [EMAILX_1]", messages)
    assert "Is [EMAIL_1] a placeholder for [EMAILX_1]?" == sent["conversation"][0]["content"]
    assert f"[EMAIL_1] is not {ADA}" == completion.text


async def test_what_is_watched_stays_as_it_was_sent(hiding: Middleware) -> None:
    """Logs have no addresses either."""
    recorder = Recorder()
    for stream in (False, True):
        await ask(hiding, WRITTEN, hooks=[recorder], stream=stream)
    ended = recorder.all(CallEnded)
    assert [WRITTEN, WRITTEN] == [event.completion.text for event in ended]


# --- streams ---

SAYINGS = {WRITTEN: RESTORED, "To [EMAIL_1]": f"To {BOB}", "[EMAIL_2][EMAIL_1]": ADA + BOB}


def cuts_of(text: str) -> list[tuple[int, ...]]:
    """Every place, every two places of its first words, and all places at once."""
    each = [(cut,) for cut in range(len(text))]
    return [*each, *itertools.combinations(range(1, 18), 2), tuple(range(1, len(text)))]


def pieces(text: str, cuts: tuple[int, ...]) -> list[str]:
    """A text, cut there."""
    places = [0, *cuts, len(text)]
    return [text[start:end] for start, end in itertools.pairwise(places)]


def streamed(lines: list[dict[str, Any]], **how: Any) -> Canned:
    """A stream of the fake provider."""
    return Canned(body=[json.dumps(line).encode() + b"\n" for line in lines], **how)


@pytest.mark.parametrize(("written", "restored"), SAYINGS.items(), ids=SAYINGS)
async def test_a_stream_that_is_cut_anywhere(
    hiding: Middleware, written: str, restored: str
) -> None:
    """At one place or two, and into single characters."""
    for cuts in cuts_of(written):
        lines: list[dict[str, Any]] = [{"say": piece} for piece in pieces(written, cuts)]
        completion, _ = await ask(hiding, streamed([*lines, {"end": "done"}]), stream=True)
        assert restored == completion.text, cuts


@pytest.mark.parametrize("text", ["[", "a [EM", "[EMAIL_1", "[EMAIL_9]", "[[EMAIL_2", ""])
async def test_what_only_looks_like_a_placeholder(hiding: Middleware, text: str) -> None:
    """It comes at the end as it was written, before or with the finish reason."""
    for lines in ([{"say": text}, {"end": "done"}], [{"say": text, "end": "done"}]):
        completion, _ = await ask(hiding, streamed([*lines]), stream=True)
        assert text == (completion.text or "")
        assert "stop" == completion.choices[0].finish_reason


async def test_a_truncated_stream_delivers_what_was_held_back(hiding: Middleware) -> None:
    """And the error has the completion so far, with addresses."""
    provider = FakeProvider([streamed([{"say": "Dear [EMAIL_2], [EMA"}])])
    async with Client(providers={"fake": provider}, middleware=[hiding]) as client:
        stream = await client.acompletion("fake/m", ASKED, stream=True)
        got = list[str]()
        with pytest.raises(StreamTruncatedError) as caught:
            await take(stream.text(), got)
    assert f"Dear {ADA}, [EMA" == "".join(got)
    assert caught.value.partial is not None
    assert f"Dear {ADA}, [EMA" == caught.value.partial.text


async def take(texts: Any, into: list[str]) -> None:
    """Take everything."""
    async for text in texts:
        into.append(text)  # noqa: PERF401 - it is interrupted


async def test_a_streamed_call_of_a_tool(hiding: Middleware) -> None:
    """Its arguments may be cut within a placeholder, and end with what looks like one."""
    arguments = '{"to": "[EMAIL_1]", "list": [1], "x": "[E'
    for cut in range(1, len(arguments)):
        lines: list[dict[str, Any]] = [
            {"calls": [{"index": 0, "id": "1", "function": {"name": "send"}}]},
            {"calls": [{"index": 0, "function": {"arguments": arguments[:cut]}}]},
            {"calls": [{"index": 0, "function": {"arguments": arguments[cut:]}}]},
            {"end": "calls"},
        ]
        completion, _ = await ask(hiding, streamed(lines), stream=True)
        [made] = completion.choices[0].message.tool_calls
        assert arguments.replace("[EMAIL_1]", BOB) == made.function.arguments, cut


CUSTOM = {"id": "1", "type": "custom", "custom": {"name": "f", "input": "[EMAIL_1]"}}
EVENTS: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "a [EMAIL"}}]},
    {"choices": [{"index": 1, "delta": {"content": "b [EMAIL_2"}}]},
    {"choices": [{"index": 0, "delta": {"content": "_1]"}}]},
    {"choices": [{"index": 1, "delta": {"content": "]"}}, {"index": 0, "delta": {"content": "["}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "[EM"}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **CUSTOM}]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]},
]


async def test_several_choices_and_texts_at_once(hiding: Middleware) -> None:
    """Each has an end of its own that is held back."""
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS)
    canned = Canned(headers={"content-type": "text/event-stream"}, body=body + b"data: [DONE]\n\n")
    providers, transport = {"openai": PlainProvider(api_key="k")}, CannedTransport([canned])
    async with Client(providers=providers, transport=transport, middleware=[hiding]) as client:
        stream = await client.acompletion("openai/m", ASKED, stream=True, n=2)
        completion = await stream.completion()
    first, second = (choice.message for choice in completion.choices)
    assert (f"a {BOB}[", f"b {ADA}", "[EM") == (
        first.content,
        second.content,
        first.reasoning_content,
    )


# --- embeddings ---


async def test_embeddings(hiding: Middleware) -> None:
    """Texts have placeholders; token ids are nobody's address."""
    canned = Canned.json({"object": "list", "data": [{"index": 0, "embedding": [0.5]}]})
    transport = CannedTransport([canned, canned])
    providers = {"openai": PlainProvider(api_key="k")}
    async with Client(providers=providers, transport=transport, middleware=[hiding]) as client:
        made = await client.aembedding("openai/e", [f"Mail of {ADA}"])
        await client.aembedding("openai/e", [1, 2, 3])
    sent = [json.loads(request.body)["input"] for request in transport.requests]
    assert [["Mail of [EMAIL_1]"], [[1, 2, 3]]] == sent
    assert [[0.5]] == made.vectors


def test_the_example_is_short() -> None:
    """It can be read in a few minutes."""
    page = (Path(ROOT) / "docs" / "middleware.md").read_text(encoding="utf-8")
    code = page.partition("class HideEmails")[2].partition("```")[0]
    assert code.count("\n") < 130
