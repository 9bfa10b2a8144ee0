"""What each module, class and function that users install is like."""

from __future__ import annotations

import ast
import re

from tests.own_modules import (
    HOUSE,
    OF_PLUGINS,
    PLUGINS,
    ROOT,
    SHIPPED,
    findings,
)
from tests.source_modules import (
    Module,
    imports_of,
    long_functions,
    plugin_faults,
)


def test_a_module_opens_with_what_it_is_for() -> None:
    """In a docstring whose first line is a sentence of its own, in the core at least."""

    def is_silent(module: Module) -> list[str]:
        first = (ast.get_docstring(module.tree) or "").partition("\n")[0]
        return [] if re.fullmatch(r".{10,}[.:;,a-z]", first) else [first]

    assert {} == findings(is_silent, HOUSE)
    assert {} == findings(lambda module: [] if ast.get_docstring(module.tree) else [""], OF_PLUGINS)


def test_the_reading_order_names_every_module_of_the_engine() -> None:
    """Once; ``CONTRIBUTING.md`` says in which order a call passes them, and which they serve."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("## One call, in the order of the code")[2].partition("## Words")[0]
    files = [path.name for path in (ROOT / "llmgate/_core").glob("[a-z]*.py")]
    assert sorted(files) == sorted(re.findall(r"`(\w+\.py)`", section))


def test_a_private_module_lists_no_names() -> None:
    """What it offers has no underscore; a list is for public modules, and for what is handed on."""

    def lists(module: Module) -> list[str]:
        is_private = any(part.startswith("_") for part in module.name.split("."))
        given = [each for each in module.tree.body if isinstance(each, ast.Assign)]
        listed = [
            ast.unparse(each.value) for each in given if ast.unparse(each.targets[0]) == "__all__"
        ]
        own = {
            each.name
            for each in module.tree.body
            if isinstance(each, ast.ClassDef | ast.FunctionDef)
        }
        return [text for text in listed if is_private and own >= {*ast.literal_eval(text)}]

    assert {} == findings(lists, HOUSE)


def test_no_module_is_longer_than_400_lines() -> None:
    """Who reads one can hold it in mind."""
    assert {} == findings(
        lambda module: [size] if (size := module.source.count("\n")) > 400 else [], SHIPPED
    )


def test_no_function_is_longer_than_50_lines() -> None:
    """Nor is a method."""
    assert {} == findings(long_functions, SHIPPED)


def test_a_plugin_uses_public_names_and_does_no_io() -> None:
    """Neither an HTTP library nor a vendor's SDK, nor what may change without notice."""
    assert {} == findings(plugin_faults, OF_PLUGINS)


def test_the_unit_tests_of_the_core_import_no_plugin() -> None:
    """``FakeProvider`` and ``PlainProvider`` serve them. Tests of the core with plugins are
    in ``tests/integration``, and suites of their own (``faults``, ``fuzz``, ``soak``)."""
    modules = [Module(path.stem, path.read_text("utf-8")) for path in UNIT_TESTS]
    plugins = set(PLUGINS) | {module.name for module in OF_PLUGINS}

    def of_plugins(module: Module) -> list[str]:
        return [item.path for item in imports_of(module) if item.top in plugins]

    assert {} == findings(of_plugins, modules)


FOLDERS = ("", "dispatch/", "registry/", "spend/", "sync/", "transport/")
UNIT_TESTS = [
    *(path for folder in FOLDERS for path in sorted(ROOT.glob(f"tests/{folder}*.py"))),
    ROOT / "tests/faults/calls.py",
]
"""With the helpers that all of them use."""


def test_there_are_plugins() -> None:
    """The tests above have something to test."""
    assert {"llmgate_openai", "llmgate_local"} <= set(PLUGINS)


def test_no_file_of_tests_benchmarks_or_examples_is_longer_than_400_lines() -> None:
    """They are read as often as what they are about."""
    files = {path for folder in UNSHIPPED for path in ROOT.glob(f"{folder}/**/*.py")}
    assert len(files) > 400
    long = {str(path.relative_to(ROOT)) for path in files if path.read_text().count("\n") > 400}
    assert set() == long


UNSHIPPED = ("tests", "plugins/*/tests", "extras/*/tests", "benchmarks", "examples", "scripts")
