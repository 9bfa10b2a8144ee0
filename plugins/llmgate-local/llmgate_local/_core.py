"""A loaded model and the threads that run it; they take jobs and know no event loop."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from llmgate_local._errors import closed_error, engine_error
from llmgate_local._jobs import Job

__all__ = ["Core", "Server", "live"]


class Server(Protocol):
    """What is used of xllamacpp.Server."""

    @property
    def listening_address(self) -> str: ...

    def handle_chat_completions(
        self, prompt: bytes, callback: Callable[[bytes], bool]
    ) -> object: ...


class Core:
    """The server, and the threads that call it. They keep this alive, and not the Engine.

    The threads are daemons, so that a program that ends need not close its engines; they are
    waited for at exit nonetheless, because none of them may be inside llama.cpp then.
    """

    def __init__(self, server: Server, parallel: int) -> None:
        self._server: Server | None = server
        self._parallel = parallel
        self._process = os.getpid()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._jobs: set[Job] = set()
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

    def submit(self, job: Job) -> None:
        """Queue a job.

        Raises:
            EngineError: the engine is closed, or was loaded before a fork, with status 503.
        """
        if self._process != os.getpid():
            raise engine_error(
                503, "unavailable_error", "the model was loaded before this process was forked"
            )
        with self._slots:
            if self.closed:
                raise closed_error()
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
            job.stop(closed_error())
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

    def _work(self, server: Server) -> None:
        while (claim := self._claim()) is not None:
            job, slots = claim
            _run(server, job)
            self._give_back(job, slots)
        self._leave()

    def _claim(self) -> tuple[Job, int] | None:
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

    def _give_back(self, job: Job, slots: int) -> None:
        with self._slots:
            self._jobs.discard(job)
            self._free_slots += slots
            self._slots.notify_all()

    def _leave(self) -> None:
        with self._slots:
            self._working -= 1
            if self._working == 0:
                self._server = None  # frees the model
                live.discard(self)


def _run(server: Server, job: Job) -> None:
    """Make a generation in this thread."""
    if job.stopped:
        return
    try:
        server.handle_chat_completions(job.body, job.receive)
    except MemoryError:
        job.end(engine_error(500, "server_error", "llama.cpp ran out of memory"))
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the task that waits
        # Cython's translation of what llama.cpp throws while it reads the request
        job.end(engine_error(400, "invalid_request_error", str(error)))
    else:
        job.end()


live: set[Core] = set()
"""The cores whose threads have not ended."""
