"""``llmgate explain``: how a model takes each parameter, or what would be changed in one call.

It reads what the provider declares, and sends nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from llmgate._core.abilities import abilities_of
from llmgate._core.knowledge import model_info
from llmgate._core.registry import Registry
from llmgate.cli.arguments import (
    add_call,
    add_connection,
    add_files,
    add_model,
    add_tools,
    connection_of,
    content_of,
)
from llmgate.cli.configuration import configured
from llmgate.cli.output import print_names, print_table, write
from llmgate.cli.preview import previewed
from llmgate.errors import UnsupportedError, describe_value
from llmgate.options import MEANINGFUL, ChatParameters
from llmgate.provider import LegacyFunctions, Provider, Rule, Support

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    add_model(parser)
    add_call(parser)
    add_tools(parser)
    add_files(parser)
    add_connection(parser)
    parser.add_argument(
        "--stream", action="store_true", help="explain a streamed call, with the options given"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a table: of the call's parameters where there are any, otherwise of all.

    Raises:
        LLMGateError: for a model that no provider takes, and for a call that is wrong.
        UsageError: when no model is named.
    """
    if arguments.model is None:
        arguments.model = arguments.name
    if _has_call(arguments):
        _explain_call(arguments)
    else:
        _explain_model(configured().model_of(arguments.model), connection_of(arguments))
    return 0


def _has_call(arguments: argparse.Namespace) -> bool:
    given = ("system", "temperature", "max_tokens", "schema")
    several = ("param", "tool", "image", "file", "audio")
    return (
        arguments.stream
        or any(getattr(arguments, name) is not None for name in given)
        or any(getattr(arguments, name) for name in several)
    )


def _explain_call(arguments: argparse.Namespace) -> None:
    try:
        preview = previewed(arguments, content_of(arguments, "Hi"), stream=arguments.stream)
    except UnsupportedError as error:
        write(f"the call is refused before anything is sent: {error}\n")
        return
    if not preview.report:
        write("the request says exactly what was asked\n")
    for each in preview.report:
        write(f"{each}\n")
        if each.given is not None and each.sent is not None and each.given != each.sent:
            write(f"  given {describe_value(each.given)}, sent {describe_value(each.sent)}\n")


def _explain_model(model: str, connection: Mapping[str, Any]) -> None:
    registry = Registry()
    target = registry.target(model)
    settings = {name: value for name, value in connection.items() if name != "timeout"}
    provider = registry.provider(target.provider, settings)
    abilities = abilities_of(provider, target.model, {})
    write(f"{target.provider}/{target.model}\n")
    for fact in _facts(model):
        write(f"{fact}\n")
    names = sorted({*ChatParameters.__annotations__} - {"stream_options"})
    rows = [(name, *_described(name, abilities, provider)) for name in names]
    changed = [row for row in rows if row[1] != _UNCHANGED]
    write("\n")
    if changed:
        print_table([("parameter", "sent", "reason"), *changed])
        write("\n")
    print_names("sent unchanged", [name for name, sent, _ in rows if sent == _UNCHANGED])


def _facts(model: str) -> list[str]:
    """What is known of the model, one fact a line."""
    info = model_info(model)
    limits = [
        f"{value:,} tokens of {what}"
        for what, value in (("context", info.context_window), ("output", info.max_output))
        if value is not None
    ]
    able = {
        name: getattr(info, name) for name in ("tools", "vision", "audio", "schema", "reasoning")
    }
    has = ", ".join(name for name, value in able.items() if value)
    lacks = ", ".join(name for name, value in able.items() if value is False)
    lines = [
        ", ".join(limits),
        f"has {has}" if has else "",
        f"lacks {lacks}" if lacks else "",
        f"status: {info.status}" if info.status else "",
    ]
    return [line for line in lines if line]


def _described(
    name: str, abilities: Mapping[str, Support | Rule] | None, provider: Provider
) -> tuple[str, str]:
    """How a parameter is sent, and why so."""
    if abilities is None:
        return _UNCHANGED, ""
    ability = abilities.get(name, Support.UNSUPPORTED)
    if name in _LEGACY and not _takes_legacy(provider):
        has_tools = abilities.get("tools", Support.UNSUPPORTED) is not Support.UNSUPPORTED
        return ("as tools" if has_tools else "refused"), "the legacy form of tools"
    if isinstance(ability, Rule):
        if ability.to is not None:
            return f"as {ability.to}", ability.reason
        values = [describe_value(value) for value in ability.allowed or ()]
        return (f"only {', '.join(values)}" if values else _lost(name)), ability.reason
    return _SENT.get(ability, _lost(name)), ""


def _takes_legacy(provider: Provider) -> bool:
    return isinstance(provider, LegacyFunctions) and provider.takes_legacy_functions()


_LEGACY = frozenset({"functions", "function_call"})
_UNCHANGED = "unchanged"
_SENT = {
    Support.NATIVE: _UNCHANGED,
    Support.TRANSLATED: "translated",
    Support.EMULATED: "emulated",
}


def _lost(name: str) -> str:
    """What becomes of a parameter that is not supported."""
    return "refused" if name in MEANINGFUL else "dropped"
