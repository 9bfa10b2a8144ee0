"""The modules of a package as syntax trees: what they import, hold and change."""

from __future__ import annotations

import ast
import importlib
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from types import ModuleType
from typing import Any

HTTP = {"aiohttp", "yarl", "multidict"}
SDKS = {"anthropic", "azure", "boto3", "botocore", "cohere", "google", "openai", "replicate"}
CLIENTS = {"httpx", "httpcore", "requests", "urllib3", "urllib.request", "http.client", "socket"}
VENDORS = re.compile(
    "anthropic|cohere|azure|replicate|bedrock|gemini|vertex|mistral|ollama|hugging_?face|cerebras"
    r"|deepseek|fireworks|groq|jina|nvidia|openrouter|perplexity|voyage",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Module:
    """One file, parsed."""

    name: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)


@dataclass(frozen=True)
class Import:
    """One imported module, and one name of it if there is one."""

    module: str
    name: str | None
    is_for_types: bool
    is_at_top: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


def imports_of(module: Module) -> list[Import]:
    """What a module imports, wherever the statement stands."""
    return [*_imports(module.tree.body, for_types=False, at_top=True)]


def _imports(body: Iterable[ast.AST], *, for_types: bool, at_top: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, for_types, at_top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.module or ".", alias.name, for_types, at_top)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(node.body, for_types=True, at_top=at_top)
            yield from _imports(node.orelse, for_types=for_types, at_top=at_top)
        else:
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            inner = ast.iter_child_nodes(node)
            yield from _imports(inner, for_types=for_types, at_top=at_top and not is_function)


def edges_of(module: Module, known: Iterable[str]) -> set[str]:
    """The modules of the house that a module needs at run time."""
    names = set(known)
    needed = [found for found in imports_of(module) if not found.is_for_types]
    return {
        found.path if found.path in names else found.module
        for found in needed
        if found.top == "llmgate"
    } - {module.name}


def upward(module: Module, floor_of: dict[str, int]) -> list[str]:
    """The imports that lead up."""
    floor = floor_of[module.name]
    return sorted(name for name in edges_of(module, floor_of) if floor_of[name] > floor)


def code_words(source: str) -> str:
    """A module's text without comments and docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            lines |= _lines_of(node.body[0])
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    kept = [
        token.string
        for token in tokens
        if token.type != tokenize.COMMENT
        and not (token.type == tokenize.STRING and token.start[0] in lines)
    ]
    return " ".join(kept)


def _lines_of(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def long_functions(module: Module) -> list[str]:
    """The functions of more than fifty lines; their documentation does not count."""
    functions = (
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [node.name for node in functions if len(_lines_of(node) - _documentation(node)) > 50]


def _documentation(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    return set() if ast.get_docstring(function) is None else _lines_of(function.body[0])


MUTATORS = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop"),
    *("popitem", "popleft", "put", "remove", "reverse", "setdefault", "sort", "update"),
}


def changing_globals(module: Module) -> set[str]:
    """The module's own names whose values are changed after it was imported."""
    names = {name for node in module.tree.body for name in _assigned(node)}
    return {name for node in ast.walk(module.tree) for name in _changed(node)} & names


def _assigned(node: ast.stmt) -> Iterator[str]:
    targets: Sequence[ast.expr] = ()
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    for target in targets:
        yield from (item.id for item in ast.walk(target) if isinstance(item, ast.Name))


def _changed(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Global(names=names):
            yield from names
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if attribute in MUTATORS:
            yield name
        case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
            yield name
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name
        case _:
            pass


def stateful_globals(module: Module, loaded: ModuleType) -> set[str]:
    """The module's own names that hold objects made to change."""
    names = {name for node in module.tree.body for name in _assigned(node)}
    return {name for name in names if not _is_constant(getattr(loaded, name, None))}


def _is_constant(value: Any) -> bool:
    """Whether a value is a type, a number, a text, or a table or dataclass of such."""
    if isinstance(value, tuple | frozenset | list | set):
        return all(map(_is_constant, value))  # pyright: ignore[reportUnknownArgumentType] # any items
    if isinstance(value, dict):
        return all(map(_is_constant, value.values()))  # pyright: ignore[reportUnknownArgumentType] # likewise
    kind: Any = value.__class__
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if parameters is not None:
        return all(_is_constant(getattr(value, field.name)) for field in fields(kind))
    home = kind.__module__
    return callable(value) or home in {"builtins", "typing", "types", "re", "json.decoder"}


# --- plugins ---


def plugin_faults(module: Module) -> list[str]:
    """What a plugin imports that it may not."""
    package = module.name.partition(".")[0]
    faults = list[str]()
    for item in imports_of(module):
        steps = item.path.split(".")
        if item.top in HTTP | SDKS or item.module in CLIENTS:
            faults.append(f"{item.path} does I/O")
        elif item.top.startswith("llmgate") and item.top != package:
            if any(step.startswith("_") for step in steps):
                faults.append(f"{item.path} is private")
            elif item.top == "llmgate" and not _is_public(item):
                faults.append(f"{item.path} is not in __all__")
    return faults


def _is_public(item: Import) -> bool:
    home = importlib.import_module(item.module)
    return item.name is None or item.name in getattr(home, "__all__", ())
