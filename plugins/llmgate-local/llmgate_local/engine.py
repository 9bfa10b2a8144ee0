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
import ctypes
import importlib
import json
import os
import secrets
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeVar

from llmgate_local._constraints import check_constraints
from llmgate_local._replies import Reply
from llmgate_local.gguf import GgufMetadata, read_metadata

__all__ = ["Engine", "EngineError", "Generation", "HttpApi", "Settings", "engine_for"]

_T = TypeVar("_T")

_DEFAULT_CONTEXT = 4096
# Tokens of a prompt that are read in one go, during which nothing can be stopped and no other
# generation goes on. Above this the reading gets hardly faster.
_BATCH = 256
_READ_SIZE = 8 * 1024 * 1024
_SILENT = -1


class EngineError(Exception):
    """llama.cpp, or the engine in its place, refused a request or failed at it.

    Args:
        status: the HTTP status with which llama.cpp's server would answer.
        payload: llama.cpp's error: a dict with "code", "message", "type" and perhaps more.
    """

    def __init__(self, status: int, payload: Mapping[str, Any]) -> None:
        super().__init__(str(payload.get("message", payload)))
        self.status = status
        self.payload = dict(payload)

    def __reduce__(self) -> tuple[type[EngineError], tuple[int, dict[str, Any]]]:
        """Pickle by what made it: Exception alone would give __init__ the message only."""
        return type(self), (self.status, self.payload)


def _error(status: int, kind: str, message: str) -> EngineError:
    return EngineError(status, {"code": status, "message": message, "type": kind})


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is loaded.

    Raises:
        ValueError: a number is below 1.
    """

    context: int | None = None
    """The most tokens of one generation, prompt and answer together. By default what the model was
    trained for, and no more than 4096, for memory is taken for all of them at once."""
    threads: int | None = None
    """The threads that compute. By default one for each core that is good at it."""
    parallel: int = 4
    """The most generations that run at once."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        numbers = {"context": self.context, "threads": self.threads, "parallel": self.parallel}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}")


class HttpApi(NamedTuple):
    """llama.cpp's HTTP server, as OpenAI clients want it: base_url is the address plus "/v1"."""

    address: str
    """Such as "http://127.0.0.1:40123"; loopback only."""
    key: str
    """The bearer token that requests must carry, random for each engine."""


class Engine:
    """A loaded model.

    It may be used from any number of event loops in any number of threads. It is closed when it is
    garbage-collected, and at the end of the process.
    """

    def __init__(self, core: _Core, metadata: GgufMetadata, http_api: HttpApi) -> None:
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
        return await _outcome(_start_load(Path(path), settings))

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
            job = _Job(body, self._core.wake)
        except (ValueError, TypeError, RecursionError) as error:
            raise _error(400, "invalid_request_error", str(error)) from error
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

    def __init__(self, engine: Engine, job: _Job) -> None:
        """For Engine alone."""
        self._engine = engine  # keeps it from being collected, and thereby closed
        self._job = job

    async def next(self) -> dict[str, Any] | None:
        """The next chunk, in llama.cpp's order, and None at the end or after stop.

        One task at a time may wait here; which loop it runs in does not matter. When it is
        cancelled, the generation stops.

        Raises:
            EngineError: the request was refused, llama.cpp failed, or the engine was closed.
        """
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
    return await _outcome(_cached_load(path, settings))


def _cached_load(path: Path | str, settings: Settings) -> Future[Engine]:
    key = (os.path.realpath(path), settings)
    with _cached_lock:
        load = _cached.get(key)
        if load is None or _is_spent(load):
            load = _cached[key] = _start_load(Path(path), settings)
    return load


def _is_spent(load: Future[Engine]) -> bool:
    return load.done() and (load.exception() is not None or load.result().closed)


async def _outcome(future: Future[_T]) -> _T:
    """Wait for another thread's result. Being cancelled here changes nothing for the future."""
    waiter = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: _wake(waiter))
    await waiter
    return future.result()


def _wake(waiter: asyncio.Future[None]) -> None:
    """Let go on what awaits this future, in whatever thread its loop runs."""
    # At exit only daemon threads still wait; woken, one would write its EngineError to stderr.
    if _exiting.is_set():
        return
    # The loop may be closed by now, and then nobody waits.
    with suppress(RuntimeError):
        waiter.get_loop().call_soon_threadsafe(_release, waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Job:
    """A generation between the thread that makes it and the task that reads it.

    Its lock can be taken again by the thread that has it, for the garbage collector may call stop
    in the midst of anything.
    """

    def __init__(self, body: Mapping[str, Any], on_stop: Callable[[], None]) -> None:
        """Encode the request.

        Raises:
            TypeError: the body holds what JSON cannot say.
            ValueError: likewise.
            RecursionError: it is nested too deeply.
        """
        streamed = {**body, "stream": True, "return_progress": True}
        self.body = json.dumps(streamed, allow_nan=False).encode()
        self.stopped = False
        choices = body.get("n")
        self.choices = choices if isinstance(choices, int) else 1
        self._shows_progress = bool(body.get("return_progress"))
        self._on_stop = on_stop
        self._lock = threading.RLock()
        self._chunks: deque[dict[str, Any]] = deque()
        self._ended = False
        self._error: EngineError | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def receive(self, data: bytes) -> bool:
        """Take what llama.cpp calls back with.

        Returns:
            whether it shall stop. Nothing is raised, for xllamacpp would swallow it.
        """
        if self.stopped:
            return True
        try:
            chunk: dict[str, Any] = json.loads(data.decode("utf-8", "replace"))
        except ValueError as error:
            self.end(_error(500, "server_error", f"llama.cpp's answer is not JSON: {error}"))
            return True
        if "error" in chunk:
            self.end(EngineError(int(chunk["error"].get("code", 500)), chunk["error"]))
            return True
        if self._shows_progress or "prompt_progress" not in chunk:
            self._put(chunk)
        return self.stopped

    def _put(self, chunk: dict[str, Any]) -> None:
        with self._lock:
            self._chunks.append(chunk)
            self._wake_all()

    def end(self, error: EngineError | None = None) -> None:
        """Let no more chunks come, and an error in their place if there is one. Counts once."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._error = error
            self._wake_all()

    def stop(self, error: EngineError | None = None) -> None:
        """End, forget what was not read yet, and let llama.cpp know at its next callback."""
        with self._lock:
            self.stopped = True
            self._chunks.clear()
            self.end(error)
        self._on_stop()

    def waiter(self) -> asyncio.Future[None] | None:
        """What to await until there is something to take; None when there is."""
        with self._lock:
            if self._chunks or self._ended:
                return None
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            return waiter

    def take(self) -> dict[str, Any] | None:
        """The next chunk, or None at the end.

        Raises:
            EngineError: the end came with it.
        """
        with self._lock:
            if self._chunks:
                return self._chunks.popleft()
            if self._error is not None:
                raise self._error
            return None

    def _wake_all(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _wake(waiter)

    def renew_lock(self) -> None:
        """In a forked child: a thread of the parent's may have held the lock."""
        self._lock = threading.RLock()


class _Core:
    """The server, and the threads that call it. They keep this alive, and not the Engine.

    The threads are daemons, so that a program that ends need not close its engines; they are
    waited for at exit nonetheless, because none of them may be inside llama.cpp then.
    """

    def __init__(self, server: _Server, parallel: int) -> None:
        self._server: _Server | None = server
        self._parallel = parallel
        self._process = os.getpid()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._jobs: set[_Job] = set()
        self._turn = threading.Lock()
        self._slots = threading.Condition()  # guards all below
        self._free_slots = parallel
        self._working = parallel
        self.closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(server,), name="llmgate-local", daemon=True)
            for _ in range(parallel)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: _Job) -> None:
        """Queue a job.

        Raises:
            EngineError: the engine is closed, or was loaded before a fork, with status 503.
        """
        if self._process != os.getpid():
            raise _error(
                503, "unavailable_error", "the model was loaded before this process was forked"
            )
        with self._slots:
            if self.closed:
                raise _closed()
            self._jobs.add(job)
            self._queue.put(job)

    def wake(self) -> None:
        """Let a job that waits for slots see that it was stopped."""
        with self._slots:
            self._slots.notify_all()

    def close(self) -> None:
        """Stop all jobs and let the threads end."""
        if self._process != os.getpid():
            return
        with self._slots:
            if self.closed:
                return
            self.closed = True
            jobs = list(self._jobs)
        for job in jobs:
            job.stop(_closed())
        for _ in self._threads:
            self._queue.put(None)

    def join(self) -> None:
        """Wait until the threads have ended: a token, or a batch of a prompt, after close."""
        for thread in self._threads:
            thread.join()

    def abandon(self) -> None:
        """In a forked child: leave the server as it is for ever; use no lock of the parent's."""
        if self._server is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._server))
        self._slots = threading.Condition()
        for job in self._jobs:
            job.renew_lock()
        self.closed = True

    def _work(self, server: _Server) -> None:
        while (claim := self._claim()) is not None:
            job, slots = claim
            _run(server, job)
            self._give_back(job, slots)
        self._leave()

    def _claim(self) -> tuple[_Job, int] | None:
        """The next job and the number of slots taken for it, of which a stopped job needs none.

        A job with several choices needs as many. One thread at a time waits here, so that such
        a job is not overtaken for ever by those that need one.
        """
        with self._turn:
            job = self._queue.get()
            if job is None:
                return None
            wanted = min(max(job.choices, 1), self._parallel)
            with self._slots:
                self._slots.wait_for(lambda: job.stopped or self._free_slots >= wanted)
                slots = 0 if job.stopped else wanted
                self._free_slots -= slots
        return job, slots

    def _give_back(self, job: _Job, slots: int) -> None:
        with self._slots:
            self._jobs.discard(job)
            self._free_slots += slots
            self._slots.notify_all()

    def _leave(self) -> None:
        with self._slots:
            self._working -= 1
            if self._working == 0:
                self._server = None  # frees the model
                _live.discard(self)


def _closed() -> EngineError:
    return _error(503, "unavailable_error", "the engine is closed")


def _run(server: _Server, job: _Job) -> None:
    """Make a generation in this thread."""
    if job.stopped:
        return
    try:
        server.handle_chat_completions(job.body, job.receive)
    except MemoryError:
        job.end(_error(500, "server_error", "llama.cpp ran out of memory"))
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the task that waits
        # Cython's translation of what llama.cpp throws while it reads the request
        job.end(_error(400, "invalid_request_error", str(error)))
    else:
        job.end()


_live: set[_Core] = set()
_loading: set[threading.Thread] = set()
_exiting = threading.Event()


def _start_load(path: Path, settings: Settings) -> Future[Engine]:
    if _exiting.is_set():
        raise _closed()
    future: Future[Engine] = Future()

    def run() -> None:
        try:
            engine = _load(path, settings)
        except BaseException as error:  # noqa: BLE001 - it is the waiting tasks'
            future.set_exception(error)
        else:
            future.set_result(engine)
        finally:
            _loading.discard(thread)

    thread = threading.Thread(target=run, name="llmgate-local load", daemon=True)
    _loading.add(thread)
    thread.start()
    return future


def _load(path: Path, settings: Settings) -> Engine:
    path = path.expanduser().absolute()
    metadata = read_metadata(path)
    _read_ahead(path)
    key = secrets.token_urlsafe(32)
    try:
        server = _open_server(metadata, settings, key)
    except RuntimeError as error:
        message = f"{path}: llama.cpp cannot load this model ({metadata.architecture}): {error}"
        raise _error(500, "server_error", message) from error
    core = _Core(server, settings.parallel)
    _live.add(core)
    return Engine(core, metadata, HttpApi(server.listening_address, key))


def _read_ahead(path: Path) -> None:
    """Have the system read the file into memory, which does not need the GIL that Server holds."""
    block = bytearray(_READ_SIZE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(block):
            if _exiting.is_set():
                raise _closed()


class _Server(Protocol):
    """What this module uses of xllamacpp.Server."""

    @property
    def listening_address(self) -> str: ...

    def handle_chat_completions(
        self, prompt: bytes, callback: Callable[[bytes], bool]
    ) -> object: ...


def _open_server(metadata: GgufMetadata, settings: Settings, key: str) -> _Server:
    """Load the model, in all silence. The only place that knows xllamacpp, which has no types.

    Raises:
        RuntimeError: llama.cpp cannot load it.
    """
    xllamacpp: Any = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    _set_model(parameters, metadata, settings)
    _set_http(parameters, key)
    parameters.verbosity = _SILENT
    server: _Server = xllamacpp.Server(parameters)
    return server


def _set_model(parameters: Any, metadata: GgufMetadata, settings: Settings) -> None:
    context = settings.context or min(metadata.context_length or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT)
    parameters.model.path = str(metadata.path)
    parameters.model_alias = {metadata.path.stem}  # or answers would name the path
    parameters.n_ctx = context * settings.parallel
    parameters.n_parallel = settings.parallel
    parameters.n_batch = parameters.n_ubatch = _BATCH
    if settings.threads is not None:
        parameters.cpuparams.n_threads = settings.threads
        parameters.cpuparams_batch.n_threads = settings.threads
    # Each of these would load or run the model once more while the GIL is held.
    parameters.warmup = parameters.fit_params = False
    # A second cache of prompts, of up to 8 GiB, next to the one that each slot has.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False


def _set_http(parameters: Any, key: str) -> None:
    """Let nobody use the server over HTTP but who was given the key."""
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.n_threads_http = 1
    parameters.ui = False
    parameters.endpoint_slots = False


@atexit.register
def _close_all() -> None:
    _exiting.set()
    for thread in list(_loading):
        thread.join()
    cores = list(_live)
    for core in cores:
        core.close()
    for core in cores:
        core.join()


def _after_fork() -> None:
    global _cached_lock  # noqa: PLW0603 - a thread of the parent's may have held it
    _cached_lock = threading.Lock()
    _cached.clear()
    _loading.clear()
    for core in _live:
        core.abandon()
    _live.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
