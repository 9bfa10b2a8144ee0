"""A model that looks up orders and changes them: the tool loop over a database.

MODEL=openai/gpt-5-mini python examples/tool_loop/shop.py "Where is Ada's order?"
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys

from llmgate import ToolLoopError, arun_tools, tool
from llmgate.tool_loop import ToolCalled, ToolEvent, ToolFailed
from llmgate.tools import Context

MODEL = os.environ.get("MODEL", "openai/gpt-5-mini")
SYSTEM = "You work for a shop. Look things up before you say them, and change only what is asked."
ORDERS = [(1, "Ada", "lamp", "sent"), (2, "Ada", "desk", "open"), (3, "Alan", "chair", "open")]


@tool
def find_orders(customer: str, database: Context[sqlite3.Connection]) -> list[dict[str, object]]:
    """The orders of a customer, with their states: open, sent or cancelled."""
    rows = database.execute(
        "SELECT number, item, state FROM orders WHERE customer = ? ORDER BY number", [customer]
    )
    return [{"number": number, "item": item, "state": state} for number, item, state in rows]


@tool
def cancel_order(number: int, database: Context[sqlite3.Connection]) -> str:
    """Cancel an order that is open."""
    with database:
        changed = database.execute(
            "UPDATE orders SET state = 'cancelled' WHERE number = ? AND state = 'open'", [number]
        )
    if not changed.rowcount:
        raise ValueError(f"order {number} is not open")  # which the model reads
    return f"order {number} is cancelled"


def show(event: ToolEvent) -> None:
    """Print each call of a tool as it is made."""
    if isinstance(event, ToolCalled | ToolFailed):
        print(f"  {event.name} -> {event.result}", file=sys.stderr)


async def main(question: str) -> int:
    """Answer one question; 1 means that the loop came to no end."""
    database = sqlite3.connect(":memory:", check_same_thread=False)  # a tool runs on a thread
    database.execute("CREATE TABLE orders (number, customer, item, state)")
    database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ORDERS)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    try:
        run = await arun_tools(
            MODEL,
            messages,
            tools=[find_orders, cancel_order],
            context=database,
            on_event=show,
            max_rounds=5,
            timeout=60,
        )
    except ToolLoopError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        database.close()
    print(run.text)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(" ".join(sys.argv[1:]) or "Cancel Ada's open order.")))
