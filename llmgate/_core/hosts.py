"""Adds a host as a row of data; the package that reads it defines the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate._core.added import make_host, remember
from llmgate._core.registry import installed_providers
from llmgate.errors import InvalidRequestError


def add_host(
    name: str, *, base_url: str, key: str | Sequence[str] | None = None, **columns: Any
) -> None:
    """Give a host of OpenAI's format a name: ``name/model`` then goes there, in this process.

    Nothing is sent, and no key is read before the first call. The same row may be added again.

    Args:
        name: The part before the slash in a model's name.
        base_url: The address up to and with its version, such as ``https://api.acme.example/v1``.
        key: The environment variable that holds the key, or several: the first that is set counts.
            To pass the key itself, use ``api_key=``.
        columns: Further columns of the row, which say how the host departs from the format.

    Raises:
        InvalidRequestError: for a name that is taken, and for a column that is wrong.
        UnknownProviderError: when the package that reads rows is not installed.
    """
    columns = {"base_url": base_url, "key": key, **columns}
    host = make_host(name, columns, "llmgate.add_host")
    if name in installed_providers():
        raise InvalidRequestError(f"{name!r} is the name of an installed provider", path="name")
    remember(host)
