"""A model on this machine: a streamed answer, a function call, and what they used.

    make demo

It needs no key, no account and no network: the weights are installed with the packages.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Literal

from llmgate import LLMGateError, Stream, Usage, acompletion, function_tool

MODEL = "local/smollm2"
LONGEST_ANSWER = 120  # tokens
QUESTION = "Why is the sky blue? Answer in two sentences."
ERRAND = "What is the weather in Paris, in celsius?"


def weather(city: str, unit: Literal["celsius", "fahrenheit"]) -> str:
    """The weather in a city."""
    return f"It is 21 degrees {unit} in {city}."


async def stream_an_answer() -> Usage | None:
    """Print an answer token by token, as it is made."""
    print(f"> {QUESTION}\n")
    stream: Stream = await acompletion(
        MODEL,
        [{"role": "user", "content": QUESTION}],
        stream=True,
        temperature=0,
        max_tokens=LONGEST_ANSWER,
    )
    async for text in stream.text():
        print(text, end="", flush=True)
    print("\n")
    return stream.usage


async def call_a_function() -> Usage | None:
    """Have the model call a function of ours, and call it."""
    print(f"> {ERRAND}\n")
    answer = await acompletion(
        MODEL,
        [{"role": "user", "content": ERRAND}],
        tools=[function_tool(weather)],
        tool_choice="required",
        temperature=0,
        max_tokens=60,
    )
    for call in answer.choices[0].message.tool_calls or []:
        if call.function is not None:
            arguments = call.function.parse_arguments()
            print(f"the model calls   {call.function.name}({arguments})")
            print(f"the function says {weather(**arguments)}")
    for deviation in answer.report:
        print(f"the report says   {deviation}")
    print()
    return answer.usage


def print_usage(what: str, usage: Usage | None) -> None:
    """Print the tokens of one call, as the provider counted them."""
    if usage is not None:
        print(
            f"{what:<10} {usage.prompt_tokens:>5} tokens in the prompt,"
            f" {usage.completion_tokens:>4} in the answer, {usage.total_tokens:>5} in all"
        )


async def main() -> int:
    """Run the demonstration; 1 means that the model could not be asked."""
    print(f"{MODEL}, in this process\n")
    try:
        answered = await stream_an_answer()
        called = await call_a_function()
    except LLMGateError as error:
        print(f"\n{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print_usage("answer", answered)
    print_usage("call", called)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
