"""The configuration file: what it says, and what it must not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate._core.added import added_hosts
from llmgate.cli import main
from llmgate.cli.configuration import Configuration, configuration_file, configured
from llmgate.cli.lines import lines_for
from llmgate.errors import InvalidRequestError


def write(text: str) -> Path:
    """Write the file."""
    file = configuration_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_nothing_is_set() -> None:
    """It is optional."""
    assert Configuration() == configured()


def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where XDG says, if that is an absolute path; otherwise below the home."""
    assert tmp_path / "config" / "llmgate" / "config.toml" == configuration_file()
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert tmp_path / ".config" / "llmgate" / "config.toml" == configuration_file()


def test_a_default_model_and_aliases(capsys: pytest.CaptureFixture[str]) -> None:
    """An alias is a name for -m, and may be the default."""
    write('model = "mine"\nmarkdown = false\n[aliases]\nmine = "echo/echo"\ntoken = "echo/empty"')
    assert 0 == main(["chat", "Hi"])
    assert 0 == main(["chat", "Hi", "-m", "token"])
    assert "user: Hi\n" == capsys.readouterr().out


def test_hosts_have_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """In every command; the same file may be read again."""
    write(
        '[hosts.acme]\nbase_url = "https://api.acme.example/v1"\nkey = ["ACME_KEY", "ACME_TOKEN"]\n'
        'chat = { errors = { no_key = "authentication" }, without = ["seed"] }\n'
    )
    configured()
    assert 0 == main(["providers"])
    assert "ACME_KEY not set, ACME_TOKEN not set" in capsys.readouterr().out
    assert ("ACME_KEY", "ACME_TOKEN") == added_hosts["acme"].keys


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('[hosts.openai]\nbase_url = "https://h.example"', "an installed provider has this name"),
        ('[hosts.acme]\nbase_url = "http://h.example"', "expected an https address"),
        (
            '[hosts.acme]\nbase_url = "https://h.example"\nkey = "OPENAI_API_KEY"',
            "OPENAI_API_KEY is the key of an installed provider",
        ),
        ('[hosts.acme]\nbase_url = "https://h.example"\nbase_rul = "x"', "base_rul"),
    ],
)
def test_hosts_have_the_rules_of_files(row: str, message: str) -> None:
    """As those of a file that ``LLMGATE_HOSTS`` names."""
    file = write(row)
    with pytest.raises(InvalidRequestError, match=message) as failure:
        configured()
    assert str(file) in str(failure.value)


KEY = "sk-" + "a1B2" * 8


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'api_key = "{KEY}"', "api_key"),
        (f'model = "{KEY}"', "model"),
        (f'[aliases]\nmine = "{KEY}"', "aliases.mine"),
        ('[hosts.acme]\napi_key = "ACME_API_KEY"', "hosts.acme.api_key"),
        (f'[hosts.acme]\nkey = "{KEY}"', "hosts.acme.key"),
        ('[hosts.acme]\nkey = "abcdefghijklmnopqrstuvwxyz0123456789ABCD"', "hosts.acme.key"),
        (f'[hosts.acme]\nkey = ["ACME_KEY", "{KEY}"]', "hosts.acme.key"),
        ('[hosts.acme]\nheaders = { Authorization = "Bearer x" }', "acme.headers.Authorization"),
        ('[hosts.acme]\nheaders = { x-api-key = "x" }', "hosts.acme.headers.x-api-key"),
        ('[hosts.acme]\nbase_url = "https://me:pass@h.example"', "hosts.acme.base_url"),
        ('[hosts.acme]\nbase_url = "https://h.example?code=1"', "hosts.acme.base_url"),
        ('[hosts.acme]\nhosts = ["AIzaabcdefghijklmnop"]', "hosts.acme.hosts"),
    ],
)
def test_a_key_is_refused(text: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, which says where it is and what to do, and does not repeat it."""
    write(text)
    assert 1 == main(["chat", "Hi", "-m", "echo/echo"])
    said = capsys.readouterr().err
    assert f"{place}: this looks like a key, which is not kept in a file: " in said
    assert (1, False) == (said.count("\n"), KEY in said)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "it cannot be read: "),
        ("colour = true", "colour: there is no such setting: it is one of model, aliases, hosts"),
        ("model = 5", "model: expected a model's name, got 5"),
        ("keep_conversations = true", "keep_conversations: expected a number, got True"),
        ("keep_conversations = -1", "keep_conversations: expected 0 or more"),
        ("[aliases]\nmine = 5", "aliases.mine: expected a model's name, got 5"),
        ('[aliases]\nmine = " "', "aliases.mine: expected a model's name"),
    ],
)
def test_what_is_wrong_is_named(
    text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file."""
    file = write(text)
    assert 1 == main(["chat", "Hi", "-m", "echo/echo"])
    said = capsys.readouterr().err
    assert said.startswith(f"llmgate: {file}: ")
    assert message in said


def test_a_file_that_cannot_be_opened(capsys: pytest.CaptureFixture[str]) -> None:
    """Such as a directory of that name."""
    configuration_file().mkdir(parents=True)
    assert 1 == main(["providers"])
    assert "it cannot be read: Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("home", ["/dev/null", None])
def test_a_user_without_a_home_has_no_configuration(
    home: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as that of a service: nothing is read and nothing is kept, and calls are made."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    if home is None:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("pwd.getpwuid", dict[int, Any]().__getitem__)  # nobody is known
    else:
        monkeypatch.setenv("HOME", home)
    assert 0 == main(["chat", "Hi", "-m", "echo/echo"])
    printed = capsys.readouterr()
    assert "user: Hi\n" == printed.out
    assert printed.err.startswith("llmgate: the conversation is not kept for --continue: ")
    assert 0 == main(["doctor"])
    assert "configuration: " in capsys.readouterr().out
    monkeypatch.setenv("TERM", "dumb")
    lines_for([]).close()
    assert 1 == main(["chat", "Hi", "--continue"])
    assert "there is no conversation to continue" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["chat Hi", "preview Hi", "explain", "embed Hi", "cost", "batch in.jsonl -o out.jsonl"],
)
def test_an_empty_name_is_not_that_of_the_usual_model(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one of a variable that is not set, and the usual model would be asked unnoticed."""
    write('model = "echo/echo"')
    with pytest.raises(SystemExit) as end:
        main([*words.split(), "-m", ""])
    assert 2 == end.value.code
    expected = f"llmgate {words.partition(' ')[0]}: error: the model's name is empty\n"
    assert expected in capsys.readouterr().err
