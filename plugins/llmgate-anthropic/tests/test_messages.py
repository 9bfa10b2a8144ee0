"""Messages as the Messages API takes them."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_anthropic import Anthropic
from tests.integration.anthropic_calls import HELLO, OPUS, encoded

SYSTEM: Any = {"role": "system", "content": "In French."}
CALL: Any = {
    "role": "assistant",
    "tool_calls": [
        {"id": "call.1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    ],
}
RESULT: Any = {"role": "tool", "tool_call_id": "call.1", "content": "Noon"}


def text(said: str) -> dict[str, str]:
    """A block of text."""
    return {"type": "text", "text": said}


USE: Any = {"type": "tool_use", "id": "call_1", "name": "now", "input": {}}
NOON: Any = {"type": "tool_result", "tool_use_id": "call_1", "content": "Noon"}
ASK: Any = {"role": "user", "content": [text("Hello")]}


@pytest.mark.parametrize(
    ("messages", "turns", "system", "report"),
    [
        (
            [*HELLO, *HELLO],
            [{"role": "user", "content": [text("Hello"), text("Hello")]}],
            None,
            [("merged", "messages[1]")],
        ),
        (
            [*HELLO, {"role": "user", "content": " "}],
            [ASK],
            None,
            [("dropped", "messages[1].content")],
        ),
        (
            [*HELLO, {"role": "assistant", "content": "Hi "}],
            [ASK, {"role": "assistant", "content": [text("Hi")]}],
            None,
            [("converted", "messages[1].content")],
        ),
        (
            [*HELLO, SYSTEM],
            [ASK],
            [text("In French.")],
            [("converted", "messages[1]")],
        ),
        (
            [{**HELLO[0], "name": "Ann"}],
            [ASK],
            None,
            [("dropped", "messages[0].name")],
        ),
        (
            [*HELLO, {"role": "assistant", "refusal": "No."}, *HELLO],
            [ASK, {"role": "assistant", "content": [text("No.")]}, ASK],
            None,
            [("converted", "messages[1].refusal")],
        ),
        (
            [*HELLO, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}, *HELLO],
            [ASK, {"role": "assistant", "content": [text("Hi")]}, ASK],
            None,
            [("dropped", "messages[1].reasoning_content")],
        ),
        (
            [*HELLO, CALL, HELLO[0], RESULT],
            [
                ASK,
                {"role": "assistant", "content": [USE]},
                {"role": "user", "content": [NOON, text("Hello")]},
            ],
            None,
            [
                ("converted", "messages[1].tool_calls[0].id"),
                ("converted", "messages[3].tool_call_id"),
                ("merged", "messages[3]"),
            ],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": "https://a.example", "detail": "low"},
                        }
                    ],
                }
            ],
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "url", "url": "https://a.example"}}
                    ],
                }
            ],
            None,
            [("dropped", "messages[0].content[0].image_url.detail")],
        ),
    ],
)
def test_message_that_is_not_sent_as_given_is_reported(
    messages: Any, turns: Any, system: Any, report: Any, provider: Anthropic
) -> None:
    """Turns are as Anthropic wants them, and the report names what was moved, joined or dropped."""
    body, found = encoded(provider, messages)
    assert turns == body["messages"]
    assert system == body.get("system")
    assert report == found


@pytest.mark.parametrize(
    ("messages", "is_inline"),
    [
        ([*HELLO, SYSTEM], True),
        ([*HELLO, SYSTEM, SYSTEM], True),
        ([*HELLO, SYSTEM, {"role": "assistant", "content": "Oui."}, *HELLO], True),
        ([*HELLO, SYSTEM, *HELLO], False),
        ([*HELLO, {"role": "assistant", "content": "Hi."}, SYSTEM, *HELLO], False),
    ],
)
def test_instructions_keep_their_place_where_the_model_takes_them(
    messages: Any, is_inline: bool, provider: Anthropic
) -> None:
    """A system message stays after the user's turn and before an answer; else it moves."""
    body, _ = encoded(provider, messages, model=OPUS)
    roles = [turn["role"] for turn in body["messages"]]
    assert is_inline == ("system" in roles) == ("system" not in body)
