"""Conversations that are kept for ``--continue``: files that nobody but their owner can read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from llmgate.cli.configuration import base_directory
from llmgate.cli.output import note
from llmgate.errors import InvalidRequestError

__all__ = ["Conversation", "keep", "last_conversation", "private_file", "write_private"]


@dataclass(slots=True)
class Conversation:
    """What was said to a model and by it, as messages in OpenAI's format."""

    model: str
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    name: str = field(default_factory=lambda: f"{time.time_ns():020d}")

    @property
    def system(self) -> str | None:
        """The instructions at its beginning, if there are any."""
        first = self.messages[0] if self.messages else {}
        return first["content"] if first.get("role") == "system" else None

    @system.setter
    def system(self, text: str | None) -> None:
        rest = self.messages if self.system is None else self.messages[1:]
        self.messages = [*([{"role": "system", "content": text}] if text else []), *rest]


def keep(conversation: Conversation, messages: list[dict[str, Any]], most: int) -> None:
    """Write a conversation, as it is now, where ``--continue`` looks, and forget all but the newest
    ``most`` of them. Where that fails, a line says so, and nothing else fails."""
    conversation.messages = messages
    try:
        if most:
            path = _folder() / f"{conversation.name}.json"
            write_private(path, json.dumps(asdict(conversation)))
        for old in _kept()[: -most or None]:
            with suppress(FileNotFoundError):  # another process did so
                old.unlink()
    except OSError as error:
        note(f"the conversation is not kept for --continue: {error}")


def last_conversation() -> Conversation:
    """The conversation that was continued or begun last.

    Raises:
        InvalidRequestError: when there is none, or it cannot be read.
    """
    kept: Sequence[Path] = ()
    with suppress(FileNotFoundError):  # without a home there is none
        kept = _kept()
    if not kept:
        raise InvalidRequestError("there is no conversation to continue", path="--continue")
    try:
        return Conversation(**json.loads(kept[-1].read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        reason = f"{kept[-1]} cannot be read: {error}"
    raise InvalidRequestError(reason, path="--continue")


def private_file(name: str) -> Path:
    """A file of this program's state, below the directory that XDG names for that."""
    return base_directory("XDG_STATE_HOME", ".local/state") / name


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _folder() -> Path:
    return private_file("conversations")


def _kept() -> Sequence[Path]:
    """The files of all that are kept, the one that was written first coming first."""
    found = [*_folder().glob("*.json")]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
