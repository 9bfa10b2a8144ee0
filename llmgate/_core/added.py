"""Providers added as rows of data, beside the installed ones; a package defines the columns.

That package has the entry points ``row`` and ``file`` of the group ``llmgate.hosts``: ``row(name,
**columns)`` returns the provider's factory, and ``file(path, names, variables)`` those of all rows
of a file, which may use none of these names and variables; its keyword ``table`` names the table of
the file that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate._text.dataclass import slotted
from llmgate.errors import InvalidRequestError, UnknownProviderError, describe_error
from llmgate.provider import Provider

ProviderFactory = Callable[..., Provider]


@slotted
class AddedHost:
    """A provider that a row of data describes.

    ``distribution`` says where the row is from; for an installed provider it is the package.
    ``columns`` is the row as it was given.
    """

    name: str
    models: tuple[str, ...]
    keys: tuple[str, ...]
    factory: ProviderFactory
    distribution: str
    columns: Mapping[str, Any] | None = None

    @property
    def version(self) -> str:
        """None: a row has no version."""
        return ""

    def load(self) -> ProviderFactory:
        """The provider's factory."""
        return self.factory

    @property
    def description(self) -> str:
        """Its name and its source, for errors."""
        return f"{self.name!r} of {self.distribution}"


added_hosts: dict[str, AddedHost] = {}
"""The hosts added in code, by name; like installed packages, they hold for the whole process."""


def remember(host: AddedHost) -> None:
    """Add a host; the same row may be added again.

    Raises:
        InvalidRequestError: when it was added before with other columns.
    """
    if added_hosts.setdefault(host.name, host).columns != host.columns:
        reason = f"{host.name!r} was added with other columns before"
        raise InvalidRequestError(reason, path="name")


def make_host(name: str, columns: Mapping[str, Any], origin: str) -> AddedHost:
    """The host of a row.

    Raises:
        InvalidRequestError: for a column that is wrong.
        UnknownProviderError: when the package that reads rows is not installed.
    """
    return _added(name, _loaded("row")(name, **columns), origin, columns)


def hosts_in(
    path: str, keys: Mapping[str, Iterable[str]], *, table: str | None = None
) -> dict[str, AddedHost]:
    """The hosts of a file of rows.

    Args:
        path: The file.
        keys: The installed providers, each with the variables that may hold its key.
        table: The table of the file that holds the rows; None where they are the whole file.

    Raises:
        InvalidRequestError: when it cannot be read, and for rows that a file must not have.
        UnknownProviderError: when the package that reads rows is not installed.
    """
    variables = {each for name in keys for each in keys[name] or (customary_key(name),)}
    factories: Mapping[str, ProviderFactory] = _loaded("file")(
        path, {*keys}, variables, **({} if table is None else {"table": table})
    )
    return {name: _added(name, factory, path) for name, factory in factories.items()}


def customary_key(name: str) -> str:
    """The usual environment variable for the key of a provider with this name."""
    return f"{name.upper().replace('-', '_')}_API_KEY"


def _added(
    name: str, factory: Any, origin: str, columns: Mapping[str, Any] | None = None
) -> AddedHost:
    return AddedHost(name, factory.models, factory.key_variables, factory, origin, columns)


def _loaded(name: str) -> Callable[..., Any]:
    """The entry point of that name.

    Raises:
        UnknownProviderError: when no package has it, when several do, or when its import fails.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    from llmgate._core.advice import HOSTS_GROUP, install  # noqa: PLC0415 - for errors otherwise

    found = {point.value: point for point in entry_points(group=HOSTS_GROUP, name=name)}
    if len(found) != 1:
        several = f"several packages read rows of hosts: {', '.join(sorted(found))}"
        none = f"no installed package reads rows of hosts; {install('compatible')}"
        raise UnknownProviderError(several if found else none)
    try:
        loaded: Callable[..., Any] = next(iter(found.values())).load()
    except Exception as error:  # noqa: BLE001 - a third-party module may raise anything
        reason = f"the package that reads rows of hosts failed to load: {describe_error(error)}"
    else:
        return loaded
    raise UnknownProviderError(reason)
