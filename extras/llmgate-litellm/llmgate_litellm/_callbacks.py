"""Callbacks: what code asked to be called after each call, in the background.

An exception in a callback is logged and swallowed: it is never the call's.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from functools import cache
from typing import Any

from llmgate_litellm import _settings
from llmgate_litellm._arguments import Asked
from llmgate_litellm.integrations.custom_logger import CustomLogger

__all__ = ["Watch"]

_SECRET = ("api_key", "extra_headers", "provider_settings")
"""Options that hold keys, or may; callbacks log what they are given."""
_log = logging.getLogger("llmgate.litellm")


class Watch:
    """Calls the callbacks for one call."""

    def __init__(self, asked: Asked, *, is_async: bool) -> None:
        self.asked = asked
        self.is_async = is_async
        self.began = datetime.now()

    def succeeded(self, response: Any, cost: float | None) -> None:
        """Tell that there is a response: a whole one, or a chunk."""
        functions = [*_settings.value("success_callback"), *_own(self.asked, "success_callback")]
        self._tell(functions, "success", response, {"response_cost": cost})

    def failed(self, error: BaseException) -> None:
        """Tell that the call failed."""
        functions = [*_settings.value("failure_callback"), *_own(self.asked, "failure_callback")]
        self._tell(functions, "failure", None, {"exception": error, "traceback_exception": None})

    def _tell(
        self, functions: list[Any], outcome: str, response: Any, more: dict[str, Any]
    ) -> None:
        for name in [*functions, *_settings.value("callbacks")]:
            if isinstance(name, str):
                _warn_of(name)
        loggers = [each for each in functions if isinstance(each, CustomLogger)]
        loggers += [each for each in _settings.value("callbacks") if isinstance(each, CustomLogger)]
        plain = [each for each in functions if callable(each) and each not in loggers]
        plain += [
            each
            for each in _settings.value("callbacks")
            if callable(each) and not isinstance(each, CustomLogger)
        ]
        if not (loggers or plain):
            return
        about = {**self._about(), **more}
        ended = datetime.now()
        kind = "async_log" if self.is_async else "log"
        methods = [getattr(logger, f"{kind}_{outcome}_event") for logger in dict.fromkeys(loggers)]
        for function in [*methods, *plain]:
            self._start(function, (about, response, self.began, ended))

    def _about(self) -> dict[str, Any]:
        asked = self.asked
        return {
            "model": asked.model,
            "messages": asked.given.get("messages"),
            "custom_llm_provider": asked.provider,
            "stream": bool(asked.given.get("stream")),
            "optional_params": {
                name: value for name, value in asked.options.items() if name not in _SECRET
            },
            "litellm_params": {"metadata": asked.metadata, "api_base": asked.given.get("api_base")},
            "litellm_call_id": asked.given.get("litellm_call_id"),
            "start_time": self.began,
        }

    def _start(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if inspect.iscoroutinefunction(function):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                context = copy_context()
                _threads().submit(context.run, asyncio.run, _awaited(function, arguments))
                return
            task = loop.create_task(_awaited(function, arguments))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)
            return
        context = copy_context()
        _threads().submit(context.run, _called, function, arguments)


def _own(asked: Asked, name: str) -> list[Any]:
    """The callbacks of one call alone."""
    given: Any = asked.given.get(name) or []
    return [*given] if isinstance(given, list | tuple) else [given]


@cache
def _warn_of(name: str) -> None:
    """Once for each name: nothing is sent to where a program expects it."""
    _log.warning(
        "no callback is named %r here: give a function or a CustomLogger, or use llmgate-otel", name
    )


_tasks = set[asyncio.Task[None]]()


class _Threads:
    """One thread, so that callbacks come in order; the process waits for it at its end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: ThreadPoolExecutor | None = None

    def __call__(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._made is None:
                self._made = ThreadPoolExecutor(1, thread_name_prefix="llmgate-litellm-callbacks")
            return self._made

    def begin_anew(self) -> None:
        """A forked process has not the thread, and perhaps a lock that nobody will release."""
        self._lock, self._made = threading.Lock(), None


_threads = _Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.begin_anew)


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - a third-party function
        _log.warning("a callback raised %s", type(error).__name__)


async def _awaited(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        await function(*arguments)
    except Exception as error:  # noqa: BLE001 - likewise
        _log.warning("a callback raised %s", type(error).__name__)
