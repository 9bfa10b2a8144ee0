"""``response_format`` and the kinds of output: what a response is to consist of.

Source: https://ai.google.dev/gemini-api/docs/structured-output; /docs/speech-generation
"""

from __future__ import annotations

from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import drop_others, parameter
from llmgate_gemini.request.schema import SchemaEdit, gemini_schema
from llmgate_gemini.traits import Traits

__all__ = ["format_of", "modalities_of", "report_edits"]


def format_of(call: ProviderCall, traits: Traits) -> dict[str, Any]:
    """The fields of ``generationConfig`` for the format of the response."""
    given: dict[str, Any] = parameter(call, "response_format") or {}
    if given.get("type") == "json_object":
        return {"responseMimeType": "application/json"}
    if given.get("type") != "json_schema":
        return {}
    described: dict[str, Any] = given.get("json_schema") or {}
    path = "response_format.json_schema"
    for name in ("description", "strict"):
        if described.get(name) not in (None, True):
            reason = "Gemini takes the schema alone, and always keeps to it"
            call.report.add("dropped", f"{path}.{name}", reason, given=described[name])
    if "schema" not in described:
        return {"responseMimeType": "application/json"}
    schema, edits = gemini_schema(described["schema"], json_schema=traits.json_schema)
    report_edits(edits, f"{path}.schema", call)
    key = "responseJsonSchema" if traits.json_schema else "responseSchema"
    return {"responseMimeType": "application/json", key: schema}


def report_edits(edits: list[SchemaEdit], path: str, call: ProviderCall) -> None:
    """Record what was changed in a schema that stands at this path of the call."""
    for edit in edits:
        where = f"{path}.{edit.path}" if edit.path else path
        call.report.add(edit.kind, where, edit.reason, given=edit.given)


def modalities_of(call: ProviderCall) -> dict[str, Any]:
    """The fields of ``generationConfig`` for pictures and speech."""
    config: dict[str, Any] = {}
    modalities = parameter(call, "modalities")
    if modalities is not None:
        kinds = [kind.upper() for kind in modalities]
        if "-tts" in call.model and kinds == ["TEXT", "AUDIO"]:
            kinds = ["AUDIO"]
            reason = "this model responds in speech alone"
            call.report.add("converted", "modalities", reason, given=modalities, sent=kinds)
        config["responseModalities"] = kinds
    audio = parameter(call, "audio")
    if audio is not None:
        reason = "Gemini gives 16-bit PCM, and has a voice alone to choose"
        drop_others(audio, ("voice",), "audio", call, reason)
        voice = {"prebuiltVoiceConfig": {"voiceName": audio.get("voice")}}
        config["speechConfig"] = {"voiceConfig": voice}
    return config
