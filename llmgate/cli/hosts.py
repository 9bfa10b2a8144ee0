"""``llmgate hosts``: the providers that are rows of data, with their addresses; nothing is sent."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from llmgate._core.advice import install
from llmgate._core.registry import KnownProvider, known_providers
from llmgate.cli.configuration import configured
from llmgate.cli.output import note, print_table, write
from llmgate.cli.providers import describe_keys, keys_set
from llmgate.errors import InvalidRequestError, LLMGateError, describe_value, excerpt

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--keys", action="store_true", help="list only hosts whose key is set")


def run(arguments: argparse.Namespace) -> int:
    """Print a table of the hosts, or what is known of one.

    Raises:
        InvalidRequestError: when there is no host of that name.
    """
    configured()
    hosts = dict(_rows())
    if arguments.name is not None:
        if arguments.name not in hosts:
            reason = f"no host is named {describe_value(arguments.name)}; llmgate hosts lists them"
            raise InvalidRequestError(reason, path="name")
        _show(known_providers()[arguments.name], hosts[arguments.name])
        return 0
    if not hosts:
        note(f"there are no hosts; for those with a name: {install('compatible')}")
        return 0
    known = known_providers()
    shown = [name for name in sorted(hosts) if not arguments.keys or keys_set(known[name])]
    rows = [(name, excerpt(hosts[name].title), excerpt(hosts[name].base_url)) for name in shown]
    print_table([("host", "title", "address"), *rows])
    return 0


def _rows() -> Iterator[tuple[str, Any]]:
    """The rows, by the names of their hosts. A provider that is none has no row."""
    for name, provider in known_providers().items():
        try:
            row = getattr(provider.load(), "row", None)
        except LLMGateError as error:
            note(excerpt(str(error)))
        else:
            if row is not None:
                yield name, row


def _show(provider: KnownProvider, row: Any) -> None:
    beside = [path for path in row.paths if path != "models"]
    rows = [
        ("host", f"{provider.name} ({excerpt(row.title)})"),
        ("from", f"{provider.distribution} {provider.version}".rstrip()),
        ("address", excerpt(row.base_url)),
        ("key", "none is needed" if row.keyless and not row.key else describe_keys(provider)),
        *((f"setting {name}", " or ".join(names)) for name, names in row.settings.items()),
        ("lacks", ", ".join(row.chat.without) or "-"),
        ("has beside chat", ", ".join(beside) or "-"),
        ("documentation", excerpt(row.docs) or "-"),
    ]
    print_table(rows)
    write(f"\nllmgate chat -m {provider.name}/MODEL asks it.\n")
