"""How a client is given its middleware, and what a client without any pays."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import llmgate
from llmgate import Client
from llmgate._core.default import default_client
from llmgate.errors import (
    InvalidRequestError,
    RequestError,
)
from llmgate.middleware import ChatCall, Handler, Middleware
from tests.faults.calls import Recorder
from tests.middleware_calls import HELLO, HI, Of, client_of

# --- how a client is given it ---


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a package with a middleware named ``mine``."""

    def install(source: str, package: str = "acme-layers", target: str = "Mine") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[llmgate.middleware]\nmine = {module}:{target}\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


MINE = """
from llmgate.middleware import Middleware
made = []
class Mine(Middleware):
    def __init__(self):
        made.append(self)
    async def chat(self, call, handler):
        call.labels["seen"] = "mine"
        return await handler(call)
"""


async def test_an_installed_middleware_is_named_by_a_text(installed: Any) -> None:
    """It is made for that client; none is active that was not named."""
    installed(MINE)
    recorder = Recorder()
    async with client_of("mine", hooks=[recorder]) as client:
        await client.acompletion("fake/m", HI)
    assert {"seen": "mine"} == recorder.events[0].labels
    assert () == Client()._middleware


def test_an_unknown_name_is_answered_with_what_is_installed(installed: Any) -> None:
    """Where the client is made."""
    installed(MINE)
    with pytest.raises(InvalidRequestError, match=r"no middleware 'min'.*\(installed: mine\)"):
        client_of("min")


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so."""
    with pytest.raises(InvalidRequestError, match=r"\(installed: none\)"):
        client_of("mine")


def test_a_name_that_two_packages_have(installed: Any) -> None:
    """It would be for us to guess which one is meant."""
    installed(MINE)
    installed(MINE, "best-layers")
    with pytest.raises(InvalidRequestError, match="acme-layers and best-layers both provide"):
        client_of("mine")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise KeyError('x')", r"failed to load: KeyError: 'x'"),
        ("def Mine(): raise KeyError('x')", r"failed to load: KeyError: 'x'"),
        ("def Mine(): return 5", "returned 5, which is not a Middleware"),
        ("Mine = 5", "failed to load: TypeError"),
    ],
)
def test_a_package_that_does_not_work(installed: Any, source: str, reason: str) -> None:
    """It is named, with what it did."""
    installed(source)
    with pytest.raises(RequestError, match=f"'mine' of the package acme-layers {reason}"):
        client_of("mine")


WRONG: list[tuple[Any, str]] = [
    ([Middleware], r"is a class, not an instance: write Middleware\(…\)"),
    ([5], "5 is not a Middleware"),
    (Middleware(), r"is not a list of middleware; write \[item\]"),
    ("mine", "is not a list of middleware"),
]


@pytest.mark.parametrize(("middleware", "message"), WRONG)
def test_what_is_no_middleware_is_refused(middleware: Any, message: str) -> None:
    """Where it is given."""
    with pytest.raises(InvalidRequestError, match=message) as caught:
        Client(middleware=middleware)
    assert "middleware" == caught.value.path


# --- the default client ---


@pytest.fixture
def fresh() -> Iterator[None]:
    """No default client before, and none afterwards."""
    from llmgate._core.default import _prepared

    default_client.cache_clear()
    _prepared.clear()
    yield
    default_client.cache_clear()
    _prepared.clear()


@pytest.mark.usefixtures("fresh")
def test_the_default_client_is_set_up_before_its_first_call() -> None:
    """With whatever a client takes; until then, what was said last holds."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        return HELLO

    llmgate.defaults(middleware=[], hooks=[])
    llmgate.defaults(middleware=[Of(chat)], timeout=5)
    assert "hello" == llmgate.completion("nobody/m", HI).text
    with pytest.raises(RequestError, match="the default client is in use"):
        llmgate.defaults(middleware=[])
    assert "hello" == llmgate.completion("nobody/m", HI).text


@pytest.mark.usefixtures("fresh")
def test_mistakes_in_the_defaults_are_found_where_they_are() -> None:
    """As a client's are."""
    with pytest.raises(InvalidRequestError, match="5 is not a Middleware"):
        llmgate.defaults(middleware=[5])
    with pytest.raises(TypeError, match="midleware"):
        llmgate.defaults(midleware=[])


# --- a client without any ---


async def test_a_client_without_middleware_never_meets_it() -> None:
    """Not one function of it is called on the way."""
    files = set[str]()

    def watch(frame: FrameType, event: str, arg: object) -> None:
        files.add(frame.f_code.co_filename)

    async with client_of(answers=["Hi", "Hi"]) as client:
        sys.setprofile(watch)
        try:
            await client.acompletion("fake/m", HI)
            await (await client.acompletion("fake/m", HI, stream=True)).completion()
        finally:
            sys.setprofile(None)
    names = {Path(file).name for file in files if "llmgate" in Path(file).parts}
    assert {"client.py", "live.py", "prepare.py", "send.py"} <= names
    assert set() == names & {"middleware_chain.py", "middleware.py", "derived.py", "default.py"}


def calls_of(client: Client) -> int:
    """How many Python functions are entered for one call."""
    count = 0

    def watch(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    async def scenario() -> None:
        await client.acompletion("fake/m", HI)
        gc.disable()  # finalizers are functions too
        sys.setprofile(watch)
        try:
            await client.acompletion("fake/m", HI)
        finally:
            sys.setprofile(None)
            gc.enable()

    asyncio.run(scenario())
    return count


def test_an_empty_list_costs_what_nothing_does() -> None:
    """And one that passes through costs little."""
    plain, empty, one = (calls_of(client_of(*layers)) for layers in ([], [], [Middleware()]))
    assert plain == empty
    assert plain < one < plain + 80
