"""The modules that users install, parsed: of the core, of plugins and of extras."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.source_modules import (
    Module,
)

ROOT = Path(__file__).parents[1]


def modules_in(folder: Path, name: str) -> list[Module]:
    """Every module of a package."""
    found: list[Module] = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        dotted = ".".join((name, *(part for part in parts if part != "__init__")))
        found.append(Module(dotted, path.read_text("utf-8")))
    return found


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
