"""Arguments that several commands take, and what they mean for a call."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from llmgate.errors import InvalidRequestError, describe_error, describe_value

__all__ = [
    "UsageError",
    "add_call",
    "add_connection",
    "add_files",
    "add_model",
    "add_param",
    "add_prompt",
    "add_tools",
    "connection_of",
    "content_of",
    "lines_in",
    "options_of",
    "params_of",
    "piped_text",
    "prompt_of",
    "tools_of",
]


class UsageError(Exception):
    """The words of the command line make no call; what is missing is in the text."""


# --- what a command declares --------------------------------------------------------------


def add_model(parser: argparse.ArgumentParser) -> None:
    """Whom to ask."""
    parser.add_argument(
        "-m", "--model", metavar="MODEL", help="provider/model, or an alias from config.toml"
    )


def add_prompt(parser: argparse.ArgumentParser) -> None:
    """What to ask; the usage line shows it."""
    parser.add_argument("prompt", nargs="*", help=argparse.SUPPRESS)


def add_call(parser: argparse.ArgumentParser) -> None:
    """How the model is to complete."""
    parser.add_argument(
        "-s", "--system", metavar="TEXT", help="instructions for the model (system message)"
    )
    parser.add_argument(
        *("-t", "--temperature"),
        type=float,
        metavar="X",
        help="sampling temperature; usually from 0 to 2",
    )
    parser.add_argument(
        "--max-tokens", type=int, metavar="N", help="maximum number of tokens in a response"
    )
    add_param(parser)
    parser.add_argument(
        "--schema", metavar="FILE", help="JSON schema for the response, or module:Model"
    )


def add_param(parser: argparse.ArgumentParser) -> None:
    """Any other parameter."""
    parser.add_argument(
        *("-p", "--param"),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter: -p seed=7 (JSON or text)",
    )


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Where the call goes, with which key, and for how long."""
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="limit for the whole call, with its retries",
    )
    parser.add_argument("--base-url", metavar="URL", help="another address for the provider's API")
    parser.add_argument(
        "--key-env", metavar="NAME", help="name of the environment variable with the key"
    )


def add_tools(parser: argparse.ArgumentParser) -> None:
    """What the model may call."""
    parser.add_argument(
        "--tool",
        action="append",
        default=[],
        metavar="module:function",
        help="a function that the model may call",
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """What goes with the prompt."""
    for kind, meaning in (
        ("image", "an image for the model; a file or an https URL"),
        ("file", "a document for the model, such as a PDF"),
        ("audio", "an audio recording for the model"),
    ):
        parser.add_argument(f"--{kind}", action="append", default=[], metavar="PATH", help=meaning)


# --- what was given -----------------------------------------------------------------------


def options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keywords of a chat, as far as they were given.

    Raises:
        InvalidRequestError: for a parameter without a value, a schema that cannot be read, or a
            variable of a key that is not set.
    """
    options = {**connection_of(arguments), **params_of(arguments.param)}
    for name in ("temperature", "max_tokens"):
        value = getattr(arguments, name)
        if value is not None:
            options[name] = value
    if arguments.schema is not None:
        options["response_format"] = _schema(arguments.schema)
    return options


def connection_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keywords that say where the call goes."""
    options: dict[str, Any] = {}
    if arguments.timeout is not None:
        options["timeout"] = arguments.timeout
    if arguments.base_url is not None:
        options["base_url"] = arguments.base_url
    if arguments.key_env is not None:
        options["api_key"] = _key_in(arguments.key_env)
    return options


def _key_in(variable: str) -> str:
    key = os.environ.get(variable)
    if not key:
        reason = "expected the name of a variable that holds the key; this one is not set"
        if not variable.isidentifier():  # perhaps the key itself, which is not repeated
            reason = "expected the name of a variable that holds the key, not the key"
        raise InvalidRequestError(reason, path="--key-env")
    return key


def params_of(texts: Sequence[str]) -> dict[str, Any]:
    """The parameters of ``--param``: JSON, or else text."""
    return dict(_parameter(text) for text in texts)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidRequestError(f"expected NAME=VALUE, got {text!r}", path="--param")
    if name in _NO_PARAMETERS:
        raise InvalidRequestError(
            f"{name} is no parameter here: {_NO_PARAMETERS[name]}", path="--param"
        )
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


_KEY = "a key is no argument, as others could read it: name its variable with --key-env"
_OPTIONS = {"model": "-m", "system": "--system", "template": "--template", "max_cost": "--max-cost"}
_NO_PARAMETERS = {
    **{name: f"use {option}" for name, option in _OPTIONS.items()},
    **dict.fromkeys(("api_key", "extra_headers"), _KEY),
    **dict.fromkeys(
        ("client", "concurrency", "input", "messages", "ordered", "stream"), "leave it out"
    ),
}
"""What the commands themselves give a call, or what has no place in a shell's history."""


def _schema(given: str) -> Any:
    """The response format: a schema in a file, or a Python type as ``module:Model``."""
    if ":" in given and not os.path.exists(given):
        return _imported(given, "--schema")
    try:
        schema = json.loads(Path(given).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        failure = InvalidRequestError(str(error), path="--schema")
    else:
        name = re.sub("[^A-Za-z0-9_-]", "_", Path(given).stem)[:64]  # what OpenAI accepts
        form = {"name": name, "schema": schema, "strict": True}
        return {"type": "json_schema", "json_schema": form}
    raise failure


def tools_of(arguments: argparse.Namespace) -> list[Callable[..., Any]]:
    """The functions of ``--tool``.

    Raises:
        InvalidRequestError: for one that cannot be imported.
    """
    return [_imported(each, "--tool") for each in arguments.tool]


def _imported(path: str, option: str) -> Any:
    """What ``module:name`` names. The working directory is searched last, after what is installed:
    a file there takes the place of no installed module."""
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise InvalidRequestError(f"expected module:name, got {path!r}", path=option)
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # noqa: BLE001 - a user's module may raise anything
        reason = f"{describe_value(path)} cannot be imported: {describe_error(error)}"
    else:
        return found
    raise InvalidRequestError(reason, path=option)


def content_of(arguments: argparse.Namespace, prompt: str) -> str | list[Any]:
    """The prompt with the files that go with it; they are read here.

    Raises:
        InvalidRequestError: for a file that cannot be read.
    """
    if not (arguments.image or arguments.file or arguments.audio):
        return prompt
    from llmgate import media  # noqa: PLC0415 - only for those who have files

    given = [
        *map(media.image, arguments.image),
        *map(media.file, arguments.file),
        *map(media.audio, arguments.audio),
    ]
    parts = [each.read() if isinstance(each, media.LocalFile) else each for each in given]
    return [*([{"type": "text", "text": prompt}] if prompt else []), *parts]


def prompt_of(words: Sequence[str], source: TextIO | None) -> str:
    """The prompt of the command line, followed by what is piped in; empty when there is neither.

    Raises:
        InvalidRequestError: when what is piped in is no UTF-8 text.
    """
    texts = (" ".join(words), piped_text(source).strip())
    return "\n\n".join(text for text in texts if text.strip())


def piped_text(source: TextIO | None) -> str:
    """What is piped in; empty where nobody pipes. A terminal is not read.

    Raises:
        InvalidRequestError: when it is no UTF-8 text.
    """
    piped = b"" if source is None or source.isatty() else source.buffer.read()
    try:
        return piped.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text at byte {error.start}"
    raise InvalidRequestError(reason, path="standard input")


def lines_in(text: str) -> list[str]:
    """The lines of a text, as of a file: nothing else ends one, such as a page break or U+2028."""
    return re.split("\r\n?|\n", text)
