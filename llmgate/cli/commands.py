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
        "Ask a model. Text from a pipe is added after PROMPT, or takes its place.\n"
        "Without a prompt, on a terminal, start a conversation; type /help in it.",
    ),
    "embed": Command(
        "[options] [TEXT ...]",
        "turn texts into embedding vectors",
        "Turn each TEXT, or each line from a pipe, into a vector. Print the vectors as\n"
        "JSON objects, one per line.",
    ),
    "batch": Command(
        "[options] INPUT -o OUTPUT",
        "send each prompt of a file to a model; a second run resumes",
        "Send each prompt of INPUT to a model, and write a line of JSON for it to OUTPUT.\n"
        "A second run resumes: it keeps what succeeded, and repeats what failed.",
    ),
    "models": Command(
        "[options] [PROVIDER]",
        "list the models of a provider",
        "List the models that a provider's API offers. Without PROVIDER, ask every\n"
        "provider whose key is set.",
    ),
    "providers": Command(
        "",
        "list the installed providers",
        "List the installed providers, the environment variables of their keys, and model\n"
        "names that work without a prefix. Sends nothing, and shows no key.",
    ),
    "hosts": Command(
        "[options] [NAME]",
        "list OpenAI-compatible hosts, or show one",
        "List the OpenAI-compatible hosts that llmgate knows by name, with their\n"
        "addresses; or show all that it knows of one. Sends nothing.",
    ),
    "preview": Command(
        "[options] PROMPT ...",
        "print the request that chat would send",
        "Print the HTTP request that llmgate chat would send, as JSON or as a curl\n"
        "command. Sends nothing, and shows keys as ***.",
    ),
    "explain": Command(
        "[options] [MODEL]",
        "show which parameters a model takes, and how",
        "Show how llmgate sends each parameter to a model: unchanged, renamed, emulated,\n"
        "or not at all. With options such as -t 1.5, show what it would change in that\n"
        "call. Sends nothing.",
    ),
    "cost": Command(
        "[options] [FILE ...]",
        "add up the cost of calls, or show a model's prices",
        "Add up the cost of the completions in files (the output of llmgate batch, or of\n"
        "llmgate chat --json). Without FILE, show the prices of a model.",
    ),
    "doctor": Command(
        "[options]",
        "check the installation",
        "Print versions, which variables of keys are set, and where the configuration is;\n"
        "say what is wrong. Shows no key, and sends nothing without --reach.",
    ),
    "mock": Command(
        "[options]",
        "run a server that imitates providers, for tests",
        "Run an HTTP server on this machine that imitates the APIs of several providers,\n"
        "without a model. It needs the package llmgate-testing.",
    ),
    "new-provider": Command(
        "[options] NAME",
        "create a package for a new provider",
        "Create the package llmgate-NAME. It installs, and passes its tests, before you\n"
        "change anything; the command then lists what you fill in, step by step.",
    ),
    "completion": Command(
        "SHELL",
        "let the Tab key complete commands and options",
        "Print a script that lets the Tab key complete commands, options and providers.\n"
        "To load it in each new shell, add one of the lines below to the file named.",
    ),
}

_EPILOG = """\
example: llmgate chat "Why is the sky blue?" -m openai/gpt-4o
llmgate COMMAND --help lists the options of a command, llmgate --version shows
the version. docs/command-line.md has examples, config.toml and exit codes."""


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
        description="Ask language models of any provider.",
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
    options = [word for word in rest if _OPTION.fullmatch(word)]
    if options:
        own.error(f"there is no option {options[0]}{_nearest(options[0], own.format_help())}")
    rest += words[end + 1 :]  # what follows "--" is no option
    if rest and several is None:
        own.error(f"unexpected {rest[0]!r}")
    if several is not None:
        getattr(arguments, several).extend(rest)
    return arguments


_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.DOTALL)
"""No number and no sentence, which may begin with a dash as well."""
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
