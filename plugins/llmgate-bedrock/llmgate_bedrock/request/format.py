"""``response_format`` as Converse's ``outputConfig.textFormat``, or emulated, by model.

What a model writes as the input of a forced tool, ``response`` reads back as text.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import encode_json
from llmgate.provider.kit import parameter
from llmgate_anthropic import has_open_maps, strict_schema
from llmgate_bedrock.rules import Traits

__all__ = ["add_format"]

_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."


def add_format(body: dict[str, Any], call: ProviderCall, traits: Traits) -> str | None:
    """Put the format into the body; the name of the tool whose input is to be the text, if any.

    Raises:
        InvalidRequestError: when the format is none.
    """
    given = parameter(call, "response_format")
    match given:
        case None:
            return None
        case {"type": "text"}:
            call.report.add("dropped", "response_format", "every response is text", given=given)
        case {"type": "json_object"}:
            _instruct(body, call, traits, _JSON_ONLY)
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
    """The schema as a format, as the input of a tool that is forced, or in words."""
    schema, has_tools = named["schema"], "toolConfig" in {**body, **call.extra_body}
    described = {"description": named["description"]} if named.get("description") else {}
    if traits.structured and not has_open_maps(schema):
        strict = strict_schema(schema)
        sent = {"schema": encode_json(strict).decode(), **described}
        sent |= {"name": named["name"]} if named.get("name") else {}
        text_format = {"type": "json_schema", "structure": {"jsonSchema": sent}}
        body["outputConfig"] = {"textFormat": text_format}
        if strict != schema:
            reason = "closed every object, and moved what Bedrock cannot check into descriptions"
            path = "response_format.json_schema.schema"
            call.report.add("converted", path, reason, given=schema, sent=strict)
        return None
    if "tool" not in traits.choices or not traits.tools or has_tools:
        words = f"{_JSON_ONLY} It must match this schema: {json.dumps(schema)}"
        _instruct(body, call, traits, words)
        return None
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(named.get("name") or "answer"))[:64]
    tool = {"name": name, **described, "inputSchema": {"json": {"type": "object", **schema}}}
    choice = {"tool": {"name": name}}
    body["toolConfig"] = {"tools": [{"toolSpec": tool}], "toolChoice": choice}
    reason = "the text is the input of a tool that the model is made to call"
    given = parameter(call, "response_format")
    call.report.add("emulated", "response_format", reason, given=given, sent=tool)
    return name


def _instruct(body: dict[str, Any], call: ProviderCall, traits: Traits, words: str) -> None:
    """Ask for JSON in words."""
    if traits.system:
        body["system"] = [*body.get("system", ()), {"text": words}]
    else:
        last = body["messages"][-1]
        last["content"] = [*last["content"], {"text": words}]
    reason, given = (
        "requested in words, which do not enforce it",
        parameter(call, "response_format"),
    )
    call.report.add("emulated", "response_format", reason, given=given, sent=words)
