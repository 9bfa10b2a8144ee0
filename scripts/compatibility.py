"""Writes docs/compatibility.md from what the installed providers declare of themselves.

python scripts/compatibility.py            # write it
python scripts/compatibility.py --check    # exit with 1 when it is not current
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from llmgate._core.registry import installed_providers
from llmgate.options import MEANINGFUL, ChatParameters
from llmgate.provider import Rule, Support
from llmgate_openai.api import responses_abilities

PAGE = Path(__file__).resolve().parent.parent / "docs" / "compatibility.md"

HEAD = """\
# Which provider takes which parameter

Made from the providers' own declarations by `python scripts/compatibility.py`; a test keeps it
current.

- **native**: sent as it is.
- **translated**: said in the provider's own terms; what that changes is in `response.report`.
- **emulated**: done by other means (a prompt, a schema), and reported.
- **no**: unsupported. A parameter marked * would change the meaning of the answer, so the call is
  refused with `UnsupportedError`. Any other is left out and reported, or refused too under
  `unsupported="raise"`.

Model names, messages, `stream` and `stream_options` are taken for every provider. Which model of a
provider takes a parameter is that provider's to say; where it is known, it is in the report.
"""
MOST_COLUMNS = 6
"""Of a package that provides more, one table says by name what each of its providers lacks."""
HOSTS = """\
## {package}

Each of these takes every parameter of a chat as it is, but for those named here. More of them is in
the [README of the package](../plugins/{package}/README.md).

| provider | lacks | embeddings | rerank | list of models |
|---|---|---|---|---|
"""


RESPONSES = """
## The Responses API

`openai` and `azure` send calls there that chat completions are known to refuse, and those that ask
for it (`openai/responses/gpt-5`, `provider_settings={{"api": "responses"}}`). So do these hosts for
calls that ask for it: {hosts}.

It takes everything but {lacking}.
"""


def by_package() -> dict[str, list[str]]:
    """The names of the installed providers, by the package that they are from."""
    packages: dict[str, list[str]] = {}
    for name, installed in sorted(installed_providers().items()):
        packages.setdefault(installed.distribution, []).append(name)
    return packages


def declarations(names: Iterable[str]) -> Mapping[str, Mapping[str, Support]]:
    """The tables of these providers, by name."""
    everything = dict.fromkeys(ChatParameters.__annotations__, Support.NATIVE)
    tables: dict[str, Mapping[str, Support]] = {}
    for name in names:
        factory = installed_providers()[name].load()
        declared: Mapping[str, Support] = getattr(factory, "parameters", None) or everything
        tables[name] = {**declared, **_legacy(factory, declared)}
    return tables


def _legacy(factory: object, declared: Mapping[str, Support]) -> dict[str, Support]:
    """The legacy parameters, which the core turns into tools unless the provider takes them."""
    if "tools" not in declared or hasattr(factory, "takes_legacy_functions"):
        return {}
    return dict.fromkeys(("functions", "function_call"), Support.TRANSLATED)


def page() -> str:
    """The whole page."""
    packages = by_package()
    many = {package: names for package, names in packages.items() if len(names) > MOST_COLUMNS}
    few = sorted(
        name for names in packages.values() if len(names) <= MOST_COLUMNS for name in names
    )
    tables = declarations(few)
    lines = [
        "| parameter | " + " | ".join(f"[{name}](providers/{name}.md)" for name in tables) + " |",
        "|---|" + "---|" * len(tables),
    ]
    for parameter in sorted({*ChatParameters.__annotations__} - {"stream_options"}):
        mark = "*" if parameter in MEANINGFUL else ""
        cells = (_cell(table.get(parameter, Support.UNSUPPORTED)) for table in tables.values())
        lines.append(f"| `{parameter}`{mark} | " + " | ".join(cells) + " |")
    lists = (f"\n{hosts(package, many[package])}" for package in sorted(many))
    return HEAD + "\n" + "\n".join(lines) + "\n" + "".join(lists) + responses(packages)


def responses(packages: Mapping[str, Iterable[str]]) -> str:
    """The section on the API that some have beside chat completions."""
    lacking = [
        f"`{name}`{'*' if name in MEANINGFUL else ''}"
        for name, ability in sorted(responses_abilities("", {}, gated=False).items())
        if isinstance(ability, Rule)
    ]
    names = sorted(name for each in packages.values() for name in each)
    rows = {name: getattr(installed_providers()[name].load(), "row", None) for name in names}
    hosts = [f"`{name}`" for name, row in rows.items() if row and row.responses is not None]
    return RESPONSES.format(hosts=_listed(hosts), lacking=_listed(lacking))


def _listed(items: list[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}"


def hosts(package: str, names: Iterable[str]) -> str:
    """The section of a package with many providers."""
    lines = [HOSTS.format(package=package)]
    for name, table in declarations(names).items():
        factory = installed_providers()[name].load()
        lacking = sorted(each for each, how in table.items() if how is Support.UNSUPPORTED)
        cells = (
            f"`{name}`",
            ", ".join(f"`{each}`" for each in lacking) or "nothing",
            "yes" if hasattr(factory, "embed") else "no",
            "yes" if hasattr(factory, "rerank") else "no",
            "yes" if hasattr(factory, "list_models") else "no",
        )
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def _cell(support: Support) -> str:
    return "no" if support is Support.UNSUPPORTED else support.value


def main() -> int:
    """Write the page, or check it."""
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page() else 1


if __name__ == "__main__":
    raise SystemExit(main())
