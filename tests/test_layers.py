"""The house and its floors: who may import whom, what stays out, and what no module may hold.

The table below is the map of ``llmgate/``. A module imports from its own floor and from lower ones,
in functions too; what only a type checker reads (``if TYPE_CHECKING:``) may come from anywhere.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

COMMANDS = (
    *("arguments", "asking", "batch", "chat", "commands", "completion", "configuration"),
    *("conversations", "cost", "doctor", "embed", "explain", "hosts", "interactive", "lines"),
    *("mock", "models", "new_provider", "output", "preview", "progress", "providers", "rendering"),
)
FLOORS = (
    (
        "_name_clash",
        "_text",
        "_text.describe",
        "_text.docstring",
        "_text.repair",
        "_text.json",
        "_text.redact",
        "_text.shape",
        "_text.dataclass",
        "_text.attributes",
        "_text.hints",
        "_text.shape_loading",
        "_text.pydantic",
        "_base_error",
        "errors",
        "report",
        "messages",
        "types",
        "_exchange",
        "cost",
        "models",
        "store",
    ),
    (
        "options",
        "_typing",
        "embeddings",
        "reranking",
        "provider.http",
        "provider.framing",
        "provider.merging",
        "media",
        "_core.media",
        "_core.schemas",
        "provider.threads",
    ),
    (
        "provider",
        "provider.call",
        "provider.contract",
        "provider.ranking",
        "provider.vectors",
        "_core.contradictions",
        "_core.type_schemas",
        "tools",
        "_core.tool_calls",
        "provider.accumulate",
        "provider.choice_parts",
        "provider.emulation",
        "provider._emulated",
        "provider.kit",
        "provider.kit.chunking",
        "provider.kit.reading",
        "provider.kit.settings",
        "provider.kit.side_fields",
        "provider.kit.unusual_framing",
        "provider.kit.values",
        "provider.kit.writing",
        "_core.check",
        "_core.received",
        "_core.remembered",
        "_core.refusals",
        "_core.formats",
        "_core.views",
        "_core.unwrapping",
        "_core.foreign",
    ),
    (
        "transports",
        "transports.aiohttp",
        "transports._lifetime",
        "transports._settings",
        "transports._addresses",
        "transports._failures",
        "transports._resolver",
        "transports._sockets",
        "transports._fast",
        "transports._fast.direct",
        "transports._fast.wire",
        "transports._limits",
        "transports._session",
        "transports._heads",
        "transports._unprocessed",
        "_core",
        "_core.arguments",
        "_core.deadline",
        "_core.pool_wait",
        "_core.signing",
        "_core.failures",
        "_core.abilities",
        "_core.added",
        "_core.provider_checks",
        "_core.registry",
        "_core.provider_settings",
        "_core.advice",
        "_core.retry",
        "hooks",
    ),
    (
        "_core.state",
        "_core.send",
        "_core.dispatch",
        "_core.drive",
        "_core.iterators",
        "_core.parsing",
        "_core.partial",
        "_core.stream",
        "_core.live",
        "_core.derived",
        "_core.source",
        "_core.settings",
        "_core.legacy",
        "middleware",
    ),
    (
        "_core.format_fallback",
        "_core.prepare",
        "middlewares",
        "middlewares.strategies",
        "middlewares.cooldowns",
        "middlewares.targets",
        "middlewares.hedging",
        "middlewares.fallback",
        "middlewares.routing",
        "middlewares.target_limits",
        "middlewares.cache",
        "middlewares.estimates",
        "middlewares.limit_definition",
        "middlewares.limit_store",
        "middlewares.pacing",
        "middlewares.turns",
        "middlewares.rate_headers",
        "middlewares.limits",
        "_core.layers",
        "_core.preview",
        "_core.loading",
        "_core.connections",
        "_core.batches",
        "_core.embed",
        "_core.listing",
        "_core.prices",
        "_core.rerank",
        "_core.tokens",
        "_core.operations",
        "_core.client",
        "_core.sync",
    ),
    (
        "_core.default",
        "_core.adaptive",
        "_core.hosts",
        "_core.knowledge",
        "_core.tool_rounds",
        "tool_loop",
        "mcp",
        "batch",
        "batch_files",
    ),
    ("", "__main__", "cli", "cli.__main__", *(f"cli.{name}" for name in COMMANDS)),
)
FLOOR_OF = {
    f"llmgate.{name}".rstrip("."): floor for floor, names in enumerate(FLOORS) for name in names
}

REASONED = {
    "llmgate._core.added.added_hosts": "hosts are added for the process, as packages are installed",
    "llmgate._core.default._prepared": "what a program sets before the default client is made",
    "llmgate._text.shape_loading._quick_loaders": "a class's loader is compiled when used again",
    "llmgate._core.prepare._ids": "ids differ by what came before them",
    "llmgate.middlewares.strategies._random": "what is drawn differs by what was drawn before",
    "llmgate._core.pool_wait._listener": "each task has its own, and only while it sends",
    "llmgate._core.drive._abandoning": "a loop holds its tasks weakly, and these must end",
    "llmgate._core.dispatch._queues": "at its end and after a fork, a process serves all clients",
    "llmgate._core.sync._background": "a process has one background loop, a forked child another",
}
"""What may change at run time though it belongs to a module, and why."""

HTTP = {"aiohttp", "yarl", "multidict"}
OVER_AIOHTTP = {
    "llmgate.transports.aiohttp",
    "llmgate.transports._addresses",
    "llmgate.transports._failures",
    "llmgate.transports._resolver",
    "llmgate.transports._fast",
    "llmgate.transports._fast.direct",
    "llmgate.transports._fast.wire",
    "llmgate.transports._session",
}
"""The only modules that import it."""
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


def modules_in(folder: Path, name: str) -> list[Module]:
    """Every module of a package."""
    found: list[Module] = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        dotted = ".".join((name, *(part for part in parts if part != "__init__")))
        found.append(Module(dotted, path.read_text("utf-8")))
    return found


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


HOUSE = modules_in(ROOT / "llmgate", "llmgate")
TESTING = [module for module in HOUSE if module.name.startswith("llmgate.testing")]
STOREYS = [module for module in HOUSE if module not in TESTING]
PLUGINS = {
    folder.name: modules_in(folder, folder.name)
    for folder in sorted(ROOT.glob("plugins/*/llmgate_*"))
    if folder.is_dir()
}
OF_PLUGINS = [module for modules in PLUGINS.values() for module in modules]
SHIPPED = [
    *HOUSE,
    *OF_PLUGINS,
    *(
        module
        for folder in sorted(ROOT.glob("extras/*/llmgate_*"))
        if folder.is_dir()
        for module in modules_in(folder, folder.name)
    ),
]
"""All that users install."""


def findings(
    check: Callable[[Module], Iterable[object]], modules: Iterable[Module]
) -> dict[str, list[object]]:
    """What a check finds, by the names of the modules where it finds something."""
    found = {module.name: [*check(module)] for module in modules}
    return {name: finding for name, finding in found.items() if finding}


# --- the table ---


def test_the_table_names_every_module_and_no_other() -> None:
    """Who adds a module says on which floor it lives."""
    assert set(FLOOR_OF) == {module.name for module in STOREYS}


def upward(module: Module, floor_of: dict[str, int]) -> list[str]:
    """The imports that lead up."""
    floor = floor_of[module.name]
    return sorted(name for name in edges_of(module, floor_of) if floor_of[name] > floor)


def test_a_module_imports_from_lower_floors_only() -> None:
    """Or from its own."""
    assert {} == findings(lambda module: upward(module, FLOOR_OF), STOREYS)


def test_no_module_needs_itself() -> None:
    """There is no cycle, neither between floors nor on one of them."""
    graph = {module.name: edges_of(module, FLOOR_OF) for module in STOREYS}
    assert len(STOREYS) == len([*TopologicalSorter(graph).static_order()])


def test_the_house_does_not_lean_on_its_testing_kit() -> None:
    """``llmgate.testing`` stands apart: it may use everything, and nothing uses it."""

    def of_the_kit(module: Module) -> list[str]:
        paths = [item.path for item in imports_of(module)]
        return [path for path in paths if path.startswith("llmgate.testing")]

    assert {} == findings(of_the_kit, STOREYS)


# --- what stays out ---


def test_only_the_transport_imports_an_http_library() -> None:
    """Whoever replaces it replaces one file."""

    def libraries(module: Module) -> set[str]:
        allowed: set[str] = HTTP if module.name in OVER_AIOHTTP else set()
        found = imports_of(module)
        tops, modules = {item.top for item in found}, {item.module for item in found}
        used = tops & (HTTP | SDKS) | modules & CLIENTS
        return used - allowed - LIBRARY_PARTS.get(module.name, set())

    assert {} == findings(libraries, HOUSE)


LIBRARY_PARTS = {
    "llmgate.transports._sockets": {"socket"},  # which is aiohttp's to connect
    "llmgate.transports._resolver": {"socket"},  # to look up addresses; it opens none
    "llmgate.transports._addresses": {"urllib.request"},  # which proxies the environment names
    "llmgate.transports._unprocessed": {"socket"},  # for the number of a protocol
    "llmgate.testing.mock_server.server": {"aiohttp"},  # whose server it is
    "llmgate.testing.isolation": {"socket"},  # to watch that nobody opens one
}


def test_large_libraries_are_imported_when_they_are_needed() -> None:
    """``import llmgate`` pays for the standard library alone."""

    def foreign(module: Module) -> set[str]:
        at_once = [item for item in imports_of(module) if item.is_at_top and not item.is_for_types]
        known = {"llmgate"} | (HTTP if module.name in OVER_AIOHTTP else set[str]())
        return {item.top for item in at_once} - set(sys.stdlib_module_names) - known

    assert {} == findings(foreign, STOREYS)


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


def test_the_core_names_no_vendor() -> None:
    """But in documentation: what a provider needs is said by its plugin."""
    assert {} == findings(lambda module: VENDORS.findall(code_words(module.source)), STOREYS)


# --- what a module is like ---


def test_a_module_opens_with_what_it_is_for() -> None:
    """In a docstring whose first line is a sentence of its own, in the core at least."""

    def is_silent(module: Module) -> list[str]:
        first = (ast.get_docstring(module.tree) or "").partition("\n")[0]
        return [] if re.fullmatch(r".{10,}[.:;,a-z]", first) else [first]

    assert {} == findings(is_silent, HOUSE)
    assert {} == findings(lambda module: [] if ast.get_docstring(module.tree) else [""], OF_PLUGINS)


def test_no_module_is_longer_than_400_lines() -> None:
    """Who reads one can hold it in mind."""
    assert {} == findings(
        lambda module: [size] if (size := module.source.count("\n")) > 400 else [], SHIPPED
    )


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


def test_no_function_is_longer_than_50_lines() -> None:
    """Nor is a method."""
    assert {} == findings(long_functions, SHIPPED)


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


def test_a_module_holds_no_state_but_for_a_reason() -> None:
    """Everything that changes belongs to a client, a call or a stream."""
    changing = {
        f"{module.name}.{name}"
        for module in STOREYS
        for name in changing_globals(module)
        | stateful_globals(module, importlib.import_module(module.name))
    }
    assert set(REASONED) == changing


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


UNIT_TESTS = [
    *sorted(ROOT.glob("tests/*.py")),
    *sorted(ROOT.glob("tests/transport/*.py")),
    ROOT / "tests/faults/calls.py",
]
"""With the helpers that all of them use."""


def test_there_are_plugins() -> None:
    """The tests above have something to test."""
    assert {"llmgate_openai", "llmgate_local"} <= set(PLUGINS)


# --- the checks themselves, on modules that were made to fail ---

LITTLE = {"llmgate.low": 0, "llmgate.mid": 1, "llmgate.high": 2, "llmgate": 3}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from llmgate.low import x", []),
        ("from llmgate import low", []),
        ("from llmgate.mid import x", []),
        ("from llmgate.high import x", ["llmgate.high"]),
        ("from llmgate import high", ["llmgate.high"]),
        ("import llmgate", ["llmgate"]),
        ("from llmgate import __version__", ["llmgate"]),
        ("def f():\n    from llmgate.high import x", ["llmgate.high"]),
        ("class A:\n    def f(self):\n        import llmgate.high", ["llmgate.high"]),
        ("try:\n    import llmgate.high\nexcept ImportError:\n    pass", ["llmgate.high"]),
        ("if TYPE_CHECKING:\n    from llmgate.high import x", []),
        ("if typing.TYPE_CHECKING:\n    from llmgate.high import x", []),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import llmgate.high", ["llmgate.high"]),
        ("import json", []),
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(source: str, expected: list[str]) -> None:
    """In functions, classes and branches."""
    assert expected == upward(Module("llmgate.mid", source), LITTLE)


def test_a_cycle_is_found() -> None:
    """Two modules of one floor that need each other."""
    names = {"llmgate.a": "from llmgate.b import x", "llmgate.b": "def f():\n    import llmgate.a"}
    graph = {name: edges_of(Module(name, source), names) for name, source in names.items()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


CHANGING: list[tuple[str, set[str]]] = [
    ("names = []\ndef f():\n    names.append(1)", {"names"}),
    ("names = {}\ndef f():\n    names['a'] = 1", {"names"}),
    ("names = {}\ndef f():\n    del names['a']", {"names"}),
    ("tasks = set()\ntask.add_done_callback(tasks.discard)", {"tasks"}),
    ("count = 0\ndef f():\n    global count\n    count += 1", {"count"}),
    ("table: dict = {'a': 1}\ndef f():\n    return table['a'], table.get('b')", set()),
    ("def f():\n    names = []\n    names.append(1)", set()),
]


@pytest.mark.parametrize(("source", "expected"), CHANGING)
def test_a_changing_global_is_found(source: str, expected: set[str]) -> None:
    """By what is done with it."""
    assert expected == changing_globals(Module("m", source))


STATEFUL: list[tuple[str, set[str]]] = [
    ("import threading\nlock = threading.Lock()", {"lock"}),
    ("from collections import deque\nqueue = deque()", {"queue"}),
    ("from weakref import WeakSet\nalive = WeakSet()", {"alive"}),
    ("from collections import deque\ntable = {'a': (deque(),)}", {"table"}),
    ("from llmgate.report import Report\nempty = Report()", {"empty"}),
    (
        "from llmgate.types import Exchange\nfrom llmgate.report import Report\n"
        "nowhere = Exchange('', Report())",
        {"nowhere"},
    ),
    ("from llmgate.types import ChoiceDelta\nsilence = ChoiceDelta()", set()),
    (
        "import re\nword = re.compile('a')\nsize = 5\nnames = ('a', b'b')\ntable = {'a': {1}}",
        set(),
    ),
    ("from typing import TypeVar\nT = TypeVar('T')\nText = str | bytes", set()),
]


@pytest.mark.parametrize(("source", "expected"), STATEFUL)
def test_a_global_that_holds_state_is_found(source: str, expected: set[str]) -> None:
    """By what it is."""
    loaded = ModuleType("m")
    exec(source, vars(loaded))  # noqa: S102 - the sources above
    assert expected == stateful_globals(Module("m", source), loaded)


def test_a_long_function_is_found() -> None:
    """By its own lines."""
    lines = "\n".join(f"        x = {number}" for number in range(49))
    source = f"class C:\n    def f(self):\n{lines}"
    documented = source.replace("(self):\n", '(self):\n        """Sets\n        x."""\n')
    for text in (source, documented):
        assert [] == long_functions(Module("m", text))
        assert ["f"] == long_functions(Module("m", f"{text}\n        return x"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from llmgate.provider.http import HttpRequest, encode_json", []),
        ("from llmgate import acompletion", []),
        ("import llmgate.errors", []),
        ("from llmgate_openai import OpenAI", []),
        ("from llmgate_mine._inner import x", []),
        ("from llmgate._text.json import is_object", ["llmgate._text.json.is_object is private"]),
        ("from llmgate._core import drive", ["llmgate._core.drive is private"]),
        ("from llmgate.provider import excerpt", ["llmgate.provider.excerpt is not in __all__"]),
        ("from llmgate_openai._parts import x", ["llmgate_openai._parts.x is private"]),
        ("import aiohttp", ["aiohttp does I/O"]),
        ("def f():\n    import openai", ["openai does I/O"]),
        ("if TYPE_CHECKING:\n    from anthropic import Client", ["anthropic.Client does I/O"]),
        ("import urllib.request", ["urllib.request does I/O"]),
        ("from urllib.parse import quote", []),
    ],
)
def test_what_a_plugin_may_not_import_is_found(source: str, expected: list[str]) -> None:
    """Also where only a type checker reads it: the SDK would have to be installed for that."""
    assert expected == plugin_faults(Module("llmgate_mine.provider", source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""Not Azure."""\n# nor Cohere\nx = 1', []),
        ('def f():\n    """Nor Replicate."""', []),
        ('x = "azure"', ["azure"]),
        ("def azure_key(): ...", ["azure"]),
        ('class Cohere:\n    """Says: cohere."""', ["Cohere"]),
        ('x = f"anthropic {x}"', ["anthropic"]),
    ],
)
def test_a_vendor_s_name_in_code_is_found(source: str, expected: list[str]) -> None:
    """As a text or as a part of a name; documentation does not count."""
    assert expected == VENDORS.findall(code_words(source))
