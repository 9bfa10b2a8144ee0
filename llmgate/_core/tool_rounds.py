"""The rounds of a tool loop: call the model, run its tool calls, and call it again.

It makes ordinary calls of a client, and knows neither providers nor HTTP.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from inspect import iscoroutinefunction
from operator import add
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias, cast, runtime_checkable

from llmgate._core.base_client import run_blocking
from llmgate._core.check import as_message_list, refuse_one_tool
from llmgate._core.default import default_client
from llmgate._core.settings import as_timeout
from llmgate._core.tool_calls import ToolCalled, ToolCaller, ToolFailed
from llmgate.cost import total_cost
from llmgate.errors import DeadlineExceededError, InvalidRequestError, LLMGateError
from llmgate.tools import AnyTool, as_tool, check_timeout
from llmgate.types import Chunk, Completion, Message, ToolCall, Usage

if TYPE_CHECKING:
    from llmgate.cost import Cost
    from llmgate.messages import MessageLike
    from llmgate.options import Timeout


class Completes(Protocol):
    """The part of a client that a tool loop needs: :class:`~llmgate.Client`."""

    async def acompletion(self, model: str, messages: Any, **options: Any) -> Any:
        """One call."""
        ...


@runtime_checkable
class ToolSource(Protocol):
    """A source of tools that must be opened, such as a tool server. A loop that finds it closed
    opens it, and closes it at the end."""

    async def open_tools(self) -> Sequence[AnyTool]:
        """The tools."""
        ...

    async def close_tools(self) -> None:
        """Called when the loop no longer needs the tools."""
        ...


ToolEvent: TypeAlias = Chunk | Completion | ToolCalled | ToolFailed
"""The events of a loop. Chunks come only if it is streamed."""
OnError: TypeAlias = Literal["return", "raise"]
Tools: TypeAlias = "Sequence[Callable[..., Any] | ToolSource]"


@dataclass(slots=True)
class ToolRun:
    """The result of a tool loop.

    ``messages`` is the whole history, including the model's last message: append to it to go on.
    ``completions`` are all responses in order, each with its own usage and report.
    """

    messages: list[Any]
    completions: list[Completion] = field(default_factory=list[Completion])

    @property
    def completion(self) -> Completion:
        """The last response.

        Raises:
            ToolLoopError: before the first one.
        """
        if not self.completions:
            raise ToolLoopError("no response has come yet: read the events first", run=self)
        return self.completions[-1]

    @property
    def text(self) -> str:
        """The last response's text."""
        return self.completion.text

    @property
    def parsed(self) -> Any:
        """The last response as a value of the type that was the ``response_format``."""
        return self.completion.parsed

    @property
    def usage(self) -> Usage | None:
        """The usage of all calls, in tokens; None where no provider reported any."""
        given = [each.usage for each in self.completions if each.usage is not None]
        return reduce(add, given) if given else None

    @property
    def cost(self) -> Cost | None:
        """The cost of all calls; None if that of any call is not known."""
        return total_cost([each.cost for each in self.completions])


class ToolLoopError(LLMGateError):
    """The loop reached ``max_rounds`` or ``max_calls``, a response had no choice, or a tool failed
    and ``on_error="raise"``.

    ``run`` is the result up to then; its history ends with the model's calls, or with their
    results.
    """

    def __init__(self, message: str, *, run: ToolRun) -> None:
        super().__init__(message)
        self.run = run

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), run=self.run), (self.message,), self.__dict__


class ToolStream(ToolRun):
    """A tool loop that goes on as its events are read: ``async for event in run``.

    The events are each :class:`~llmgate.Chunk`, each whole :class:`~llmgate.Completion`, and the
    outcome of each tool call. ``messages``, ``completions`` and ``usage`` are those so far. A loop
    that was left by ``break`` can be resumed; :meth:`aclose` and ``async with`` end it.
    """

    __slots__ = ("_events",)

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop.history.messages, loop.history.completions)
        self._events = loop.events()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ToolEvent:
        return await anext(self._events)

    async def next_event(self) -> ToolEvent | None:
        """The next event; None when the loop is over."""
        return await anext(self._events, None)

    async def aclose(self) -> None:
        """End the loop where it is."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class SyncToolStream(ToolRun):
    """A :class:`ToolStream` for ``for``."""

    __slots__ = ("_stream",)

    def __init__(self, stream: ToolStream) -> None:
        super().__init__(stream.messages, stream.completions)
        self._stream = stream

    def __iter__(self) -> Iterator[ToolEvent]:
        while (event := run_blocking(self._stream.next_event)) is not None:
            yield event

    def close(self) -> None:
        """End the loop where it is."""
        run_blocking(self._stream.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ignore(_: ToolEvent) -> None:
    """The default of ``on_event``: do nothing."""


@dataclass(slots=True, kw_only=True)
class LoopSettings:
    """The settings of a loop that are not options of its calls."""

    max_rounds: int = 8
    max_calls: int | None = None
    tool_timeout: float | None = None
    on_error: OnError = "return"
    on_event: Callable[[ToolEvent], object] | None = None
    context: Any = None
    client: Completes | None = None

    def __post_init__(self) -> None:
        if type(self.max_rounds) is not int or self.max_rounds < 1:
            raise InvalidRequestError.expected("an integer above 0", self.max_rounds, "max_rounds")
        most = self.max_calls
        if most is not None and (type(most) is not int or most < 0):
            raise InvalidRequestError.expected("an integer of 0 or more", most, "max_calls")
        check_timeout(self.tool_timeout, "tool_timeout")
        if self.on_error not in ("return", "raise"):
            raise InvalidRequestError.expected("'return' or 'raise'", self.on_error, "on_error")
        listener: Any = self.on_event
        if listener is not None and (not callable(listener) or iscoroutinefunction(listener)):
            what = "a function that is not async (async code reads the events of stream=True)"
            raise InvalidRequestError.expected(what, listener, "on_event")


class Loop:
    """One loop: its history, its tools, and its limits."""

    def __init__(
        self,
        model: str,
        messages: Iterable[MessageLike],
        tools: Tools,
        settings: LoopSettings,
        options: dict[str, Any],
    ) -> None:
        self._streams = bool(options.pop("stream", False))
        self.history = ToolRun(as_message_list(messages, model))
        self._model, self._settings = model, settings
        self._tell = settings.on_event or _ignore
        self._client = settings.client or cast("Completes", default_client())
        refuse_one_tool(tools)
        given = [*tools]
        self._sources = [each for each in given if isinstance(each, ToolSource)]
        own = [as_tool(each) for each in given if not isinstance(each, ToolSource)]
        self._own: list[AnyTool] = [*own]
        self._caller = self._caller_of(())  # so that mistakes are reported at once
        timeout = options.pop("timeout", None)
        self._timeout: Timeout | None = None if timeout is None else as_timeout(timeout)
        self._options, self._began, self._called = options, time.monotonic(), 0

    def _caller_of(self, others: Iterable[AnyTool]) -> ToolCaller:
        settings = self._settings
        tools = [*self._own, *others]
        return ToolCaller(tools, timeout=settings.tool_timeout, context=settings.context)

    async def events(self) -> AsyncGenerator[ToolEvent, None]:
        """Run rounds until the model calls no tool; yield their events."""
        async with AsyncExitStack() as stack:
            if self._sources:
                self._caller = self._caller_of(await self._opened(stack))
            for _ in range(self._settings.max_rounds):
                async with aclosing(self._ask()) as chunks:
                    async for chunk in chunks:
                        yield chunk
                completion = self.history.completion
                self._tell(completion)
                yield completion
                calls = completion.choices[0].message.tool_calls
                if not calls:
                    return
                for outcome in await self._answer(calls):
                    yield outcome
        rounds = self._settings.max_rounds
        reason = f"the model still calls tools after {rounds} rounds"
        raise ToolLoopError(reason, run=self.history)

    async def _opened(self, stack: AsyncExitStack) -> list[AnyTool]:
        """The tools of all sources, which are closed with the stack."""
        found: list[AnyTool] = []
        for source in self._sources:
            found += await source.open_tools()
            stack.push_async_callback(source.close_tools)
        return found

    async def _ask(self) -> AsyncGenerator[Chunk, None]:
        """Call the model, and add its message to the history."""
        options = self._options_now()
        if self._caller.definitions:
            options["tools"] = self._caller.definitions
        if self._streams:
            options["stream"] = True
        result = await self._client.acompletion(self._model, self.history.messages, **options)
        if self._streams:
            async with result as stream:
                async for chunk in stream:
                    yield chunk
                result = await stream.completion()
        completion: Completion = result
        self.history.completions.append(completion)
        if not completion.choices:
            raise ToolLoopError("the response has no choice to go on from", run=self.history)
        message: Message = completion.choices[0].message
        self.history.messages.append(message)

    def _options_now(self) -> dict[str, Any]:
        """The options of the next call, with the remaining time as its timeout."""
        if self._timeout is None:
            return {**self._options}
        return {**self._options, "timeout": replace(self._timeout, total=self._left())}

    def _left(self) -> float | None:
        """The remaining seconds of the loop; None where it has no timeout."""
        if self._timeout is None or self._timeout.total is None:
            return None
        left = self._timeout.total - (time.monotonic() - self._began)
        if left <= 0:
            raise DeadlineExceededError("the time limit of the tool loop passed")
        return left

    async def _answer(self, calls: list[ToolCall]) -> list[ToolCalled | ToolFailed]:
        """Run the tool calls, and add the results to the history in the order of the calls."""
        self._called += len(calls)
        most, run = self._settings.max_calls, self.history
        if most is not None and self._called > most:
            raise ToolLoopError(f"the model made more than {most} calls", run=run)
        outcomes = await self._caller.call_all(calls, self._left())
        run.messages += [
            {"role": "tool", "tool_call_id": outcome.call_id, "content": outcome.result}
            for outcome in outcomes
        ]
        for outcome in outcomes:
            self._tell(outcome)
            if self._settings.on_error == "raise" and isinstance(outcome, ToolFailed):
                raise ToolLoopError(f"the tool {outcome.name} failed: {outcome.result}", run=run)
        return outcomes
