"""The house and its floors: who may import whom, what stays out, and what no module may hold.

The table below is the map of ``llmgate/``. A module imports from its own floor and from lower ones,
in functions too; what only a type checker reads (``if TYPE_CHECKING:``) may come from anywhere.
"""

from __future__ import annotations

import importlib
import sys
from graphlib import TopologicalSorter

from tests.own_modules import (
    HOUSE,
    STOREYS,
    findings,
)
from tests.source_modules import (
    CLIENTS,
    HTTP,
    SDKS,
    VENDORS,
    Module,
    changing_globals,
    code_words,
    edges_of,
    imports_of,
    stateful_globals,
    upward,
)

COMMANDS = (
    *("arguments", "asking", "batch", "chat", "commands", "completion", "configuration"),
    *("conversations", "cost", "doctor", "embed", "explain", "hosts", "interactive", "lines"),
    *("mock", "models", "new_provider", "output", "preview", "progress", "providers", "rendering"),
)
FLOORS = (
    (
        "_name_clash",
        "_describe",
        "_base_error",
        "errors",
        "_text",
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
        "_text.contradictions",
        "_text.type_schemas",
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
        "provider.array_framing",
        "provider.merging",
        "media",
        "_core.media",
        "_core.refusals",
        "_core.schemas",
        "_core.validators",
        "provider.threads",
    ),
    (
        "provider",
        "provider.call",
        "provider.contract",
        "provider.ranking",
        "provider.vectors",
        "tools",
        "_core.tool_calls",
        "provider.accumulate",
        "provider.choice_parts",
        "provider.emulation",
        "provider._emulated",
        "provider.kit",
        "provider.kit.chunking",
        "provider.kit.history",
        "provider.kit.paging",
        "provider.kit.parts",
        "provider.kit.reading",
        "provider.kit.settings",
        "provider.kit.side_fields",
        "provider.kit.tokens",
        "provider.kit.unusual_framing",
        "provider.kit.values",
        "provider.kit.writing",
        "_core.check",
        "_core.received",
        "_core.remembered",
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
        "transports._waiting",
        "_core",
        "_core.arguments",
        "_core.clock",
        "_core.deadline",
        "_core.retried",
        "_core.token_cache",
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
        "_core.signing",
        "_core.send",
        "_core.dispatch",
        "_core.wanted_events",
        "_core.drive",
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
        "middlewares.limit_groups",
        "middlewares.turns",
        "middlewares.rate_headers",
        "middlewares.held_calls",
        "middlewares.limits",
        "_core.guard",
        "_core.middleware_chain",
        "_core.preview",
        "_core.loading",
        "_core.connections",
        "_core.embed",
        "_core.listing",
        "_core.rerank",
        "_core.tokens",
        "_core.base_client",
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
    "llmgate._core.clock._clocks": "a loop has one clock for the calls of all clients",
    "llmgate._core.retried._listeners": "each task has its own, and only while it calls",
    "llmgate.transports._waiting._listener": "each task has its own, and only while it sends",
    "llmgate._core.drive._cancelling": "a loop holds its tasks weakly, and these must end",
    "llmgate._core.dispatch._queues": "at its end and after a fork, a process serves all clients",
    "llmgate._core.sync._background": "a process has one background loop, a forked child another",
}
"""What may change at run time though it belongs to a module, and why."""
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


# --- the table ---


def test_the_table_names_every_module_and_no_other() -> None:
    """Who adds a module says on which floor it lives."""
    assert set(FLOOR_OF) == {module.name for module in STOREYS}


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


def test_what_the_engine_stands_on_does_not_know_it() -> None:
    """Transports, providers' parts, tools and texts import nothing of it, not even for types."""
    below = tuple(f"llmgate.{name}" for name in ("_text", "provider", "transports", "tools"))

    def of_the_engine(module: Module) -> list[str]:
        paths = [item.path for item in imports_of(module)] if module.name.startswith(below) else []
        return [path for path in paths if path.startswith("llmgate._core")]

    assert {} == findings(of_the_engine, STOREYS)


def test_errors_know_neither_json_nor_shapes() -> None:
    """Which raise them, and import nothing but values from above when they run."""

    def texts(module: Module) -> list[str]:
        run = [item.path for item in imports_of(module) if not item.is_for_types]
        return [path for path in run if path.startswith("llmgate._text")]

    names = ("llmgate.errors", "llmgate._base_error", "llmgate._describe")
    assert {} == findings(texts, [module for module in STOREYS if module.name in names])


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
        known |= LATE.get(module.name, set())
        late = {item.module for item in at_once} & {*LATE}
        return late | {item.top for item in at_once} - {*sys.stdlib_module_names} - known

    assert {} == findings(foreign, STOREYS)


LATE = {"llmgate._core.schemas": {"pydantic_core"}}
"""Modules that are imported within functions alone, with the libraries that they import."""


def test_the_core_names_no_vendor() -> None:
    """But in documentation: what a provider needs is said by its plugin."""
    assert {} == findings(lambda module: VENDORS.findall(code_words(module.source)), STOREYS)


def test_a_module_holds_no_state_but_for_a_reason() -> None:
    """Everything that changes belongs to a client, a call or a stream."""
    changing = {
        f"{module.name}.{name}"
        for module in STOREYS
        for name in changing_globals(module)
        | stateful_globals(module, importlib.import_module(module.name))
    }
    assert set(REASONED) == changing
