"""An extension of griffe: docstrings of this package as the API reference of the site takes them.

It changes what griffe has collected, and renders nothing: roles such as ``:class:`Client``` become
links, names of ``llmgate`` lead to where they are defined, and functions that take a call's
arguments have the help that they have at run time.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from textwrap import indent
from typing import Any

# It is installed in the site's own environment only, so no checker knows its types.
griffe: Any = import_module("griffe")

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`(?:([^`<]*) <)?(~?)([\w.]+)>?`")
_CODE_FOLLOWS = re.compile(r"::$", re.MULTILINE)
_ARGUMENT = re.compile(r"^    (\w+): ", re.MULTILINE)
_DRAWING = re.compile(r"^\S.*\n(?: *[├│└].*\n?)+", re.MULTILINE)
_PACKAGE = "llmgate"
_SHOWN = {"__all__", "__init__", "__call__"}


class SiteDocstrings(griffe.Extension):  # type: ignore[misc]  # as said above
    """What is done to a package when griffe has read it."""

    def on_package(self, *, pkg: Any, loader: Any, **_: Any) -> None:
        """Change the docstrings of ``llmgate``, once all of it is read."""
        if pkg.path != _PACKAGE:
            return
        _make_functions(pkg)
        homes: dict[str, str] = import_module(_PACKAGE)._MODULE_OF
        for name, module in homes.items():
            pkg.set_member(name, griffe.Alias(name, f"{_PACKAGE}.{module}.{name}", parent=pkg))
        loader.resolve_aliases()
        _Pages(pkg, homes).rewrite(pkg)


class _Pages:
    """Rewrites the docstrings of a package."""

    def __init__(self, package: Any, homes: dict[str, str]) -> None:
        self._package = package
        self._homes = homes

    def rewrite(self, obj: Any) -> None:
        """Those of a module or class, and of all that it holds."""
        if isinstance(obj, griffe.Function) and _is_described(obj):
            _take_help(obj)
        if obj.docstring is not None:
            obj.docstring.value = self._as_markdown(obj.docstring.value, obj)
        if isinstance(obj, griffe.Class):
            _list_fields(obj)
        for name, member in [*obj.members.items()]:
            if name.startswith("__") and name not in _SHOWN:
                obj.del_member(name)  # Python says what it is for
            elif isinstance(member, griffe.Object):
                self.rewrite(member)

    def _as_markdown(self, text: str, obj: Any) -> str:
        def linked(found: re.Match[str]) -> str:
            title, short, target = found.groups()
            shown = title or (target.rpartition(".")[2] if short else target)
            path = self._path(target, obj)
            if path is None:
                return f"`{shown}`"
            # optional: not every member of every class has a place in the reference
            return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'

        return _CODE_FOLLOWS.sub(":", _DRAWING.sub(_indented, _ROLE.sub(linked, text)))

    def _path(self, target: str, obj: Any) -> str | None:
        """Under which name the reference has what a role means; None where it has it not."""
        for scope in _scopes(obj):
            found = self._found(f"{scope}.{target}" if scope else target)
            if found is not None:
                return found
        return None

    def _found(self, path: str) -> str | None:
        if not path.startswith(f"{_PACKAGE}."):
            return None
        try:
            found: Any = self._package[path.removeprefix(f"{_PACKAGE}.")]
            target = found.final_target if found.is_alias else found
        except (KeyError, griffe.AliasResolutionError):
            return None
        module = target.module.path.removeprefix(f"{_PACKAGE}.")
        inside = target.path.removeprefix(f"{target.module.path}.")
        if self._homes.get(inside.partition(".")[0]) == module and "_" in module[:1]:
            return f"{_PACKAGE}.{inside}"
        is_private = any(part.startswith("_") for part in target.path.split("."))
        return None if is_private else target.path


def _make_functions(package: Any) -> None:
    """Put functions in place of the names in ``_core.default`` that are made of a client's methods
    when it is imported, which griffe takes for variables."""
    module = package["_core.default"]
    classes = import_module(f"{_PACKAGE}._core.client").Client.__mro__
    for name, member in [*module.members.items()]:
        is_variable = isinstance(member, griffe.Attribute)
        if not is_variable or not str(member.value).startswith("_of_default_client("):
            continue
        owner = next(each for each in classes if name in vars(each))
        method = package[f"{owner.__module__}.{owner.__name__}.{name}".removeprefix("llmgate.")]
        function = griffe.Function(
            name,
            lineno=member.lineno,
            endlineno=member.endlineno,
            parameters=griffe.Parameters(*[*method.parameters][1:]),
            returns=method.returns,
        )
        function.labels |= method.labels
        module.set_member(name, function)
        _take_help(function)


def _indented(found: re.Match[str]) -> str:
    """A tree of lines as Markdown's code."""
    return indent(found[0], "    ")


def _scopes(obj: Any) -> list[str]:
    """Where a name in an object's docstring is looked for, the nearest first."""
    scopes: list[str] = []
    found: Any = obj
    while found is not None:
        scopes.append(found.path)
        found = found.parent
    return [*scopes, ""]


def _list_fields(cls: Any) -> None:
    """Show the fields that have no docstrings in one list, where no signature shows them."""
    optional: frozenset[str] = getattr(_at_run_time(cls), "__optional_keys__", frozenset())
    lines: list[str] = []
    for name, member in [*cls.members.items()]:
        is_field = isinstance(member, griffe.Attribute) and member.annotation is not None
        if is_field and member.docstring is None and not name.startswith("_"):
            default = "Required." if member.value is None else f"By default `{member.value}`."
            said = "Optional." if name in optional else default
            lines.append(f"    {name} ({member.annotation}): {said}")
            cls.del_member(name)
    if lines and "__init__" not in cls.members:
        text = cls.docstring.value if cls.docstring else ""
        _set_docstring(cls, "\n".join([text, "", "Attributes:", *lines]))


def _at_run_time(obj: Any) -> Any:
    """What an object of the package is when it is imported; None where that cannot be."""
    try:
        found: Any = import_module(obj.module.path)
        for name in obj.path.removeprefix(f"{obj.module.path}.").split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return None  # it needs a package that is not installed, or is for type checkers alone
    return found


def _set_docstring(obj: Any, text: str) -> None:
    """Give an object a docstring, which is parsed as that of its module."""
    if obj.docstring is None:
        pattern = obj.module.docstring
        obj.docstring = griffe.Docstring(
            text, parent=obj, parser=pattern.parser, parser_options=pattern.parser_options
        )
    else:
        obj.docstring.value = text


def _is_described(function: Any) -> bool:
    """Whether its help is made at run time."""
    return any(str(each.value).startswith("describe_options(") for each in function.decorators)


def _take_help(function: Any) -> None:
    """Give a function the help that it has at run time, with the types of the arguments."""
    owner = _at_run_time(function)
    types = {
        name: parameter.annotation
        for name, parameter in inspect.signature(owner).parameters.items()
        if isinstance(parameter.annotation, str)
    }

    def typed(found: re.Match[str]) -> str:
        annotation = types.get(found[1])
        return f"    {found[1]} ({annotation}): " if annotation else found[0]

    _set_docstring(function, _ARGUMENT.sub(typed, inspect.getdoc(owner) or ""))
