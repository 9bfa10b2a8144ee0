"""Finds providers: those passed to the client, then installed ones by their entry points.

Only a provider that a call asks for is imported; everything else is read from metadata.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from llmgate._core.added import AddedHost, ProviderFactory, added_hosts, hosts_in
from llmgate._core.provider_checks import checked, describe_failure
from llmgate._core.provider_settings import check_settings, key_of, without_settings
from llmgate._name_clash import name_clash
from llmgate._text.dataclass import slotted
from llmgate.errors import (
    InvalidRequestError,
    LLMGateError,
    UnknownProviderError,
    describe_error,
    describe_value,
)
from llmgate.provider import Configurable, Provider
from llmgate.provider.threads import start_in_thread

if TYPE_CHECKING:
    from concurrent.futures import Future
    from importlib.metadata import Distribution, EntryPoint, EntryPoints


@slotted
class InstalledProvider:
    """A provider as its package's metadata declares it.

    ``rival`` is another package's entry point of the same name, if there is one. ``keys`` are the
    environment variables that may hold its key, if the package declares them.
    """

    name: str
    models: tuple[str, ...]
    entry_point: EntryPoint
    rival: EntryPoint | None = None
    keys: tuple[str, ...] = ()

    @property
    def distribution(self) -> str:
        """The package's name."""
        return _owner(self.entry_point)[0]

    @property
    def version(self) -> str:
        """The package's version."""
        return _owner(self.entry_point)[1]

    def load(self) -> ProviderFactory:
        """Import the provider.

        Raises:
            UnknownProviderError: when its import fails (it names the package), or when two packages
                provide this name (it names both).
        """
        if self.rival is not None:
            raise UnknownProviderError(
                f"the packages {self.distribution} and {_owner(self.rival)[0]} both provide "
                f"{self.name!r}: uninstall one"
            )
        try:
            return cast("ProviderFactory", self.entry_point.load())
        except BaseException as error:  # noqa: BLE001 - a third-party module may raise anything
            reason = describe_failure(error)
        raise UnknownProviderError(f"the provider {self.description} failed to load: {reason}")

    @property
    def description(self) -> str:
        """Its name, package and version, for errors."""
        return f"{self.name!r} of the package {self.distribution} {self.version}"


KnownProvider: TypeAlias = InstalledProvider | AddedHost
_Key: TypeAlias = tuple[str, frozenset[tuple[str, Any]]]


@slotted
class Target:
    """A provider's name, and the model as that provider names it."""

    provider: str
    model: str


@cache
def installed_providers() -> Mapping[str, KnownProvider]:
    """Every installed provider by name, read once from metadata, and the hosts of a file.

    ``LLMGATE_PROVIDERS`` (names, separated by commas) restricts them; ``LLMGATE_HOSTS`` names the
    file.

    Raises:
        UnknownProviderError: when another project's package has our import name.
        InvalidRequestError: for a file of hosts that cannot be read, or must not be used.
    """
    clash = name_clash()
    if clash:
        raise UnknownProviderError(clash)
    points = _entry_points()  # reads a file of each package, so it is done once
    allowed = _allowed()
    claims, keys = _claimed(points, "llmgate.models"), _claimed(points, "llmgate.keys")
    found: dict[str, KnownProvider] = {}
    for point in points.select(group="llmgate.providers"):
        other = found.get(point.name)
        if other is None:
            claimed = (id(point.dist), point.value)
            models = claims.get(claimed, ())
            installed = InstalledProvider(point.name, models, point, keys=keys.get(claimed, ()))
            found[point.name] = installed
        elif isinstance(other, InstalledProvider) and other.entry_point != point:
            found[point.name] = replace(other, rival=point)
    if file := os.environ.get("LLMGATE_HOSTS"):
        found |= hosts_in(file, {name: each.keys for name, each in found.items()})
    return {name: found[name] for name in found if name in allowed} if allowed else found


def _claimed(points: EntryPoints, group: str) -> dict[tuple[int, str], tuple[str, ...]]:
    """The entry points of a group, by the provider that each belongs to, which is of the same
    package."""
    claims: dict[tuple[int, str], tuple[str, ...]] = {}
    for claim in points.select(group=group):
        key = (id(claim.dist), claim.value)
        claims[key] = (*claims.get(key, ()), claim.name)
    return claims


def known_providers() -> dict[str, KnownProvider]:
    """The installed providers, and the hosts that were added."""
    return {**installed_providers(), **added_hosts}


def _known(name: str) -> KnownProvider | None:
    return installed_providers().get(name) or added_hosts.get(name)


def _entry_points() -> EntryPoints:
    """The entry points of all packages with readable metadata that declare any of ours."""
    from importlib import metadata  # noqa: PLC0415 - slow to import

    found: dict[str, list[EntryPoint]] = {}
    for distribution in metadata.distributions():
        try:
            if "llmgate." in (distribution.read_text("entry_points.txt") or ""):
                found.setdefault(_folder(distribution), [*distribution.entry_points])
        except Exception as error:  # noqa: BLE001 - one broken package must not affect the others
            _log_unreadable(distribution, error)
    return metadata.EntryPoints(point for points in found.values() for point in points)


def _folder(distribution: Distribution) -> str:
    """A package's name from its folder, which is cheaper than reading its metadata."""
    path = getattr(distribution, "_path", None)
    return distribution.name if path is None else path.name.partition("-")[0].lower()


def _log_unreadable(distribution: Distribution, error: Exception) -> None:
    import logging  # noqa: PLC0415 - rare

    logging.getLogger("llmgate").warning(
        "the metadata of %s cannot be read, and its providers are not known: %s",
        describe_value(getattr(distribution, "_path", distribution)),
        describe_error(error),
    )


def _allowed() -> set[str]:
    return {name.strip() for name in os.environ.get("LLMGATE_PROVIDERS", "").split(",")} - {""}


def _owner(point: EntryPoint) -> tuple[str, str]:
    """The name and version of an entry point's package; its folder's name if it declares none."""
    if point.dist is None:
        return "?", "?"
    metadata = point.dist.metadata
    folder = getattr(getattr(point.dist, "_path", None), "name", "?")
    names, versions = metadata.get_all("Name"), metadata.get_all("Version")
    return (names or [folder])[0], (versions or ["?"])[0]


class Registry:
    """The providers of one client: first those passed to it, then installed ones."""

    def __init__(self, providers: Mapping[str, Provider | ProviderFactory] | None = None) -> None:
        self._given = dict(providers or {})
        self._made: dict[_Key, Provider] = {}
        self._factories: dict[str, ProviderFactory] = {}
        # the models whose providers are ready for calls without settings
        self.ready_models = set[str]()
        self._loading: dict[Hashable, Future[object]] = {}

    def knows(self, name: str) -> bool:
        """Whether there is a provider of that name."""
        return name in self._given or _known(name) is not None

    def names(self) -> list[str]:
        """All providers: those passed to the client, then the installed and the added ones."""
        return [*dict.fromkeys([*self._given, *known_providers()])]

    def target(self, model: str) -> Target:
        """The target of ``provider/model``, or of an unprefixed name that one provider claims.

        Raises:
            UnknownProviderError: for a name that no provider has; it says what is installed, and
                what to do.
        """
        if type(model) is not str or not model.strip():
            raise InvalidRequestError.expected("a model's name", model, "model")
        prefix, slash, rest = model.partition("/")
        if slash and self.knows(prefix):
            if not rest.strip():
                raise InvalidRequestError(
                    f"the model's name is missing after '{prefix}/'", path="model"
                )
            return Target(prefix, rest)
        claimants = self._claimants(model)
        if len(claimants) == 1:
            return Target(claimants[0], model)
        if claimants:
            choices = " or ".join(f"{name}/{model}" for name in claimants)
            raise UnknownProviderError(f"several providers claim {model!r}: write {choices}")
        raise self._unknown(model)

    def provider(self, name: str, settings: Mapping[str, Any]) -> Provider:
        """The provider of that name with a call's settings (key, base URL, …)."""
        key = _key(name, settings)
        made = self._made.get(key)
        return self._make(key, settings) if made is None else made

    def loading(
        self, model: str, settings: Mapping[str, Any]
    ) -> tuple[Future[object], str, str] | None:
        """The next step of loading a model's provider, running on a thread, with the provider's
        name and description; None when it is ready, or when there is no such provider.

        The import comes first, and all calls share it. Third-party code may be slow or never
        return; other providers' calls do not wait for it.
        """
        name = self._provider_name(model)
        if name is None:
            return None
        key = _key(name, settings)
        is_instance = name in self._given and not callable(self._given[name])
        if key in self._made or (is_instance and not settings):
            if not settings:
                while len(self.ready_models) >= 1024:  # names may be endless
                    self.ready_models.pop()
                self.ready_models.add(model)
            return None
        if name in self._given or name in self._factories:
            under_way = self._start(key, lambda: self._make(key, settings))
        else:
            under_way = self._start(name, lambda: self._import(name))
        return under_way, name, self._description_of(name)

    def _start(self, step: Hashable, work: Callable[[], object]) -> Future[object]:
        under_way = self._loading.get(step)
        if under_way is None or under_way.done():
            under_way = self._loading[step] = start_in_thread(work)
            under_way.add_done_callback(lambda _: self._loading.pop(step, None))
        return under_way

    def _provider_name(self, model: str) -> str | None:
        """The provider of a model, if there is exactly one."""
        prefix, slash, _ = model.partition("/")
        names = [prefix] if slash and self.knows(prefix) else self._claimants(model)
        return names[0] if len(names) == 1 else None

    def _import(self, name: str) -> None:
        self._factories[name] = self._installed(name).load()

    def _make(self, key: _Key, settings: Mapping[str, Any]) -> Provider:
        made = self._create(key[0], settings)
        rotating = [each for each in [*self._made] if each[1]] if settings else []
        for oldest in rotating[:-63]:  # rotated keys must not pile up
            self._made.pop(oldest, None)  # another thread may have removed it
        self._made[key] = made
        return made

    def refuse_switch(self, name: str) -> None:
        """Raise an error when ``<name>=True`` names a provider that could be installed.

        Raises:
            UnknownProviderError: naming the package.
        """
        from llmgate._core.advice import installable  # noqa: PLC0415 - only on the way to an error

        if name in installable():
            raise self._unknown(f"{name}/")

    def forget(self, name: str) -> None:
        """Make the provider again for the next call, for example when its key was missing."""
        self.ready_models.clear()
        for key in list(self._made):
            if key[0] == name:
                self._made.pop(key, None)

    def _claimants(self, model: str) -> list[str]:
        return [
            name
            for name, globs in self._claims().items()
            if any(fnmatchcase(model, pattern) for pattern in globs)
        ]

    def _claims(self) -> dict[str, tuple[str, ...]]:
        """By provider, the patterns of the unprefixed names that it claims."""
        given = {name: getattr(provider, "models", None) for name, provider in self._given.items()}
        patterns: dict[str, tuple[str, ...]] = {
            name: models
            for name, models in given.items()
            if models is not None  # a function that makes a provider has none
        }
        for name, installed in known_providers().items():
            patterns.setdefault(name, installed.models)
        return patterns

    def _create(self, name: str, settings: Mapping[str, Any]) -> Provider:
        given = self._given.get(name)
        if given is None:
            factory = self._factories.get(name) or self._installed(name).load()
        elif callable(given):
            factory = given
        elif not settings:
            return checked(given, repr(name))
        else:
            if not isinstance(given, Configurable):
                names = ", ".join(sorted(settings))
                raise InvalidRequestError(
                    f"the provider {name!r} was passed as an instance: set {names} there"
                )
            factory = given.configured
        return self._construct(factory, name, settings)

    def _construct(
        self, factory: ProviderFactory, name: str, settings: Mapping[str, Any]
    ) -> Provider:
        """The provider that the factory makes."""
        given, described = self._given.get(name), self._description_of(name)
        try:
            check_settings(factory, name, settings)
            return checked(factory(**settings), described)
        except LLMGateError:
            raise
        except BaseException as error:  # noqa: BLE001 - third-party code may raise anything
            reason = describe_failure(error)
        if given is not None and not callable(given):  # usually set up anew by its class
            check_settings(type(given), name, settings)
        reason = without_settings(reason, settings)
        raise UnknownProviderError(f"the provider {described} failed to start: {reason}")

    def _description_of(self, name: str) -> str:
        return repr(name) if name in self._given else self._installed(name).description

    def _installed(self, name: str) -> KnownProvider:
        known = _known(name)
        if known is None:
            raise self._unknown(f"{name}/")
        return known

    def _unknown(self, model: str) -> UnknownProviderError:
        from llmgate._core.advice import describe_unknown  # noqa: PLC0415 - only on the way to an error

        claims = {**dict.fromkeys(self._given, ()), **self._claims()}
        return UnknownProviderError(describe_unknown(model, claims, restricted=bool(_allowed())))


def _key(name: str, settings: Mapping[str, Any]) -> _Key:
    """The key under which a provider with these settings is cached."""
    if not settings:  # nearly always
        return name, frozenset()
    return name, frozenset((k, key_of(k, value)) for k, value in settings.items())
