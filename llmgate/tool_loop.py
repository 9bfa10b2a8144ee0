"""The tool loop: a model is asked, what it calls is run, and it is asked again, until it answers.

It makes ordinary calls of a client, and knows neither providers nor HTTP.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

from llmgate._core.default import default_client
from llmgate._core.settings import as_timeout
from llmgate._text.describe import describe_error
from llmgate._text.json import parse_arguments
from llmgate.cost import total_cost
from llmgate.errors import DeadlineExceededError, InvalidRequestError, LLMGateError
from llmgate.provider.threads import run_in_thread
from llmgate.tools import function_tool
from llmgate.types import Completion, Message, ToolCall, Usage

if TYPE_CHECKING:
    from llmgate.cost import Cost
    from llmgate.messages import MessageLike
    from llmgate.options import Timeout

__all__ = ["ToolCalled", "ToolFailed", "ToolLoopError", "ToolRun", "arun_tools", "run_tools"]


class Completes(Protocol):
    """What makes the calls: a :class:`~llmgate.Client`."""

    async def acompletion(self, model: str, messages: Any, **options: Any) -> Any:
        """One call."""
        ...


@dataclass(slots=True)
class ToolRun:
    """What came of a tool loop.

    ``messages`` is the whole history, the model's last message included: append to it to go on.
    ``completions`` are all responses in order, and ``usage`` is the sum of theirs, None where no
    provider said anything of it.
    """

    messages: list[Any]
    completions: list[Completion] = field(default_factory=list[Completion])

    @property
    def completion(self) -> Completion:
        """The last response."""
        return self.completions[-1]

    @property
    def text(self) -> str:
        """The last response's text."""
        return self.completion.text

    @property
    def usage(self) -> Usage | None:
        """What all calls were billed, in tokens."""
        given = [each.usage for each in self.completions if each.usage is not None]
        if not given:
            return None
        return Usage(
            sum(usage.prompt_tokens for usage in given),
            sum(usage.completion_tokens for usage in given),
            sum(usage.total_tokens for usage in given),
        )

    @property
    def cost(self) -> Cost | None:
        """What all calls cost; None where the cost of one of them is not known."""
        return total_cost([each.cost for each in self.completions])


class ToolLoopError(LLMGateError):
    """The loop reached ``max_rounds`` or ``max_calls``, or a tool failed and ``on_error="raise"``.

    ``run`` is what there was until then; its history ends with the model's calls, or with their
    results.
    """

    def __init__(self, message: str, *, run: ToolRun) -> None:
        super().__init__(message)
        self.run = run


@dataclass(slots=True)
class ToolCalled:
    """A tool was run: its name, its arguments, the text that the model is given, and seconds."""

    name: str
    arguments: dict[str, Any]
    result: str
    seconds: float


@dataclass(slots=True)
class ToolFailed:
    """A call of the model's came to nothing, and this is what it is told."""

    name: str
    arguments: str
    result: str
    seconds: float


ToolEvent: TypeAlias = Completion | ToolCalled | ToolFailed
OnError: TypeAlias = Literal["return", "raise"]


async def arun_tools(  # noqa: PLR0913 - each is a keyword, and a limit that users asked for
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Sequence[Callable[..., Any]],
    max_rounds: int = 8,
    max_calls: int | None = None,
    tool_timeout: float | None = None,
    on_error: OnError = "return",
    on_event: Callable[[ToolEvent], object] | None = None,
    client: Completes | None = None,
    **options: Any,
) -> ToolRun:
    """Ask a model, run the functions that it calls, all of a response at once, and ask it again.

    Args:
        model: As for :func:`~llmgate.acompletion`.
        messages: Likewise; they are not changed.
        tools: Python functions, sync or async. A sync one runs on a thread of its own.
        max_rounds: How often the model is asked at most.
        max_calls: How many calls of functions are run at most; None for no limit.
        tool_timeout: Seconds that one call of a function may take; a sync function is not stopped
            then, but no longer waited for.
        on_error: ``"return"`` hands the model what went wrong (an unknown name, arguments that do
            not fit, an exception, the time limit); ``"raise"`` ends the loop.
        on_event: Called on this task with each completion, and each call of a function.
        client: What makes the calls; the default client where it is None.
        **options: As for :func:`~llmgate.acompletion`; ``timeout`` is that of the whole loop.

    Raises:
        ToolLoopError: when a limit is reached, or a tool fails under ``on_error="raise"``; it holds
            the history and the completions so far.
        InvalidRequestError: when a tool has no schema, or two have one name.
        LLMGateError: as for every call.
    """
    loop = _Loop(model, tools, options, client)
    loop.max_calls, loop.tool_timeout, loop.on_error = max_calls, tool_timeout, on_error
    loop.tell = on_event or _ignore
    return await loop.run(ToolRun([*messages]), max_rounds)


def run_tools(
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Sequence[Callable[..., Any]],
    **arguments: Any,
) -> ToolRun:
    """:func:`arun_tools` for code that is not async; it takes the same arguments.

    Raises:
        ToolLoopError: as there.
        LLMGateError: as for every call.
    """
    from llmgate._core.sync import run  # noqa: PLC0415 - a thread, only where asked for

    return run(lambda: arun_tools(model, messages, tools=tools, **arguments))


def _ignore(_: ToolEvent) -> None:
    """Nobody listens."""


class _Loop:
    """One loop: its functions by name, and its limits."""

    max_calls: int | None = None
    tool_timeout: float | None = None
    on_error: OnError = "return"
    tell: Callable[[ToolEvent], object] = staticmethod(_ignore)

    def __init__(
        self,
        model: str,
        tools: Sequence[Callable[..., Any]],
        options: dict[str, Any],
        client: Completes | None,
    ) -> None:
        self.model = model
        self.definitions = [function_tool(tool) for tool in tools]
        self.functions = {tool.__name__: _awaitable(tool) for tool in tools}
        if len(self.functions) < len(tools):
            raise InvalidRequestError("two tools have one name", path="tools")
        self.options = options
        self.client: Completes = client or cast("Completes", default_client())
        given = options.pop("timeout", None)
        self.timeout: Timeout | None = None if given is None else as_timeout(given)
        self.began = time.monotonic()
        self.called = 0

    async def run(self, run: ToolRun, max_rounds: int) -> ToolRun:
        """Go round until the model calls nothing."""
        for _ in range(max_rounds):
            completion = await self.client.acompletion(
                self.model, run.messages, **self.options_now(), tools=self.definitions
            )
            message: Message = completion.choices[0].message
            run.completions.append(completion)
            run.messages.append(message)
            self.tell(completion)
            if not message.tool_calls:
                return run
            await self.answer(message.tool_calls, run)
        raise ToolLoopError(f"the model still calls tools after {max_rounds} rounds", run=run)

    def options_now(self) -> dict[str, Any]:
        """The options of the next call: it has what is left of the time."""
        if self.timeout is None or self.timeout.total is None:
            return self.options
        return {**self.options, "timeout": replace(self.timeout, total=self.left())}

    def left(self) -> float | None:
        """How many seconds are left of the whole loop; None where it has no limit."""
        if self.timeout is None or self.timeout.total is None:
            return None
        left = self.timeout.total - (time.monotonic() - self.began)
        if left <= 0:
            raise DeadlineExceededError("the time limit of the tool loop passed")
        return left

    async def answer(self, calls: list[ToolCall], run: ToolRun) -> None:
        """Run what was called, all at once, and add the results in the order of the calls."""
        import anyio  # noqa: PLC0415 - not paid for by importing

        self.called += len(calls)
        if self.max_calls is not None and self.called > self.max_calls:
            raise ToolLoopError(f"the model made more than {self.max_calls} calls", run=run)
        outcomes: list[ToolCalled | ToolFailed | None] = [None] * len(calls)

        async def one(place: int) -> None:
            outcomes[place] = await self.outcome(calls[place])

        with anyio.move_on_after(self.left()) as limit:
            async with anyio.create_task_group() as group:
                for place in range(len(calls)):
                    group.start_soon(one, place)
        if limit.cancelled_caught:
            raise DeadlineExceededError("the time limit of the tool loop passed while tools ran")
        for call, outcome in zip(
            calls, cast("list[ToolCalled | ToolFailed]", outcomes), strict=True
        ):
            run.messages.append(
                {"role": "tool", "tool_call_id": call.id, "content": outcome.result}
            )
            self.tell(outcome)
            if self.on_error == "raise" and isinstance(outcome, ToolFailed):
                raise ToolLoopError(f"the tool {outcome.name} failed: {outcome.result}", run=run)

    async def outcome(self, call: ToolCall) -> ToolCalled | ToolFailed:
        """Run one call."""
        import anyio  # noqa: PLC0415 - as above

        began = time.monotonic()
        name = call.function.name if call.function is not None else call.type
        text = call.function.arguments if call.function is not None else ""
        function = self.functions.get(name)
        if function is None:
            failure = f"there is no tool {name!r}; there are: {', '.join(self.functions)}"
            return ToolFailed(name, text, f"Error: {failure}", 0.0)
        failure = f"the tool took longer than {self.tool_timeout} seconds"
        try:
            with anyio.move_on_after(self.tool_timeout):
                arguments = parse_arguments(text)
                result = _as_text(await function(**arguments))
                return ToolCalled(name, arguments, result, time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - a stranger's function may raise anything
            failure = describe_error(error)
        return ToolFailed(name, text, f"Error: {failure}", time.monotonic() - began)


def _awaitable(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """The function with its arguments checked and converted; a sync one is called on a thread."""
    from pydantic import ConfigDict, validate_call  # noqa: PLC0415 - only for those who pass tools

    checked: Callable[..., Any] = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(
        function
    )
    if inspect.iscoroutinefunction(function):
        return cast("Callable[..., Awaitable[Any]]", checked)

    async def on_a_thread(**arguments: Any) -> Any:
        return await run_in_thread(partial(checked, **arguments))

    return on_a_thread


def _as_text(result: Any) -> str:
    """A result as the model reads it: text as it is, any other value as JSON."""
    if isinstance(result, str):
        return result
    try:
        return json.dumps(result, ensure_ascii=False)
    except (TypeError, ValueError):
        from pydantic_core import to_json  # noqa: PLC0415 - for dates, models, dataclasses

        return to_json(result, fallback=str).decode()
