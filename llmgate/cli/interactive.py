"""A conversation in a terminal: what is typed goes to a model, or is a command such as ``/model``.

^C abandons a response or a line, ^D ends the conversation; neither loses what came before it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from llmgate.cli.arguments import tools_of
from llmgate.cli.asking import Question, Totals, ask
from llmgate.cli.configuration import Configuration
from llmgate.cli.conversations import Conversation, keep
from llmgate.cli.lines import BLOCK, Lines, lines_for, read_message
from llmgate.cli.output import dim, note, print_table
from llmgate.cli.rendering import printer
from llmgate.errors import LLMGateError, excerpt

__all__ = ["Interactive"]


class Interactive:
    """One conversation.

    Args:
        question: How to ask: its options, tools, and whether the response is streamed.
        conversation: What was said before, and with which model.
        configuration: What the file says.
        plain: Whether markdown is shown as it is written.
        lines: Where what is typed comes from; by default the terminal.
    """

    def __init__(
        self,
        question: Question,
        conversation: Conversation,
        configuration: Configuration,
        *,
        plain: bool = False,
        lines: Lines | None = None,
    ) -> None:
        self._question, self._conversation = question, conversation
        self._configuration = configuration
        self._markdown = configuration.markdown and not plain
        self._commands: dict[str, tuple[str, str, Callable[[str], None]]] = {
            "/model": ("[NAME]", "show the model, or ask another one from now on", self._model),
            "/system": ("[TEXT]", "show the instructions, or set them; - for none", self._system),
            "/tools": ("[module:function]", "list the tools, or add one", self._tools),
            "/save": ("FILE", "write the conversation: JSON where FILE ends so", self._save),
            "/clear": ("", "begin anew, with the same instructions", self._clear),
            "/usage": ("", "say what the conversation took", self._usage),
            "/help": ("", "show this", self._help),
            "/exit": ("", "end the conversation, as ^D does", self._exit),
        }
        self._lines = lines or lines_for([*self._commands])
        self._totals = Totals()
        self._is_over = False

    def run(self) -> int:
        """Converse until the end of the input, or ``/exit``."""
        self._say(f"{self._conversation.model}: /help lists commands, ^D ends the conversation")
        with asyncio.Runner() as runner:
            while not self._is_over:
                try:
                    text = read_message(self._lines)
                    if text is None:
                        break
                    self._take(text.strip(), runner)
                except KeyboardInterrupt:
                    self._say("(interrupted; ^D ends the conversation)")
                except LLMGateError as error:
                    note(excerpt(str(error), 2000))
        self._lines.close()
        if self._totals.calls > 1:
            self._say(f"in all: {self._totals}")
        return 0

    def _take(self, text: str, runner: asyncio.Runner) -> None:
        """Do what was typed."""
        name, _, rest = text.partition(" ")
        if name in self._commands:
            self._commands[name][2](rest.strip())
        elif name.startswith("/") and not name.startswith("//"):
            note(f"no command {excerpt(name, 60)}: /help lists them, // begins a text with /")
        elif text:
            self._ask(text[1:] if text.startswith("//") else text, runner)

    def _ask(self, text: str, runner: asyncio.Runner) -> None:
        said = [*self._conversation.messages, {"role": "user", "content": text}]
        question = replace(self._question, model=self._conversation.model, messages=said)
        turn = runner.run(ask(question, printer(markdown=self._markdown)))
        keep(self._conversation, turn.messages, self._configuration.keep_conversations)
        if turn.warning is not None:
            note(turn.warning)
        self._totals.add(turn)
        totals = Totals()
        totals.add(turn)
        self._say(str(totals))

    # --- commands ---

    def _model(self, name: str) -> None:
        if name:
            self._conversation.model = self._configuration.model_of(name)
        self._say(self._conversation.model)

    def _system(self, text: str) -> None:
        if text:
            self._conversation.system = None if text == "-" else text
        self._say(self._conversation.system or "no instructions")

    def _tools(self, path: str) -> None:
        if path:
            added = tools_of(argparse.Namespace(tool=[path]))
            self._question.tools = [*self._question.tools, *added]
        names = [getattr(tool, "__name__", repr(tool)) for tool in self._question.tools]
        self._say(", ".join(names) or "no tools; /tools module:function adds one")

    def _save(self, name: str) -> None:
        if not name:
            note("give a file, as in /save talk.md")
            return
        path = Path(name).expanduser()
        messages = self._conversation.messages
        is_json = path.suffix == ".json"
        text = (
            json.dumps(messages, indent=2, ensure_ascii=False) + "\n"
            if is_json
            else "".join(
                f"## {message['role']}\n\n{message.get('content') or ''}\n\n"
                for message in messages
            )
        )
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            note(f"it is not saved: {error}")
        else:
            self._say(f"saved in {path}")

    def _clear(self, _: str) -> None:
        system = self._conversation.system
        self._conversation = Conversation(self._conversation.model)
        self._conversation.system = system
        self._say("a new conversation")

    def _usage(self, _: str) -> None:
        self._say(str(self._totals))

    def _help(self, _: str) -> None:
        rows = [(f"{name} {given}", text) for name, (given, text, _) in self._commands.items()]
        rows.append((BLOCK, "begins and ends several lines; or end a line by \\"))
        print_table(rows)

    def _exit(self, _: str) -> None:
        self._is_over = True

    def _say(self, text: str) -> None:
        """A line of the program's own, in a weaker style."""
        write_line = dim(excerpt(text, 2000), sys.stdout)
        sys.stdout.write(write_line + "\n")
        sys.stdout.flush()
