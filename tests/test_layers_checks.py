"""The checks of the house find what they should, in modules that were made to fail."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from types import ModuleType

import pytest

from tests.source_modules import (
    VENDORS,
    Module,
    changing_globals,
    code_words,
    edges_of,
    long_functions,
    plugin_faults,
    stateful_globals,
    upward,
)

# --- the checks themselves, on modules that were made to fail ---

LITTLE = {"llmgate.low": 0, "llmgate.mid": 1, "llmgate.high": 2, "llmgate": 3}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from llmgate.low import x", []),
        ("from llmgate import low", []),
        ("from llmgate.mid import x", []),
        ("from llmgate.high import x", ["llmgate.high"]),
        ("from llmgate import high", ["llmgate.high"]),
        ("import llmgate", ["llmgate"]),
        ("from llmgate import __version__", ["llmgate"]),
        ("def f():\n    from llmgate.high import x", ["llmgate.high"]),
        ("class A:\n    def f(self):\n        import llmgate.high", ["llmgate.high"]),
        ("try:\n    import llmgate.high\nexcept ImportError:\n    pass", ["llmgate.high"]),
        ("if TYPE_CHECKING:\n    from llmgate.high import x", []),
        ("if typing.TYPE_CHECKING:\n    from llmgate.high import x", []),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import llmgate.high", ["llmgate.high"]),
        ("import json", []),
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(source: str, expected: list[str]) -> None:
    """In functions, classes and branches."""
    assert expected == upward(Module("llmgate.mid", source), LITTLE)


def test_a_cycle_is_found() -> None:
    """Two modules of one floor that need each other."""
    names = {"llmgate.a": "from llmgate.b import x", "llmgate.b": "def f():\n    import llmgate.a"}
    graph = {name: edges_of(Module(name, source), names) for name, source in names.items()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


CHANGING: list[tuple[str, set[str]]] = [
    ("names = []\ndef f():\n    names.append(1)", {"names"}),
    ("names = {}\ndef f():\n    names['a'] = 1", {"names"}),
    ("names = {}\ndef f():\n    del names['a']", {"names"}),
    ("tasks = set()\ntask.add_done_callback(tasks.discard)", {"tasks"}),
    ("count = 0\ndef f():\n    global count\n    count += 1", {"count"}),
    ("table: dict = {'a': 1}\ndef f():\n    return table['a'], table.get('b')", set()),
    ("def f():\n    names = []\n    names.append(1)", set()),
]


@pytest.mark.parametrize(("source", "expected"), CHANGING)
def test_a_changing_global_is_found(source: str, expected: set[str]) -> None:
    """By what is done with it."""
    assert expected == changing_globals(Module("m", source))


STATEFUL: list[tuple[str, set[str]]] = [
    ("import threading\nlock = threading.Lock()", {"lock"}),
    ("from collections import deque\nqueue = deque()", {"queue"}),
    ("from weakref import WeakSet\nalive = WeakSet()", {"alive"}),
    ("from collections import deque\ntable = {'a': (deque(),)}", {"table"}),
    ("from llmgate.report import Report\nempty = Report()", {"empty"}),
    (
        "from llmgate.types import Exchange\nfrom llmgate.report import Report\n"
        "nowhere = Exchange('', Report())",
        {"nowhere"},
    ),
    ("from llmgate.types import ChoiceDelta\nsilence = ChoiceDelta()", set()),
    (
        "import re\nword = re.compile('a')\nsize = 5\nnames = ('a', b'b')\ntable = {'a': {1}}",
        set(),
    ),
    ("from typing import TypeVar\nT = TypeVar('T')\nText = str | bytes", set()),
]


@pytest.mark.parametrize(("source", "expected"), STATEFUL)
def test_a_global_that_holds_state_is_found(source: str, expected: set[str]) -> None:
    """By what it is."""
    loaded = ModuleType("m")
    exec(source, vars(loaded))  # noqa: S102 - the sources above
    assert expected == stateful_globals(Module("m", source), loaded)


def test_a_long_function_is_found() -> None:
    """By its own lines."""
    lines = "\n".join(f"        x = {number}" for number in range(49))
    source = f"class C:\n    def f(self):\n{lines}"
    documented = source.replace("(self):\n", '(self):\n        """Sets\n        x."""\n')
    for text in (source, documented):
        assert [] == long_functions(Module("m", text))
        assert ["f"] == long_functions(Module("m", f"{text}\n        return x"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from llmgate.provider.http import HttpRequest, encode_json", []),
        ("from llmgate import acompletion", []),
        ("import llmgate.errors", []),
        ("from llmgate_openai import OpenAI", []),
        ("from llmgate_mine._inner import x", []),
        ("from llmgate._text.json import is_object", ["llmgate._text.json.is_object is private"]),
        ("from llmgate._core import drive", ["llmgate._core.drive is private"]),
        ("from llmgate.provider import excerpt", ["llmgate.provider.excerpt is not in __all__"]),
        ("from llmgate_openai._parts import x", ["llmgate_openai._parts.x is private"]),
        ("import aiohttp", ["aiohttp does I/O"]),
        ("def f():\n    import openai", ["openai does I/O"]),
        ("if TYPE_CHECKING:\n    from anthropic import Client", ["anthropic.Client does I/O"]),
        ("import urllib.request", ["urllib.request does I/O"]),
        ("from urllib.parse import quote", []),
    ],
)
def test_what_a_plugin_may_not_import_is_found(source: str, expected: list[str]) -> None:
    """Also where only a type checker reads it: the SDK would have to be installed for that."""
    assert expected == plugin_faults(Module("llmgate_mine.provider", source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""Not Azure."""\n# nor Cohere\nx = 1', []),
        ('def f():\n    """Nor Replicate."""', []),
        ('x = "azure"', ["azure"]),
        ("def azure_key(): ...", ["azure"]),
        ('class Cohere:\n    """Says: cohere."""', ["Cohere"]),
        ('x = f"anthropic {x}"', ["anthropic"]),
    ],
)
def test_a_vendor_s_name_in_code_is_found(source: str, expected: list[str]) -> None:
    """As a text or as a part of a name; documentation does not count."""
    assert expected == VENDORS.findall(code_words(source))
