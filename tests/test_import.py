"""What importing costs, what it does not do, and which names it gives.

Every import is watched in a fresh process. ``benchmarks/import_time.py`` measures the same in
milliseconds.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import llmgate

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "import_time.py"
BARE_MACHINERY = {
    "__future__",
    "importlib",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "warnings",
}
NAMES = [
    "AuthenticationError",
    "BadRequestError",
    "Chunk",
    "Client",
    "ClosedError",
    "Completion",
    "ConflictError",
    "ConnectError",
    "Cost",
    "ContentFilterError",
    "ContextWindowError",
    "DeadlineExceededError",
    "DecodeError",
    "Embedding",
    "Embeddings",
    "InternalError",
    "Deviation",
    "InvalidRequestError",
    "LLMGateError",
    "LoggingHook",
    "Message",
    "MissingKeyError",
    "Model",
    "ModelList",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "PluginError",
    "ProtocolError",
    "Preview",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "ReadError",
    "OutputError",
    "OutputRefusedError",
    "OutputTruncatedError",
    "OutputValidationError",
    "Report",
    "RequestError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "Stream",
    "StreamTruncatedError",
    "StructlogHook",
    "SyncStream",
    "TLSError",
    "Timeout",
    "TransportError",
    "UnknownProviderError",
    "UnsupportedError",
    "Usage",
    "TokenCount",
    "acompletion",
    "acount_tokens",
    "count_tokens",
    "list_models",
    "embedding",
    "arerank",
    "rerank",
    "Reranking",
    "RerankResult",
    "file",
    "ModelInfo",
    "add_host",
    "model_info",
    "alist_models",
    "audio",
    "aembedding",
    "completion",
    "defaults",
    "function_tool",
    "SyncToolStream",
    "mcp_server",
    "Tool",
    "ToolLoopError",
    "ToolRun",
    "abatch",
    "ToolStream",
    "tool",
    "arun_tools",
    "batch_file",
    "BatchRecord",
    "run_tools",
    "image",
]


def run(code: str) -> str:
    """What code prints in a fresh process, which neither reads settings nor writes bytecode."""
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    return done.stdout


@cache
def modules_after(code: str) -> frozenset[str]:
    """The modules that a fresh process has loaded after some code, beyond those it starts with."""
    printed = run(
        f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    )
    return frozenset(printed.splitlines()[-1].split())


def packages(modules: frozenset[str]) -> set[str]:
    """The packages outside the standard library that modules belong to."""
    names = {name.partition(".")[0] for name in modules}
    return {name for name in names if name not in sys.stdlib_module_names}


@cache
def benchmark() -> dict[str, Any]:
    """The names of the benchmark."""
    return runpy.run_path(str(BENCHMARK))


def test_importing_loads_one_module() -> None:
    """Neither a dependency, nor a plugin, nor a part of llmgate that may never be needed."""
    assert {"llmgate"} == modules_after("import llmgate") - BARE_MACHINERY


def test_an_error_class_brings_no_dependency() -> None:
    """``except llmgate.RateLimitError`` needs neither HTTP nor validation."""
    modules = modules_after("import llmgate; llmgate.RateLimitError")
    assert {"llmgate"} == packages(modules)
    assert "asyncio" not in modules


def test_importing_costs_a_fraction_of_starting_python() -> None:
    """At most 5 ms of CPU where bare Python takes 11. The quickest of several runs counts."""
    code = (
        "import time; started = time.process_time(); import llmgate;"
        "print(started, time.process_time() - started)"
    )
    runs = [tuple(map(float, run(code).split())) for _ in range(7)]
    start, cost = (min(figures) for figures in zip(*runs, strict=True))
    assert cost < 0.45 * start


def test_a_first_call_loads_aiohttp_and_readers_of_json_only() -> None:
    """Not pydantic itself, no retry library, no logging library, no vendor's package."""
    made = modules_after(benchmark()["FIRST_CALL"])
    expected = packages(modules_after("import aiohttp, orjson, pydantic_core"))
    assert {"llmgate", "llmgate_openai"} == packages(made) - expected


WATCHED = """
import asyncio, os, socket, sys

def watch(event, arguments):
    kind = event.partition(".")[0]
    wrote = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if kind in ("socket", "subprocess", "ctypes", "shutil", "_thread") or wrote:
        raise RuntimeError(f"{event} {arguments}")

def refuse(*_):
    raise RuntimeError("the environment was read, or a socket was made")

sys.addaudithook(watch)
socket.socket.__init__ = refuse
os.environ = type("Environment", (), {"__getattr__": refuse, "__getitem__": refuse})()
os.getenv = refuse
"""


@pytest.mark.parametrize("code", ["import llmgate", "import llmgate; llmgate.Client()"])
def test_importing_does_nothing_else(code: str) -> None:
    """No socket, thread, process, environment or written file; nor does making a client."""
    started = "import threading\nassert 1 == threading.active_count()"
    run(f"{WATCHED}\n{code}\n{started}\nassert 'llmgate_openai' not in sys.modules")


def test_the_public_names_are_these() -> None:
    """A name that comes or goes is a decision; see *Deprecations* in CONTRIBUTING.md."""
    assert sorted(NAMES) == sorted(llmgate.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name: str) -> None:
    """Each is loaded when it is asked for, and is listed."""
    assert name == getattr(llmgate, name).__name__
    assert name in dir(llmgate)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("OpenAI", "; Client() is for every provider: call its completion("),
        (
            "chat",
            "; call acompletion(model, messages), or completion(model, messages) without await",
        ),
        ("set_api_key", "; set the provider's variable, such as OPENAI_API_KEY, or pass api_key="),
        ("Router", "; a list of models is tried in order: completion([first, second], messages)"),
        ("completions", "; did you mean 'completion'?"),
        ("RateLimitEror", "; did you mean 'RateLimitError'?"),
        ("nothing_like_it", ""),
        ("__version_info__", ""),
    ],
)
def test_a_name_that_is_not_there_says_what_was_meant(name: str, hint: str) -> None:
    """What people look for out of habit, and what is misspelt."""
    with pytest.raises(AttributeError) as caught:
        getattr(llmgate, name)
    message = str(caught.value)
    assert message.startswith(f"module 'llmgate' has no attribute {name!r}{hint}")
    assert bool(hint) == (";" in message)


def test_other_names_are_not_there() -> None:
    """As with any module; the version is one that is."""
    name = "Colour"
    with pytest.raises(AttributeError, match="'llmgate' has no attribute 'Colour'"):
        getattr(llmgate, name)
    assert "__version__" in dir(llmgate)


def test_the_benchmark_measures_what_importing_costs() -> None:
    """A package that is not bare Python costs something, whatever the machine."""
    cost = benchmark()["compare"]({"case": "import asyncio"}, rounds=1)["case"]
    assert cost.modules > 50
