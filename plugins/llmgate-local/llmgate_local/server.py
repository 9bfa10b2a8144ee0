"""The child processes that run models, one for each model: their start, use and end.

It sends no request and knows no event loop: a call enters a server, waits for ``ready``, sends its
request to ``address`` with ``key``, and leaves.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from weakref import WeakSet

from llmgate.errors import ClosedError, LLMGateError, RequestError, ServerError
from llmgate_local.models import check_model
from llmgate_local.serve import READY
from llmgate_local.settings import Settings

__all__ = ["ModelServer", "release", "server_for"]

_GRACE = 1.0
"""Seconds that a child has to end after its standard input was closed."""
_FAILURE = re.compile(r"[\d.]+ E (?:\w+ +)?\w+(?:\(\))?: (?:error loading model: )?(.+)")
_NEWS = re.compile(r"[\d.]+ [DIW] ")
"""Lines of llama.cpp's log, by their levels: errors, and what is none."""


class ModelServer:
    """One child process that runs one model; it is started at once, for a first call.

    Its own thread starts it, reads what it writes, and lives as long as it does, since the kernel
    ends a child when the thread that forked it ends. Another thread ends it when its time is over.

    Args:
        path: The model's file.
        settings: How to load it.
        user: Whose call it is for; see :meth:`enter`.
    """

    def __init__(self, path: Path, settings: Settings, user: object) -> None:
        self.path = path
        self.key = secrets.token_urlsafe(32)
        self.address = ""
        self.ready: Future[None] = Future()
        """Done when the child listens or has ended."""
        self.ready.set_running_or_notify_cancel()  # so that nobody who waits for it can cancel it
        self.failure: LLMGateError | None = None
        """Why the child does not listen, once ``ready`` is done."""
        self.ended: Future[None] = Future()
        """Done when the child has ended."""
        self.ended.set_running_or_notify_cancel()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._input: int | None = None
        self._output: deque[str] = deque(maxlen=50)
        self._changed = threading.Condition()  # guards all below, and that input is closed once
        self._users: WeakSet[object] = WeakSet([user])
        self._calls = 1
        self._idle_since = time.monotonic()
        self._stopped_at: float | None = None
        for work in (self._run, self._watch):
            threading.Thread(target=work, name="llmgate-local", daemon=True).start()

    # --- calls ---

    def enter(self, user: object) -> bool:
        """Begin a call of this user; False where the server takes no more calls."""
        with self._changed:
            if self.ended.done() or self._stopped_at is not None:
                return False
            self._users.add(user)
            self._calls += 1
            return True

    def leave(self) -> None:
        """End a call."""
        with self._changed:
            self._calls -= 1
            self._idle_since = time.monotonic()
            self._stop_if_unused()
            self._changed.notify_all()

    def release(self, user: object) -> None:
        """Forget a user. The server ends when it has none left, and no call."""
        with self._changed:
            if user in self._users:
                self._users.discard(user)
                self._stop_if_unused()

    def stop(self) -> None:
        """Tell the child to end. One that is still loading hears nothing, and is killed."""
        with self._changed:
            if self._stopped_at is None and not self.ended.done():
                self._stopped_at = time.monotonic()
                self._tell()
                self._changed.notify_all()

    def describe_end(self) -> str:
        """How the child ended, and what it wrote last."""
        code = None if self._process is None else self._process.returncode
        said = f": {self._output[-1]}" if self._output else ""
        if code is not None and code < 0:
            names = {each.value: each.name for each in signal.Signals}
            ending = names.get(-code, f"signal {-code}")  # those for real time have no names
            return f"the model's process was ended by {ending}{said}"
        return f"the model's process ended with status {code}{said}"

    def abandon(self) -> None:
        """Let go of the child in a process that was forked from its parent, and has no thread of
        the parent's: nothing here may end it, or wait for a lock."""
        self._changed = threading.Condition()
        self.ended = self.ready = Future()
        self.ended.set_result(None)
        if self._input is not None:
            os.close(self._input)
        if self._process is not None:
            self._process.returncode = 0  # or subprocess would warn that it was not waited for
        self._input = self._process = None

    # --- the child's own thread ---

    def _run(self) -> None:
        try:
            check_model(self.path)
            if find_spec("xllamacpp") is None:
                raise RequestError("xllamacpp is not installed: pip install xllamacpp")
            if not sys.executable or getattr(sys, "frozen", False):
                raise RequestError("there is no Python interpreter to run the model's process")
            self._read(self._start())
        except LLMGateError as error:
            self.failure = error
        except OSError as error:
            self.failure = ServerError(
                f"the process of the model cannot be started: {error}", retryable=False
            )
        with self._changed:
            self.ended.set_result(None)
            self._close_input()
            self._changed.notify_all()
        if not self.ready.done():
            self.failure = self.failure or self._load_failure()
            self.ready.set_result(None)

    def _start(self) -> subprocess.Popen[bytes]:
        order = {**asdict(self._settings), "path": str(self.path), "key": self.key}
        order["parent"] = os.getpid()
        paths = os.pathsep.join(map(os.path.abspath, sys.path))
        source, self._input = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "llmgate_local.serve"],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": paths},
                start_new_session=True,
            )
        finally:
            os.close(source)
        with self._changed:
            self._process = process
            if self._stopped_at is None:
                with suppress(BrokenPipeError):  # it has ended, and its output will say why
                    os.write(self._input, json.dumps(order).encode() + b"\n")
            else:  # while it was being started
                self._tell()
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Read what the child writes until it ends."""
        with process.stdout or BytesIO() as output:
            for line in output:
                if line.startswith(READY):
                    self.address = line.removeprefix(READY).decode().strip()
                    self.ready.set_result(None)
                elif (text := line.decode("utf-8", "replace").strip()) and not _NEWS.match(text):
                    self._output.append(text)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _load_failure(self) -> LLMGateError:
        if self._stopped_at is not None:
            return ClosedError("the model was closed while it was being loaded")
        failures = [match[1] for line in self._output if (match := _FAILURE.match(line))]
        reason = failures[0] if failures else self.describe_end()
        message = f"{self.path}: llama.cpp cannot load this model: {reason}"
        return ServerError(message, code="server_error", retryable=False)

    # --- its end ---

    def _watch(self) -> None:
        """End the child when it was idle for too long, and kill it where it does not end."""
        with self._changed:
            while not self.ended.done():
                left = self._seconds_left()
                if left is None or left > 0:
                    self._changed.wait(left)
                elif self._stopped_at is None:
                    self.stop()
                else:
                    if self._process is not None:
                        self._process.kill()
                    self._changed.wait(_GRACE)

    def _seconds_left(self) -> float | None:
        """The seconds until something is to be done; None where that depends on others."""
        if self._stopped_at is not None:
            return self._stopped_at + _GRACE - time.monotonic()
        if self._calls or self._settings.idle_timeout is None:
            return None
        return self._idle_since + self._settings.idle_timeout - time.monotonic()

    def _stop_if_unused(self) -> None:
        if not (self._calls or self._users):
            self.stop()

    def _tell(self) -> None:
        self._close_input()
        if self._process is not None and not self.ready.done():
            self._process.kill()

    def _close_input(self) -> None:
        if self._input is not None:
            os.close(self._input)
            self._input = None


_servers: dict[tuple[str, Settings], ModelServer] = {}
_lock = threading.Lock()


def server_for(path: Path, settings: Settings, user: object) -> ModelServer:
    """The process's one server of that file with those settings, entered for a call of this user.

    It is started if there is none, or none that takes calls.

    Raises:
        ClosedError: this process is ending, and can start no thread.
    """
    key = (os.path.realpath(path), settings)
    with _lock:
        server = _servers.get(key)
        if server is None or not server.enter(user):
            try:
                server = _servers[key] = ModelServer(path, settings, user)
            except RuntimeError as error:
                raise ClosedError(f"no model can be loaded any more: {error}") from None
        return server


def release(user: object) -> None:
    """Let all servers forget a user."""
    with _lock:
        servers = list(_servers.values())
    for server in servers:
        server.release(user)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread of the parent's may have held it
    _lock = threading.Lock()
    for server in _servers.values():
        server.abandon()
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
