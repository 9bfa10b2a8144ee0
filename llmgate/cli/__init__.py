"""The command line: ``llmgate chat``, ``batch``, ``models``, ``providers``, ``doctor``, ``mock``.

What a command needs is imported when that command runs, and no provider but those that a chat or a
list of models asks is ever imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import llmgate
from llmgate._name_clash import name_clash
from llmgate.cli import mock
from llmgate.errors import LLMGateError, describe_error, excerpt

__all__ = ["main"]

_INTERRUPTED = 128 + 2  # as a shell reports a program that SIGINT ended
_PIPE_CLOSED = 128 + 13  # likewise SIGPIPE
_LONGEST_ERROR = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 1 an error with one line on standard error, 130 an interrupt, and 141 an output
    that nobody reads any more. Wrong usage exits with 2, as argparse does.

    Args:
        argv: The words after the program's name; by default those of the process.
    """
    try:
        code = _run(argv)
        sys.stdout.flush()
    except LLMGateError as error:
        print(f"llmgate: {excerpt(str(error), _LONGEST_ERROR)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()
        return _PIPE_CLOSED
    except Exception as error:  # what fails where modules of ours have been overwritten, and how
        clash = name_clash()
        if not clash:
            raise
        print(f"llmgate: {clash} ({describe_error(error)})", file=sys.stderr)
        return 1
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llmgate", description="One call for every model.")
    parser.add_argument("--version", action="version", version=f"llmgate {llmgate.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    chat = commands.add_parser(
        "chat",
        help="ask a model and print its answer as it comes",
        description="Ask a model. What is piped in follows the prompt, or is the prompt.",
    )
    chat.add_argument("prompt", nargs="*", help="what to ask")
    chat.add_argument("-m", "--model", help="provider/model; by default local/smollm2")
    chat.add_argument("--system", help="instructions that come before the prompt")
    chat.add_argument("--no-stream", action="store_true", help="print the answer when it is whole")
    chat.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    models = commands.add_parser(
        "models",
        help="list the models of a provider",
        description="Ask a provider for its models, or all that have a key.",
    )
    models.add_argument("-p", "--provider", help="the provider's name; by default all of them")
    models.add_argument("--json", action="store_true", help="print one JSON object a line")
    batch = commands.add_parser(
        "batch",
        help="make the calls of a file, and go on where that ended",
        description="Make the calls of a file, and write a record of each into another one. Run "
        "again, it goes on where it ended: what is done is not done again, what failed is.",
    )
    if "batch" in words:
        from llmgate.cli.batch import add_arguments  # noqa: PLC0415 - asyncio, for this one alone

        add_arguments(batch)
    commands.add_parser(
        "providers",
        help="list the installed providers",
        description="List the installed providers, from metadata: none of them is imported.",
    )
    commands.add_parser(
        "doctor",
        help="say what is installed, and what is wrong with it",
        description="Print versions, providers and whether keys are set, and check the package's "
        "name. No provider is imported, no key is shown, and nothing is sent.",
    )
    new_provider = commands.add_parser(
        "new-provider",
        help="write a package for a provider, which its author completes",
        description="Write a distribution that installs, and passes the conformance kit against a "
        "stub; what is to be filled in is marked, and printed in order.",
    )
    if "new-provider" in words:
        from llmgate.cli import new_provider as files  # noqa: PLC0415 - for this command alone

        files.add_arguments(new_provider)
    mock.add_arguments(
        commands.add_parser(
            "mock",
            help="run a server that responds as providers do, for tests",
            description="Speak the formats of several providers, without a model behind them. "
            "This needs the package llmgate-testing.",
        )
    )
    return parser


def _run(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else argv
    parser = _parser(words)
    arguments = parser.parse_args(words)
    if arguments.command == "chat":
        return _chat(arguments, parser)
    if arguments.command == "models":
        from llmgate.cli import models  # noqa: PLC0415 - asyncio, for this command alone

        return models.run(arguments.provider, as_json=arguments.json)
    if arguments.command == "batch":
        from llmgate.cli import batch  # noqa: PLC0415 - likewise

        return batch.run(arguments)
    if arguments.command == "doctor":
        from llmgate.cli import doctor  # noqa: PLC0415 - metadata, for this command alone

        return doctor.run()
    if arguments.command == "mock":
        return mock.run(arguments)
    if arguments.command == "new-provider":
        from llmgate.cli import new_provider  # noqa: PLC0415 - likewise

        return new_provider.run(arguments)
    from llmgate.cli import providers  # noqa: PLC0415 - likewise

    return providers.run()


def _chat(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from llmgate.cli import chat  # noqa: PLC0415 - asyncio, for this command alone

    prompt = chat.full_prompt(arguments.prompt, sys.stdin)
    if not prompt:
        parser.error("there is nothing to ask: give a prompt, or pipe one in")
    model = arguments.model or chat.default_model()
    if model is None:
        parser.error(f"name a model with -m provider/model ({chat.advice()})")
    question = chat.Question(model, prompt, arguments.system, not arguments.no_stream)
    return chat.run(question, as_json=arguments.json)


def _let_go_of_output() -> None:
    """Send what is still buffered nowhere, so that the exit does not fail on it once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
