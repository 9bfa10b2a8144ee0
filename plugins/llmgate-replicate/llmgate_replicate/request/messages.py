"""A call's messages as plain turns with their images, sounds and files; no model's format yet.

What no prediction can carry is refused here, with its path, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array
from llmgate.provider.kit import drop_others, own_data

__all__ = ["Conversation", "Media", "Role", "Turn", "read_conversation"]

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one message says."""

    role: Role
    text: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A part that is no text, as the URL (https or data) that a prediction takes it by."""

    kind: Literal["image", "audio", "file"]
    url: str
    path: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns in their order, and the media among them in theirs."""

    turns: list[Turn] = field(default_factory=list[Turn])
    media: list[Media] = field(default_factory=list[Media])

    @property
    def system(self) -> str:
        """All instructions, joined by blank lines."""
        return "\n\n".join(turn.text for turn in self.turns if turn.role == "system" and turn.text)

    @property
    def spoken(self) -> list[Turn]:
        """The turns of user and assistant; empty ones say nothing."""
        return [turn for turn in self.turns if turn.role != "system" and turn.text]

    def with_instruction(self, text: str) -> Conversation:
        """The conversation with one more instruction after the others at its beginning."""
        place = next((i for i, turn in enumerate(self.turns) if turn.role != "system"), 0)
        place = place if self.spoken else len(self.turns)
        turns = [*self.turns[:place], Turn("system", text), *self.turns[place:]]
        return replace(self, turns=turns)


def read_conversation(call: ProviderCall, paths: Sequence[str] = ()) -> Conversation:
    """The turns of a call. ``paths`` are those of its messages, where others stand for them now.

    Raises:
        UnsupportedError: for a part that no model on Replicate takes.
    """
    conversation = Conversation()
    for index, message in enumerate(call.messages):
        path = paths[index] if paths else f"messages[{index}]"
        _read(cast("dict[str, Any]", message), path, conversation, call)
    return conversation


_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_ALONE = "an input takes a value alone"
_READ = frozenset({"role", "content", "refusal", "tool_calls", "provider_data"})


def _read(
    message: dict[str, Any], path: str, conversation: Conversation, call: ProviderCall
) -> None:
    report = call.report
    role = _ROLES.get(message["role"])
    if role is None:  # tools and functions have been put into words before
        raise UnsupportedError(f"{path}: no role {message['role']!r} here", parameter=path)
    if message["role"] == "developer":
        report.add("converted", f"{path}.role", "sent as system", given="developer", sent="system")
    own_data(message, "replicate", path, call)
    for key in sorted(message.keys() - _READ):
        if message[key] is not None:
            reason = "a prompt cannot carry it"
            report.add("dropped", f"{path}.{key}", reason, given=message[key])
    text = _text(message.get("content"), f"{path}.content", role, conversation, call)
    text = text or message.get("refusal") or ""
    if not text:
        report.add("dropped", path, "a message without a text says nothing to a prompt")
    conversation.turns.append(Turn(role, text, path))


def _text(
    content: Any, path: str, role: Role, conversation: Conversation, call: ProviderCall
) -> str:
    """The content's text; its other parts go to the media."""
    if not is_array(content):
        return content or ""
    texts: list[str] = []
    for index, part in enumerate(content):
        where = f"{path}[{index}]"
        if part["type"] in ("text", "refusal"):
            texts.append(part[part["type"]])
            drop_others(part, ("type", part["type"]), where, call, _ALONE)
        elif role == "user":
            conversation.media.append(_media(part, where, call))
        else:
            raise UnsupportedError(f"{where}: only a user's message may hold it", parameter=where)
    if len(texts) > 1:
        call.report.add("merged", path, f"{len(texts)} texts joined by line ends")
    return "\n".join(texts)


def _media(part: Mapping[str, Any], path: str, call: ProviderCall) -> Media:
    kind = part["type"]
    held: Any = part.get(kind)
    inner = f"{path}.{kind}"
    match kind, held:
        case "image_url", {"url": str(url)}:
            drop_others(held, ("url",), inner, call, _ALONE)
            made = Media("image", url, path)
        case "input_audio", {"data": str(data), "format": str(name)}:
            drop_others(held, ("data", "format"), inner, call, _ALONE)
            made = Media("audio", f"data:audio/{name};base64,{data}", path)
        case "file", {"file_data": str(data)}:
            drop_others(held, ("file_data",), inner, call, _ALONE)
            made = Media("file", data, path)
        case "file", _:
            raise UnsupportedError(f"{path}: give the file inline, as file_data", parameter=path)
        case _:
            raise UnsupportedError(f"{path}: no model takes {kind!r} here", parameter=path)
    drop_others(part, ("type", kind), path, call, _ALONE)
    return made
