"""A call's messages as Converse's system prompt and turns; it reads no parameter but the model's.

Turns alternate, the results of tools come before all else in the turn that follows their calls, and
an earlier response of Bedrock's own goes back block by block as it came.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import NameMap, arguments_object, drop_others, own_data
from llmgate.provider.kit.history import call_ids, function_in, is_answered_next
from llmgate_bedrock.request.parts import TEXTS, Block, Writer, is_blank
from llmgate_bedrock.response.blocks import text_of
from llmgate_bedrock.rules import Traits

__all__ = ["Conversation"]

Said = Mapping[str, Any]

_KNOWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("system", "developer", "user"), ("role", "content", "cache_control")),
    "tool": ("role", "content", "tool_call_id", "is_error", "cache_control"),
    "assistant": (
        *("role", "content", "refusal", "tool_calls", "reasoning_content", "annotations"),
        *("audio", "provider_data", "cache_control"),
        "images",  # of Bedrock's own responses, whose blocks are in provider_data
    ),
}
_IDS = re.compile(r"[a-zA-Z0-9_.:-]+")
_PLACEHOLDER: Block = {"text": "."}
"""The shortest text that is accepted where one has to be."""


class Conversation:
    """The system prompt, as blocks, and the turns of one call.

    Raises:
        UnsupportedError: for a part or a call that Bedrock cannot carry.
        InvalidRequestError: when nothing is left to be sent.
    """

    def __init__(self, call: ProviderCall, traits: Traits, names: NameMap) -> None:
        self.system: list[Block] = []
        self.turns: list[dict[str, Any]] = []
        self._call, self._traits, self._names = call, traits, names
        self._report = call.report
        self._writer = Writer(call, traits)
        messages = cast("list[Said]", call.messages)
        reason = "Bedrock accepts letters, digits and _.:- alone in an id, and 64 of them"
        self._ids = NameMap(call_ids(messages), _IDS, reason)
        for index, message in enumerate(messages):
            self._add(message, index)
        self._finish()

    def _add(self, message: Said, index: int) -> None:
        path, role = f"messages[{index}]", message["role"]
        drop_others(message, _KNOWN[role], path, self._call, "a message has no such field")
        if role in ("system", "developer"):
            self._add_system(message, index)
        elif role == "assistant":
            self._turn("assistant", self._assistant(message, path), message, path)
        elif role == "tool":
            self._turn("user", self._tool_result(message, path), message, path)
        else:
            blocks = self._writer.parts(message["content"], f"{path}.content")
            self._turn("user", blocks, message, path)

    def _turn(self, role: str, blocks: list[Block], message: Said, path: str) -> None:
        """Append a message's blocks, to the last turn where that is of the same role."""
        if not blocks:
            return
        blocks = [*blocks, *self._writer.beside(message, path)]
        if not self.turns or self.turns[-1]["role"] != role:
            self.turns.append({"role": role, "content": blocks})
            return
        self.turns[-1]["content"] = _results_first([*self.turns[-1]["content"], *blocks])
        self._report.add("merged", path, f"joined with the {role}'s turn before it")

    def _add_system(self, message: Said, index: int) -> None:
        """Instructions: before the turns, or among them where the model takes them there."""
        path, writer, claude = f"messages[{index}]", self._writer, self._traits.claude
        content, where = message["content"], f"{path}.content"
        blocks = writer.parts(content, where, only=TEXTS, place="system")
        following = self._call.messages[index + 1 :]
        follows_user = bool(self.turns) and self.turns[-1]["role"] in ("user", "system")
        if not self._traits.system:
            self._turn("user", blocks, message, path)
            reason = f"{self._call.model} has no system prompt: sent as the user's words"
            self._report.add("converted", path, reason)
        elif claude and claude.inner_system and follows_user and is_answered_next(following):
            self._turn("system", blocks, message, path)
        else:
            points = writer.beside(message, path, "system")
            self.system += [*blocks, *points] if blocks else []
            if self.turns:
                reason = "moved to the system prompt: the model takes no instructions there"
                self._report.add("converted", path, reason)

    # --- earlier responses, and results of tools ---

    def _assistant(self, message: Said, path: str) -> list[Block]:
        """An earlier response: as it came where it came from here, else made of what it says."""
        given = self._native(message, path)
        if message.get("audio") and not any("audio" in block for block in given):
            where = f"{path}.audio"
            reason = "Bedrock takes no spoken responses but its own"
            raise UnsupportedError(f"{where}: {reason}", parameter=where)
        texts = self._writer.parts(message.get("content"), f"{path}.content", only=TEXTS)
        if message.get("refusal"):
            texts.append({"text": message["refusal"]})
            self._report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
        calls = [
            self._tool_use(item, f"{path}.tool_calls[{place}]")
            for place, item in enumerate(message.get("tool_calls") or ())
        ]
        native = [block for block in given if not is_blank(block)]
        if not native:
            return texts + calls
        is_same = text_of(texts) in (text_of(given), text_of(native))
        if is_same and _calls_in(calls) == _calls_in(native):
            return native
        where = f"{path}.provider_data.bedrock.content"
        reason = "text and calls are sent as the message has them, which is not as they came"
        self._report.add("converted", where, reason)
        wordless = [each for each in native if not (text_of([each]) or _is_call(each))]
        return wordless + texts + calls

    def _native(self, message: Said, path: str) -> list[Block]:
        """The blocks as they came; the arguments of a call that was cut off are an object again."""
        data = own_data(message, "bedrock", path, self._call)
        if data is None:
            for key in ("reasoning_content", "annotations"):
                if message.get(key):
                    reason = "Bedrock accepts only its own back, from provider_data"
                    self._report.add("dropped", f"{path}.{key}", reason)
            return []
        where, blocks = f"{path}.provider_data.bedrock.content", data.get("content")
        if not is_array(blocks) or not all(map(is_object, blocks)):
            raise InvalidRequestError("must be a list of content blocks", path=where)
        sent: list[Block] = [*blocks]
        for place, block in enumerate(sent):
            used = block.get("toolUse")
            if is_object(used) and not is_object(used.get("input")):
                own = f"{where}[{place}].toolUse.input"
                given = arguments_object(used.get("input"), own, self._call)
                sent[place] = {"toolUse": {**used, "input": given}}
        return sent

    def _tool_use(self, item: Said, path: str) -> Block:
        function = function_in(item)
        if function is None:
            raise UnsupportedError(f"{path}: Bedrock supports functions only", parameter=path)
        drop_others(item, ("id", "type", "function"), path, self._call, "a call has no such field")
        where = f"{path}.function"
        used = {
            "toolUseId": self._ids.sent(item["id"], f"{path}.id", self._call),
            "name": self._names.sent(function["name"], f"{where}.name", self._call),
            "input": arguments_object(function.get("arguments"), f"{where}.arguments", self._call),
        }
        return {"toolUse": used}

    def _tool_result(self, message: Said, path: str) -> list[Block]:
        content = self._writer.parts(message["content"], f"{path}.content")
        points = [block for block in content if "cachePoint" in block]
        content = [block for block in content if "cachePoint" not in block]
        if not content:
            content = [{"text": "(no content)"}]
            reason = "Bedrock refuses a result without content"
            self._report.add("injected", f"{path}.content", reason, sent=content)
        where = f"{path}.tool_call_id"
        identifier = self._ids.sent(message["tool_call_id"], where, self._call)
        result: Block = {"toolUseId": identifier, "content": content}
        given = message.get("is_error")
        if given is not None and not self._traits.status:
            reason = f"{self._call.model} takes no status of a result"
            self._call.report.drop(f"{path}.is_error", reason, given=given)
        elif given is not None:
            result["status"] = "error" if given else "success"
        return [{"toolResult": result}, *points[:1]]

    def _finish(self) -> None:
        """Add what the API refuses a conversation without."""
        if not self.turns and self.system:
            self.turns, self.system = [{"role": "user", "content": self.system}], []
            reason = "there is no turn: sent as one of the user"
            self._report.add("converted", "messages", reason)
        if not self.turns:
            raise InvalidRequestError("no message has content to respond to", path="messages")
        if self._traits.user_first and self.turns[0]["role"] == "assistant":
            self.turns.insert(0, {"role": "user", "content": [_PLACEHOLDER]})
            reason = f"{self._call.model} refuses a conversation that the user did not begin"
            self._report.add("injected", "messages", reason, sent=_PLACEHOLDER)
        for turn in self.turns:
            kinds = {kind for block in turn["content"] for kind in block}
            if "document" in kinds and not kinds & {"text", "guardContent"}:
                turn["content"] = [*turn["content"], _PLACEHOLDER]
                reason = "Bedrock refuses a document without a text beside it"
                self._report.add("injected", "messages", reason, sent=_PLACEHOLDER)


def _results_first(blocks: list[Block]) -> list[Block]:
    """The blocks with results of tools before all else, each with the cache point behind it."""
    starts = [place for place, block in enumerate(blocks) if "cachePoint" not in block]
    groups = [blocks[at:end] for at, end in zip(starts, [*starts[1:], None], strict=True)]
    groups.sort(key=lambda group: "toolResult" not in group[0])
    return [block for group in groups for block in group]


def _calls_in(blocks: Iterable[Block]) -> list[Any]:
    calls = [block["toolUse"] for block in blocks if _is_call(block)]
    return [(call.get("toolUseId"), call.get("name"), call.get("input")) for call in calls]


def _is_call(block: Block) -> bool:
    """Whether it is a call of one of the caller's tools, not of the server's."""
    return is_object(block.get("toolUse")) and block["toolUse"].get("type") != "server_tool_use"
