"""``llmgate preview``: the request that a call would send, as JSON or as a curl command."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import sys
from contextlib import suppress
from typing import Any

from llmgate._core.client import Client
from llmgate._core.preview import Preview
from llmgate._text.redact import REDACTED
from llmgate.cli.arguments import (
    UsageError,
    add_call,
    add_connection,
    add_files,
    add_model,
    add_prompt,
    add_tools,
    content_of,
    options_of,
    prompt_of,
    tools_of,
)
from llmgate.cli.configuration import configured
from llmgate.cli.output import note, write

__all__ = ["add_arguments", "previewed", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_prompt(parser)
    add_model(parser)
    add_call(parser)
    add_tools(parser)
    add_files(parser)
    add_connection(parser)
    parser.add_argument("--stream", action="store_true", help="show the request of a streamed call")
    parser.add_argument("--curl", action="store_true", help="print a curl command instead of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the request, and nothing that authorizes it.

    Raises:
        LLMGateError: what the call would raise before sending, but for a missing key.
        UsageError: when there is nothing to ask, or nobody to ask it.
    """
    content = content_of(arguments, prompt_of(arguments.prompt, sys.stdin))
    if not content:
        raise UsageError("there is nothing to ask: give a prompt, or pipe one in")
    preview = previewed(arguments, content, stream=arguments.stream)
    if arguments.curl:
        write(_curl(preview) + "\n")
        if REDACTED in preview.headers.values():
            note(f"put your key in the place of {REDACTED}")
        for deviation in preview.report:
            note(str(deviation))
    else:
        write(json.dumps(_object(preview), indent=2, ensure_ascii=False) + "\n")
    return 0


def previewed(arguments: argparse.Namespace, content: Any, *, stream: bool = False) -> Preview:
    """The request of such a call. What the provider lacks is in its report, and not logged."""
    logging.getLogger("llmgate").addHandler(logging.NullHandler())
    options = options_of(arguments)
    tools = tools_of(arguments)
    if tools:
        options["tools"] = tools
    system = arguments.system
    messages: Any = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": content})
    model = configured().model_of(arguments.model)
    return Client().preview(model, messages, stream=stream, **options)


def _object(preview: Preview) -> dict[str, Any]:
    body = preview.body.decode("utf-8", "backslashreplace")
    with suppress(ValueError):  # a provider's own format: its text is shown
        body = json.loads(body)
    return {
        "method": preview.method,
        "url": preview.url,
        "headers": dict(preview.headers),
        "body": body,
        "report": [str(deviation) for deviation in preview.report],
    }


def _curl(preview: Preview) -> str:
    words = [f"curl -X {preview.method} {shlex.quote(preview.url)}"]
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in preview.headers.items()]
    if preview.body:
        words.append(f"--data-raw {shlex.quote(preview.body.decode('utf-8', 'backslashreplace'))}")
    return " \\\n  ".join(words)
