"""What a folder of PDFs says, as one JSON object a line.

MODEL=openai/gpt-5-mini python examples/extraction/extract.py invoices >invoices.jsonl
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from llmgate import abatch, file

MODEL = os.environ.get("MODEL", "openai/gpt-5-mini")
PROMPT = "What does this invoice say?"


class Invoice(BaseModel):
    """One invoice."""

    number: str
    supplier: str
    total: Decimal = Field(description="The amount to pay, without its currency")
    currency: str = Field(description="Three letters of ISO 4217")
    due: date | None = Field(description="By when it is to be paid, where it says so")


def calls(folder: Path) -> Iterator[dict[str, Any]]:
    """A call for each PDF; a file is read when its call is made."""
    for path in sorted(folder.glob("*.pdf")):
        content = [{"type": "text", "text": PROMPT}, file(path)]
        yield {"id": path.name, "messages": [{"role": "user", "content": content}]}


async def main(folder: Path) -> int:
    """Print what was extracted; 1 means that some files could not be read."""
    failures = 0
    invoices = abatch(
        calls(folder), model=MODEL, response_format=Invoice, repair=1, timeout=120, ordered=True
    )
    async for record in invoices:
        if record.completion is None:
            failures += 1
            print(f"{record.id}: {record.error}", file=sys.stderr)
        else:
            invoice: Invoice = record.completion.parsed
            print(invoice.model_dump_json())
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
