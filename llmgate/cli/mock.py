"""``llmgate mock``: its options, and the server that llmgate-testing has for it.

That package is no part of the core, and imported when the command runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

from llmgate.errors import RequestError

__all__ = ["add_arguments", "run"]

_SERVER = "llmgate.testing.mock_server.command"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8080, metavar="N", help="the port (8080); 0 chooses a free one"
    )
    parser.add_argument(
        "--text", action="append", help="text of a response; repeat it to alternate texts"
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help="a model that the server lists; may be repeated",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:KEY=NUMBER,...]",
        help="how the first calls fail, such as rate_limit:times=3 or cut:at=100",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until an interrupt.

    Raises:
        RequestError: where llmgate-testing is not installed.
    """
    try:
        serve: Callable[[argparse.Namespace], int] = import_module(_SERVER).serve
    except ModuleNotFoundError as error:
        missing = error.name
    else:
        return serve(arguments)
    raise RequestError(
        f"llmgate mock needs the package llmgate-testing (no module {missing}); install it by "
        "pip install --no-index --find-links dist llmgate-testing, after make wheels in a checkout"
    )
