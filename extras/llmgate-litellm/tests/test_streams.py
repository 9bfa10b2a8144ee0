"""Streams: their chunks, how they are read, and the response that is built of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import llmgate_litellm as litellm
from llmgate_litellm.litellm_core_utils.streaming_handler import StreamingChoices

Ask = Callable[..., Any]


def test_chunks(ask: Ask) -> None:
    """The role comes first and once; the reason comes last, without a text; no usage unasked."""
    stream = ask(stream=True)
    assert issubclass(type(stream), litellm.CustomStreamWrapper)
    assert not hasattr(stream, "__aiter__")
    chunks = [*stream]
    assert all(isinstance(chunk, litellm.ModelResponseStream) for chunk in chunks)
    assert not isinstance(chunks[0], litellm.ModelResponse)
    assert isinstance(chunks[0].choices[0], StreamingChoices)
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant"] + [None] * (
        len(chunks) - 1
    )
    assert (
        "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
        == "Good day."
    )
    assert [chunk.choices[0].finish_reason for chunk in chunks][-2:] == [None, "stop"]
    assert chunks[-1].choices[0].delta.content is None
    assert not any(hasattr(chunk, "usage") for chunk in chunks)


def test_usage_that_was_asked_for(ask: Ask) -> None:
    """One more chunk, whose only choice is empty."""
    *_, last = ask(stream=True, stream_options={"include_usage": True})
    assert last.usage.total_tokens == 12
    assert len(last.choices) == 1


def test_a_stream_is_taken_up_again(ask: Ask) -> None:
    """After ``break``; and one that is exhausted gives nothing."""
    stream = ask(stream=True)
    first = next(stream)
    assert [first, *stream][0] is first
    assert [*stream] == []
    assert iter(stream) is stream


def test_calls_in_a_stream(ask: Ask, server: Any) -> None:
    """Fragments with their index; the builder joins them."""
    server(server.answer(None, [("weather", {"city": "Oslo"}), ("time", {})]))
    chunks = [*ask(stream=True, stream_options={"include_usage": True})]
    whole = litellm.stream_chunk_builder(chunks)
    assert whole is not None
    choice: Any = whole.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [call.function.arguments for call in choice.message.tool_calls] == [
        '{"city": "Oslo"}',
        "{}",
    ]
    assert whole.usage.total_tokens == 12
    assert litellm.stream_chunk_builder([]) is None


def test_an_error_in_a_stream(ask: Ask, server: Any) -> None:
    """It is one of litellm's."""
    server((429, {"error": {"message": "slow down"}}))
    with pytest.raises(litellm.RateLimitError):
        ask(stream=True, num_retries=0)


async def test_async(server: Any) -> None:
    """The same chunks, awaited; the stream has only the async form."""
    stream: Any = await litellm.acompletion(
        "openai/x",
        [{"role": "user", "content": "Hi"}],
        api_key="k",
        api_base=server.address,
        stream=True,
    )
    assert not hasattr(stream, "__iter__")
    texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(texts) == "Good day."
    await stream.aclose()


def test_a_mocked_response() -> None:
    """No request is made: whole and in a stream, or an error."""
    messages = [{"role": "user", "content": "Hi"}]
    whole: Any = litellm.completion("openai/x", messages, mock_response="Hello.")
    assert whole.choices[0].message.content == "Hello."
    assert (whole.usage.prompt_tokens, whole.usage.total_tokens) == (10, 30)
    stream: Any = litellm.completion("openai/x", messages, mock_response="Hello.", stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Hello."
    with pytest.raises(litellm.RateLimitError):
        litellm.completion("openai/x", messages, mock_response="litellm.RateLimitError")
    with pytest.raises(litellm.APIError, match="made up"):
        litellm.completion("openai/x", messages, mock_response=ValueError("made up"))
