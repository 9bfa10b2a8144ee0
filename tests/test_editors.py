"""What editors and ``help`` show."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client, Completion, Stream, SyncStream
from llmgate._core import arguments
from llmgate.options import CallOptions, EmbeddingOptions, ListOptions, RerankOptions

jedi: Any = import_module("jedi")  # it has no types

ROOT = Path(__file__).parents[1]


ASKED = """
from llmgate import Client, acompletion, completion, embedding

messages = [{"role": "user", "content": "x"}]

async def ask():
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("completion('m', messages, te", {"temperature="}),
        ("completion('m', messages, max_", {"max_tokens=", "max_retries="}),
        ("await acompletion('m', messages, stre", {"stream="}),
        ("Client().completion('m', messages, api_", {"api_key=", "api_version="}),
        ("Client(max_", {"max_retries="}),
        ("Client().embedding('m', 'x', dim", {"dimensions="}),
        ("embedding('m', 'x').data[0].", {"embedding", "index"}),
        ("(await Client().alist_models())[0].", {"id", "created"}),
        ("completion('m', messages).", {"choices", "usage", "report", "model_dump"}),
        ("completion('m', messages).choices[0].message.", {"content", "tool_calls"}),
        ("completion('m', messages).usage.", {"prompt_tokens", "total_tokens"}),
        ("(await acompletion('m', messages)).choices[0].", {"message", "finish_reason"}),
        ("(await Client().acompletion('m', messages)).", {"choices", "usage"}),
        ("completion('m', messages, stream=True).", {"close", "text", "usage"}),
    ],
)
def test_editors_complete_keywords_and_attributes(typed: str, offered: set[str]) -> None:
    """As jedi does, which completes in IPython, Jupyter and several editors."""
    script = jedi.Script(f"{ASKED}    {typed}", path=str(ROOT / "typed.py"))
    assert offered <= {completion.name for completion in script.complete()}


def test_editors_show_what_a_parameter_means() -> None:
    """The documentation that jedi shows names each."""
    [found] = jedi.Script("import llmgate\nllmgate.completion").help(2, 12)
    assert "\n    temperature: Sampling temperature" in found.docstring()


# --- help -------------------------------------------------------------------------------


CHAT = ["model", "messages", "stream", *CallOptions.__annotations__]
COUNT = ["model", "messages", *CallOptions.__annotations__]
EMBEDDING = ["model", "input", *EmbeddingOptions.__annotations__]
RERANKING = ["model", "query", "documents", *RerankOptions.__annotations__]
LISTING = ["provider", *ListOptions.__annotations__]
ARGUMENTS = {
    "acompletion": CHAT,
    "completion": CHAT,
    "preview": CHAT,
    "acount_tokens": COUNT,
    "count_tokens": COUNT,
    "aembedding": EMBEDDING,
    "embedding": EMBEDDING,
    "arerank": RERANKING,
    "rerank": RERANKING,
    "alist_models": LISTING,
    "list_models": LISTING,
}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *((Client, name) for name in ARGUMENTS),
        *((llmgate, name) for name in ARGUMENTS if name != "preview"),
    ],
)
def test_help_lists_every_parameter_with_its_meaning(place: Any, name: str) -> None:
    """In the signature, and in the docstring, which is there but under ``-OO``."""
    function: Callable[..., Any] = getattr(place, name)
    names = [each for each in inspect.signature(function).parameters if each != "self"]
    assert ARGUMENTS[name] == names
    described = (inspect.getdoc(function) or "").partition("Raises:")[0]
    assert names == re.findall(r"^    (\w+): \S", described, re.MULTILINE)


def test_a_signature_names_what_may_be_given() -> None:
    """An argument is optional, and may be of more types than what a provider reads."""
    parameters = inspect.signature(llmgate.completion).parameters
    assert "float | None" == parameters["temperature"].annotation
    assert "str | list[str] | tuple[str, ...] | None" == parameters["stop"].annotation
    assert parameters["stop"].default is None
    shown = pydoc.plain(pydoc.render_doc(llmgate.completion))
    head = "(model: str | Sequence[str], messages: Iterable[MessageLike], *, stream: bool | None"
    assert f"{head} = False" in shown
    assert "temperature: float | None = None" in shown


def test_every_meaning_is_that_of_a_parameter() -> None:
    """None is left over when a parameter goes."""
    known = {*CHAT, *EMBEDDING, *RERANKING, *LISTING}
    assert known == set(arguments.meanings())
    assert set() == set(arguments.ACCEPTED) - known


def test_a_function_without_docstring_gets_a_signature_only() -> None:
    """As every function is under ``python -OO``."""

    def call(model: str, **options: Any) -> None: ...

    assert arguments.describe_options(CallOptions)(call) is call
    assert call.__doc__ is None
    assert "seed" in inspect.signature(call).parameters


def test_the_types_for_checkers_cost_nothing() -> None:
    """They are not there at run time, though their module can be imported."""
    module = import_module("llmgate._typing")
    assert not hasattr(module, "Messages")


def test_the_stub_is_current() -> None:
    """llmgate/__init__.pyi says what the functions say of themselves."""
    script = ROOT / "scripts" / "stubs.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False)
    assert 0 == done.returncode, "run: python scripts/stubs.py"


def test_the_names_are_what_they_seem() -> None:
    """The lazily loaded names are the classes that the annotations mean."""
    assert "Completion" == Completion.__name__
    assert ("Stream", "SyncStream") == (Stream.__name__, SyncStream.__name__)
