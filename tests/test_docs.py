"""The documents' examples: all are compiled, those marked ``run`` are run; and no link is dead."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmgate import (
    AuthenticationError,
    Client,
    ServerError,
    StreamTruncatedError,
    UnsupportedError,
)
from llmgate.provider import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing import (
    Canned,
    EmbeddingConformance,
    FixedSigning,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
)
from llmgate.types import Usage
from tests.machine import wait_for

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("plugins/*/README.md"),
        *ROOT.glob("extras/*/README.md"),
        *ROOT.glob("examples/*/README.md"),
    ]
)
FENCED = re.compile(r"^```python( run)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


@dataclass(frozen=True)
class Block:
    """An example: where it stands, whether it is to be run, and its code."""

    page: Path
    number: int
    runs: bool
    code: str

    @property
    def name(self) -> str:
        """Where it stands, for people."""
        return f"{self.page.relative_to(ROOT)}[{self.number}]"

    def compiled(self) -> Any:
        """Its code; ``await`` may stand outside of functions."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return compile(self.code, self.name, "exec", flags, dont_inherit=True)


def blocks_of(page: Path) -> Iterator[Block]:
    """The examples of a page."""
    text = page.read_text(encoding="utf-8")
    for number, found in enumerate(FENCED.finditer(text), 1):
        yield Block(page, number, found[1] is not None, found[2])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_every_example_compiles(block: Block) -> None:
    """Also those that need a key, a server or a file."""
    block.compiled()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    """A link to another document leads to a file, and to a heading of it."""
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {f"#{title.lower().replace(' ', '-')}" for title in headings}
        assert not heading or heading in anchors, target + heading


async def run_in_order(page: Path) -> dict[str, Any]:
    """Run the marked examples of a page, one after the other, as in a notebook."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks_of(page):
        if block.runs:
            result = eval(block.compiled(), names)  # noqa: S307 # our own documents
            if inspect.isawaitable(result):
                await result
    return names


def test_tools_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The page does what it says."""
    asyncio.run(run_in_order(ROOT / "docs" / "tools.md"))
    printed = capsys.readouterr().out.splitlines()
    assert "'description': 'How many days ahead.'" in printed[0]
    assert printed[1].startswith("{'table': {")
    roles = ["user", "assistant", "tool", "tool", "assistant"]
    assert printed[2].startswith("Five degrees, three orders. ")
    assert printed[2].endswith(str(roles))
    assert printed[3] == 'weather {"city": "Oslo", "days": 1, "degrees": 5, "unit": "c"}'
    assert printed[4:] == ["Cold.", "3 Three.", "add"]


def test_structured_output_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The page does what it says."""
    asyncio.run(run_in_order(ROOT / "docs" / "structured-output.md"))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "nut 0.5"
    assert printed[1].startswith("0.5 response_format split: asked once more")
    assert printed[2:5] == [f'name {{"name": 1}} {Usage(1, 2, 3)}', "nut", "nut"]
    assert printed[-1] == "name='nut' price=0.5"


def test_code_for_the_early_litellm_runs() -> None:
    """The arguments that are kept do what they did."""
    seen: list[dict[str, Any]] = asyncio.run(run_in_order(ROOT / "docs" / "migrating.md"))["seen"]
    assert wait_for(lambda: len(seen) == 4, 5)
    assert ["call", "request", "attempt", "reply"] == [entry["event"] for entry in seen]


def test_code_under_test_runs_without_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    """The page about testing does what it says."""
    asyncio.run(run_in_order(ROOT / "docs" / "testing.md"))
    printed = ["Paris. 0", "Paris. 1", "Paris. Rome. 2", "Paris. 3 3", "cut"]
    printed.append("Paris. [0, 0]")
    assert printed == capsys.readouterr().out.splitlines()


def test_a_list_of_models_falls_back_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The page about routing does what it says, and its client can be made."""
    names = asyncio.run(run_in_order(ROOT / "docs" / "routing.md"))
    printed = "Hello [('a/large', 'ServerError'), ('b/large', None)]"
    assert [printed] == capsys.readouterr().out.splitlines()
    assert ["fast", "careful"] == [*names["client"]._middleware[0]._routes]


def test_a_response_is_kept_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The page about the cache does what it says."""
    asyncio.run(run_in_order(ROOT / "docs" / "cache.md"))
    assert ["miss hit Paris."] == capsys.readouterr().out.splitlines()


def test_a_batch_runs_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The page about many calls does what it says."""
    asyncio.run(run_in_order(ROOT / "docs" / "batch.md"))
    assert ["0 Paris.", "1 Rome.", "2 Madrid."] == capsys.readouterr().out.splitlines()


def test_limits_are_made_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The page about limits does what it says."""
    asyncio.run(run_in_order(ROOT / "docs" / "limits.md"))
    assert ["Hello", "0.0000125"] == capsys.readouterr().out.splitlines()


# --- the tutorial's plugin ----------------------------------------------------------------


def tutorial() -> ModuleType:
    """The plugin of docs/providers.md and its tests, as a module."""
    module = ModuleType("the_tutorials_plugin")
    sys.modules[module.__name__] = module  # dataclasses and pytest look there
    for block in blocks_of(ROOT / "docs" / "providers.md"):
        if block.runs:
            exec(block.compiled(), module.__dict__)  # noqa: S102 # our own documents
    return module


PLUGIN = tutorial()
TestTheTutorialsPlugin = PLUGIN.TestOllama  # the conformance kit, run by pytest as the page says


class TestTheTutorialsEmbeddings(EmbeddingConformance):
    """Those of the page that speaks of them."""

    provider = PLUGIN.OllamaWithVectors()
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": "nomic", "input": ["a", "b"], "dimensions": 2, "user": "ada"},
            (HttpResponse(200, {}, b'{"embeddings": [[0.5, 1], [0.25, -1]]}'),),
            body={"model": "nomic", "input": ["a", "b"], "dimensions": 2},
            vectors=[[0.5, 1.0], [0.25, -1.0]],
        ),
    )


class TestTheTutorialsModels(ModelListConformance):
    """Likewise."""

    provider = PLUGIN.OllamaWithVectors()
    recordings = (
        RecordedModels(
            "one", (HttpResponse(200, {}, b'{"models": [{"name": "nomic"}]}'),), [{"id": "nomic"}]
        ),
    )


def test_the_tutorials_plugin_fits_on_one_screen() -> None:
    """A screen has about eighty lines."""
    plugin = next(block for block in blocks_of(ROOT / "docs" / "providers.md") if block.runs)
    assert plugin.code.count("\n") <= 80


@pytest.mark.parametrize(
    ("settings", "is_sent"),
    [
        ({}, True),
        ({"base_url": "https://eu.ollama.com/api/chat"}, True),
        ({"base_url": "http://127.0.0.1:11434"}, False),
        ({"base_url": "http://127.0.0.1:11434", "api_key": "key-canary"}, True),
    ],
)
async def test_the_tutorials_key_keeps_to_the_host_rule(
    settings: dict[str, str], is_sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page says, though the plugin says nothing of it."""
    monkeypatch.setenv("OLLAMA_API_KEY", "key-canary")
    provider = PLUGIN.OllamaCloud().configured(**settings)
    request = next(provider.complete(ProviderCall("llama3.2", [{"role": "user", "content": "Hi"}])))
    sent = await provider.authorize(request, FixedSigning())
    assert sent.url.endswith("/api/chat")
    assert is_sent == (sent.headers.get("Authorization") == "Bearer key-canary")


HI = [{"role": "user", "content": "Hi"}]


@asynccontextmanager
async def ollama(status: int = 200, cut: int = 0) -> AsyncGenerator[tuple[Client, list[Any]]]:
    """A client of a server that answers as Ollama does, and what that server was asked.

    ``cut`` is how many bytes of a stream are left out at its end.
    """
    asked: list[Any] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert found is not None
        asked.append(json.loads(await reader.readexactly(int(found[1]))))
        body = PLUGIN.STREAM if asked[-1]["stream"] else PLUGIN.WHOLE
        writer.write(b"HTTP/1.1 %d -\r\nconnection: close\r\n\r\n" % status)
        writer.write(body[: len(body) - cut])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    provider = PLUGIN.Ollama(base_url=f"http://{host}:{port}/")
    async with server, Client(providers={"ollama": provider}, max_retries=0) as client:
        yield client, asked


def test_the_tutorials_plugin_answers() -> None:
    """Whole and streamed, the same; what is asked is in Ollama's own terms."""

    async def scenario() -> None:
        async with ollama() as (client, asked):
            whole = await client.acompletion("ollama/llama3.2", HI, max_tokens=9, seed=1)
            stream = await client.acompletion("ollama/llama3.2", HI, stream=True)
            streamed = await stream.completion()
        expected = {"model": "llama3.2", "messages": HI, "stream": False}
        assert expected | {"options": {"num_predict": 9}} == asked[0]
        assert whole.choices == streamed.choices
        assert "Hi there" == whole.choices[0].message.content
        assert whole.usage is not None
        assert 29 == whole.usage.total_tokens
        assert "seed" in whole.report

    asyncio.run(scenario())


def test_the_tutorials_plugin_fails_as_it_should() -> None:
    """A cut stream, a status, and what Ollama cannot do raise our errors."""

    async def scenario() -> None:
        async with ollama(cut=10) as (client, _):
            stream = await client.acompletion("ollama/llama3.2", HI, stream=True)
            with pytest.raises(StreamTruncatedError) as cut:
                await stream.completion()
            assert cut.value.partial is not None
            assert "Hi there" == cut.value.partial.text
            with pytest.raises(UnsupportedError):
                await client.acompletion("ollama/llama3.2", HI, n=2)
        async with ollama(status=500) as (client, _):
            with pytest.raises(ServerError):
                await client.acompletion("ollama/llama3.2", HI)

    asyncio.run(scenario())


def test_the_tutorials_token_is_asked_for_once() -> None:
    """Its provider with credentials does what the page says."""
    body = b'{"access_token": "secret", "expires_in": 3600}'
    signing = FixedSigning([Canned(body=body), Canned(403)])
    provider = PLUGIN.HostedOllama()

    async def scenario() -> list[HttpRequest]:
        request = HttpRequest("POST", "https://ollama.example")
        return [await provider.authorize(request, signing) for _ in range(2)]

    assert ["Bearer secret"] * 2 == [
        request.headers["authorization"] for request in asyncio.run(scenario())
    ]
    assert ["https://login.example/token"] == [request.url for request in signing.requests]
    signing.previous = HttpResponse(401)
    with pytest.raises(AuthenticationError, match="no token was given"):
        asyncio.run(scenario())


def test_the_tutorials_rule_is_applied() -> None:
    """It holds for the model that it names; bodies are merged recursively."""
    client = Client(providers={"ollama": PLUGIN.ReasoningOllama})
    extra: Any = {"options": {"num_ctx": 9}}
    found: list[Any] = []
    for model in ("deepthink", "llama3.2"):
        messages = [{"role": "user", "content": "Hi"}]
        preview = client.preview(f"ollama/{model}", messages, temperature=0.5, extra_body=extra)
        found.append((preview.json()["options"], [str(each) for each in preview.report]))
    assert [
        ({"num_ctx": 9}, ["temperature dropped: deepthink takes no other value"]),
        ({"temperature": 0.5, "num_ctx": 9}, []),
    ] == found
