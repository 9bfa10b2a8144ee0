"""A call's messages as Converse's system prompt and turns; it reads no parameter but the model's.

Turns alternate, the results of tools come before all else in the turn that follows their calls, and
an earlier response of Bedrock's own goes back block by block as it came.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import NameMap, SideFields, arguments_object, drop_others, own_data
from llmgate_bedrock.request.parts import Block, Writer, is_blank
from llmgate_bedrock.response.blocks import text_of
from llmgate_bedrock.rules import Traits

__all__ = ["PROVIDER", "Conversation"]

PROVIDER = "bedrock"
"""The key of our blocks in a message's ``provider_data``."""

Said = Mapping[str, Any]

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "system": ("role", "content", "cache_control"),
    "user": ("role", "content", "cache_control"),
    "tool": ("role", "content", "tool_call_id", "is_error", "cache_control"),
    "assistant": (
        *("role", "content", "refusal", "tool_calls", "reasoning_content", "annotations"),
        *("audio", "provider_data", "cache_control"),
    ),
}
_IDS = re.compile(r"[a-zA-Z0-9_.:-]+")
_PLACEHOLDER = "."
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
        self._call = call
        self._traits = traits
        self._names = names
        self._writer = Writer(call, traits)
        messages = cast("list[Said]", call.messages)
        reason = "Bedrock accepts letters, digits and _.:- alone in an id, and 64 of them"
        self._ids = NameMap(_ids_in(messages), _IDS, reason)
        for index, message in enumerate(messages):
            self._add(message, index)
        self._finish()

    def _add(self, message: Said, index: int) -> None:
        path, role = f"messages[{index}]", message["role"]
        role = "system" if role == "developer" else role
        reason = "a message has no such field"
        drop_others(message, _KNOWN[role], path, self._call, reason)
        match role:
            case "system":
                self._add_system(message, index)
            case "user":
                blocks = self._writer.blocks(message["content"], f"{path}.content")
                self._turn("user", self._marked(blocks, message, path), path)
            case "assistant":
                self._turn("assistant", self._assistant(message, path), path)
            case _:
                self._turn("user", self._tool_result(message, path), path)

    def _turn(self, role: str, blocks: list[Block], path: str) -> None:
        """Append a message's blocks, to the last turn where that is of the same role."""
        if not blocks:
            return
        if not self.turns or self.turns[-1]["role"] != role:
            self.turns.append({"role": role, "content": blocks})
            return
        self.turns[-1]["content"] = _results_first([*self.turns[-1]["content"], *blocks])
        self._call.report.add("merged", path, f"joined with the {role}'s turn before it")

    def _marked(
        self, blocks: list[Block], message: Said, path: str, place: str = "messages"
    ) -> list[Block]:
        """The blocks with a message's own ``cache_control`` after them."""
        points = self._writer.cache_points(message, path, place)
        return [*blocks, *points] if blocks else blocks

    # --- system messages ---

    def _add_system(self, message: Said, index: int) -> None:
        """Instructions: before the turns, or among them where the model takes them there."""
        path = f"messages[{index}]"
        blocks = self._writer.blocks(
            message["content"], f"{path}.content", text_only=True, place="system"
        )
        blocks = self._marked(blocks, message, path, "system")
        if not self._traits.system:
            self._turn("user", blocks, path)
            reason = f"{self._call.model} has no system prompt: sent as the user's words"
            self._call.report.add("converted", path, reason)
            return
        claude = self._traits.claude
        follows_user = bool(self.turns) and self.turns[-1]["role"] in ("user", "system")
        if follows_user and claude is not None and claude.inner_system:
            following = self._call.messages[index + 1 :]
            if _is_answered_next(following):
                self._turn("system", blocks, path)
                return
        self.system.extend(blocks)
        if self.turns:
            reason = "moved to the system prompt: the model takes no instructions at that place"
            self._call.report.add("converted", path, reason)

    # --- earlier responses, and results of tools ---

    def _assistant(self, message: Said, path: str) -> list[Block]:
        """An earlier response: as it came where it came from here, else made of what it says."""
        if message.get("audio"):
            where = f"{path}.audio"
            raise UnsupportedError(f"{where}: Bedrock has no spoken responses", parameter=where)
        texts = self._writer.blocks(message.get("content"), f"{path}.content", text_only=True)
        if message.get("refusal"):
            texts.append({"text": message["refusal"]})
            self._call.report.add(
                "converted", f"{path}.refusal", "an earlier refusal, sent as text"
            )
        calls = [
            self._tool_use(item, f"{path}.tool_calls[{place}]")
            for place, item in enumerate(message.get("tool_calls") or ())
        ]
        return self._marked(self._earlier(message, texts, calls, path), message, path)

    def _earlier(
        self, message: Said, texts: list[Block], calls: list[Block], path: str
    ) -> list[Block]:
        """The native blocks where they still say what the message says, or else its own words
        after those blocks that have none."""
        native = self._native(message, path)
        if not native:
            return texts + calls
        rest = [block for block in native if not is_blank(block)]
        text = _text_in(texts)
        if text in (_text_in(native), _text_in(rest)) and _calls_in(rest) == _calls_in(calls):
            return rest
        where = f"{path}.provider_data.{PROVIDER}.content"
        reason = "text and calls are sent as the message has them, which is not as they came"
        self._call.report.add("converted", where, reason)
        wordless = [each for each in rest if not (_text_in([each]) or _is_call(each))]
        return wordless + texts + calls

    def _native(self, message: Said, path: str) -> list[Block]:
        data = own_data(message, PROVIDER, path, self._call)
        if data is None:
            for key in ("reasoning_content", "annotations"):
                if message.get(key):
                    reason = "Bedrock accepts only its own back, from provider_data"
                    self._call.report.add("dropped", f"{path}.{key}", reason)
            return []
        where = f"{path}.provider_data.{PROVIDER}.content"
        blocks = data.get("content")
        if not is_array(blocks) or not all(map(is_object, blocks)):
            raise InvalidRequestError("must be a list of content blocks", path=where)
        return [self._sendable(block, f"{where}[{place}]") for place, block in enumerate(blocks)]

    def _sendable(self, block: Block, path: str) -> Block:
        """A block as it came; the arguments of a call that was cut off are an object again."""
        used = block.get("toolUse")
        if is_object(used) and not is_object(used.get("input")):
            given = used.get("input")
            text = given if isinstance(given, str) else ""
            sent = arguments_object(text, f"{path}.toolUse.input", self._call)
            return {"toolUse": {**used, "input": sent}}
        return block

    def _tool_use(self, item: Said, path: str) -> Block:
        function = item.get("function")
        if not is_object(function):
            raise UnsupportedError(f"{path}: Bedrock supports functions only", parameter=path)
        drop_others(item, ("id", "type", "function"), path, self._call, "a call has no such field")
        arguments = function.get("arguments")
        if is_object(arguments):
            sent = arguments
        else:
            where = f"{path}.function.arguments"
            sent = arguments_object(arguments or "", where, self._call)
        return {
            "toolUse": {
                "toolUseId": self._ids.sent(item["id"], f"{path}.id", self._call),
                "name": self._names.sent(function["name"], f"{path}.function.name", self._call),
                "input": sent,
            }
        }

    def _tool_result(self, message: Said, path: str) -> list[Block]:
        content = self._writer.blocks(message["content"], f"{path}.content")
        points = [block for block in content if "cachePoint" in block]
        content = [block for block in content if "cachePoint" not in block]
        if not content:
            content = [{"text": "(no content)"}]
            reason = "Bedrock refuses a result without content"
            self._call.report.add("injected", f"{path}.content", reason, sent=content)
        where = f"{path}.tool_call_id"
        identifier = self._ids.sent(message["tool_call_id"], where, self._call)
        result: Block = {"toolUseId": identifier, "content": content}
        given = message.get("is_error")
        if given is not None and not self._traits.status:
            reason = f"{self._call.model} takes no status of a result"
            self._call.report.drop(f"{path}.is_error", reason, given=given)
        elif given is not None:
            result["status"] = "error" if given else "success"
        return self._marked([{"toolResult": result}, *points[:1]], message, path)

    # --- what must be there ---

    def _finish(self) -> None:
        """What the API refuses a conversation without."""
        report = self._call.report
        if not self.turns and self.system:
            self.turns, self.system = [{"role": "user", "content": self.system}], []
            report.add("converted", "messages", "there is no turn: sent as one of the user")
        if not self.turns:
            raise InvalidRequestError("no message has content to respond to", path="messages")
        if self._traits.user_first and self.turns[0]["role"] == "assistant":
            first = {"role": "user", "content": [{"text": _PLACEHOLDER}]}
            self.turns.insert(0, first)
            reason = f"{self._call.model} refuses a conversation that the user did not begin"
            report.add("injected", "messages", reason, sent=first)
        for turn in self.turns:
            content: list[Block] = turn["content"]
            kinds = {kind for block in content for kind in block}
            if "document" in kinds and not kinds & {"text", "guardContent"}:
                turn["content"] = [*content, {"text": _PLACEHOLDER}]
                reason = "Bedrock refuses a document without a text beside it"
                report.add("injected", "messages", reason, sent={"text": _PLACEHOLDER})


def _ids_in(messages: Iterable[Said]) -> Iterator[str]:
    for message in messages:
        if message.get("tool_call_id"):
            yield message["tool_call_id"]
        for item in message.get("tool_calls") or ():
            yield item["id"]


def _is_answered_next(following: Iterable[Any]) -> bool:
    """Whether a message of the assistant, or the end, follows."""
    roles = (message["role"] for message in following)
    return next((r for r in roles if r not in ("system", "developer")), "assistant") == "assistant"


def _results_first(blocks: Iterable[Block]) -> list[Block]:
    """The blocks with the results of tools before all else; a cache point stays behind its block."""
    groups = list[list[Block]]()
    for block in blocks:
        if "cachePoint" in block and groups:
            groups[-1].append(block)
        else:
            groups.append([block])
    groups.sort(key=lambda group: "toolResult" not in group[0])
    return [block for group in groups for block in group]


def _text_in(blocks: Iterable[Block]) -> str:
    return "".join(
        text_of([block])
        if "text" in block
        else text_of(SideFields(block.get("citationsContent")).payload.get("content"))
        for block in blocks
    )


def _is_call(block: Block) -> bool:
    """Whether it is a call of one of the caller's tools, not of the server's."""
    return is_object(block.get("toolUse")) and block["toolUse"].get("type") != "server_tool_use"


def _calls_in(blocks: Iterable[Block]) -> list[tuple[Any, ...]]:
    calls = [block["toolUse"] for block in blocks if _is_call(block)]
    return [(call.get("toolUseId"), call.get("name"), call.get("input")) for call in calls]
