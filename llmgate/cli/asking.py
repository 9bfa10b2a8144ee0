"""One turn of a chat: a model is asked, and its response is shown as it comes.

Whether that is one question or a conversation is its callers' matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, cast

from llmgate import acompletion, arun_tools
from llmgate._core.tool_calls import ToolCalled, ToolFailed
from llmgate.cli.output import note
from llmgate.cost import total_cost
from llmgate.errors import excerpt
from llmgate.tool_loop import ToolEvent
from llmgate.types import Choice, Chunk, Completion, Message, Usage

__all__ = ["Question", "Shown", "Totals", "Turn", "ask", "describe_amount"]

_UNFINISHED = {
    "length": "the completion reached its token limit and is truncated",
    "content_filter": "the provider's content filter withheld the completion or a part of it",
}


class Shown(Protocol):
    """What shows a completion as it comes."""

    def add(self, text: str) -> None:
        """The next piece of it."""
        ...

    def end(self) -> None:
        """It is over, whole or not; another may follow."""
        ...


@dataclass(slots=True)
class Question:
    """What to ask whom. ``stream`` is whether the completion is asked for piece by piece."""

    model: str
    messages: list[dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    tools: Sequence[Callable[..., Any]] = ()
    stream: bool = True


@dataclass(slots=True)
class Turn:
    """What came of a question: every completion (several where tools were called), the
    conversation with what was added to it, and how many seconds it took."""

    completions: list[Completion]
    messages: list[dict[str, Any]]
    seconds: float

    @property
    def completion(self) -> Completion:
        """The last one."""
        return self.completions[-1]

    @property
    def warning(self) -> str | None:
        """What is wrong with the completion, if it is not a whole one."""
        reasons = [choice.finish_reason for choice in self.completion.choices[:1]]
        return _UNFINISHED.get(reasons[0] or "") if reasons else None


async def ask(question: Question, shown: Shown | None) -> Turn:
    """Ask, and show what comes as it comes.

    Args:
        question: What to ask.
        shown: What shows it; None where nothing is to be shown.

    Raises:
        LLMGateError: whatever the call raises; what came before it was shown.
    """
    began = time.monotonic()
    try:
        if question.tools:
            completions, messages = await _ask_with_tools(question, shown)
        else:
            completion = await _ask_once(question, shown)
            completions = [completion]
            messages = [*question.messages, *(each.message for each in completion.choices[:1])]
    finally:
        if shown is not None:
            shown.end()
    return Turn(completions, [*map(_plain, messages)], time.monotonic() - began)


async def _ask_once(question: Question, shown: Shown | None) -> Completion:
    given: Any = question.messages
    if not question.stream:
        completion: Completion = await acompletion(question.model, given, **question.options)
        _show_whole(completion, shown)
        return completion
    opened: Any = await acompletion(question.model, given, stream=True, **question.options)
    async with opened as stream:
        if shown is not None:
            async for chunk in stream:
                _show(chunk, shown)
        completion = cast("Completion", await stream.completion())
    if shown is not None:
        for text in map(_text_of, completion.choices[1:]):
            shown.add(f"\n{text}")
    return completion


async def _ask_with_tools(
    question: Question, shown: Shown | None
) -> tuple[list[Completion], list[Any]]:
    def tell(event: ToolEvent) -> None:
        if isinstance(event, ToolCalled | ToolFailed):
            if shown is not None:
                shown.end()
            note(_described(event))
        elif isinstance(event, Chunk) and shown is not None:
            _show(event, shown)
        elif isinstance(event, Completion) and not question.stream:
            _show_whole(event, shown)

    begin: Any = arun_tools  # which of its overloads it is depends on ``stream``
    asked = (question.model, question.messages)
    given = {"tools": question.tools, **question.options}
    if not question.stream:
        run = await begin(*asked, on_event=tell, **given)
        return run.completions, run.messages
    async with await begin(*asked, stream=True, **given) as events:
        async for event in events:
            tell(event)
    return events.completions, events.messages


def _described(event: ToolCalled | ToolFailed) -> str:
    result = event.result if isinstance(event.result, str) else f"{len(event.result)} parts"
    arrow = "->" if isinstance(event, ToolCalled) else "failed:"
    return f"{excerpt(f'{event.name}({event.arguments})', 200)} {arrow} {excerpt(result, 200)}"


def _show(chunk: Chunk, shown: Shown) -> None:
    """What the first choice says: the pieces of others come between, and are shown at the end."""
    for choice in chunk.choices:
        text = choice.delta.content or choice.delta.refusal
        if text and choice.index == 0:
            shown.add(text)


def _show_whole(completion: Completion[Any], shown: Shown | None) -> None:
    if shown is not None:
        shown.add("\n".join(map(_text_of, completion.choices)))


def _text_of(choice: Choice[Any]) -> str:
    """A refusal is what the model says, too."""
    return choice.message.content or choice.message.refusal or ""


def _plain(message: Message | dict[str, Any]) -> dict[str, Any]:
    """A message as it can be kept in a file."""
    return message.model_dump(exclude_none=True) if isinstance(message, Message) else message


# --- what it took -------------------------------------------------------------------------


@dataclass(slots=True)
class Totals:
    """The tokens, the cost and the calls of a turn, or of all turns of a conversation."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    costs: list[Any] = field(default_factory=list[Any])

    def add(self, turn: Turn) -> None:
        """Another turn."""
        self.seconds += turn.seconds
        for completion in turn.completions:
            self.calls += 1
            usage = completion.usage or Usage()
            self.prompt_tokens += usage.prompt_tokens or 0
            self.completion_tokens += usage.completion_tokens or 0
            self.costs.append(completion.cost)

    def __str__(self) -> str:
        """In one line, as far as it is known."""
        counts = f"{self.prompt_tokens} + {self.completion_tokens} tokens"
        parts = [counts if self.prompt_tokens + self.completion_tokens else "tokens not known"]
        cost = total_cost(self.costs)
        if cost is not None:
            parts.append(f"{describe_amount(cost)} {cost.currency}")
        return ", ".join((*parts, f"{self.seconds:.1f} s"))


def describe_amount(amount: Decimal) -> str:
    """An amount of money with three digits that count, and without an exponent."""
    if not amount:
        return "0"
    digits = max(2 - amount.adjusted(), 2)
    return f"{amount:.{digits}f}"
