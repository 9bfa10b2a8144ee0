"""The usage of a stream, at every provider: what limits count, whole or streamed."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client, Completion
from llmgate.middlewares.limits import Limit, Limits
from llmgate.testing import server

HI: Any = [{"role": "user", "content": "The capital of France?"}]
SHAPES = ["openai", "anthropic", "gemini", "cohere", "ollama"]


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_stream_uses_what_the_same_call_uses_whole(shape: str) -> None:
    """Its usage, its cost, and what counts of it in limits: each token once."""
    spent, usages = list[int](), list[Any]()
    prices = {f"{shape}/*": {"input": 1000, "output": 2000}}
    for stream in (False, True):
        limits = Limits(Limit(spend=100, per=1e9, by=""))
        with server(["Paris, of course."]) as mock:
            async with Client(middleware=[limits], prices=prices) as client:
                found = await client.acompletion(
                    f"{shape}/mock-1",
                    HI,
                    stream=stream,
                    base_url=mock.base_url(shape),
                    api_key="sk-1",
                )
                whole = found if isinstance(found, Completion) else await found.completion()
        assert whole.usage is not None
        store: Any = limits._store
        group = store._groups[0, ""]
        assert 0 == group.reserved
        spent.append(group.spent)
        usages.append((whole.usage.prompt_tokens, whole.usage.completion_tokens))
        prompt, completion = usages[-1]
        assert (prompt + 2 * completion) * 1_000_000 == group.spent > 0
    assert usages[0] == usages[1]
    assert spent[0] == spent[1]
