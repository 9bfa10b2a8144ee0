"""What ``llmgate mock`` does: serve until an interrupt. Its options are declared by the command."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import cycle

from llmgate.testing.mock_server.answers import Answer
from llmgate.testing.mock_server.delivery import DEFAULT_TEXT
from llmgate.testing.mock_server.faults import parse_fault
from llmgate.testing.mock_server.server import MockServer
from llmgate.testing.mock_server.shapes import SHAPES

__all__ = ["serve"]


def serve(arguments: argparse.Namespace) -> int:
    """Serve as the arguments say, and return 0 when it is stopped.

    Raises:
        InvalidRequestError: for a fault that there is not.
        RequestError: where it cannot listen.
    """
    models: Sequence[str] = arguments.model or ("mock-1", "mock-2")
    script = _script([*map(parse_fault, arguments.fault)], arguments.text or [DEFAULT_TEXT])
    with MockServer(script, host=arguments.host, port=arguments.port, models=models) as server:
        for name in SHAPES:
            print(f"{name:<10} {server.base_url(name)}", flush=True)
        print("Any text will do for a key. Stop it with Ctrl+C.", flush=True)
        server.wait()
    return 0


def _script(faults: Sequence[Answer], texts: Sequence[str]) -> Iterator[Answer]:
    """The faults, and then the texts over and over."""
    yield from faults
    yield from cycle(texts)
