"""Puts the chunks of a streamed answer together to one reply; it must not change what they say."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

__all__ = ["Reply", "UsageSum"]

_HEAD = ("id", "created", "model", "system_fingerprint")


class Reply:
    """A chat.completion that grows by chat.completion.chunks.

    llama.cpp cannot be stopped in an answer that it gives in one piece, so every answer is
    streamed, and this makes the one piece.
    """

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = defaultdict(_Choice)
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    def add(self, chunk: dict[str, Any]) -> None:
        """Take the next chunk, in the order in which they came."""
        if not self._head:
            self._head = {key: chunk[key] for key in _HEAD if key in chunk}
        for choice in chunk.get("choices", ()):
            self._choices[choice["index"]].add(choice)
        self._timings = chunk.get("timings") or self._timings
        self._usage = chunk.get("usage") or self._usage

    def finish(self) -> dict[str, Any]:
        """The reply as OpenAI's API gives it, with llama.cpp's timings."""
        choices = [choice.finish(index) for index, choice in sorted(self._choices.items())]
        reply = {
            **self._head,
            "object": "chat.completion",
            "choices": choices,
            "usage": self._usage,
        }
        return {**reply, "timings": self._timings} if self._timings else reply


class UsageSum:
    """The usage of all choices in one chunk; llama.cpp sends one for each choice when it ends.

    Each reports its own tokens, and the prompt's, which was read only once.
    """

    def __init__(self) -> None:
        self._chunk: dict[str, Any] | None = None

    def takes(self, chunk: dict[str, Any]) -> bool:
        """Add a chunk that tells of usage alone; whether this is one."""
        if chunk.get("choices") or not chunk.get("usage"):
            return False
        usage = chunk["usage"]
        if self._chunk is not None:
            first = self._chunk["usage"]
            generated = first["completion_tokens"] + usage["completion_tokens"]
            total = first["prompt_tokens"] + generated
            usage = {**first, "completion_tokens": generated, "total_tokens": total}
        self._chunk = {**chunk, "usage": usage}
        return True

    def release(self) -> dict[str, Any] | None:
        """The chunk with the sum, once; None where no usage came."""
        chunk, self._chunk = self._chunk, None
        return chunk


class _Choice:
    """One of the answers in a reply."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._logprobs: list[Any] = []
        self._finish_reason: str | None = None

    def add(self, choice: dict[str, Any]) -> None:
        delta: dict[str, Any] = choice.get("delta") or {}
        for key in ("content", "reasoning_content"):
            if delta.get(key) is not None:
                self._texts[key] = self._texts.get(key, "") + delta[key]
        for call in delta.get("tool_calls") or ():
            self._add_tool_call(call)
        logprobs: dict[str, Any] = choice.get("logprobs") or {}
        self._logprobs += logprobs.get("content") or ()
        self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def _add_tool_call(self, delta: dict[str, Any]) -> None:
        call = self._tool_calls.setdefault(
            delta["index"],
            {"type": "function", "id": "", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = delta.get("id") or call["id"]
        function: dict[str, Any] = delta.get("function") or {}
        for key in ("name", "arguments"):
            call["function"][key] += function.get(key) or ""

    def finish(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None if self._tool_calls else ""}
        message |= self._texts
        if self._tool_calls:
            message["tool_calls"] = [call for _, call in sorted(self._tool_calls.items())]
        choice = {"finish_reason": self._finish_reason, "index": index, "message": message}
        return {**choice, "logprobs": {"content": self._logprobs}} if self._logprobs else choice
