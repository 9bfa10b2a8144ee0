"""The examples do what their pages say, on a mock server, and leave nothing open."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
import uvicorn

from llmgate.testing import Fault, MockServer, server
from llmgate.types import Function, ToolCall
from tests.faults.server import (
    STREAM_HEAD,
    FaultServer,
    chunk,
    event,
    framed,
    hang,
    reply,
    stream,
    then,
)
from tests.machine import wait_for_async

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*/*.py"))


def environment(url: str) -> dict[str, str]:
    """An environment in which a model of the name ``openai/m`` is at this address."""
    settings = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "MODEL": "openai/m"}
    return {**os.environ, **settings, "EMBEDDING_MODEL": "openai/m"}


def run(
    mock: MockServer, program: str, *words: str, given: str | None = None, code: int = 0
) -> str:
    """What a program prints, as its page starts it; with a warning, or another exit code, it fails.

    ``program`` is a path below ``examples/``, and ``given`` what somebody types.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / program), *words],
        env=environment(mock.base_url("openai")),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert code == done.returncode, done.stderr
    assert re.search("Warning|Traceback|Exception ignored", done.stderr) is None, done.stderr
    return done.stdout


def prompts(mock: MockServer) -> list[Any]:
    """The content of the last message of each chat that was asked for."""
    asked = [request.body for request in mock.requests if request.operation == "chat"]
    return [body["messages"][-1]["content"] for body in asked]


# --- what all have in common --------------------------------------------------------------


def test_each_example_is_short_and_has_a_page() -> None:
    """A program is read on one screen; each folder explains itself, and the manual lists it."""
    assert {} == {
        path.name: lines
        for path in PROGRAMS
        if (lines := len(path.read_text("utf-8").splitlines())) >= 80
    }
    folders = [path.name for path in sorted(EXAMPLES.iterdir()) if path.is_dir()]
    folders = [name for name in folders if not name.startswith((".", "_"))]
    manual = (ROOT / "docs" / "examples.md").read_text("utf-8")
    assert [] == [name for name in folders if not (EXAMPLES / name / "README.md").is_file()]
    assert folders == sorted(re.findall(r"\(\.\./examples/(\w+)/README\.md\)", manual))


def test_a_page_names_programs_that_there_are() -> None:
    """Each command of a page starts a file of its folder."""
    for page in EXAMPLES.glob("*/README.md"):
        named = re.findall(r"examples/[\w./]+\.\w+", page.read_text("utf-8"))
        assert [] == [path for path in named if not (ROOT / path).is_file()], page


# --- programs -----------------------------------------------------------------------------


def test_the_chat_remembers_what_was_said() -> None:
    """A response is part of the next question; a call that failed is not."""
    with server(["Paris.", Fault("error", {"status": 400}), "Two million."]) as mock:
        said = run(mock, "chat/chat.py", given="The capital?\nWhat?\nHow many live there?\n")
    assert said.startswith("> Paris.\n> ")
    assert said.endswith("\n> Two million.\n> \n")
    roles = [(each["role"], each["content"]) for each in mock.requests[-1].body["messages"]]
    expected = [
        ("system", "Be brief."),
        ("user", "The capital?"),
        ("assistant", "Paris."),
        ("user", "How many live there?"),
    ]
    assert expected == roles


def test_the_shop_cancels_what_is_open_and_says_what_is_not() -> None:
    """Tools read and change the database; an error of one is read by the model."""

    def called(name: str, **arguments: Any) -> ToolCall:
        return ToolCall(f"call_{name}", Function(name, json.dumps(arguments)))

    script: list[str | list[ToolCall]] = [
        [called("find_orders", customer="Ada")],
        [called("cancel_order", number=2)],
        [called("cancel_order", number=1)],
        "Order 2 is cancelled; order 1 was sent.",
    ]
    with server(script) as mock:
        said = run(mock, "tool_loop/shop.py", "Cancel", "Ada's", "orders.")
    assert "Order 2 is cancelled; order 1 was sent.\n" == said
    first, second, third = prompts(mock)[1:]
    assert [(1, "sent"), (2, "open")] == [(o["number"], o["state"]) for o in json.loads(first)]
    assert "order 2 is cancelled" == second
    assert "order 1 is not open" in third


def test_the_shop_gives_up_where_there_is_no_end() -> None:
    """A model that calls for ever is stopped, and the program says so by its exit code."""
    call = ToolCall("c", Function("find_orders", '{"customer": "Ada"}'))
    with server([[call]] * 9) as mock:
        assert "" == run(mock, "tool_loop/shop.py", code=1)
    assert 5 == len(mock.requests)


def test_invoices_are_extracted_from_a_folder(tmp_path: Path) -> None:
    """Each PDF is sent, and again where the response does not fit; a failure stops no other."""
    folder = tmp_path / "invoices"
    with server() as mock:
        run(mock, "extraction/make_invoices.py", str(folder))
    pdfs = sorted(folder.glob("*.pdf"))
    assert ["2026-001.pdf", "2026-002.pdf", "2026-003.pdf"] == [path.name for path in pdfs]
    asked: dict[str, int] = {}

    def answer(request: Any) -> str | Fault:
        name = request.body["messages"][0]["content"][1]["file"]["filename"]
        asked[name] = asked.get(name, 0) + 1
        if name == "2026-003.pdf":
            return Fault("error", {"status": 400})
        amounts = ["120.00"] if name == "2026-001.pdf" else ["much", "349.90"]
        fields = {"number": name[:-4], "supplier": "A", "currency": "GBP", "due": "2026-03-01"}
        return json.dumps({**fields, "total": amounts[asked[name] - 1]})

    with server(answer) as mock:
        said = run(mock, "extraction/extract.py", str(folder), code=1)
    found = [json.loads(line) for line in said.splitlines()]
    assert [("2026-001", "120.00"), ("2026-002", "349.90")] == [
        (each["number"], each["total"]) for each in found
    ]
    assert {"2026-001.pdf": 1, "2026-002.pdf": 2, "2026-003.pdf": 1} == asked


def test_a_made_pdf_is_one() -> None:
    """Its table of objects leads to each of them, and its text is there."""
    path = EXAMPLES / "extraction" / "make_invoices.py"
    data: bytes = loaded(path).pdf(["Invoice (1)", "Größe"])
    start = int(data.split()[-2])
    table = data[start:].split(b"\n")
    assert b"xref" == table[0]
    for number, line in enumerate(table[3:8], 1):
        assert data[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert b"(Invoice \\(1\\)) Tj" in data
    assert "(Größe) Tj".encode("latin-1") in data


def test_a_batch_goes_on_where_it_ended(tmp_path: Path) -> None:
    """What failed is made again, and nothing else is; when all is done, nothing is."""
    source, target = str(EXAMPLES / "batch" / "reviews.jsonl"), str(tmp_path / "answers.jsonl")

    def answer(request: Any) -> str | Fault:
        is_first = len([p for p in prompts(mock) if p == prompts(mock)[-1]]) == 1
        if "handle" in request.body["messages"][-1]["content"] and is_first:
            return Fault("error", {"status": 400})
        return "Positive"

    with server(answer) as mock:
        first = run(mock, "batch/classify.py", source, target, code=1)
        assert {"r1: Positive", "r3: Positive", "r4: Positive"} == {*first.splitlines()}
        assert "r2: Positive\n" == run(mock, "batch/classify.py", source, target)
        assert "" == run(mock, "batch/classify.py", source, target)
        assert 5 == len(mock.requests)
    assert all(
        prompt.startswith("Is this review positive or negative?") for prompt in prompts(mock)
    )


def test_retrieval_keeps_its_vectors_and_shows_what_fits(tmp_path: Path) -> None:
    """A text that is there word by word is the nearest to itself; each is embedded once."""
    index, question = str(tmp_path / "notes.db"), "Glass"
    note = (EXAMPLES / "rag" / "articles" / "bees.md").read_text("utf-8").split("\n\n")[0]
    with server(["By a dance.", "Flowers."]) as mock:
        assert "By a dance.\n" == run(mock, "rag/ask.py", note, index)
        assert "Flowers.\n" == run(mock, "rag/ask.py", question, index)
    first, _ = prompts(mock)
    assert first.startswith(f"bees.md: {note}\n\n")
    assert first.endswith(f"\n\nQuestion: {note}")
    inputs = [each.body["input"] for each in mock.requests if each.operation == "embeddings"]
    assert [7, 1, 1] == [len(texts) for texts in inputs]


def test_two_models_are_compared() -> None:
    """A column for each: what it says, how much of that is right, and its tokens."""

    def answer(request: Any) -> str | Fault:
        if "strawberry" in str(request.body["messages"]) and request.body["model"] == "b":
            return Fault("error", {"status": 400})
        return "391" if request.body["model"] == "a" else "Jupiter"

    with server(answer) as mock:
        said = run(mock, "evaluation/compare.py", "openai/a", "openai/b").splitlines()
    assert ["question", "openai/a", "openai/b"] == said[0].split()
    assert ["+ 391", "- Jupiter"] == re.split(r"\s{2,}", said[1])[1:]
    assert ["right", "1 of 4", "1 of 4"] == re.split(r"\s{2,}", said[5])
    assert ["tokens"] == re.split(r"\s{2,}", said[6])[:1]
    assert 7 == len(said)


@pytest.mark.parametrize("import_", ["import litellm", "import llmgate_litellm as litellm", None])
def test_the_migration_prints_the_same_before_and_after(
    import_: str | None, tmp_path: Path
) -> None:
    """The page's program by ``install()``, with one line changed, and in llmgate's own words."""
    program = EXAMPLES / "migration" / "after.py"
    if import_ is not None:
        page = (EXAMPLES / "migration" / "README.md").read_text("utf-8")
        code = page.partition("```python\n")[2].partition("```")[0]
        before = "import llmgate_litellm\nllmgate_litellm.install()\n"
        program = tmp_path / "before.py"
        program.write_text(before + code.replace("import litellm\n", f"{import_}\n"))
    with server(["The sky", "It scatters blue light."]) as mock:
        assert "The sky\nIt scatters blue light.\n" == run(mock, str(program), "Why is it blue?")
    assert ["A title for: Why is it blue?", "Why is it blue?"] == prompts(mock)


def test_the_notebook_is_kept_with_what_its_cells_show() -> None:
    """All cells ran in order, none failed; `make examples` compares what they show."""
    path = EXAMPLES / "notebook" / "tour.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, 1):
        assert number == cell["execution_count"]
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile("".join(cell["source"]), f"cell {number}", "exec", flags, dont_inherit=True)
    shown = [output for cell in code for output in cell["outputs"]]
    kinds = ["execute_result", "stream", "display_data", "execute_result", "execute_result"]
    assert kinds == [output["output_type"] for output in shown]


# --- the web service ----------------------------------------------------------------------


def loaded(path: Path) -> Any:
    """A program, as a module."""
    specification = spec_from_file_location(f"example_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@asynccontextmanager
async def service(upstream: FaultServer, patch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    """The address of the web service, which asks a server of ours."""
    for name, value in environment(upstream.url).items():
        patch.setenv(name, value)
    app = loaded(EXAMPLES / "web_service" / "service.py").app
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    async with anyio.create_task_group() as group:
        group.start_soon(running.serve)
        assert await wait_for_async(lambda: running.started)
        try:
            yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        finally:
            running.should_exit = True


async def events_of(url: str, *, times: int = 1) -> list[list[Any]]:
    """The objects that a question is answered, so many times over one connection."""
    answers = list[list[Any]]()
    async with aiohttp.ClientSession(url) as session:
        for _ in range(times):
            async with session.post("/chat", json={"prompt": "Why?"}) as response:
                assert "text/event-stream" in response.headers["content-type"]
                lines = [line async for line in response.content if line.startswith(b"data: ")]
            answers.append([json.loads(line[6:]) for line in lines])
    return answers


WHOLE = stream("It ", "scatters ", "light.")
BEGINNING = (STREAM_HEAD, framed(event(chunk("It "))))
TEXTS = [{"text": "It "}, {"text": "scatters "}, {"text": "light."}, {"end": "stop"}]


async def test_the_service_streams_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts as they come, and the end; requests share the connection of one client."""
    with FaultServer(WHOLE) as upstream:
        async with service(upstream, monkeypatch) as url:
            assert [TEXTS, TEXTS] == await events_of(url, times=2)
            assert (2, 1) == (len(upstream.requests), upstream.connections)
        assert await wait_for_async(lambda: upstream.open_connections == 0)


async def test_the_service_hides_what_an_error_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class is an event, since the status has been sent."""
    with FaultServer(reply(401, "secret")) as upstream:
        async with service(upstream, monkeypatch) as url:
            assert [[{"error": "AuthenticationError"}]] == await events_of(url)


async def test_the_service_cancels_upstream_when_its_client_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while the provider is silent: its connection is closed."""
    with FaultServer(then(*BEGINNING, last=hang)) as upstream:
        async with service(upstream, monkeypatch) as url, aiohttp.ClientSession(url) as session:
            response = await session.post("/chat", json={"prompt": "Why?"})
            assert b'data: {"text": "It "}\n' == await response.content.readline()
            assert 1 == upstream.open_connections
            response.close()
            assert await wait_for_async(lambda: upstream.open_connections == 0)


@asynccontextmanager
async def socket_to(url: str) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket to the service."""
    async with aiohttp.ClientSession(url) as session, session.ws_connect("/chat") as socket:
        yield socket


async def test_the_service_answers_over_a_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    """One socket takes several questions."""
    with FaultServer(WHOLE) as upstream:
        async with service(upstream, monkeypatch) as url, socket_to(url) as socket:
            for _ in range(2):
                await socket.send_str("Why?")
                assert TEXTS == [await socket.receive_json() for _ in TEXTS]


async def test_a_further_question_or_leaving_ends_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over a WebSocket, each question cancels the one before it, and so does the end of it all."""
    with FaultServer(then(*BEGINNING, last=hang)) as upstream:
        async with service(upstream, monkeypatch) as url:
            async with socket_to(url) as socket:
                for number in (1, 2):
                    await socket.send_str("Why?")
                    assert {"text": "It "} == await socket.receive_json()
                    assert await wait_for_async(lambda: upstream.open_connections == 1)
                    assert number == len(upstream.requests)
            assert await wait_for_async(lambda: upstream.open_connections == 0)
