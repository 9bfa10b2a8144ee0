"""Reads what somebody types, with history and editing as far as this machine has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from llmgate.cli.conversations import private_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BLOCK", "Lines", "PlainLines", "PromptLines", "lines_for", "read_message"]

BLOCK = '"""'
"""What begins and ends a message of several lines."""
_MAX_LINES = 1000


class Lines(Protocol):
    """Where lines come from."""

    def read(self, prompt: str) -> str | None:
        """The next line, which may hold line ends; None at the end of the input.

        Raises:
            KeyboardInterrupt: on ^C.
        """
        ...

    def close(self) -> None:
        """Keep the history."""
        ...


def read_message(lines: Lines) -> str | None:
    """The next message: a line, those that follow a backslash, or all between two ``BLOCK``.

    None is the end of the input.
    """
    text = lines.read("> ")
    if text is not None and text.startswith(BLOCK):
        return _rest_of_block(lines, text.removeprefix(BLOCK))
    while text is not None and text.endswith("\\"):
        more = lines.read("  ")
        text = text[:-1] + "\n" + (more or "")
        if more is None:
            break
    return text


def _rest_of_block(lines: Lines, text: str) -> str:
    while not text.rstrip().endswith(BLOCK):
        more = lines.read("  ")
        if more is None:
            return text
        text += "\n" + more
    return text.rstrip().removesuffix(BLOCK).strip("\n")


def lines_for(words: Sequence[str]) -> Lines:
    """What reads lines of the terminal: prompt_toolkit where it is installed and the terminal
    allows it, otherwise readline, otherwise the terminal's own editing.

    Args:
        words: What is completed at the beginning of a line.
    """
    history = _history_file()
    if os.environ.get("TERM") != "dumb":
        try:
            return PromptLines(history, words)
        except ImportError:
            pass
    return PlainLines(history)


def _history_file() -> Path | None:
    """The file of what was typed, which nobody else can read; None where it cannot be made."""
    try:
        path = private_file("history")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError:
        return None
    return path


class PromptLines:
    """Lines by prompt_toolkit: Alt-Enter breaks a line, and what is pasted stays together.

    Raises:
        ImportError: when it is not installed.
    """

    def __init__(self, history: Path | None, words: Sequence[str], **session: Any) -> None:
        from prompt_toolkit import PromptSession  # noqa: PLC0415 - an extra, and slow to import
        from prompt_toolkit.completion import WordCompleter  # noqa: PLC0415 - likewise
        from prompt_toolkit.history import FileHistory, InMemoryHistory  # noqa: PLC0415 - likewise
        from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415 - likewise

        keys = KeyBindings()

        @keys.add("escape", "enter")
        def _(event: Any) -> None:
            event.current_buffer.insert_text("\n")

        self._session: Any = PromptSession(
            history=InMemoryHistory() if history is None else FileHistory(str(history)),
            completer=WordCompleter([*words], sentence=True),
            complete_while_typing=False,
            key_bindings=keys,
            **session,
        )

    def read(self, prompt: str) -> str | None:
        """The next line."""
        try:
            text: str = self._session.prompt(prompt)
        except EOFError:
            return None
        return text

    def close(self) -> None:
        """Each line was kept when it was typed."""


class PlainLines:
    """Lines by ``input``, with readline's editing and history where Python has it."""

    def __init__(self, history: Path | None) -> None:
        self._history = history
        self._readline: Any = None
        with suppress(ImportError):
            import readline  # noqa: PLC0415 - loading it changes how every ``input`` works

            self._readline = readline
        if self._readline is not None and history is not None:
            with suppress(OSError):  # what another program wrote there
                self._readline.read_history_file(str(history))

    def read(self, prompt: str) -> str | None:
        """The next line."""
        try:
            return input(prompt)
        except (EOFError, KeyboardInterrupt) as end:
            print()  # what comes next begins a line
            if isinstance(end, EOFError):
                return None
            raise

    def close(self) -> None:
        """Keep the history."""
        if self._readline is not None and self._history is not None:
            self._readline.set_history_length(_MAX_LINES)
            with suppress(OSError):
                self._readline.write_history_file(str(self._history))
                self._history.chmod(0o600)
