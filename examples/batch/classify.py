"""Classify the reviews of a file; run again, it goes on where it ended.

MODEL=openai/gpt-5-mini python examples/batch/classify.py reviews.jsonl answers.jsonl
"""

from __future__ import annotations

import asyncio
import os
import sys

from llmgate import batch_file

MODEL = os.environ.get("MODEL", "local/smollm2")
TEMPLATE = "Is this review positive or negative? Say one word.\n\n{text}"


async def main(source: str, target: str) -> int:
    """Make the calls that are not done yet; 1 means that some failed, and can be made again."""
    done = failed = 0
    records = batch_file(
        source, target, model=MODEL, template=TEMPLATE, temperature=0, max_tokens=500
    )
    async for record in records:
        if record.error is None:
            done += 1
            print(f"{record.id}: {record.text}")
        else:
            failed += 1
            print(f"{record.id}: {record.error}", file=sys.stderr)
    print(f"{done} done, {failed} failed", file=sys.stderr)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
