"""The commands: their names, what help says of them, and the parser; it imports none of them.

A command is a module of this package with ``add_arguments(parser)`` and ``run(arguments)``. It is
imported when it is named on the command line.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import llmgate

__all__ = ["COMMANDS", "Command", "command_in", "module_of", "parse", "parser_for"]


class Command(NamedTuple):
    """``usage`` is what follows the command's name, ``summary`` its line in the list of commands,
    and ``description`` what its own help opens with."""

    usage: str
    summary: str
    description: str


COMMANDS: dict[str, Command] = {
    "chat": Command(
        "[options] [PROMPT ...]",
        "ask a model, or talk to it",
        "Ask a model. Text that is piped in follows the prompt, or is the prompt.\n"
        "Without a prompt, on a terminal, a conversation begins; /help explains it.",
    ),
    "embed": Command(
        "[options] [TEXT ...]",
        "turn texts into vectors",
        "Print the vector of each text, or of each line that is piped in, as one JSON\n"
        "object a line.",
    ),
    "batch": Command(
        "[options] INPUT -o OUTPUT",
        "make the calls of a file, and resume where it ended",
        "Make the calls of a file, and write a record of each to another file. Run again,\n"
        "it resumes: calls that succeeded are kept, calls that failed are made again.",
    ),
    "models": Command(
        "[options] [PROVIDER]",
        "list the models of a provider",
        "Ask a provider for its models, or every provider whose key is set.",
    ),
    "providers": Command(
        "",
        "list the installed providers",
        "List the installed providers, their keys' variables, and the models they claim.\n"
        "Nothing is sent, and no key is shown.",
    ),
    "hosts": Command(
        "[options] [NAME]",
        "list the hosts of OpenAI's format, or show one",
        "List the named hosts of OpenAI's format, with the address of each, or show what\n"
        "is known of one. Nothing is sent.",
    ),
    "preview": Command(
        "[options] PROMPT ...",
        "print the request that a call would send",
        "Print the HTTP request of a call, as JSON or as a curl command. Nothing is sent,\n"
        "and credentials are shown as ***.",
    ),
    "explain": Command(
        "[options] [MODEL]",
        "show what a model takes, and what would be changed",
        "Show how a model takes each parameter: unchanged, renamed, emulated, or not at\n"
        "all. With parameters of a call, show what would be changed in that call.",
    ),
    "cost": Command(
        "[options] [FILE ...]",
        "add up what calls cost, or show prices",
        "Add up what the completions in files of JSON lines cost (the output of llmgate\n"
        "batch, or of chat --json), or show the prices of a model.",
    ),
    "doctor": Command(
        "[options]",
        "check the installation",
        "Print versions, keys' variables, the configuration and the transport's path, and\n"
        "check the package's name. No key is shown; nothing is sent without --reach.",
    ),
    "mock": Command(
        "[options]",
        "run a server for tests that responds as providers do",
        "Speak the formats of several providers, without a model behind them. This needs\n"
        "the package llmgate-testing.",
    ),
    "new-provider": Command(
        "[options] NAME",
        "write a package for a provider",
        "Write a distribution that installs, and passes the conformance kit against a\n"
        "stub; what is to be filled in is marked, and printed in order.",
    ),
    "completion": Command(
        "SHELL",
        "print the completion script of a shell",
        "Print what makes a shell complete the words of llmgate.",
    ),
}

_EPILOG = """\
llmgate COMMAND --help explains a command, and llmgate --version says which this
is. docs/command-line.md has examples, the configuration file and exit codes."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that fits a terminal of 80 columns, however wide the real one is: each option with its
    metavar once, and all meanings in one column."""

    _column = 28

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, **{**settings, "width": 80, "max_help_position": self._column})
        self._action_max_length = self._column - 2

    def _format_action_invocation(self, action: argparse.Action) -> str:
        names = ", ".join(action.option_strings)
        if not names or action.nargs == 0:
            return names or super()._format_action_invocation(action)
        return f"{names} {self._format_args(action, action.dest.upper())}"


class _ListFormatter(_Formatter):
    """The same for the list of commands."""

    _column = 18


def command_in(words: Iterable[str]) -> str | None:
    """The command that the words name: the first that is no option."""
    name = next((word for word in words if not word.startswith("-")), None)
    return name if name in COMMANDS else None


def module_of(command: str) -> Any:
    """The module of a command, imported."""
    return import_module(f"llmgate.cli.{command.replace('-', '_')}")


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command line, with the arguments of the one command that the words name."""
    parser = argparse.ArgumentParser(
        prog="llmgate",
        usage="llmgate COMMAND [options]",
        description="One call for every language model.",
        epilog=_EPILOG,
        formatter_class=_ListFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    _hide_help(parser)
    version = f"llmgate {llmgate.__version__}"
    parser.add_argument("--version", action="version", version=version, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    named = command_in(words)
    for name, command in COMMANDS.items():
        own = commands.add_parser(
            name,
            prog=f"llmgate {name}",
            help=command.summary,
            usage=f"llmgate {name} {command.usage}".rstrip(),
            description=command.description,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        _hide_help(own)
        own.set_defaults(parser=own)
        if name == named:
            module_of(name).add_arguments(own)
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments that the words are; a wrong one exits with 2, as argparse does.

    Words of a prompt may stand between options, which argparse does not allow in every order.
    """
    several = _SEVERAL.get(command_in(words) or "")
    end = words.index("--") if several and "--" in words else len(words)
    parser = parser_for(words)
    arguments, rest = parser.parse_known_args(words[:end])
    own: argparse.ArgumentParser = getattr(arguments, "parser", parser)
    options = [word for word in rest if word.startswith("-") and word != "-"]
    if options:
        own.error(f"there is no option {options[0]}{_nearest(options[0], own.format_help())}")
    rest += words[end + 1 :]  # what follows "--" is no option
    if rest and several is None:
        own.error(f"unexpected {rest[0]!r}")
    if several is not None:
        getattr(arguments, several).extend(rest)
    return arguments


_SEVERAL = {"chat": "prompt", "preview": "prompt", "embed": "text", "cost": "file"}
"""The arguments that take any number of words, by command."""


def _nearest(option: str, text: str) -> str:
    """The option that was meant, of those in a text."""
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    known, given = re.findall(r"--[a-z-]+", text), option.partition("=")[0]
    if given.replace("_", "-") in ("--api-key", "--key", "--token") and "--key-env" in known:
        return (
            "; a key is no argument, which others could read: set the provider's variable, or name "
            "another one with --key-env"
        )
    begun = [each for each in known if len(given) > 3 and each.startswith(given)]
    near = begun or get_close_matches(given, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _hide_help(parser: argparse.ArgumentParser) -> None:
    """Take ``--help``, on which help itself spends no line."""
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
