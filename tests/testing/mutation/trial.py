"""Runs the conformance kit on one mutant, in this process: the first finding kills it.

A mutant's package is loaded anew from its sources, one of which is changed; nothing is written.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import pkgutil
import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from llmgate.testing import ProviderConformance
from tests.testing.mutation.rules import EMPTY, Mutant, compile_mutant, mutants_of

__all__ = ["NOT_IMPORTED", "Subject", "Verdict", "all_mutants", "try_mutant", "try_original"]

NOT_IMPORTED = "importing it"
"""What finds a mutant that cannot even be imported, for which no kit is needed."""
SECONDS = 30.0
"""What takes more of the processor's time hangs, which is a finding."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A plugin, and what its author tells the kit.

    Each of ``suites`` makes a provider out of the package as it was loaded, and has the attributes
    of its kit. ``beyond`` are modules and folders of it that the kit cannot judge with these
    exchanges, with the reason.
    """

    package: str
    suites: Sequence[tuple[Callable[[ModuleType], Any], Mapping[str, Any]]]
    beyond: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: the test that found it, or None, and what it said."""

    mutant: Mutant
    found_by: str | None
    finding: str = ""


def all_mutants(subject: Subject) -> list[Mutant]:
    """The mutants of every module of the package that the kit can judge."""
    return [
        mutant
        for name, path in sorted(_modules(subject.package).items())
        if subject.beyond.keys().isdisjoint(name.split(".")[1:])
        for mutant in mutants_of(name, path.read_text())
    ]


def try_mutant(subject: Subject, mutant: Mutant) -> Verdict:
    """Whether the kit finds this mutant, and with which test."""
    code = compile_mutant(mutant, _modules(subject.package)[mutant.module].read_text())
    before = logging.root.manager.disable
    logging.disable()
    try:
        with _loaded(subject.package, mutant.module, code) as package, _time_limit(SECONDS):
            found = _first_finding(subject, package)
    except ImportError as error:
        return Verdict(mutant, NOT_IMPORTED, str(error))
    finally:
        logging.disable(before)
    return Verdict(mutant, *(found or (None, "")))


def try_original(subject: Subject) -> tuple[str, str] | None:
    """What the kit finds in the package as it is: nothing, or the verdicts mean nothing."""
    with _loaded(subject.package, "", None) as package:
        return _first_finding(subject, package)


def _modules(package: str) -> dict[str, Path]:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    walked = pkgutil.walk_packages(found.submodule_search_locations, f"{package}.")
    names = [module.name for module in walked if not module.ispkg]
    specs = {name: importlib.util.find_spec(name) for name in names}
    return {name: Path(spec.origin) for name, spec in specs.items() if spec and spec.origin}


# --- a package loaded anew ----------------------------------------------------------------


@contextmanager
def _loaded(package: str, module: str, code: CodeType | None) -> Generator[ModuleType]:
    """The package with one module's code exchanged; the one that was loaded comes back after."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_of(name, package)}
    finder = _Finder(module, code)
    sys.meta_path.insert(0, finder)
    try:
        yield _imported(package)
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_of(name, package)]:
            del sys.modules[name]
        sys.modules.update(before)


def _imported(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except Exception as error:
        raise ImportError(f"{package} cannot be imported: {error!r}") from error


def _is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


class _Finder:
    """Finds the changed module, and nothing else."""

    def __init__(self, module: str, code: CodeType | None) -> None:
        self._module, self._code = module, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        loader: Any = self
        return importlib.util.spec_from_loader(name, loader) if name == self._module else None

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[EMPTY] = empty_of
        assert self._code is not None
        exec(self._code, vars(module))  # noqa: S102 - our own source, changed in one place


def empty_of(value: Any) -> Any:
    """An empty value of the same type; None of what has none."""
    kinds: tuple[Any, ...] = (bool, int, float, str, bytes, list, tuple, dict, frozenset, set)
    return next((kind() for kind in kinds if isinstance(value, kind)), None)


# --- the kit ------------------------------------------------------------------------------

_FIRST = ("test_golden_bodies", "test_golden_reports", "test_decodes_what_was_recorded")
_LAST = (
    "test_half",
    "test_damaged",
    "test_any_pieces",
    "test_nonsense_at",
    "test_streams_share",
    "test_line_ends",
)
"""Tests that take most of the time: they come last, with a few of their cases."""
_FEW = 2


def _first_finding(subject: Subject, package: ModuleType) -> tuple[str, str] | None:
    found = (_finding_of(make, package, attributes) for make, attributes in subject.suites)
    return next((finding for finding in found if finding is not None), None)


def _finding_of(
    make: Callable[[ModuleType], Any], package: ModuleType, attributes: Mapping[str, Any]
) -> tuple[str, str] | None:
    tested: Any = None

    def make_provider(_: object) -> Any:
        return make(package)

    try:
        make(package)
        kit = type("Kit", (ProviderConformance,), {**attributes, "make_provider": make_provider})
        tested = kit()
    except Exception as error:  # noqa: BLE001 - whatever it is, the author sees it
        return "making the provider", repr(error)
    for name, test in _tests_of(tested):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                test()
        except pytest.skip.Exception:
            continue
        except Exception as error:  # noqa: BLE001 - a test fails by any exception
            return name, repr(error)[:300]
    return None


def _tests_of(tested: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every test with each of its cases, the fast ones first."""
    cases = tested._cases()
    names = [name for name in dir(tested) if name.startswith("test_")]
    for name in sorted(names, key=lambda name: (name.startswith(_LAST), name not in _FIRST, name)):
        method = getattr(tested, name)
        arguments = list(inspect.signature(method).parameters)
        if not arguments:
            yield name, method
        few = _FEW if name.startswith(_LAST) else None
        for case in cases[arguments[0]][:few] if arguments else ():
            yield name, lambda case=case, method=method: method(case)  # type: ignore[misc]


class HangsError(Exception):
    """A mutant that comes to no end."""


@contextmanager
def _time_limit(seconds: float) -> Generator[None]:
    def stop(*_: object) -> None:
        raise HangsError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
