"""A conversation into the inputs that carry it: messages, a prompt, or a chat template's text.

Which of these, the model's own schema decides; nothing of it is sent that the schema lacks.
Source: the input schemas under https://replicate.com/collections/language-models
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.report import Report
from llmgate_replicate.models import Model
from llmgate_replicate.request.inputs import Field, Fields, first_field
from llmgate_replicate.request.messages import Conversation, Media, Turn
from llmgate_replicate.request.templates import Family, Template, find_template

__all__ = ["write_conversation"]

_SYSTEM = ("system_prompt", "system_instruction", "instructions", "system_message")
_MEDIA: Mapping[str, Sequence[str]] = {
    "image": ("image_input", "images", "input_images", "image", "input_image"),
    "audio": ("audio_input", "audio", "audios", "input_audio"),
    "file": ("file_input", "files", "file", "documents", "document", "pdf"),
}
_ANY_PROMPT: Fields = {"prompt": Field("prompt", "string")}
"""What a model whose schema is not to be had takes for certain."""
_VERBATIM = "{prompt}"
"""The prompt template that adds nothing."""


def write_conversation(
    conversation: Conversation, model: Model, templates: Mapping[str, Template], report: Report
) -> dict[str, Any]:
    """The inputs that say what the conversation says.

    Raises:
        UnsupportedError: for a model that takes no prompt, or not such a part.
        InvalidRequestError: when there is nothing to be sent.
    """
    fields = _ANY_PROMPT if model.fields is None else model.fields
    if not ("prompt" in fields or "messages" in fields):
        raise UnsupportedError(
            f"{model.name} is no language model: it has no input named prompt or messages",
            parameter="model",
        )
    if not any(turn.text for turn in conversation.turns):
        raise InvalidRequestError("the prompt would be empty", path="messages")
    media = _media_inputs(conversation.media, model, fields, report)
    if _takes_messages(conversation, fields):
        written = _as_messages(conversation, fields["messages"])
    else:
        written = _as_prompt(conversation, fields, find_template(model.name, templates), report)
    return {**written, **media}


# --- images, sounds, files ----------------------------------------------------------------


def _media_inputs(
    media: Sequence[Media], model: Model, fields: Fields, report: Report
) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for item in media:
        field = first_field(fields, _MEDIA[item.kind])
        if field is None:
            reason = f"{item.path}: {model.name or 'the model'} has no known input for it"
            raise UnsupportedError(reason, parameter=item.path)
        if field.kind == "array":
            inputs.setdefault(field.name, []).append(item.url)
        elif field.name not in inputs:
            inputs[field.name] = item.url
        else:
            reason = f"{item.path}: {model.name} takes one {item.kind}, and there are more"
            raise UnsupportedError(reason, parameter=item.path)
        report.add("converted", item.path, f"sent beside the text, as {field.name}")
    return inputs


# --- messages -----------------------------------------------------------------------------


def _takes_messages(conversation: Conversation, fields: Fields) -> bool:
    """Whether the conversation is sent as messages: they keep the roles.

    A single question is the prompt itself. Beside images too, since models that are given messages
    ignore the inputs that belong to the prompt.
    """
    if "messages" not in fields or "prompt" not in fields:
        return "messages" in fields
    return not conversation.media and not _is_single_question(conversation, fields)


def _is_single_question(conversation: Conversation, fields: Fields) -> bool:
    spoken = conversation.spoken
    is_question = len(spoken) == 1 and spoken[0].role == "user"
    return is_question and (not conversation.system or first_field(fields, _SYSTEM) is not None)


def _as_messages(conversation: Conversation, field: Field) -> dict[str, Any]:
    messages = [
        {"role": turn.role, "content": turn.text} for turn in conversation.turns if turn.text
    ]
    if field.kind == "string":
        return {field.name: json.dumps(messages, ensure_ascii=False)}
    return {field.name: messages}


# --- a prompt -----------------------------------------------------------------------------


def _as_prompt(
    conversation: Conversation, fields: Fields, family: Family | None, report: Report
) -> dict[str, Any]:
    _report_moved_instructions(conversation, report)
    is_single = _is_single_question(conversation, fields)
    if family is not None and _is_raw(fields, is_single=is_single):
        return _as_templated(conversation, fields, family, report)
    if not conversation.spoken:
        report.add("converted", "messages", "the instructions are the prompt, as there is no other")
        return {"prompt": conversation.system}
    system = first_field(fields, _SYSTEM)
    instructions = {system.name: conversation.system} if system and conversation.system else {}
    if is_single:
        return {"prompt": conversation.spoken[0].text, **instructions}
    report.add("converted", "messages", "written as one text, speaker by speaker")
    head = "" if instructions else conversation.system
    return {"prompt": _transcript(head, conversation.spoken), **instructions}


def _report_moved_instructions(conversation: Conversation, report: Report) -> None:
    """A prompt has one place for instructions, so those that come later are moved to it."""
    has_begun = False
    for turn in conversation.turns:
        has_begun = has_begun or turn.role != "system"
        if turn.role == "system" and turn.text and has_begun:
            report.add("merged", turn.path, "put in front, with the other instructions")


def _is_raw(fields: Fields, *, is_single: bool) -> bool:
    """Whether the text reaches the model as it is, so that its chat template must be written here.

    With the input prompt_template it does if that says so; without one, and without a place for
    instructions, the model has only ever been given its prompt.
    """
    template = fields.get("prompt_template")
    if template is None:
        return first_field(fields, (*_SYSTEM, "messages")) is None
    return not is_single or template.default == _VERBATIM


def _as_templated(
    conversation: Conversation, fields: Fields, family: Family, report: Report
) -> dict[str, Any]:
    turns = [*([Turn("system", text)] if (text := conversation.system) else [])]
    for _, group in groupby(conversation.spoken, key=lambda turn: turn.role):
        same = [_disarmed(turn, family, report) for turn in group]
        if len(same) > 1:
            report.add("merged", same[-1].path, "joined to the message before it, of the same role")
        turns.append(Turn(same[0].role, "\n\n".join(turn.text for turn in same)))
    prompt = family.render([{"role": turn.role, "content": turn.text} for turn in turns])
    report.add("converted", "messages", f"written in the chat template of {family.name}")
    if "prompt_template" not in fields:
        return {"prompt": prompt}
    reason = "the prompt is templated already"
    report.add("injected", "extra_body.input.prompt_template", reason, sent=_VERBATIM)
    return {"prompt": prompt, "prompt_template": _VERBATIM}


def _disarmed(turn: Turn, family: Family, report: Report) -> Turn:
    text = family.disarmed(turn.text)
    if text != turn.text:
        reason = f"control tokens of {family.name} were broken up"
        report.add("converted", turn.path, reason, given=turn.text, sent=text)
    return Turn(turn.role, text, turn.path)


_SPEAKERS: Mapping[str, str] = {"user": "User", "assistant": "Assistant"}


def _transcript(head: str, turns: Sequence[Turn]) -> str:
    """A conversation without any control tokens, which hosted models would read as text.

    One that ends with the assistant's own words is left open for it to go on.
    """
    if len(turns) == 1 and turns[0].role == "user":
        return f"{head}\n\n{turns[0].text}"
    lines = [*([head] if head else [])]
    lines += [f"{_SPEAKERS[turn.role]}: {turn.text}" for turn in turns]
    if turns[-1].role == "user":
        lines.append("Assistant:")
    return "\n\n".join(lines)
