"""Rows that are not shipped: a user's, a plugin author's, and those of a file.

A row in code may be anything that a row can be. One from a file may name no key that is meant for
another provider, and leads nowhere without TLS, since whoever wrote the file is not known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.provider.http import is_object
from llmgate_compatible.columns import row_of
from llmgate_compatible.provider import CompatibleHost, class_of
from llmgate_compatible.rows import Row

__all__ = ["host", "hosts_in"]


def host(name: str, /, **columns: Any) -> type[CompatibleHost]:
    """The provider of a host of OpenAI's format, as a package names it among its entry points.

    Args:
        name: What stands before the slash in a model's name.
        columns: The columns of its row; ``base_url`` is needed. docs/hosts.md explains them.

    Raises:
        InvalidRequestError: naming the column that is wrong.
    """
    return class_of(row_of(name, columns))


def hosts_in(
    path: str, names: Collection[str], variables: Collection[str], *, table: str | None = None
) -> dict[str, type[CompatibleHost]]:
    """The providers of a file of rows, by name.

    Args:
        path: A TOML file with a table for each host.
        names: The names that are taken.
        variables: The variables that hold keys of installed providers.
        table: The table of the file that holds those of the hosts; None where they are the file.

    Raises:
        InvalidRequestError: when the file cannot be read; for a row that is wrong, has a name that
            is taken, names one of the variables, or is neither https nor on this machine.
    """
    made = dict[str, type[CompatibleHost]]()
    tables = _tables(path)
    rows = tables if table is None else tables.get(table, {})
    if not is_object(rows):
        raise InvalidRequestError(f"{path}: expected tables, got {describe_value(rows)} as {table}")
    for name, columns in rows.items():
        if not is_object(columns):
            raise InvalidRequestError(f"{path}: expected tables, got {describe_value(name)} = …")
        try:
            row = row_of(name, columns)
            _check(row, names, variables)
        except InvalidRequestError as error:
            refused = InvalidRequestError(f"{error.message} (in {path})")
            refused.path = error.path
            raise refused from None
        made[name] = class_of(row)
    return made


def _tables(path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = f"the file of hosts {path} cannot be read: {error}"
    raise InvalidRequestError(reason)


def _check(row: Row, names: Collection[str], variables: Collection[str]) -> None:
    """Refuse a row that could lead somebody's key elsewhere."""
    if row.name in names:
        reason = "an installed provider has this name, and a file cannot replace it"
        raise InvalidRequestError(reason, path=row.name)
    taken = [name for name in row.variables if name in variables or name in _KEYS_OF_OTHERS]
    if taken:
        reason = f"{taken[0]} is the key of an installed provider, and a file cannot have it sent"
        raise InvalidRequestError(reason, path=f"{row.name}.key")
    if not _is_safe(row.base_url):
        reason = "expected an https address, or one of this machine"
        raise InvalidRequestError(reason, path=f"{row.name}.base_url")


_KEYS_OF_OTHERS = frozenset(
    {
        *("ANTHROPIC_AUTH_TOKEN", "AZURE_API_KEY", "AZURE_OPENAI_AD_TOKEN"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("GOOGLE_API_KEY", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_KEY", "REPLICATE_API_KEY"),
    }
)
"""What else holds a provider's key, beside the variables that its package names as entry points."""


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
