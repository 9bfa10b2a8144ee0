"""A call into a prediction's inputs, driven by the schema that the model itself publishes; pure.

What differs from the call is in its report: an input that the model lacks cannot be sent.
Source: https://replicate.com/docs/reference/http and the models' own pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.emulation import ToolEmulation
from llmgate.provider.http import is_object
from llmgate.provider.kit import merge_body
from llmgate.report import Report
from llmgate_replicate.models import Model
from llmgate_replicate.request.inputs import Field, Fields, first_field, fitted, nearest_level
from llmgate_replicate.request.messages import Conversation, read_conversation
from llmgate_replicate.request.prompts import write_conversation
from llmgate_replicate.request.templates import Template
from llmgate_replicate.response.parts import TextReader

__all__ = ["Encoded", "Question", "encode", "read_question"]


@dataclass(frozen=True, slots=True)
class Question:
    """A call in the terms of any model: tools in words, messages as turns."""

    call: ProviderCall
    conversation: Conversation
    emulation: ToolEmulation | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """The body of the request, and what is needed to read its answer.

    ``limit`` is the number of tokens at which the model stops, where it is known.
    """

    body: dict[str, Any]
    stops: Sequence[str] = ()
    is_json: bool = False
    limit: int | None = None

    def reader(self) -> TextReader:
        """What reads the answer's text."""
        return TextReader(self.stops, is_json=self.is_json)


# --- before the model is known ------------------------------------------------------------


def read_question(call: ProviderCall) -> Question:
    """What can be read, and refused, of a call before its model's schema is.

    Raises:
        RequestError: for what no model on Replicate can be asked.
    """
    if not _speaks_of_tools(call):
        return Question(call, read_conversation(call))
    emulation = ToolEmulation.of(call)
    conversation = read_conversation(emulation.call, _paths(call, emulation.call))
    return Question(emulation.call, conversation, emulation)


_TOOL_PARAMETERS = ("tools", "tool_choice", "parallel_tool_calls")


def _speaks_of_tools(call: ProviderCall) -> bool:
    return any(name in call.parameters for name in _TOOL_PARAMETERS) or any(
        message["role"] == "tool" or (message["role"] == "assistant" and message.get("tool_calls"))
        for message in call.messages
    )


def _paths(given: ProviderCall, emulated: ProviderCall) -> list[str]:
    """The caller's own paths of the messages: results that follow one another became one, and
    before the first there may be the tools' own."""
    roles = [message["role"] for message in given.messages]
    kept = [
        f"messages[{index}]"
        for index, role in enumerate(roles)
        if not (role == "tool" and index and roles[index - 1] == "tool")
    ]
    return ["tools"] * (len(emulated.messages) - len(kept)) + kept


# --- the body -----------------------------------------------------------------------------


def encode(question: Question, model: Model, templates: Mapping[str, Template]) -> Encoded:
    """The body that makes the prediction.

    Raises:
        RequestError: for what this model cannot be asked.
    """
    call, report = question.call, question.call.report
    fields = model.fields or {}
    given: dict[str, Any] = {**call.parameters}
    inputs, conversation = _response_format(given.pop("response_format", None), fields, question)
    is_json = conversation is not question.conversation
    inputs |= write_conversation(conversation, model, templates, report)
    stops = _stops(given.pop("stop", None), fields, inputs, report)
    for name in [*_FIELDS, *given]:
        if name in given:
            _add_parameter(name, given.pop(name), fields, inputs, report)
    limit = _limit(fields, inputs)
    body = {**({"version": model.version} if model.version else {}), "input": inputs}
    return Encoded(_with_extra(body, call.extra_body, fields), stops, is_json, limit)


def _with_extra(body: dict[str, Any], extra: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """The body with the caller's own: inputs of the model go among its inputs."""
    inputs = {key: value for key, value in extra.items() if key in fields and key != "input"}
    others = {key: value for key, value in extra.items() if key not in inputs}
    if others.get("input") is None:
        others.pop("input", None)
    return merge_body(merge_body(body, {"input": inputs}), others)


# --- parameters ---------------------------------------------------------------------------

_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens")
_WITH_PROMPT = "max_length"
"""The one such input that counts the prompt too."""
_FIELDS: Mapping[str, Sequence[str]] = {
    "max_completion_tokens": (*_TOKENS, _WITH_PROMPT),
    "max_tokens": (*_TOKENS, _WITH_PROMPT),
    "reasoning_effort": ("reasoning_effort", "effort", "thinking_level", "extended_thinking"),
}
"""The inputs that a parameter may be sent as, the first that there is; any other has its name."""
_LEVELS = ("reasoning_effort", "verbosity")


def _add_parameter(
    name: str, value: Any, fields: Fields, inputs: dict[str, Any], report: Report
) -> None:
    """Add one parameter, as the model's own input."""
    field = first_field(fields, _FIELDS.get(name, (name,)))
    if field is None:
        known = "has no such input" if fields else "has no known inputs (name it owner/name)"
        report.drop(name, f"the model {known}", given=value)
    elif field.name in inputs:
        if inputs[field.name] != value:
            report.drop(name, f"{field.name} is given otherwise", given=value)
    elif name in _LEVELS:
        inputs[field.name] = sent = nearest_level(field, value)
        if sent != value:
            reason = f"the nearest that {field.name} has"
            report.add("converted", name, reason, given=value, sent=sent)
    else:
        inputs[field.name] = sent = fitted(field, value, name, report)
        if field.name == _WITH_PROMPT:
            reason = "sent as max_length, which counts the prompt too"
            report.add("renamed", name, reason, given=value, sent=sent)


def _limit(fields: Fields, inputs: Mapping[str, Any]) -> int | None:
    """After how many tokens the model breaks off, by what is sent or by its own default."""
    field = first_field(fields, _TOKENS)
    limit = None if field is None else inputs.get(field.name, field.default)
    return limit if isinstance(limit, int) and not isinstance(limit, bool) else None


def _stops(
    stop: str | list[str] | None, fields: Fields, inputs: dict[str, Any], report: Report
) -> list[str]:
    """The texts at which the answer ends. It is cut here in any case: many models go on."""
    stops = [stop] if isinstance(stop, str) else stop or []
    stops = [text for text in stops if text]
    field = first_field(fields, ("stop_sequences", "stop"))
    if stop is None:
        return stops
    sent = _sent_stops(stops, field)
    if field is not None and sent:
        inputs[field.name] = sent if field.kind == "array" else ",".join(sent)
    if sent != stops or not stops:
        reason = "cut out of the answer here; the model may write on, and that is billed"
        report.add("emulated", "stop", reason, given=stop, sent=sent or None)
    return stops


def _sent_stops(stops: list[str], field: Field | None) -> list[str]:
    """The stops that the model can be told: one text holds several, parted by commas."""
    if field is None:
        return []
    return stops if field.kind == "array" else [text for text in stops if "," not in text]


def _response_format(
    wanted: Any, fields: Fields, question: Question
) -> tuple[dict[str, Any], Conversation]:
    """The input that constrains the answer, or else the conversation with an instruction."""
    if wanted is None or wanted.get("type") == "text":
        return {}, question.conversation
    described: Any = wanted.get("json_schema")
    schema = described.get("schema") if is_object(described) else None
    field = first_field(fields, ("jsonschema", "json_schema"))
    if schema is not None and field is not None and field.kind == "string":
        return {field.name: json.dumps(schema)}, question.conversation
    asked = _ASK_FOR_OBJECT
    if schema is not None:
        asked = _ASK_FOR_SCHEMA.format(schema=json.dumps(schema, ensure_ascii=False))
    question.call.report.add(
        "emulated",
        "response_format",
        "asked for in the instructions; a fence around the answer is taken off, nothing is checked",
        given=wanted,
        sent=asked,
    )
    return {}, question.conversation.with_instruction(asked)


_ASK_FOR_OBJECT = "Answer with nothing but one JSON object."
_ASK_FOR_SCHEMA = "Answer with nothing but JSON that fits this JSON schema:\n{schema}"
