"""``mock_response``: a response without any request."""

from __future__ import annotations

from typing import Any

from llmgate_litellm import exceptions as theirs
from llmgate_litellm._arguments import Asked
from llmgate_litellm.types.utils import Choices, Message, ModelResponse, Usage

__all__ = ["mocked"]


def mocked(asked: Asked) -> ModelResponse:
    """The response that the caller made up.

    Raises:
        Exception: when that is an exception, or the name of one of litellm's.
    """
    given = asked.given["mock_response"]
    about = {"llm_provider": asked.provider, "model": asked.model}
    if isinstance(given, BaseException):
        if type(given).__module__ == theirs.__name__:
            raise given
        raise theirs.APIError(message=str(given), **about)
    if isinstance(given, str) and given.startswith("litellm."):
        kind: Any = getattr(theirs, given.removeprefix("litellm."), None)
        if kind is not None:
            raise kind(message=f"{given}: a mocked response", **about)
    if isinstance(given, ModelResponse):
        return given
    calls = asked.given.get("mock_tool_calls")
    return ModelResponse(
        model=asked.model,
        choices=[
            Choices(
                finish_reason="tool_calls" if calls else "stop",
                index=index,
                message=Message(content=str(given), tool_calls=calls),
            )
            for index in range(asked.given.get("n") or 1)
        ],
        usage=Usage(prompt_tokens=10, completion_tokens=20, total_tokens=30),
    )


def as_chunks(response: ModelResponse) -> list[Any]:
    """The same as llmgate's chunks, a few letters each."""
    from llmgate.types import ChoiceDelta, Chunk, ChunkChoice  # noqa: PLC0415 - for tests of users
    from llmgate.types import Usage as OurUsage  # noqa: PLC0415 - likewise

    chunks: list[Any] = []
    for choice in response.choices:
        text: str = choice.message.content or ""
        for start in range(0, len(text), 20):
            delta = ChoiceDelta(content=text[start : start + 20])
            chunks.append(Chunk([ChunkChoice(delta, index=choice.index)], id=response.id))
        last = ChunkChoice(ChoiceDelta(), index=choice.index, finish_reason="stop")
        chunks.append(Chunk([last], id=response.id))
    chunks.append(Chunk([], id=response.id, usage=OurUsage(10, 20, 30)))
    return chunks
