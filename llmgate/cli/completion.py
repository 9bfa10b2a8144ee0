"""``llmgate completion``: what makes a shell complete words, and the words that it then asks for.

Completion needs the package argcomplete; a shell that completes nothing does not import it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from llmgate.cli.output import write
from llmgate.errors import LLMGateError, RequestError

__all__ = ["add_arguments", "complete", "run", "words_for"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell's name")
    parser.epilog = (
        'bash:  eval "$(llmgate completion bash)"       in ~/.bashrc\n'
        'zsh:   eval "$(llmgate completion zsh)"        in ~/.zshrc, after compinit\n'
        "fish:  llmgate completion fish | source        in ~/.config/fish/config.fish\n"
        "\n"
        "It needs the package argcomplete (llmgate-core[cli])."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script.

    Raises:
        RequestError: when argcomplete is not installed.
    """
    try:
        from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - an extra
    except ImportError:
        pass
    else:
        write(str(shellcode(["llmgate"], shell=arguments.shell)) + "\n")
        return 0
    raise RequestError("completion needs the package argcomplete, which is not installed")


def complete(**settings: Any) -> None:
    """Tell the shell which words may come next, and end the process; without argcomplete, nothing.

    Args:
        settings: Further arguments of ``argcomplete.autocomplete``.
    """
    from llmgate.cli.commands import parser_for  # noqa: PLC0415 - only for shells

    with suppress(ImportError):
        from argcomplete import autocomplete  # noqa: PLC0415 - an extra

        typed = os.environ.get("COMP_LINE", "").split()[1:]
        completer: Any = words_for
        autocomplete(parser_for(typed), default_completer=completer, **settings)


def words_for(prefix: str, action: argparse.Action, **_: Any) -> Sequence[str]:
    """The words that may stand for an argument; files, where nothing else is known."""
    with suppress(LLMGateError):
        names = _names(action.dest)
        if names is not None:
            return [name for name in names if name.startswith(prefix)]
    from argcomplete.completers import FilesCompleter  # noqa: PLC0415 - an extra

    return [*FilesCompleter()(prefix)]


def _names(destination: str) -> Iterable[str] | None:
    """All words for an argument; None where these are files."""
    if destination in _TEXTS:
        return ()
    if destination == "param":
        from llmgate.options import ChatParameters  # noqa: PLC0415 - only for shells

        return [f"{name}=" for name in ChatParameters.__annotations__]
    if destination == "key_env":
        return sorted(os.environ)
    if destination in ("model", "name", "provider", "reach"):
        return _models() if destination == "model" else _providers()
    return None


_TEXTS = frozenset(
    {"prompt", "text", "system", "template", "temperature", "max_tokens", "timeout", "base_url"}
)
"""The arguments that nobody can complete."""


def _providers() -> list[str]:
    from llmgate._core.registry import known_providers  # noqa: PLC0415 - only for shells
    from llmgate.cli.configuration import configured  # noqa: PLC0415 - likewise

    configured()
    return sorted(known_providers())


def _models() -> list[str]:
    """The aliases, and what a model's name may begin with: no provider is asked for its models."""
    from llmgate.cli.configuration import configured  # noqa: PLC0415 - only for shells

    return [*configured().aliases, *(f"{name}/" for name in _providers())]
