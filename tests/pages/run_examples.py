"""Run the examples of one page, each as a program of its own; a process that a test starts.

It reads from its input, as JSON, names and codes; it writes, as JSON, what each of them printed.
Where the environment names a mock server, requests to the vendors' own hosts go there; providers
and examples do not notice.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import import_module

from llmgate import Client
from llmgate._core.connections import interceptors
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, IncomingResponse, Transport
from llmgate.testing import Canned, CannedTransport

MESSAGES = [{"role": "user", "content": "Hi"}]
RERANKED = [{"index": 1, "relevance_score": 0.94}, {"index": 0, "relevance_score": 0.12}]
HOSTS = {
    "https://api.openai.com": "openai",
    "https://api.anthropic.com": "anthropic",
    "https://generativelanguage.googleapis.com": "gemini",
    "https://api.cohere.com": "cohere",
}

"""Whose format the mock server speaks at which path."""


class Diverted:
    """A transport that sends to the mock server what is for a vendor, and nothing anywhere else."""

    def __init__(self, make: Callable[[], Awaitable[Transport]], address: str) -> None:
        self._make, self._address = make, address

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        """The mock server's response; the address is otherwise the vendor's."""
        if request.url == "https://api.cohere.com/v2/rerank":  # which the mock server does not know
            return await CannedTransport([Canned.json({"results": RERANKED})]).open(
                request, timeout
            )
        host = next((each for each in HOSTS if request.url.startswith(f"{each}/")), "")
        if host:
            path = request.url.removeprefix(host)
            request = replace(request, url=f"{self._address}/{HOSTS[host]}{path}")
        assert not request.url.startswith("https:"), request.url
        return await (await self._make()).open(request, timeout)

    async def aclose(self) -> None:
        """Whoever made the transport closes it."""


class Terminal(io.StringIO):
    """What a reader sees, who presses ^C at the word that says so, where a program expects that."""

    word: str | None = None

    def write(self, text: str) -> int:
        """Keep it; the signal comes a moment later, as if by hand."""
        if self.word is not None and self.word in text:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        return super().write(text)


def main() -> None:
    """Run them in order; the default client is theirs together, as in one process of a reader."""
    address = os.environ["MOCK_SERVER"]
    interceptors.append(lambda make: Diverted(make, address))
    import_module("llmgate.transports.aiohttp")  # what is imported now takes no example's time
    Client().preview("openai/gpt-5.6", MESSAGES)
    printed: list[str] = []
    for name, code in json.load(sys.stdin):
        with contextlib.redirect_stdout(Terminal()) as output:
            output.word = "three," if "KeyboardInterrupt" in code else None
            exec(compile(code, name, "exec"), {"__name__": "__main__"})  # noqa: S102 # our own documents
        printed.append(output.getvalue())
    json.dump(printed, sys.stdout)


main()
