"""The commands that show what a call would send, what a model takes, and which hosts there are."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import pytest

from llmgate.cli import main
from llmgate.cli.configuration import configuration_file
from llmgate.cli.output import print_table
from tests.cli.terminal import FakeTerminal

QUESTION = ["Hi", "-m", "openai/gpt-4o"]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of standard output."""
    return capsys.readouterr().out.splitlines()


# --- preview ---


def test_a_preview_is_the_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is changed in it, and without the key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    words = ["-s", "Be brief.", "-t", "0.5", "--stream"]
    assert 0 == main(["preview", *QUESTION, *words])
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert ("POST", "https://api.openai.com/v1/chat/completions") == (shown["method"], shown["url"])
    body = shown["body"]
    assert (0.5, True) == (body["temperature"], body["stream"])
    assert ["system", "user"] == [message["role"] for message in body["messages"]]
    headers = {name.lower(): value for name, value in shown["headers"].items()}
    assert ("***", "", False) == (headers["authorization"], err, "canary" in out)


def test_a_preview_as_a_curl_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell reads it as one command; what is changed is said beside it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    assert 0 == main(["preview", "It's", "-m", "openai/o3", "-t", "0.5", "--curl"])
    out, err = capsys.readouterr()
    words = shlex.split(out.replace("\\\n", " "))
    expected = ["curl", "-X", "POST", "https://api.openai.com/v1/chat/completions"]
    assert expected == words[:4]
    assert "It's" == json.loads(words[words.index("--data-raw") + 1])["messages"][0]["content"]
    assert "authorization: ***" in [word.lower() for word in words]
    assert "canary" not in out + err
    lines = err.splitlines()
    assert "llmgate: put your key in the place of ***" == lines[0]
    assert lines[1].startswith("llmgate: temperature dropped: ")


def test_a_preview_without_a_key_or_a_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing needs to be put anywhere; a provider may ask something before the call itself."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("REPLICATE_API_TOKEN", raising=False)
    assert 0 == main(["preview", *QUESTION, "--curl"])
    assert "" == capsys.readouterr().err
    assert 0 == main(["preview", "Hi", "-m", "replicate/me/model", "--curl"])
    assert "--data-raw" not in capsys.readouterr().out
    assert 0 == main(["preview", "Hi", "-m", "replicate/me/model"])
    assert "" == json.loads(capsys.readouterr().out)["body"]


def test_a_preview_has_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the model is told of them."""
    source = 'def tell(city: str) -> str:\n    """Tell."""\n    return city\n'
    (tmp_path / "my_previewed.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["preview", *QUESTION, "--tool", "my_previewed:tell"])
    [tool] = json.loads(capsys.readouterr().out)["body"]["tools"]
    assert "tell" == tool["function"]["name"]


def test_there_must_be_something_to_preview(capsys: pytest.CaptureFixture[str]) -> None:
    """As for a chat."""
    with pytest.raises(SystemExit) as end:
        main(["preview", "-m", "openai/gpt-4o"])
    assert 2 == end.value.code
    assert "there is nothing to ask" in capsys.readouterr().err


# --- explain ---


def rows(lines: list[str]) -> dict[str, str]:
    """A table's rows by their first cells."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines if line}


def test_a_model_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """What is known of it, and how each parameter is sent."""
    assert 0 == main(["explain", "openai/gpt-5"])
    lines = printed(capsys)
    assert "openai/gpt-5" == lines[0]
    assert any("tokens of context" in line for line in lines[1:4])
    shown = rows(lines)
    assert "as max_completion_tokens" in shown["max_tokens"]
    assert shown["temperature"].startswith("only 1 ")
    assert shown["logit_bias"].startswith("dropped ")
    unchanged = " ".join(lines).partition("sent unchanged: ")[2]
    assert {"seed", "functions"} <= {name.strip() for name in unchanged.split(",")}


def test_a_provider_s_own_terms_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Translated, emulated, dropped, and refused where the result would mean something else."""
    assert 0 == main(["explain", "-m", "anthropic/claude-sonnet-4-5"])
    shown = rows(printed(capsys))
    assert ("translated", "dropped", "refused") == (shown["tools"], shown["seed"], shown["audio"])
    assert "as tools the legacy form of tools" == shown["functions"]
    assert 0 == main(["explain", "cohere/command-a"])
    assert "as tools the legacy form of tools" == rows(printed(capsys))["function_call"]
    assert 0 == main(["explain", "local/smollm2", "--timeout", "5"])
    assert "emulated" in " ".join(printed(capsys))


def test_a_model_of_which_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A provider that declares nothing takes everything."""
    assert 0 == main(["explain", "echo/echo"])
    lines = printed(capsys)
    assert ["echo/echo", ""] == lines[:2]
    assert lines[2].startswith("sent unchanged: audio, frequency_penalty, function_call, ")


def test_facts_of_a_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it has, what it lacks, and whether it is to be used."""
    from llmgate.models import ModelInfo

    known = ModelInfo("echo/echo", max_output=1000, tools=True, audio=False, status="deprecated")
    monkeypatch.setattr("llmgate.cli.explain.model_info", lambda _: known)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert 0 == main(["explain", "echo/echo"])
    expected = ["1,000 tokens of output", "has tools", "lacks audio", "status: deprecated"]
    assert expected == printed(capsys)[1:5]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["openai/gpt-4o", "-t", "0.5"], ["the request says exactly what was asked"]),
        (
            ["anthropic/claude-sonnet-4-5", "-p", "seed=7", "-t", "1.5"],
            ["temperature clamped: ", "  given 1.5, sent 1", "seed dropped: "],
        ),
        (
            ["anthropic/claude-sonnet-4-5", "-p", "n=2"],
            ["the call is refused before anything is sent: n is not supported: "],
        ),
        (["openai/gpt-4o", "--stream"], ["stream_options.include_usage injected: "]),
    ],
)
def test_a_call_is_explained(
    words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be changed in it, or why it is refused."""
    assert 0 == main(["explain", *words])
    text = "\n".join(printed(capsys))
    assert [] == [each for each in expected if each not in text]


def test_a_model_that_takes_nothing_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no list of what is sent unchanged then."""
    monkeypatch.setattr("llmgate.cli.explain.abilities_of", lambda *_: {})  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert 0 == main(["explain", "echo/echo"])
    text = capsys.readouterr().out
    assert ("sent unchanged" in text, rows(text.splitlines())["functions"]) == (
        False,
        "refused the legacy form of tools",
    )


def test_a_table_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last column is wrapped, unless there is no room for words."""
    monkeypatch.setenv("LINES", "24")
    table = [("name", "reason"), ("a", "some words that do not fit")]
    for columns, expected in (
        ("26", "name  reason\na     some words that do\n      not fit\n"),
        ("25", "name  reason\na     some words that do not fit\n"),
    ):
        monkeypatch.setenv("COLUMNS", columns)
        terminal = FakeTerminal()
        monkeypatch.setattr("sys.stdout", terminal)
        print_table(table)
        assert expected == terminal.getvalue()


# --- hosts ---


def test_hosts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With titles and addresses, those of the configuration among them."""
    file = configuration_file()
    file.parent.mkdir(parents=True)
    file.write_text('[hosts.acme]\nbase_url = "https://api.acme.example/v1"', encoding="utf-8")
    assert 0 == main(["hosts"])
    shown = rows(printed(capsys))
    assert "acme https://api.acme.example/v1" == shown["acme"]
    assert "https://api.groq.com/openai/v1" in shown["groq"]
    assert {"openai", "echo"}.isdisjoint(shown)


def test_only_hosts_with_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On request."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "groq,together,echo")
    monkeypatch.setenv("GROQ_API_KEY", "gsk-canary")
    assert 0 == main(["hosts", "--keys"])
    lines = printed(capsys)
    assert ["host", "groq"] == [line.split()[0] for line in lines]


def test_a_host_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it needs and what it lacks; no key."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-canary")
    assert 0 == main(["hosts", "groq"])
    text = capsys.readouterr().out
    assert ("GROQ_API_KEY set" in text, "canary" in text) == (True, False)
    assert "llmgate chat -m groq/MODEL asks it." in text
    assert 0 == main(["hosts", "tgi"])
    assert "none is needed" in capsys.readouterr().out


def test_a_host_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is named; where it is empty, what to install."""
    assert 1 == main(["hosts", "openai"])
    assert "no host is named 'openai'; llmgate hosts lists them" in capsys.readouterr().err
    monkeypatch.setenv("LLMGATE_PROVIDERS", "echo")
    from llmgate._core.registry import installed_providers

    installed_providers.cache_clear()
    assert 0 == main(["hosts"])
    assert "llmgate-core[compatible]" in capsys.readouterr().err


def test_a_provider_that_cannot_be_loaded_is_named(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are listed."""
    folder = site / "broken_provider-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-provider\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[llmgate.providers]\nbroken = broken_provider:No\n")
    try:
        assert 0 == main(["hosts"])
        out, err = capsys.readouterr()
    finally:
        for file in (*folder.iterdir(),):
            file.unlink()
        folder.rmdir()
    assert ("groq" in out, err.startswith("llmgate: the provider 'broken' of")) == (True, True)


# --- embed ---


def test_texts_become_vectors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, from arguments or from a pipe."""
    assert 0 == main(["embed", "one", "three", "-m", "echo/echo"])
    first, second = map(json.loads, printed(capsys))
    assert ({"index": 0, "embedding": [3.0]}, [5.0]) == (first, second["embedding"])
    piped = io.TextIOWrapper(io.BytesIO(b"one\n\nthree\n"))
    monkeypatch.setattr("sys.stdin", piped)
    assert 0 == main(["embed", "-m", "echo/echo"])
    assert [[3.0], [5.0]] == [json.loads(line)["embedding"] for line in printed(capsys)]


def test_lines_end_where_those_of_files_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page break of ``pdftotext``, or a line separator of Unicode, is a character of its line."""
    piped = io.TextIOWrapper(io.BytesIO("one\r\n\ftwo\nth\u2028ree\n\f\n".encode()))
    monkeypatch.setattr("sys.stdin", piped)
    assert 0 == main(["embed", "-m", "echo/echo"])
    assert [[3.0], [4.0], [6.0]] == [json.loads(line)["embedding"] for line in printed(capsys)]


def test_the_response_of_an_embedding(capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, with what was asked for."""
    words = ["--dimensions", "2", "--input-type", "query", "-p", "user=ada", "--json"]
    assert 0 == main(["embed", "one", "-m", "echo/echo", *words])
    [line] = printed(capsys)
    shown = json.loads(line)
    assert [3.0, 3.0] == shown["data"][0]["embedding"]
    assert {"dimensions": 2, "input_type": "query", "user": "ada"} == shown["asked"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is nothing to embed"),
        (["one"], "name a model of embeddings with -m provider/model"),
    ],
)
def test_an_embedding_needs_texts_and_a_model(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default model is one of chats."""
    with pytest.raises(SystemExit) as end:
        main(["embed", *words])
    assert 2 == end.value.code
    assert message in capsys.readouterr().err
