"""A program that was written for litellm, in llmgate's own words.

MODEL=openai/gpt-5-mini python examples/migration/after.py "Why is the sky blue?"
"""

import asyncio
import os
import sys

from llmgate import Client, RateLimitError

MODEL = os.environ.get("MODEL", "openai/gpt-5-mini")


async def main(question: str) -> None:
    """Print a title for a question, and then an answer as it comes."""
    async with Client(max_retries=2, timeout=60) as client:
        try:
            title = await client.acompletion(
                MODEL, [{"role": "user", "content": f"A title for: {question}"}]
            )
            print(title.text)
            async with await client.acompletion(
                MODEL, [{"role": "user", "content": question}], stream=True
            ) as stream:
                async for text in stream.text():
                    print(text, end="")
            print()
        except RateLimitError as error:
            print(f"too many requests: {error}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
