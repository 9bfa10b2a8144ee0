"""llmgate as a user has it: ``Client()`` with its defaults, pointed at an address."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from benchmarks.drivers import KEY, Reading, Task
from llmgate import Client as Gate
from llmgate import Completion, Stream
from llmgate.hooks import Event, Hook, LoggingHook
from llmgate.middleware import Middleware
from llmgate.provider import Provider

__all__ = ["Client"]


class Client:
    """One client, one provider."""

    def __init__(self, task: Task) -> None:
        self._gate = Gate(
            providers={task.dialect: _provider(task)},
            hooks=_hooks(task),
            middleware=_middleware(task),
        )
        self._model: Any = f"{task.dialect}/{task.model}"
        if task.watcher == "fallback":
            self._model = [self._model, f"{self._model}-2"]
        self._messages = task.messages
        self._options = dict(task.options)
        if "response_format" in task.options:
            from benchmarks.drivers.forecast import Forecast  # noqa: PLC0415 - for one case

            self._options["response_format"] = Forecast
        if limit := task.limits.get("max_tokens"):
            self._options["max_tokens"] = limit

    async def call(self) -> str:
        """One call."""
        answer = await self._gate.acompletion(self._model, self._messages, **self._options)
        return _said(answer)

    async def stream(self) -> Reading:
        """One stream; the text of each chunk is taken, or the arguments of its call."""
        count, first, parts = 0, 0.0, list[str]()
        async for chunk in await self._open():
            count += 1
            if count == 1:
                first = perf_counter()
            delta = chunk.choices[0].delta
            if delta.content:
                parts.append(delta.content)
            elif delta.reasoning_content:
                parts.append(delta.reasoning_content)
            elif delta.tool_calls and (function := delta.tool_calls[0].function):
                parts.append(function.arguments or "")
        return Reading(count, "".join(parts), first)

    async def call_sync(self) -> str:
        """One call without ``await``; the loop that runs here is held up meanwhile."""
        return _said(self._gate.completion(self._model, self._messages, **self._options))

    async def stream_sync(self) -> Reading:
        """One stream, likewise."""
        count, first, parts = 0, 0.0, list[str]()
        stream = self._gate.completion(self._model, self._messages, stream=True, **self._options)
        for chunk in stream:
            count += 1
            if count == 1:
                first = perf_counter()
            if text := chunk.choices[0].delta.content:
                parts.append(text)
        return Reading(count, "".join(parts), first)

    async def iterate(self) -> int:
        """Go through a stream and keep nothing; how many chunks it had."""
        count = 0
        async for _ in await self._open():
            count += 1
        return count

    async def assemble(self) -> str:
        """The whole answer of a stream."""
        return _said(await (await self._open()).completion())

    async def hold(self) -> object:
        """A stream of which one chunk has been taken."""
        stream = await self._open()
        await stream.__anext__()
        return stream

    async def close(self) -> None:
        """Close its connections."""
        await self._gate.aclose()

    async def _open(self) -> Stream:
        stream: Stream = await self._gate.acompletion(
            self._model, self._messages, stream=True, **self._options
        )
        return stream


def _hooks(task: Task) -> list[Hook]:
    hooks: dict[str, list[Hook]] = {"hook": [_ignore], "logging": [LoggingHook()]}
    return hooks.get(task.watcher, [])


def _middleware(task: Task) -> list[Middleware]:
    from llmgate.middlewares.cache import Cache  # noqa: PLC0415 - only for those who have it
    from llmgate.middlewares.limits import Limit, Limits  # noqa: PLC0415 - likewise

    if task.watcher == "pass":
        return [Middleware()]
    if task.watcher == "limits":
        return [Limits(Limit(requests=1e9, tokens=1e12, concurrency=1000))]
    return [Cache()] if task.watcher == "cache" else []


def _ignore(event: Event) -> None:
    """A hook that does nothing."""


def _said(answer: Completion) -> str:
    message = answer.choices[0].message
    if message.tool_calls and message.tool_calls[0].function:
        return message.tool_calls[0].function.arguments
    return message.content or ""


def _provider(task: Task) -> Provider:
    match task.dialect:  # only the one that is called is imported
        case "anthropic":
            from llmgate_anthropic import Anthropic  # noqa: PLC0415

            return Anthropic(api_key=KEY, base_url=task.url)
        case "gemini":
            from llmgate_gemini import Gemini  # noqa: PLC0415

            return Gemini(api_key=KEY, base_url=task.url)
        case "bedrock":
            from llmgate_bedrock import Bedrock  # noqa: PLC0415

            return Bedrock(api_key=KEY, base_url=task.url, region="us-east-1")
        case _:
            from llmgate_openai import OpenAI  # noqa: PLC0415

            api: Any = "responses" if task.dialect == "responses" else None
            return OpenAI(api_key=KEY, base_url=f"{task.url}/v1", api=api)
