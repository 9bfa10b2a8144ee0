"""The examples of all pages as modules for type checkers; it runs and checks none.

What a page marks ``run`` is one program, from its first example to its last. Any other example is a
program of its own: with what the page ran before it where it takes names from there, and with those
of :data:`TAKEN_FOR_GRANTED` where it lacks any then.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from pathlib import Path

__all__ = ["MODULES"]

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / "docs").rglob("*.md"),
    *ROOT.glob("plugins/*/README.md"),
    *ROOT.glob("extras/*/README.md"),
]
LEFT_OUT = {
    "docs/first-hour.md",  # it shows mistakes, which a checker would find
    "docs/web-services.md",  # all of it is one program
}
OTHERS = re.compile(
    r"^\s*(?:from|import) (?:agents|langchain\w*|litellm|openai|pydantic_ai)\b", re.MULTILINE
)
"""Other libraries, whose programs stand beside ours, or around them."""
COMPUTED = re.compile(r"^class \w+\(host\(", re.MULTILINE)
"""A base class that a call makes: no checker takes one."""
FENCED = re.compile(r"^```python( run)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FUTURE = "from __future__ import annotations\n"
TAKEN_FOR_GRANTED = """
from typing import Any

from llmgate import Client, acompletion, completion
from llmgate.messages import MessageLike
from llmgate.middleware import Middleware as Outermost
messages: list[MessageLike] = [{"role": "user", "content": "x"}]
texts = ["x"]
async def my_code(question: str) -> str:
    return question
"""


def _modules() -> dict[str, str]:
    found: dict[str, str] = {}
    for page in PAGES:
        name = str(page.relative_to(ROOT).with_suffix(""))
        if f"{name}.md" in LEFT_OUT:
            continue
        ran, programs = "", list[str]()
        for runs, code in FENCED.findall(page.read_text(encoding="utf-8")):
            if runs:
                ran += f"\n{code}"
            elif not (OTHERS.search(code) or COMPUTED.search(code)):
                programs.append(_with_its_names(code, ran))
        for number, code in enumerate([ran, *programs]):
            if code:
                found[f"{re.sub(r'[^A-Za-z0-9]', '_', name)}_{number}"] = _module(code)
    return found


def _with_its_names(code: str, ran: str) -> str:
    lacking = _names(code)[0]
    given = _names(ran)[1]
    if lacking & given:
        code = f"{ran}\n{code}"
    return TAKEN_FOR_GRANTED + code if lacking - given else code


def _names(code: str) -> tuple[set[str], set[str]]:
    """The names that a program reads and nothing in it gives, and those that it gives."""
    read, given = set[str](), set[str]()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else given).add(node.id)
        elif isinstance(node, ast.alias):
            given.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            given.add(node.name)
    return read - given - {*dir(builtins)}, given


def _module(code: str) -> str:
    """A program as a module, in which ``await`` stands within a function."""
    code = code.replace(FUTURE, "")
    try:
        compile(code, "example", "exec")
    except SyntaxError:
        code = "async def page() -> None:\n" + textwrap.indent(code, "    ")
    return FUTURE + code


MODULES = _modules()
"""Their code, by names that tell the page, and the number of the example in it."""
