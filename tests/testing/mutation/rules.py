"""The rules by which mutants of a module are made; it changes syntax trees and runs nothing.

What no behaviour depends on is left alone: annotations, ``__all__``, docstrings, and prose, which
are the texts of errors and of the report's reasons.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple, cast

from llmgate.provider.http import is_array

__all__ = ["EMPTY", "Mutant", "compile_mutant", "mutants_of"]

EMPTY = "__empty__"
"""The name under which a mutant finds the function that makes an empty value of a value."""


class Mutant(NamedTuple):
    """One change of one module: the number of a change in the order of the walk."""

    module: str
    line: int
    place: str
    rule: str
    what: str
    number: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} ({self.place}) {self.rule}: {self.what}"


class _Change(NamedTuple):
    line: int
    rule: str
    what: str
    apply: Callable[[], None]


def mutants_of(module: str, source: str) -> list[Mutant]:
    """All mutants of a module."""
    tree = ast.parse(source)
    return [
        Mutant(module, c.line, _place_of(c.line, tree), c.rule, c.what, number)
        for number, c in enumerate(_changes(tree))
    ]


def _place_of(line: int, tree: ast.Module) -> str:
    """The innermost function that holds a line; else the constant whose value is there."""
    named: list[tuple[bool, int, str]] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case _:
                continue
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            named.append((isinstance(node, ast.FunctionDef), node.lineno, name))
    return max(named)[2] if named else "the module"


def compile_mutant(mutant: Mutant, source: str) -> Any:
    """The code of the module with that change."""
    tree = ast.parse(source)
    list(_changes(tree))[mutant.number].apply()
    return compile(ast.fix_missing_locations(tree), f"<{mutant}>", "exec")


def _changes(tree: ast.Module) -> Iterator[_Change]:
    for parent, name, child in _places(tree):
        match child:
            case ast.Dict():
                yield from _dropped_keys(child)
                yield from _swapped_values(child)
            case ast.Call():
                yield from _dropped_keywords(child)
                yield from _swapped_arguments(child)
            case ast.Return(value=ast.expr() as value) if not _is_prose(child, "value"):
                if ast.unparse(value) not in _EMPTY_ALREADY:
                    yield _emptied(child)
            case ast.Constant():
                yield from _changed_constant(parent, name, child)
            case list():
                yield from _skipped_statements(cast("list[ast.stmt]", child))
            case _:
                pass


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Every part of the tree that may be changed, with what holds it and under which name."""
    for name, value in ast.iter_fields(tree):
        if name in _NO_BEHAVIOUR or _is_prose(tree, name):
            continue
        children: list[Any] = value if is_array(value) else [value]
        if is_array(value) and name in ("body", "orelse"):
            yield tree, name, value
        for child in children:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield tree, name, child
                yield from _places(child)


def _is_prose(node: ast.AST, name: str) -> bool:
    """Whether it is what an error says, or a reason."""
    if isinstance(node, ast.Return) and name == "value":
        texts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
        return any(isinstance(text.value, str) and " " in text.value for text in texts)
    return isinstance(node, ast.Raise) and name == "exc"


_EMPTY_ALREADY = ("None", "False", "0", "''", "()", "[]", "{}")
_NO_BEHAVIOUR = ("annotation", "returns", "type_params", "decorator_list")


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__" | "logger")]):
            return True
        case ast.Subscript(value=ast.Name(id="Literal" | "list" | "dict" | "tuple" | "frozenset")):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Name(id="TypeVar" | "cast" | "field")):
            return True
        case _:
            return False


# --- one function for each rule -----------------------------------------------------------


def _dropped_keys(node: ast.Dict) -> Iterator[_Change]:
    for place, key in enumerate(node.keys):

        def drop(place: int = place) -> None:
            del node.keys[place], node.values[place]

        what = "**" if key is None else ast.unparse(key)
        yield _Change(node.values[place].lineno, "drop a field", what, drop)


def _swapped_values(node: ast.Dict) -> Iterator[_Change]:
    for place in range(len(node.keys) - 1):
        one, other = node.keys[place], node.keys[place + 1]
        if one is None or other is None:
            continue

        def swap(place: int = place) -> None:
            values = node.values
            values[place], values[place + 1] = values[place + 1], values[place]

        if ast.dump(node.values[place]) != ast.dump(node.values[place + 1]):
            what = f"{ast.unparse(one)} and {ast.unparse(other)}"
            yield _Change(node.values[place].lineno, "swap two", what, swap)


def _dropped_keywords(node: ast.Call) -> Iterator[_Change]:
    if _is_report(node):
        return
    for place, keyword in enumerate(node.keywords):

        def drop(place: int = place) -> None:
            del node.keywords[place]

        what = f"{keyword.arg or '**'} of {ast.unparse(node.func)}"
        yield _Change(keyword.value.lineno, "drop a field", what, drop)


_SYMMETRIC = frozenset({"max", "min", "isinstance", "zip", "getattr", "sorted"})
_SYMMETRIC_METHODS = (".union", ".isdisjoint")


def _swapped_arguments(node: ast.Call) -> Iterator[_Change]:
    function = ast.unparse(node.func)
    if _is_report(node) or function in _SYMMETRIC or "Error" in function:
        return
    if function.endswith(_SYMMETRIC_METHODS):
        return
    for place in range(len(node.args) - 1):

        def swap(place: int = place) -> None:
            node.args[place], node.args[place + 1] = node.args[place + 1], node.args[place]

        if any(isinstance(node.args[p], ast.Starred) for p in (place, place + 1)):
            continue
        yield _Change(node.lineno, "swap two", f"arguments of {function}", swap)


def _emptied(node: ast.Return) -> _Change:
    def empty() -> None:
        value = node.value
        assert value is not None
        node.value = ast.Call(ast.Name(EMPTY, ast.Load()), [deepcopy(value)], [])

    return _Change(node.lineno, "return an empty one", ast.unparse(node)[:60], empty)


def _skipped_statements(body: list[ast.stmt]) -> Iterator[_Change]:
    for place, statement in enumerate(body):

        def skip(place: int = place) -> None:
            body[place] = ast.Pass()

        match statement:
            case ast.Expr(value=ast.Call() as call) if _is_report(call):
                rule = "skip a report entry"
            case ast.Assign(targets=[ast.Subscript()]):
                rule = "drop a field"
            case _:
                continue
        yield _Change(statement.lineno, rule, ast.unparse(statement)[:60], skip)


def _changed_constant(parent: ast.AST, name: str, node: ast.Constant) -> Iterator[_Change]:
    value: Any = node.value
    match value:
        case bool():
            changed: Any = not value
        case int() | float():
            changed = value + 1
        case str() if value and " " not in value and not _is_reason(parent):
            changed = f"{value}x"
        case _:
            return

    def change() -> None:
        node.value = changed

    yield _Change(node.lineno, "change a constant", f"{value!r} to {changed!r}", change)


def _is_reason(node: ast.AST) -> bool:
    """Whether it is a call that reports or refuses: its words are prose."""
    is_error = isinstance(node, ast.Call) and "Error" in ast.unparse(node.func)
    return is_error or (isinstance(node, ast.keyword) and node.arg in ("path", "parameter"))


def _is_report(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and ast.unparse(node.func).endswith(
        (".report.add", ".report.drop")
    )
