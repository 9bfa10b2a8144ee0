"""Parts of a message's content in Mistral's terms, and what a response had thought.

Source: https://docs.mistral.ai/api/endpoint/chat (content chunks)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import drop_others

__all__ = ["part_of", "with_thinking"]

_LACKS = "Mistral refuses fields that it does not know"


def part_of(part: Mapping[str, Any], path: str, call: ProviderCall) -> dict[str, Any]:
    """A part; one of Mistral's own kinds (``document_url``, ``reference``) is sent as it is.

    Raises:
        UnsupportedError: for a file of which neither the content nor an id is given.
    """
    match part["type"]:
        case "text" | "refusal" as kind:
            drop_others(part, ("type", kind), path, call, _LACKS)
            return {"type": "text", "text": part[kind]}
        case "image_url":
            drop_others(part, ("type", "image_url"), path, call, _LACKS)
            return {"type": "image_url", "image_url": part["image_url"]}
        case "input_audio" if is_object(part["input_audio"]):
            sound: Mapping[str, Any] = part["input_audio"]
            reason = "Mistral takes the base64 alone"
            call.report.add("converted", f"{path}.input_audio", reason, given=sound.get("format"))
            return {"type": "input_audio", "input_audio": sound["data"]}
        case "file" if is_object(part.get("file")):
            return _document(part["file"], path, call)
        case _:
            return dict(part)


def _document(file: Mapping[str, Any], path: str, call: ProviderCall) -> dict[str, Any]:
    """A file by its id, or a document inline."""
    if file.get("file_id"):
        drop_others(file, ("file_id",), f"{path}.file", call, _LACKS)
        return {"type": "file", "file_id": file["file_id"]}
    if not file.get("file_data"):
        raise UnsupportedError(f"{path}: a file needs file_data or file_id", parameter=path)
    name = {} if file.get("filename") is None else {"document_name": file["filename"]}
    drop_others(file, ("file_data", "filename"), f"{path}.file", call, _LACKS)
    return {"type": "document_url", "document_url": file["file_data"], **name}


def with_thinking(content: Any, message: Mapping[str, Any], path: str, call: ProviderCall) -> Any:
    """The content with the thinking that Mistral itself gave before it.

    That is known by ``content_parts``; a stream gave it in pieces, which are joined again. The
    reasoning of others is left out, as a model that does not reason may refuse it.
    """
    parts = message.get("content_parts")
    if not is_array(parts):
        if message.get("reasoning_content"):
            reason = "the reasoning of other providers is left out"
            call.report.add("dropped", f"{path}.reasoning_content", reason)
        return content
    thoughts = [part for part in parts if is_object(part) and part.get("type") == "thinking"]
    if len(thoughts) <= 1 and _text_of(parts) == content:
        return parts
    others = [
        part for part in parts if is_object(part) and part.get("type") not in ("thinking", "text")
    ]
    texts = content if is_array(content) else [{"type": "text", "text": content}] if content else []
    return [*_joined(thoughts), *texts, *others]


def _text_of(parts: list[Any]) -> str:
    texts = [part for part in parts if is_object(part) and part.get("type") == "text"]
    return "".join(str(part.get("text")) for part in texts)


def _joined(thoughts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One part of all that was thought, with the signature that came at its end."""
    if not thoughts:
        return []
    texts: list[str] = []
    for part in thoughts:
        for piece in part.get("thinking") or ():
            text = piece.get("text") if is_object(piece) else piece
            texts.append(text if isinstance(text, str) else "")
    joined = {key: value for part in thoughts for key, value in part.items()}
    return [{**joined, "thinking": [{"type": "text", "text": "".join(texts)}]}]
