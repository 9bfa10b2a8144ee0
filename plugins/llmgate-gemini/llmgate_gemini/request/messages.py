"""A call's messages as Gemini's contents: turns, results of tools, and earlier responses.

An earlier response goes back in the very parts in which it came, with their thought signatures; a
part whose signature is not ours to check is never changed.
Source: https://ai.google.dev/api/caching#Content; /gemini-api/docs/thought-signatures
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import NameMap, arguments_object, drop_others, own_data
from llmgate.provider.kit.history import function_in
from llmgate_gemini.request.parts import Api, Part, Writer
from llmgate_gemini.response.candidate import NAME
from llmgate_gemini.traits import Traits

__all__ = ["Conversation"]

_SKIP = b64encode(b"skip_thought_signature_validator").decode()
"""Google's documented signature for calls that another model made."""
_MEDIA = ("inlineData", "fileData")
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "tool": ("role", "content", "tool_call_id", "name", "is_error"),
    "assistant": (
        *("role", "content", "name", "refusal", "tool_calls", "reasoning_content", "audio"),
        *("annotations", "provider_data"),
        *("images", "parts"),  # which Gemini's responses have; its parts are in provider_data
    ),
}
"""The keys of a message that are looked at, by its role."""


class Conversation:
    """The contents and the system instruction of one call.

    Raises:
        UnsupportedError: for a part that Gemini has nothing for.
        InvalidRequestError: for a call or a result that is not what it says.
    """

    def __init__(self, call: ProviderCall, traits: Traits, names: NameMap, api: Api) -> None:
        self.system: list[Part] = []
        self.contents: list[dict[str, Any]] = []
        self._call = call
        self._traits = traits
        self._names = names
        self._writer = Writer(call, traits, api)
        self._called: dict[str, tuple[str, str | None]] = {}
        self._results: list[Part] = []
        self._media: list[Part] = []
        for index, message in enumerate(call.messages):
            self._add(message, f"messages[{index}]")
        self._end_results()
        if not self.contents and self.system:
            self.contents.append({"role": "user", "parts": self.system})
            self.system = []
            call.report.add("converted", "messages", "there is no turn: sent as one of the user")

    def _add(self, message: Mapping[str, Any], path: str) -> None:
        role = message["role"]
        if role != "tool":
            self._end_results()
        if message.get("name") is not None and role != "tool":
            reason = "a turn has no name"
            self._call.report.drop(f"{path}.name", reason, given=message["name"])
        known = _KNOWN.get(role, ("role", "content", "name"))
        drop_others(message, known, path, self._call, "a turn has no such field")
        if role in ("system", "developer"):
            if self.contents:
                reason = "moved to the system instruction, which stands before all turns"
                self._call.report.add("converted", path, reason)
            where = f"{path}.content"
            self.system += self._writer.parts(message["content"], where, only=("text",))
        elif role == "tool":
            self._add_result(message, path)
        elif role == "assistant":
            self._turn("model", self._assistant(message, path))
        else:
            self._turn("user", self._writer.parts(message["content"], f"{path}.content"))

    def _turn(self, role: str, parts: list[Part]) -> None:
        if parts:
            self.contents.append({"role": role, "parts": parts})

    # --- earlier responses ---

    def _assistant(self, message: Mapping[str, Any], path: str) -> list[Part]:
        said = self._writer.parts(message.get("content"), f"{path}.content")
        if message.get("refusal"):
            self._call.report.add("converted", f"{path}.refusal", "sent as text")
            said.append({"text": message["refusal"]})
        for key in ("reasoning_content", "audio"):
            if message.get(key):
                self._call.report.add("dropped", f"{path}.{key}", "Gemini does not take it back")
        calls = [
            self._function_call(called, f"{path}.tool_calls[{place}]")
            for place, called in enumerate(message.get("tool_calls") or ())
        ]
        identifiers = [called["id"] for called in message.get("tool_calls") or ()]
        native = self._native_parts(message, path)
        if native and _texts(native) == _texts(said) and self._are_same(native, calls):
            calls = [part for part in native if "functionCall" in part]
            parts = native
        else:
            if native:
                reason = "sent as the message has it, which is not as it came"
                self._call.report.add("converted", f"{path}.provider_data.{NAME}", reason)
            parts = said + calls
            if calls:
                self._sign(calls, path)
        for identifier, part in zip(identifiers, calls, strict=True):
            function = part["functionCall"]
            self._called[identifier] = (function["name"], function.get("id"))
        return parts

    def _function_call(self, called: Mapping[str, Any], path: str) -> Part:
        function = function_in(called)
        if function is None:
            raise InvalidRequestError("Gemini supports calls of functions only", path=path)
        where = f"{path}.function.arguments"
        arguments = arguments_object(function["arguments"], where, self._call)
        name = self._names.sent(function["name"], f"{path}.function.name", self._call)
        part: Part = {"functionCall": {"id": called["id"], "name": name, "args": arguments}}
        match called.get("extra_content"):  # as Google's OpenAI-compatible route has it
            case {"google": {"thought_signature": str(signature)}}:
                part["thoughtSignature"] = signature
            case _:
                pass
        return part

    def _sign(self, calls: list[Part], path: str) -> None:
        """The first call of a turn must be signed; for those of other models there is a word."""
        if self._traits.is_third and "thoughtSignature" not in calls[0]:
            calls[0]["thoughtSignature"] = _SKIP
            where = f"{path}.tool_calls[0].thoughtSignature"
            reason = "a call that was not signed is sent with Google's word for that"
            self._call.report.add("injected", where, reason, sent=_SKIP)

    def _native_parts(self, message: Mapping[str, Any], path: str) -> list[Part]:
        """The parts in which a response of Gemini's came, as they can be sent back."""
        data = own_data(message, NAME, path, self._call)
        if data is None:
            return []
        where = f"{path}.provider_data.{NAME}"
        parts = data.get("parts")
        if not is_array(parts) or not all(map(is_object, parts)):
            raise InvalidRequestError("not what a response's message held", path=where)
        return [part for part in parts if part.get("text") != "" or "thoughtSignature" in part]

    def _are_same(self, native: Iterable[Part], calls: list[Part]) -> bool:
        """Whether the message still has the calls of the response; a made-up id says nothing."""
        came: list[Any] = [part["functionCall"] for part in native if "functionCall" in part]
        if len(came) != len(calls) or not all(map(is_object, came)):
            return False
        for given, part in zip(came, calls, strict=True):
            sent = part["functionCall"]
            if given.get("id") not in (None, sent["id"]):
                return False
            if (given.get("name"), given.get("args") or {}) != (sent["name"], sent["args"]):
                return False
        return True

    # --- results of tools ---

    def _add_result(self, message: Mapping[str, Any], path: str) -> None:
        known = self._called.get(message["tool_call_id"])
        name, identifier = known or (message.get("name"), message["tool_call_id"])
        if not isinstance(name, str):
            reason = "no earlier message has the call that this is the result of"
            raise InvalidRequestError(reason, path=f"{path}.tool_call_id")
        parts = self._writer.parts(message["content"], f"{path}.content")
        key = "error" if message.get("is_error") is True else "output"
        response: Part = {"name": name, "response": {key: _texts(parts)}}
        if identifier is not None:
            response["id"] = identifier
        media = [part for part in parts if "text" not in part]
        if media and self._traits.is_third:
            response["parts"] = [{k: part[k] for k in _MEDIA if k in part} for part in media]
        elif media:
            reason = "sent in a turn of the user's after the results, as a result is text here"
            self._call.report.add("converted", f"{path}.content", reason)
            self._media += media
        self._results.append({"functionResponse": response})

    def _end_results(self) -> None:
        """All results of a turn stand together, and nothing stands between them."""
        self._turn("user", self._results)
        self._turn("user", self._media)
        self._results, self._media = [], []


def _texts(parts: Iterable[Part]) -> str:
    """What parts say, but for thoughts."""
    return "".join(str(part.get("text", "")) for part in parts if part.get("thought") is not True)
