"""The command line: one program for every command of :mod:`llmgate.cli.commands`.

It says how a command ends. What a command needs is imported when that command runs, and no provider
but those that a call or a list of models asks is ever imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from llmgate._name_clash import name_clash
from llmgate.cli.arguments import UsageError
from llmgate.cli.commands import module_of, parse, parser_for
from llmgate.errors import LLMGateError, describe_error, excerpt

__all__ = ["main"]

_INTERRUPTED = 128 + 2  # as a shell reports a program that SIGINT ended
_PIPE_CLOSED = 128 + 13  # likewise SIGPIPE
_MAX_ERROR_LENGTH = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 1 an error with one line on standard error, 130 an interrupt, and 141 an output
    that nobody reads any more. Wrong usage exits with 2, as argparse does.

    Args:
        argv: The words after the program's name; by default those of the process.
    """
    _open_outputs()
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except LLMGateError as error:
        print(f"llmgate: {excerpt(str(error), _MAX_ERROR_LENGTH)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()
        return _PIPE_CLOSED
    except OSError as error:  # a disk that is full, a file of a tool's that is not there
        print(f"llmgate: {excerpt(str(error), _MAX_ERROR_LENGTH)}", file=sys.stderr)
        _let_go_of_output()
        return 1
    except Exception as error:  # what fails where modules of ours have been overwritten, and how
        clash = name_clash()
        if not clash:
            raise
        print(f"llmgate: {clash} ({describe_error(error)})", file=sys.stderr)
        return 1
    return code


def _run(words: Sequence[str]) -> int:
    if "_ARGCOMPLETE" in os.environ:
        from llmgate.cli.completion import complete  # noqa: PLC0415 - for shells alone

        complete()
    arguments = parse(words)
    if arguments.command is None:
        parser_for(words).print_help()
        return 0
    own: argparse.ArgumentParser = arguments.parser
    try:
        return int(module_of(arguments.command).run(arguments))
    except UsageError as error:
        own.error(str(error))


def _open_outputs() -> None:
    """Have what is written go nowhere where an output was closed (``2>&-``): Python has None there,
    which ``print`` takes for standard output."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def _let_go_of_output() -> None:
    """Send what is still buffered nowhere, so that the exit does not fail on it once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
