"""The fake provider, in the place of a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from llmgate import Client
from llmgate.errors import (
    AuthenticationError,
    ContextWindowError,
    DecodeError,
    LLMGateError,
    RequestError,
)
from llmgate.testing import Canned, FakeProvider
from llmgate.testing.script import Answer
from llmgate.types import Completion, CustomCall, Function, ToolCall

USER = [{"role": "user", "content": "Hi"}]
CALL = ToolCall("c1", Function("add", '{"a": 1}'))


def ask(provider: FakeProvider, times: int = 1, *, stream: bool = False) -> list[Completion]:
    """The answers to as many calls."""

    async def answer(client: Client) -> Completion:
        if not stream:
            return await client.acompletion("fake/fake-1", USER, temperature=0.5)
        return await (await client.acompletion("fake/fake-1", USER, stream=True)).completion()

    async def run() -> list[Completion]:
        async with Client(providers={"fake": provider}, max_retries=0) as client:
            return [await answer(client) for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "text", "calls", "reason"),
    [
        ("Hi there", "Hi there", None, "stop"),
        (CALL, "", [CALL], "tool_calls"),
        (["Let me ", "see.", CALL], "Let me see.", [CALL], "tool_calls"),
    ],
)
def test_answers_as_it_is_told(
    answer: Answer, text: str, calls: Sequence[ToolCall] | None, reason: str, stream: bool
) -> None:
    """Texts and tool calls come as they stand in the script, whole or streamed, with usage."""
    (completion,) = ask(FakeProvider([answer]), stream=stream)
    choice = completion.choices[0]
    assert (text, calls, reason) == (
        completion.text,
        choice.message.tool_calls,
        choice.finish_reason,
    )
    assert completion.usage is not None
    assert len(text.split()) == completion.usage.completion_tokens


def test_shows_what_was_sent() -> None:
    """The requests are there to look at, and the key is in none of their texts."""
    provider = FakeProvider(["one", "two"], api_key="a-secret-key")
    assert ["one", "two"] == [completion.text for completion in ask(provider, 2)]
    first, second = provider.transport.requests
    assert first == second
    expected = {"model": "fake-1", "conversation": USER, "with": {"temperature": 0.5}}
    assert expected == json.loads(first.body)
    assert "a-secret-key" not in f"{provider!r}{vars(provider)!r}{first!r}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ContextWindowError("too long"), ContextWindowError),
        (Canned(401, body=b"no"), AuthenticationError),
        (Canned(body=b"5\n"), DecodeError),
    ],
)
def test_fails_as_it_is_told(answer: Answer, expected: type[LLMGateError], stream: bool) -> None:
    """An error in the script is raised, and a reply is read like any other."""
    with pytest.raises(expected):
        ask(FakeProvider([answer]), stream=stream)


def test_says_when_the_script_is_over() -> None:
    """A call too many is an error of the test, which says so."""
    with pytest.raises(RequestError, match="no answer left"):
        ask(FakeProvider())


def test_knows_no_custom_tools() -> None:
    """Its wire format has functions only."""
    with pytest.raises(RequestError, match="functions only"):
        ask(FakeProvider([ToolCall("c", custom=CustomCall("run", "ls"), type="custom")]))


@pytest.mark.parametrize(
    "reply",
    [
        b"[]",
        b'{"end": "done"}',
        b'{"say": 5}',
        b'{"say": "x", "tokens": 5}',
        b'{"calls": [5]}',
    ],
)
def test_refuses_what_is_no_answer(reply: bytes) -> None:
    """A reply of the wrong shape is no answer."""
    with pytest.raises(DecodeError):
        ask(FakeProvider([Canned(body=reply)]))
