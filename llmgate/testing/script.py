"""The server's side of :mod:`llmgate.testing.fake`: scripted answers in its wire format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from llmgate.errors import LLMGateError, RequestError
from llmgate.provider.http import HttpRequest, decode_json, encode_json
from llmgate.testing.canned import Answerer, Canned, check_list
from llmgate.testing.fake_operations import answer_operation
from llmgate.types import ToolCall

__all__ = ["Answer", "script"]

Answer: TypeAlias = str | ToolCall | LLMGateError | Canned | Sequence[str | ToolCall]
"""A text, a tool call, several of both; an error that is raised in place of a reply; or a reply."""


def script(answers: Iterable[Answer]) -> Answerer:
    """A server that gives one answer after the other, whole or piece by piece as it is asked."""
    waiting = iter(check_list(answers, "answers"))

    def answer(request: HttpRequest) -> Canned:
        made = answer_operation(request)
        if made is not None:
            return made
        following = next(waiting, None)
        match following:
            case None:
                raise RequestError(f"the fake provider has no answer left for {request!r}")
            case LLMGateError():
                raise following
            case Canned():
                return following
            case str() | ToolCall():
                return _reply([following], request)
            case _:
                return _reply(following, request)

    return answer


def _reply(parts: Sequence[str | ToolCall], request: HttpRequest) -> Canned:
    texts = [part for part in parts if isinstance(part, str)]
    calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
    words = sum(len(text.split()) for text in texts)
    end = {
        "end": "calls" if calls else "done",
        "tokens": {"in": len(decode_json(request.body)["conversation"]), "out": words},
    }
    if request.stream:
        lines = [*_spoken(texts), *_dictated(calls), end]
        return Canned(body=[encode_json(line) + b"\n" for line in lines])
    return Canned(body=encode_json({"say": "".join(texts) or None, "calls": calls, **end}))


def _spoken(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The texts, word by word."""
    for text in texts:
        *words, last = text.split(" ")
        yield from ({"say": f"{word} "} for word in words)
        yield {"say": last}


def _dictated(calls: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The calls, each in two pieces."""
    for index, call in enumerate(calls):
        function = call["function"]
        half = len(function["arguments"]) // 2
        begun = {**function, "arguments": function["arguments"][:half]}
        yield {"calls": [{**call, "index": index, "function": begun}]}
        ended = {"arguments": function["arguments"][half:]}
        yield {"calls": [{"index": index, "function": ended}]}


def _call(call: ToolCall) -> dict[str, Any]:
    if call.function is None:
        raise RequestError("the fake provider calls functions only")
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}
