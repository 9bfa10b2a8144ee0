"""The tool loop: a model is called, its tool calls are run, and it is called with their results.

What happens in each round is in ``_core.tool_rounds``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from llmgate._core.base_client import run_blocking
from llmgate._core.tool_calls import ToolCalled, ToolFailed
from llmgate._core.tool_rounds import (
    Completes,
    Loop,
    LoopSettings,
    OnError,
    SyncToolStream,
    ToolEvent,
    ToolLoopError,
    ToolRun,
    Tools,
    ToolSource,
    ToolStream,
)

if TYPE_CHECKING:
    from llmgate.messages import MessageLike

__all__ = [
    "SyncToolStream",
    "ToolCalled",
    "ToolEvent",
    "ToolFailed",
    "ToolLoopError",
    "ToolRun",
    "ToolSource",
    "ToolStream",
    "arun_tools",
    "run_tools",
]


@overload
async def arun_tools(
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Tools,
    stream: Literal[False] = False,
    max_rounds: int = 8,
    max_calls: int | None = None,
    tool_timeout: float | None = None,
    on_error: OnError = "return",
    on_event: Callable[[ToolEvent], object] | None = None,
    context: Any = None,
    client: Completes | None = None,
    **options: Any,
) -> ToolRun: ...
@overload
async def arun_tools(
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Tools,
    stream: Literal[True],
    max_rounds: int = 8,
    max_calls: int | None = None,
    tool_timeout: float | None = None,
    on_error: OnError = "return",
    on_event: Callable[[ToolEvent], object] | None = None,
    context: Any = None,
    client: Completes | None = None,
    **options: Any,
) -> ToolStream: ...
async def arun_tools(  # noqa: PLR0913 - each is a keyword, and a limit that users asked for
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Tools,
    stream: bool = False,
    max_rounds: int = 8,
    max_calls: int | None = None,
    tool_timeout: float | None = None,
    on_error: OnError = "return",
    on_event: Callable[[ToolEvent], object] | None = None,
    context: Any = None,
    client: Completes | None = None,
    **options: Any,
) -> ToolRun:
    """Ask a model, run the functions that it calls, all of a response at once, and ask it again.

    Args:
        model: As for :func:`~llmgate.acompletion`.
        messages: Likewise; they are not changed.
        tools: Python functions, sync or async, plain or decorated by :func:`~llmgate.tool`, and
            servers of tools. A sync function runs on a thread of its own.
        stream: Whether what is returned is the loop itself, which goes on as its events are read.
        max_rounds: How often the model is asked at most.
        max_calls: How many calls of functions are run at most; None for no limit.
        tool_timeout: Seconds that one call of a function may take, unless the tool has a timeout of
            its own; a sync function is not stopped then, but no longer waited for.
        on_error: ``"return"`` hands the model what went wrong (an unknown name, arguments that do
            not fit, an exception, the time limit); ``"raise"`` ends the loop.
        on_event: Called on this task with each completion, and with what came of each call.
        context: What parameters of type :data:`~llmgate.tools.Context` are given.
        client: What makes the calls; the default client where it is None.
        **options: As for :func:`~llmgate.acompletion`; ``timeout`` is that of the whole loop.

    Raises:
        ToolLoopError: when a limit is reached, or a tool fails under ``on_error="raise"``; it holds
            the history and the completions so far.
        InvalidRequestError: when a tool has no schema, or two have one name.
        LLMGateError: as for every call.
    """
    settings = LoopSettings(
        max_rounds=max_rounds,
        max_calls=max_calls,
        tool_timeout=tool_timeout,
        on_error=on_error,
        on_event=on_event,
        context=context,
        client=client,
    )
    loop = Loop(model, messages, tools, settings, {**options, "stream": stream})
    if stream:
        return ToolStream(loop)
    async for _ in loop.events():
        pass
    return loop.history


@overload
def run_tools(
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Tools,
    stream: Literal[False] = False,
    max_rounds: int = 8,
    max_calls: int | None = None,
    tool_timeout: float | None = None,
    on_error: OnError = "return",
    on_event: Callable[[ToolEvent], object] | None = None,
    context: Any = None,
    client: Completes | None = None,
    **options: Any,
) -> ToolRun: ...
@overload
def run_tools(
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Tools,
    stream: Literal[True],
    max_rounds: int = 8,
    max_calls: int | None = None,
    tool_timeout: float | None = None,
    on_error: OnError = "return",
    on_event: Callable[[ToolEvent], object] | None = None,
    context: Any = None,
    client: Completes | None = None,
    **options: Any,
) -> SyncToolStream: ...
def run_tools(
    model: str,
    messages: Iterable[MessageLike],
    *,
    tools: Tools,
    stream: bool = False,
    **arguments: Any,
) -> ToolRun:
    """:func:`arun_tools` for code that is not async; it takes the same arguments.

    Raises:
        ToolLoopError: as there.
        LLMGateError: as for every call.
    """
    begin: Any = arun_tools  # which of its overloads it is depends on ``stream``
    result: ToolRun = run_blocking(
        lambda: begin(model, messages, tools=tools, stream=stream, **arguments)
    )
    return SyncToolStream(result) if isinstance(result, ToolStream) else result
