"""``llmgate chat``: one question to one model, and its answer on standard output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from llmgate import acompletion
from llmgate._core.advice import install
from llmgate._core.registry import installed_providers
from llmgate.errors import InvalidRequestError
from llmgate.types import Chunk, Completion

__all__ = ["Question", "advice", "default_model", "full_prompt", "run"]

_DEFAULT_MODEL = "local/smollm2"
_UNFINISHED = {
    "length": "the answer reached its greatest length and is cut",
    "content_filter": "the provider's content filter withheld the answer or a part of it",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask whom. ``stream`` is whether the answer is asked for piece by piece."""

    model: str
    prompt: str
    system: str | None = None
    stream: bool = True

    def messages(self) -> list[dict[str, str]]:
        """The conversation that asks it."""
        said = [("system", self.system), ("user", self.prompt)]
        return [{"role": role, "content": text} for role, text in said if text]


def full_prompt(words: Sequence[str], source: TextIO | None) -> str:
    """The prompt of the command line, followed by what is piped in; empty when there is neither.

    Raises:
        InvalidRequestError: when what is piped in is no UTF-8 text.
    """
    piped = b"" if source is None or source.isatty() else source.buffer.read()
    try:
        texts = (" ".join(words), piped.decode("utf-8-sig").strip())
    except UnicodeDecodeError as error:
        reason = f"no UTF-8 text at byte {error.start}"
    else:
        return "\n\n".join(text for text in texts if text.strip())
    raise InvalidRequestError(reason, path="standard input")


def default_model() -> str | None:
    """The model to ask when none is named; None where its provider is not installed."""
    provider = _DEFAULT_MODEL.partition("/")[0]
    return _DEFAULT_MODEL if provider in installed_providers() else None


def advice() -> str:
    """How to come by a model, in a few words."""
    names = ", ".join(sorted(installed_providers())) or "none"
    return f"providers installed: {names}; for {_DEFAULT_MODEL}: {install('local')}"


def run(question: Question, *, as_json: bool) -> int:
    """Ask, print the answer, and say on standard error when it is not a whole one.

    Raises:
        LLMGateError: whatever the call raises; what came before it is printed.
    """
    answer = asyncio.run(_ask(question, show=not as_json))
    if as_json:
        _write(answer.model_dump_json() + "\n")
    elif not question.stream:
        _write(_with_line_end(_text_of(answer)))
    for choice in answer.choices[:1]:
        if choice.finish_reason in _UNFINISHED:
            print(f"llmgate: {_UNFINISHED[choice.finish_reason]}", file=sys.stderr)
    return 0


async def _ask(question: Question, *, show: bool) -> Completion:
    if not question.stream:
        return await acompletion(question.model, question.messages())
    async with await acompletion(question.model, question.messages(), stream=True) as stream:
        if show:
            printer = _Printer()
            try:
                async for chunk in stream:
                    printer.add(chunk)
            finally:
                printer.end_line()
        return await stream.completion()


class _Printer:
    """Prints an answer piece by piece. A refusal is what the model says, too."""

    def __init__(self) -> None:
        self._last = "\n"

    def add(self, chunk: Chunk) -> None:
        for choice in chunk.choices:
            text = choice.delta.content or choice.delta.refusal
            if text:
                _write(text)
                self._last = text

    def end_line(self) -> None:
        if not self._last.endswith("\n"):
            self._last = "\n"
            _write("\n")


def _text_of(answer: Completion) -> str:
    messages = (choice.message for choice in answer.choices)
    return "\n".join(message.content or message.refusal or "" for message in messages)


def _with_line_end(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def _write(text: str) -> None:
    """Write at once, whatever the output's encoding. A terminal is given no control characters."""
    output = sys.stdout
    if output.isatty():
        text = text.translate(_VISIBLE)
    encoding = output.encoding or "utf-8"
    output.write(text.encode(encoding, "backslashreplace").decode(encoding))
    output.flush()


_VISIBLE = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\t\n\r"
}
