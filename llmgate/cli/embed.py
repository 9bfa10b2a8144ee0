"""``llmgate embed``: the vectors of texts, one JSON object a line."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from llmgate import aembedding
from llmgate.cli.arguments import (
    UsageError,
    add_connection,
    add_model,
    add_param,
    connection_of,
    lines_in,
    params_of,
    piped_text,
)
from llmgate.cli.configuration import configured
from llmgate.cli.output import write
from llmgate.embeddings import Embeddings

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("text", nargs="*", help=argparse.SUPPRESS)
    add_model(parser)
    parser.add_argument(
        "--dimensions", type=int, metavar="N", help="how many numbers each vector has"
    )
    parser.add_argument(
        "--input-type", metavar="WORD", help="what the texts are: query or document"
    )
    add_param(parser)
    add_connection(parser)
    parser.add_argument("--json", action="store_true", help="print the whole response as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each text, in their order.

    Raises:
        LLMGateError: whatever the call raises.
        UsageError: when there is no text, or no model.
    """
    texts: list[str] = arguments.text
    if not texts:
        texts = [line for line in lines_in(piped_text(sys.stdin)) if line.strip()]
    if not texts:
        raise UsageError("there is nothing to embed: give texts, or pipe lines in")
    if arguments.model is None:
        raise UsageError("name a model of embeddings with -m provider/model")
    model = configured().model_of(arguments.model)
    options = {**connection_of(arguments), **params_of(arguments.param)}
    for name in ("dimensions", "input_type"):
        value = getattr(arguments, name)
        if value is not None:
            options[name] = value
    found: Embeddings = asyncio.run(aembedding(model, texts, **options))
    if arguments.json:
        write(found.model_dump_json() + "\n")
        return 0
    for index, vector in enumerate(found.vectors):
        write(json.dumps({"index": index, "embedding": vector}) + "\n")
    return 0
