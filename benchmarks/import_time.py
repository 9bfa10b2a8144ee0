"""What importing costs: CPU time, modules and memory of fresh processes.

    .venv/bin/python benchmarks/import_time.py [rounds]

Every case runs in processes of its own, one after the other in each round, so that a machine that
is busy for a while slows all of them alike. Shown are medians, without what bare Python costs.
The first call is made for real, to a server in the same process; its time is in the figure.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import NamedTuple

FIRST_CALL = """
import asyncio, json, llmgate
body = json.dumps({"choices": [{"index": 0, "finish_reason": "stop",
    "message": {"role": "assistant", "content": "Hi"}}]}).encode()
async def answer(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body) + body)
    writer.close()
async def call():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer_ = await llmgate.acompletion("openai/any", [{"role": "user", "content": "Hi"}],
        base_url=f"http://127.0.0.1:{port}/v1")
    assert answer_.choices[0].message.content == "Hi"
    server.close()
asyncio.run(call())
"""
CASES = {
    "import llmgate": "import llmgate",
    "import aiohttp, pydantic_core": "import aiohttp, pydantic_core",
    "llmgate, a first call answered": FIRST_CALL,
}
PEERS = {
    "openai": "from openai import AsyncOpenAI",
    "anthropic": "from anthropic import AsyncAnthropic",
    "cohere": "from cohere import AsyncClientV2",
    "litellm": "from litellm import acompletion",
    "any_llm": "from any_llm import acompletion",
    "pydantic_ai": "from pydantic_ai import Agent",
    "langchain_openai": "from langchain_openai import ChatOpenAI",
}
# sys and time are built in; json would bring in what the packages bring in themselves
MEASURE = """
import sys, time
spent, modules = time.process_time(), len(sys.modules)
import resource
print(spent * 1e3, modules, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


class Cost(NamedTuple):
    """What a process has cost: CPU milliseconds, modules, and megabytes at its peak."""

    milliseconds: float
    modules: float
    megabytes: float


def measure(
    code: str, python: str = sys.executable, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run code in a fresh process and return what that process has cost."""
    done = subprocess.run(
        [python, "-c", code + MEASURE],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
    )
    # the figures come last: a package may print while it is imported
    return Cost(*map(float, done.stdout.splitlines()[-1].split()))


def medians(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def compare(cases: Mapping[str, str], rounds: int) -> dict[str, Cost]:
    """What each case costs beyond bare Python; the runs of all cases are interleaved."""
    everything = {"python": "", **cases}
    for code in everything.values():
        measure(code)  # compiles what is not yet compiled
    runs: dict[str, list[Cost]] = {name: [] for name in everything}
    for _ in range(rounds):
        for name, code in everything.items():
            runs[name].append(measure(code))
    bare = medians(runs.pop("python"))
    beyond: dict[str, Cost] = {}
    for name, costs in runs.items():
        pairs = zip(medians(costs), bare, strict=True)
        beyond[name] = Cost(*(cost - floor for cost, floor in pairs))
    return beyond


def main() -> None:
    """Print a table: our cases, and the peers that are installed here."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    peers = {code: code for package, code in PEERS.items() if find_spec(package)}
    print(f"beyond bare Python {sys.version.split()[0]}, medians of {rounds} processes each\n")
    print(f"{'':<34}{'CPU ms':>8}{'modules':>9}{'MB':>7}")
    for name, cost in compare({**CASES, **peers}, rounds).items():
        print(f"{name:<34}{cost.milliseconds:>8.1f}{cost.modules:>9.0f}{cost.megabytes:>7.1f}")


if __name__ == "__main__":
    main()
