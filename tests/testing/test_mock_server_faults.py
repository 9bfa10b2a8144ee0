"""The faults of the mock server, by name, and what a client makes of them; and ``llmgate mock``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from llmgate import Client, InvalidRequestError, RequestError
from llmgate import errors as kinds
from llmgate.cli import main
from llmgate.options import Timeout
from llmgate.testing import FAULTS, Canned, Fault, MockServer, server
from llmgate.testing.mock_server.command import _script
from llmgate.testing.mock_server.faults import parse_fault

HI: Any = [{"role": "user", "content": "Hi"}]
SHAPES = ["openai", "anthropic", "gemini", "cohere", "ollama"]
pytest_plugins = "pytester"


async def ask(mock: MockServer, shape: str = "openai", *, retries: int = 0, **options: Any) -> Any:
    """A completion, read to its end."""
    settings = {"base_url": mock.base_url(shape), "api_key": "none"}
    client: Any = Client(max_retries=retries)
    async with client:
        made = await client.acompletion(f"{shape}/m", HI, **settings, **options)
        return await made.completion() if options.get("stream") else made


WHOLE: Any = [
    (Fault("rate_limit"), kinds.RateLimitError),
    (Fault("overloaded"), kinds.OverloadedError),
    (Fault("error", {"status": 418}), kinds.BadRequestError),
    (Fault("reset"), kinds.ReadError),
    (Fault("cut", {"at": 30}), kinds.ReadError),
    (Fault("cut", {"at": 0}), kinds.ReadError),
    (Fault("garbage"), kinds.DecodeError),
    (Fault("html"), kinds.DecodeError),
    (Fault("stream_error"), kinds.OverloadedError),
    (Canned(200, {}, b"{", then=kinds.ReadError("reset")), kinds.ReadError),
]
STREAMED: Any = [
    (Fault("cut", {"at": 30}), kinds.LLMGateError),
    (Fault("no_end"), kinds.StreamTruncatedError),
    (Fault("rate_limit"), kinds.RateLimitError),
    (Fault("stream_error", {"after": 0}), kinds.ProviderError),
    (Fault("garbage"), kinds.LLMGateError),
]


@pytest.mark.parametrize(("fault", "kind"), WHOLE, ids=lambda value: getattr(value, "name", ""))
async def test_faults_of_whole_responses(fault: Any, kind: type[Exception]) -> None:
    """Each is an error of its kind."""
    with server([fault]) as mock, pytest.raises(kind):
        await ask(mock)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("fault", "kind"), STREAMED, ids=lambda value: getattr(value, "name", ""))
async def test_faults_of_streams(shape: str, fault: Any, kind: type[Exception]) -> None:
    """In every format."""
    with server([fault]) as mock, pytest.raises(kind):
        await ask(mock, shape, stream=True)


async def test_a_storm_of_refusals() -> None:
    """``Retry-After`` is waited for, and then comes what comes next."""
    storm = Fault("rate_limit", {"retry_after": 0.05}, times=3)
    with server([storm, "Paris"]) as mock:
        began = time.monotonic()
        made = await ask(mock, retries=3)
        assert time.monotonic() - began >= 0.15
    assert ("Paris", 4) == (made.text, len(made.attempts))


async def test_slow_responses() -> None:
    """A head that is late, a body that trickles, and one of which nothing more comes."""
    slow, trickle = Fault("slow_head", {"pause": 0.2}), Fault("trickle", {"size": 40}, text="Bern")
    with server([slow, trickle, Fault("hang", {"at": 5}), slow]) as mock:
        began = time.monotonic()
        await ask(mock)
        assert time.monotonic() - began >= 0.2
        assert "Bern" == (await ask(mock, stream=True)).text
        for _ in range(2):
            with pytest.raises(kinds.DeadlineExceededError):
                await ask(mock, timeout=Timeout(total=0.1))


async def test_faults_without_a_stream() -> None:
    """Those of streams leave a whole response as it is; a hanging one can be written out, too."""
    silent = Canned(200, {"content-type": "application/json"}, b"{", hang=True)
    with server([Fault("no_end"), silent]) as mock:
        assert "This is a mock response." == (await ask(mock)).text
        with pytest.raises(kinds.DeadlineExceededError):
            await ask(mock, timeout=0.2)


@pytest.mark.parametrize(
    ("make", "path", "reason"),
    [
        (lambda: Fault("storm"), "fault", "must be one of rate_limit, "),
        (lambda: Fault("cut", {"after": 1}), "fault.cut", "no parameter 'after' (there is: at)"),
        (lambda: Fault("reset", {"at": 1}), "fault.reset", "(there is: none)"),
        (lambda: parse_fault("cut:at"), "fault.cut", "expected NAME=NUMBER, got 'at'"),
        (lambda: Fault("cut", {"at": -1}), "fault.cut.at", "expected a number, 0 or more"),
        (lambda: parse_fault("cut:at=nan"), "fault.cut.at", "expected a number, 0 or more"),
        (lambda: parse_fault("hang:at=inf"), "fault.hang.at", "expected a number, 0 or more"),
        (lambda: parse_fault("cut:times=nan"), "fault.cut.times", "expected a positive integer"),
        (lambda: parse_fault("cut:times=1.5"), "fault.cut.times", "expected a positive integer"),
        (lambda: Fault("cut", times=0), "fault.cut.times", "expected a positive integer, got 0"),
    ],
)
def test_faults_that_are_none(make: Any, path: str, reason: str) -> None:
    """Are refused, with what there is."""
    with pytest.raises(InvalidRequestError) as caught:
        make()
    assert path == caught.value.path
    assert reason in str(caught.value)


def test_faults_are_written_in_words() -> None:
    """As a command line has them; and each says what it does."""
    wanted = Fault("trickle", {"size": 3, "pause": 0.1}, times=2)
    assert wanted == parse_fault("trickle:size=3,pause=0.1,times=2")
    assert Fault("reset") == parse_fault("reset")
    assert all(kind.meaning for kind in FAULTS.values())


# --- the command ---


def test_the_command_serves_until_an_interrupt() -> None:
    """It prints where, and answers as its options say."""
    words = ["mock", "--port", "0", "--text", "Paris", "--text", "Rome"]
    faults = ["--fault", "rate_limit:times=2,retry_after=0", "--fault", "error:status=404"]
    command = [sys.executable, "-m", "llmgate.cli", *words, *faults, "--model", "m-9"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        found = re.search(r"http://127\.0\.0\.1:\d+/openai/v1", lines[0])
        assert found is not None
        settings: Any = {"base_url": found[0], "api_key": "none"}
        client: Any = Client(max_retries=2)
        with client:
            with pytest.raises(kinds.NotFoundError) as caught:
                client.completion("openai/m", HI, **settings)
            texts = [client.completion("openai/m", HI, **settings).text for _ in range(3)]
            names = [model.id for model in client.list_models("openai", **settings)]
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(20)
    assert 3 == len(caught.value.attempts)
    assert ["Paris", "Rome", "Paris"] == texts
    assert ["m-9"] == names


def test_the_command_without_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Says which one it needs; a fault that is none is named."""
    assert 1 == main(["mock", "--port", "0", "--fault", "cut:at=x"])
    assert "expected NAME=NUMBER, got 'at=x'" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "llmgate.testing.mock_server.command", None)
    assert 1 == main(["mock"])
    said = capsys.readouterr().err
    assert "needs the package llmgate-testing (no module llmgate.testing" in said
    assert "pip install --no-index --find-links dist llmgate-testing" in said


def test_the_command_in_this_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits for its server, and no longer."""

    def wait(_: MockServer) -> None:
        """Not at all."""

    monkeypatch.setattr(MockServer, "wait", wait)
    assert 0 == main(["mock", "--port", "0"])
    assert "openai     http://127.0.0.1:" in capsys.readouterr().out
    script = _script([Fault("cut")], ["a", "b"])
    assert [Fault("cut"), "a", "b", "a"] == [next(script) for _ in range(4)]


def test_a_server_is_waited_for() -> None:
    """Until it is stopped."""
    made = server()
    made.__enter__()
    threading.Timer(0.1, made._stop).start()  # while it is waited for
    made.wait()
    assert made._thread is not None
    assert not made._thread.is_alive()
    made.__exit__(None, None, None)


# --- pytest ---


INNER = """
import pytest
from llmgate import completion

def ask(server):
    settings = {"base_url": server.base_url("openai"), "api_key": "none"}
    return completion("openai/m", [{"role": "user", "content": "Hi"}], **settings).text

@pytest.mark.llmgate_server("Paris", "Rome", models=["m"])
def test_marked(llmgate_server):
    assert [ask(llmgate_server), ask(llmgate_server)] == ["Paris", "Rome"]

def test_plain(llmgate_server):
    assert ask(llmgate_server) == "This is a mock response."
"""


def test_the_fixture(pytester: pytest.Pytester) -> None:
    """With the script of a marker, and without."""
    pytester.makepyfile(test_inner=INNER)
    options = ["-p", "llmgate.testing.pytest_plugin", "-p", "no:cov", "--strict-markers"]
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=2)


def test_a_broken_start_leaves_no_thread() -> None:
    """An address that is not of this machine."""
    made = server(host="203.0.113.1")
    with pytest.raises(RequestError, match="no server can listen"):
        made.__enter__()
    assert made._thread is None
