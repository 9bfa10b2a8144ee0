"""``response_format`` as Anthropic's ``output_config.format``, or emulated, by model.

What a model writes as the input of a forced tool, ``response`` reads back as text.
Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import parameter
from llmgate_anthropic.request.schema import has_open_maps, strict_schema
from llmgate_anthropic.rules import Traits

__all__ = ["add_format"]

_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."


def add_format(body: dict[str, Any], call: ProviderCall, traits: Traits) -> str | None:
    """Put the format into the body; the name of the tool whose input is to be the text, if any.

    Raises:
        UnsupportedError: where the model can be held to no schema, or not to this one.
        InvalidRequestError: when the format is none.
    """
    given = parameter(call, "response_format")
    if not is_object(given):
        return None
    match given:
        case {"type": "text"}:
            call.report.add("dropped", "response_format", "every response is text", given=given)
        case {"type": "json_object"}:
            _instruct(body, call, given)
        case {"type": "json_schema", "json_schema": {"schema": dict()}}:
            return _add_schema(body, call, traits, given["json_schema"])
        case _:
            raise InvalidRequestError(
                "must be text, json_object, or json_schema with its schema", path="response_format"
            )
    return None


def _add_schema(
    body: dict[str, Any], call: ProviderCall, traits: Traits, named: Mapping[str, Any]
) -> str | None:
    schema = named["schema"]
    if not traits.structured or has_open_maps(schema):
        return _force_tool(body, call, traits, named)
    _send_schema(body, call, schema)
    return None


def _instruct(body: dict[str, Any], call: ProviderCall, given: Any) -> None:
    """Ask for JSON in words, as there is no such format without a schema."""
    body["system"] = [*body.get("system", ()), {"type": "text", "text": _JSON_ONLY}]
    reason = "requested in the system prompt, which does not enforce it"
    call.report.add("emulated", "response_format", reason, given=given, sent=_JSON_ONLY)


def _send_schema(body: dict[str, Any], call: ProviderCall, schema: dict[str, Any]) -> None:
    sent = strict_schema(schema)
    body["output_config"] = {"format": {"type": "json_schema", "schema": sent}}
    path = "response_format.json_schema.schema"
    if sent != schema:
        reason = "closed every object, and moved what Anthropic cannot check into descriptions"
        call.report.add("converted", path, reason, given=schema, sent=sent)


def _force_tool(
    body: dict[str, Any], call: ProviderCall, traits: Traits, named: Mapping[str, Any]
) -> str:
    """A tool whose input is the text, and no choice but to call it."""
    reason = _why_not(body, call, traits)
    if reason is not None:
        raise UnsupportedError(f"response_format: {reason}", parameter="response_format")
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(named.get("name") or "answer"))[:64]
    tool: dict[str, Any] = {"name": name, "input_schema": {"type": "object", **named["schema"]}}
    if named.get("description"):
        tool["description"] = named["description"]
    body["tools"] = [tool]
    body["tool_choice"] = {"type": "tool", "name": name, "disable_parallel_tool_use": True}
    reason = "the text is the input of a tool that the model is made to call"
    call.report.add(
        "emulated",
        "response_format",
        reason,
        given=call.parameters.get("response_format"),
        sent=tool,
    )
    return name


def _why_not(body: Mapping[str, Any], call: ProviderCall, traits: Traits) -> str | None:
    """Why a forced tool cannot stand in for the schema; None when it can."""
    if traits.structured and not traits.forced:
        return f"objects with any keys (additionalProperties) are beyond what {call.model} takes"
    if "tools" in body or "tools" in call.extra_body:
        return f"{call.model} needs a tool of its own for this schema, so no others can be given"
    return None
