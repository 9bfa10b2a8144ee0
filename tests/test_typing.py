"""What type checkers see: ``stream=True`` is a stream, and its absence an answer.

``make types`` checks the assertions in the function below, which nothing runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import llmgate
from llmgate import Chunk, Client, Completion, Message, Stream, SyncStream

if TYPE_CHECKING:

    def parts(chunk: Chunk, response: Completion) -> None:
        logprobs = chunk.choices[0].logprobs
        assert logprobs is not None
        assert_type(logprobs.content, Any)
        assert_type(response, Completion[Any])
        assert_type(response.extra.citations, Any)
        assert_type(response.exchange.raw, bytes)
        Message("Hi", audio={"id": "a"}, annotations=[{"a": 1}], extra={"b": 2}).extra["c"] = 3

    async def calls(client: Client, messages: list[Any], stream: bool) -> None:
        assert_type(await client.acompletion("m", messages), Completion)
        assert_type(await client.acompletion("m", messages, stream=False), Completion)
        assert_type(await client.acompletion("m", messages, stream=True), Stream)
        assert_type(await client.acompletion("m", messages, stream=stream), Completion | Stream)
        assert_type(await llmgate.acompletion("m", messages), Completion)
        assert_type(await llmgate.acompletion("m", messages, stream=True, seed=1), Stream)
        assert_type(client.completion("m", messages), Completion)
        assert_type(client.completion("m", messages, stream=True), SyncStream)
        assert_type(client.completion("m", messages, stream=stream), Completion | SyncStream)
        assert_type(llmgate.completion("m", messages, n=2), Completion)
        assert_type(llmgate.completion("m", messages, stream=True), SyncStream)


def test_the_names_are_what_they_seem() -> None:
    """The lazily loaded names are the classes that the annotations mean."""
    assert "Completion" == Completion.__name__
    assert ("Stream", "SyncStream") == (Stream.__name__, SyncStream.__name__)
