"""Callbacks: who is called with what, and that they do no harm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from queue import Queue
from typing import Any

import anyio
import anyio.to_thread
import pytest

import llmgate_litellm as litellm
from llmgate_litellm.integrations.custom_logger import CustomLogger

Ask = Callable[..., Any]


class Recorder(CustomLogger):
    """Keeps what it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Queue[tuple[str, dict[str, Any], Any]] = Queue()

    def log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """A sync call succeeded."""
        assert start_time <= end_time
        self.seen.put(("success", kwargs, response_obj))

    def log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """A sync call failed."""
        self.seen.put(("failure", kwargs, response_obj))

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """An async call succeeded."""
        self.seen.put(("async", kwargs, response_obj))


def test_success_and_failure(ask: Ask, server: Any) -> None:
    """Functions and loggers; what they raise is swallowed."""
    seen: Queue[Any] = Queue()

    def keep(*arguments: Any) -> None:
        seen.put(arguments)
        raise ValueError("no harm")

    recorder = Recorder()
    litellm.success_callback = [keep]
    litellm.callbacks = [recorder]
    response = ask(metadata={"who": "me"})
    kwargs, given, *_ = seen.get(timeout=5)
    assert given is response
    assert kwargs["model"] == "gpt-4o"
    assert kwargs["litellm_params"]["metadata"] == {"who": "me"}
    assert kwargs["response_cost"] == pytest.approx(8e-05)
    assert "k" not in kwargs["optional_params"].values()
    assert recorder.seen.get(timeout=5)[0] == "success"
    server((404, {"error": {"message": "no"}}))
    with pytest.raises(litellm.NotFoundError):
        ask()
    kind, kwargs, given = recorder.seen.get(timeout=5)
    assert (kind, given) == ("failure", None)
    assert isinstance(kwargs["exception"], litellm.NotFoundError)


def test_a_stream(ask: Ask) -> None:
    """Each chunk, and at the end the whole."""
    recorder = Recorder()
    litellm.callbacks = [recorder]
    chunks = [*ask(stream=True, stream_options={"include_usage": True})]
    seen = [recorder.seen.get(timeout=5)[2] for _ in range(len(chunks) + 1)]
    assert seen[:-1] == chunks
    assert seen[-1].choices[0].message.content == "Good day."
    assert seen[-1].usage.total_tokens == 12


async def test_async(server: Any) -> None:
    """The async method is called for an async call."""
    recorder = Recorder()
    litellm.callbacks = [recorder]
    await litellm.acompletion(
        "openai/x", [{"role": "user", "content": "Hi"}], api_key="k", api_base=server.address
    )
    kind, *_ = await anyio.to_thread.run_sync(recorder.seen.get)
    assert kind == "async"


async def test_functions_of_one_call(server: Any) -> None:
    """A call's own callbacks, plain and async, for a success and for a failure."""
    seen: Queue[Any] = Queue()

    async def keep(kwargs: Any, response: Any, _began: Any, _ended: Any) -> None:
        seen.put((response, kwargs.get("exception")))

    host: dict[str, Any] = {"api_key": "k", "api_base": server.address, "num_retries": 0}
    host |= {"success_callback": [keep], "failure_callback": [keep]}
    messages = [{"role": "user", "content": "Hi"}]
    acompletion: Any = litellm.acompletion
    response = await acompletion("openai/x", messages, **host)
    server((404, {"error": {"message": "no"}}))
    with pytest.raises(litellm.NotFoundError):
        await litellm.acompletion("openai/x", messages, **host)
    first = await anyio.to_thread.run_sync(seen.get)
    second = await anyio.to_thread.run_sync(seen.get)
    assert first == (response, None)
    assert second[0] is None
    assert isinstance(second[1], litellm.NotFoundError)


FORKED = """
import os, sys, threading
import llmgate_litellm as litellm

def ask():
    called = threading.Event()
    litellm.success_callback = [lambda *_: called.set()]
    litellm.completion("openai/x", [{"role": "user", "content": "Hi"}], mock_response="Hi.")
    return called.wait(5)

assert ask()
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
os._exit(0 if ask() else 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no forking here")
def test_callbacks_of_a_forked_process() -> None:
    """They are called there too, though the parent's thread is not."""
    assert 0 == subprocess.run([sys.executable, "-c", FORKED], timeout=60, check=False).returncode


def test_callbacks_are_given_no_secret(ask: Ask, server: Any) -> None:
    """Neither key, nor headers, nor the settings of a cloud; they log what they are given."""
    seen: Queue[Any] = Queue()

    def keep(kwargs: dict[str, Any], *_: Any) -> None:
        seen.put(kwargs["optional_params"])

    litellm.success_callback = [keep]
    ask(temperature=0, extra_headers={"x-gateway-key": "secret"})
    given = seen.get(timeout=5)
    assert "secret" not in repr(given)
    assert 0 == given["temperature"]
    ask(
        model="azure/deployed",
        api_base=server.address.removesuffix("/v1"),
        api_key=None,
        azure_ad_token="secret",
    )
    assert "secret" not in repr(seen.get(timeout=5))


def test_a_callback_that_is_a_name(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has it here; that is said once, and the call is made."""
    litellm.success_callback = ["a-dashboard"]
    for _ in range(2):
        assert ask().choices[0].message.content == "Good day."
    said = [record.message for record in caplog.records if "a-dashboard" in record.message]
    assert len(said) == 1
    assert "CustomLogger" in said[0]
