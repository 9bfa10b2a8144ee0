"""The tool loop, and values in place of texts, with the real SmolLM2."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from llmgate import Client, ToolLoopError, arun_tools

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("in_silence")]

MODEL = "local/smollm2"


class Choice(BaseModel):
    """What the model chooses."""

    colour: Literal["red", "blue"]
    sizes: Annotated[list[Literal[1, 2]], Field(max_length=2)]


async def test_a_model_calls_a_function_and_reads_what_it_returns(client: Client) -> None:
    """A model that must call never ends by itself: the error has the history and the usage."""
    asked = list[str]()

    def weather(city: Literal["Oslo"]) -> str:
        """Say how the weather of a city is."""
        asked.append(city)
        return "sunny, 21 degrees"

    with pytest.raises(ToolLoopError, match="after 2 rounds") as raised:
        await arun_tools(
            MODEL,
            [{"role": "user", "content": "How is the weather in Oslo?"}],
            tools=[weather],
            tool_choice="required",
            max_rounds=2,
            client=client,
            temperature=0,
            max_tokens=40,
        )
    run = raised.value.run
    assert asked[0] == "Oslo"
    assert [message["role"] for message in run.messages][:4] == [
        *("user", "assistant", "tool", "assistant")
    ]
    assert run.messages[2]["content"] == "sunny, 21 degrees"
    first, second = (completion.usage for completion in run.completions)
    assert first is not None
    assert second is not None
    assert second.prompt_tokens > first.prompt_tokens
    assert run.usage is not None
    assert run.usage.prompt_tokens == first.prompt_tokens + second.prompt_tokens


async def test_a_response_is_a_value(client: Client) -> None:
    """Whole, and item by item of a list while it is written."""
    messages = [{"role": "user", "content": "Choose a colour and two sizes."}]
    whole = await client.acompletion(
        MODEL, messages, response_format=Choice, temperature=0, max_tokens=60
    )
    assert whole.parsed == Choice.model_validate_json(whole.text)
    stream = await client.acompletion(
        MODEL, messages, response_format=Choice, temperature=0, max_tokens=60, stream=True
    )
    partial = [value async for value in stream.partials(Choice)]
    assert partial[-1] == whole.parsed
    assert len(partial) > 1
