"""One model that llama.cpp runs in this process, served to asyncio; it must not know llmgate.

What the rest of this module rests on, found by experiment with xllamacpp 2026.10.11549:

- Server(params) holds the GIL until the model is loaded, 0.2 s and up: no thread can hide that.
  What can be done before (reading the file from disk) is done before, without the GIL.
- A call of the server releases the GIL, runs in the thread that makes it, and calls back there for
  each chunk. Several threads may call; n_parallel of them are served at once.
- Only the callback can stop a generation, by returning True, and only a streamed one: an answer in
  one piece runs to its end. With return_progress the callback is also called after each batch
  of the prompt. An exception in it is swallowed and stops the generation.
- A thread inside a call when the interpreter goes away is a segmentation fault, and a Server that
  is freed in a forked child waits for threads that are not there.
- Every Server listens on HTTP; it cannot be told not to.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from llmgate_local._constraints import check_constraints
from llmgate_local._core import Core, live
from llmgate_local._errors import EngineError, engine_error
from llmgate_local._jobs import Job, exiting, outcome
from llmgate_local._loading import HttpApi, loading, start_load
from llmgate_local._replies import Reply, UsageSum
from llmgate_local.gguf import GgufMetadata
from llmgate_local.settings import Settings

__all__ = ["Engine", "EngineError", "Generation", "HttpApi", "Settings", "engine_for"]


class Engine:
    """A loaded model.

    It may be used from any number of event loops in any number of threads. It is closed when it is
    garbage-collected, and at the end of the process.
    """

    def __init__(self, core: Core, metadata: GgufMetadata, http_api: HttpApi) -> None:
        """For Engine.load alone."""
        self._core = core
        self.metadata = metadata
        self.http_api = http_api
        # Not atexit, where engines are closed and waited for as well.
        weakref.finalize(self, core.close).atexit = False

    @classmethod
    async def load(
        cls,
        path: Path | str,
        *,
        context: int | None = None,
        threads: int | None = None,
        parallel: int = 4,
    ) -> Engine:
        """Load a GGUF file in a thread of its own.

        The event loop goes on while the file is read; then xllamacpp holds the GIL while it builds
        the model (see the module's docstring). When the awaiting task is cancelled, the load still
        ends, and its engine is closed.

        Args:
            path: the file.
            context: see Settings, as for the others.
            threads: see Settings.
            parallel: see Settings.

        Raises:
            GgufError: the file is no model.
            EngineError: llama.cpp cannot load it, with status 500.
            ValueError: a number is below 1.
        """
        settings = Settings(context=context, threads=threads, parallel=parallel)
        return await outcome(start_load(Path(path), settings, Engine))

    @property
    def closed(self) -> bool:
        """Whether the engine takes no more requests."""
        return self._core.closed

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request in one piece. Cancelling the task stops the generation.

        Args:
            body: an OpenAI chat completion request, with llama.cpp's own fields if wanted.

        Returns:
            an OpenAI chat.completion. Its usage counts the tokens of all choices.

        Raises:
            EngineError: the request was refused (400), or the engine is or was closed (503).
        """
        generation = self._start({**body, "stream_options": {"include_usage": True}})
        reply = Reply()
        while (chunk := await generation.next()) is not None:
            reply.add(chunk)
        return reply.finish()

    async def stream(self, body: Mapping[str, Any]) -> Generation:
        """Begin to answer a request, chunk by chunk.

        Args:
            body: as for complete. Chunks with "prompt_progress" come only with return_progress.

        Raises:
            EngineError: the request was refused (400), or the engine is closed (503). Most requests
                that llama.cpp refuses fail only at the first Generation.next.
        """
        return self._start(body)

    def _start(self, body: Mapping[str, Any]) -> Generation:
        try:
            check_constraints(body)
            job = Job(body, self._core.wake)
        except (ValueError, TypeError, RecursionError) as error:
            raise engine_error(400, "invalid_request_error", str(error)) from error
        self._core.submit(job)
        return Generation(self, job)

    def close(self) -> None:
        """Stop all generations and take no more; may be called twice, and from any thread.

        Who waits for a generation gets an EngineError with status 503. The memory is given back
        as soon as the last generation has stopped, which this does not wait for.
        """
        self._core.close()


class Generation:
    """One answer while it is made. It is stopped when it is garbage-collected."""

    def __init__(self, engine: Engine, job: Job) -> None:
        """For Engine alone."""
        self._engine = engine  # keeps it from being collected, and thereby closed
        self._job = job
        self._usage = UsageSum()

    async def next(self) -> dict[str, Any] | None:
        """The next chunk, in llama.cpp's order, and None at the end or after stop.

        The usage is one chunk, the last, for all choices.

        One task at a time may wait here; which loop it runs in does not matter. When it is
        cancelled, the generation stops.

        Raises:
            EngineError: the request was refused, llama.cpp failed, or the engine was closed.
        """
        while (chunk := await self._next()) is not None:
            if not self._usage.takes(chunk):
                return chunk
        return self._usage.release()

    async def _next(self) -> dict[str, Any] | None:
        try:
            while (waiter := self._job.waiter()) is not None:
                await waiter
        except asyncio.CancelledError:
            self.stop()
            raise
        return self._job.take()

    def stop(self) -> None:
        """Stop at the next token or batch of the prompt; may be called twice, from any thread."""
        self._job.stop()
        self._usage = UsageSum()

    def __del__(self) -> None:
        """Stop, for nobody can ask for the rest."""
        self._job.stop()


_cached: dict[tuple[str, Settings], Future[Engine]] = {}
_cached_lock = threading.Lock()


async def engine_for(path: Path | str, settings: Settings) -> Engine:
    """The process's one engine of that file with those settings, loaded at the first call.

    Callers at the same time, in whatever loop, wait for the same load. A load that failed, or an
    engine that was closed, is not given out again: the next call loads anew.

    Raises:
        GgufError: the file is no model.
        EngineError: llama.cpp cannot load it, with status 500.
    """
    return await outcome(_cached_load(path, settings))


def _cached_load(path: Path | str, settings: Settings) -> Future[Engine]:
    key = (os.path.realpath(path), settings)
    with _cached_lock:
        load = _cached.get(key)
        if load is None or _is_spent(load):
            load = _cached[key] = start_load(Path(path), settings, Engine)
    return load


def _is_spent(load: Future[Engine]) -> bool:
    return load.done() and (load.exception() is not None or load.result().closed)


@atexit.register
def _close_all() -> None:
    exiting.set()
    for thread in list(loading):
        thread.join()
    cores = list(live)
    for core in cores:
        core.close()
    for core in cores:
        core.join()


def _after_fork() -> None:
    global _cached_lock  # noqa: PLW0603 - a thread of the parent's may have held it
    _cached_lock = threading.Lock()
    _cached.clear()
    loading.clear()
    for core in live:
        core.abandon()
    live.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
