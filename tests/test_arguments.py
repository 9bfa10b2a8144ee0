"""Arguments that a call refuses: the error is raised where it was called, and briefly."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client, InvalidRequestError
from llmgate.testing import FakeProvider

OURS = str(Path(llmgate.__file__).parent)
TEXTS = [{"role": "user", "content": "Hi"}]
MISTAKES: dict[str, dict[str, Any]] = {
    "a misspelt name": {"messages": TEXTS, "temprature": 1},
    "a wrong type": {"messages": TEXTS, "temperature": "hot"},
    "a wrong role": {"messages": [{"role": "usr", "content": "Hi"}]},
    "no list": {"messages": "Hi"},
    "a wrong option": {"messages": TEXTS, "timeout": -1},
    "a key that is none": {"messages": TEXTS, "api_key": "a\nb"},
}


def lines_of_ours(error: BaseException) -> list[str]:
    """What a traceback prints for frames in the package, and for the exception."""
    report = traceback.TracebackException.from_exception(error)
    assert report.__cause__ is None
    assert report.__context__ is None
    frames = [each for each in report.stack if each.filename.startswith(OURS)]
    printed = [*traceback.StackSummary.from_list(frames).format(), *report.format_exception_only()]
    return "".join(printed).splitlines()


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(
    "call", [llmgate.completion, Client().completion, Client().preview], ids=["", "of", "preview"]
)
def test_a_mistyped_argument_has_a_short_traceback(call: Callable[..., Any], mistake: str) -> None:
    """Two frames of ours, not those of the checks and of a background thread."""
    with pytest.raises(InvalidRequestError) as caught:
        call("openai/m", **MISTAKES[mistake])
    assert len(lines_of_ours(caught.value)) <= 8


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("call", [llmgate.acompletion, Client().acompletion], ids=["", "of"])
async def test_so_it_has_in_an_async_call(
    call: Callable[..., Awaitable[Any]], mistake: str
) -> None:
    """Likewise."""
    with pytest.raises(InvalidRequestError) as caught:
        await call("openai/m", **MISTAKES[mistake])
    assert len(lines_of_ours(caught.value)) <= 8


@pytest.mark.parametrize("call", [llmgate.embedding, Client().embedding], ids=["", "of"])
def test_so_it_has_in_a_call_for_embeddings(call: Callable[..., Any]) -> None:
    """Likewise."""
    for mistake in ({"input": 5}, {"input": "Hi", "dimension": 3}):
        with pytest.raises(InvalidRequestError) as caught:
            call("openai/m", **mistake)
        assert len(lines_of_ours(caught.value)) <= 8


@pytest.mark.parametrize("call", [llmgate.aembedding, Client().aembedding], ids=["", "of"])
async def test_so_it_has_in_an_async_one(call: Callable[..., Awaitable[Any]]) -> None:
    """Likewise."""
    for mistake in ({"input": 5}, {"input": "Hi", "dimension": 3}):
        with pytest.raises(InvalidRequestError) as caught:
            await call("openai/m", **mistake)
        assert len(lines_of_ours(caught.value)) <= 8


def test_arguments_are_read_in_the_caller_s_thread() -> None:
    """Messages that an iterator makes are made there, where its data belongs."""
    threads: list[threading.Thread] = []

    def messages() -> Any:
        threads.append(threading.current_thread())
        yield {"role": "user", "content": "Hi"}

    client = Client(providers={"fake": FakeProvider(["Hi"])})
    client.completion("fake/m", messages(), stop=("a", "b"))
    assert [threading.current_thread()] == threads


def test_stop_may_be_a_tuple() -> None:
    """As may every list."""
    client = Client(providers={"fake": FakeProvider()})
    body = client.preview("fake/m", TEXTS, stop=("a", "b")).json()
    assert ["a", "b"] == body["with"]["stop"]
