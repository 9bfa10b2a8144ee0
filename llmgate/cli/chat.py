"""``llmgate chat``: one question to a model, or the beginning of a conversation."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

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
from llmgate.cli.asking import Question, Totals, ask
from llmgate.cli.configuration import Configuration, configured
from llmgate.cli.conversations import Conversation, keep, last_conversation
from llmgate.cli.output import note, write
from llmgate.cli.rendering import printer

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_prompt(parser)
    add_model(parser)
    add_call(parser)
    add_tools(parser)
    add_files(parser)
    parser.add_argument(
        *("-c", "--continue"),
        dest="resume",
        action="store_true",
        help="continue the last conversation",
    )
    add_connection(parser)
    parser.add_argument(
        "--no-stream", action="store_true", help="wait for the whole response, then print it"
    )
    parser.add_argument("--json", action="store_true", help="print the whole completion as JSON")
    parser.add_argument(
        "--plain", action="store_true", help="print markdown as it is, without rendering"
    )
    parser.add_argument(
        "--usage", action="store_true", help="print tokens, cost and time on standard error"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the completion, and say on standard error when it is not a whole one.

    Raises:
        LLMGateError: whatever the call raises; what came before it is printed.
        UsageError: when there is nothing to ask, or nobody to ask it.
    """
    configuration = configured()
    prompt = prompt_of(arguments.prompt, sys.stdin)
    content = content_of(arguments, prompt)
    is_conversation = not content and not arguments.json and _is_terminal()
    if not content and not is_conversation:
        raise UsageError("there is nothing to ask: give a prompt, or pipe one in")
    conversation = _conversation(arguments, configuration)
    question = Question(
        conversation.model,
        conversation.messages,
        options_of(arguments),
        tools_of(arguments),
        stream=not arguments.no_stream,
    )
    if is_conversation:
        from llmgate.cli.interactive import Interactive  # noqa: PLC0415 - for terminals alone

        return Interactive(question, conversation, configuration, plain=arguments.plain).run()
    return _ask_once(arguments, question, conversation, content, configuration)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _conversation(arguments: argparse.Namespace, configuration: Configuration) -> Conversation:
    """A new one, or the last; its model is the one that was asked, unless another is named."""
    if arguments.resume:
        conversation = last_conversation()
        if arguments.model is not None:
            conversation.model = configuration.model_of(arguments.model)
    else:
        conversation = Conversation(configuration.model_of(arguments.model))
    if arguments.system is not None:
        conversation.system = arguments.system
    return conversation


def _ask_once(
    arguments: argparse.Namespace,
    question: Question,
    conversation: Conversation,
    content: str | list[Any],
    configuration: Configuration,
) -> int:
    question.messages = [*conversation.messages, {"role": "user", "content": content}]
    shown = None
    if not arguments.json:
        shown = printer(markdown=configuration.markdown and not arguments.plain)
    turn = asyncio.run(ask(question, shown))
    if arguments.json:
        write(turn.completion.model_dump_json() + "\n")
    if turn.warning is not None:
        note(turn.warning)
    keep(conversation, turn.messages, configuration.keep_conversations)
    if arguments.usage:
        totals = Totals()
        totals.add(turn)
        note(str(totals))
    return 0
