"""What the arguments of a chat mean for its call, and what is refused in one line."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from llmgate.cli import main
from llmgate.cli.arguments import content_of, options_of, tools_of
from llmgate.cli.commands import parser_for
from llmgate.cli.conversations import write_private
from llmgate.errors import InvalidRequestError

WEATHER = '''
from pydantic import BaseModel

class Answer(BaseModel):
    number: int

class Box:
    @staticmethod
    def weather(city: str) -> str:
        """Say what the weather is."""
        return f"rain in {city}"

def weather(city: str) -> str:
    """Say what the weather is."""
    return f"rain in {city}"

def broken(city: str) -> str:
    """Fail."""
    raise ValueError("no weather")

def parts(city: str) -> list[dict[str, str]]:
    """Two texts."""
    return [{"type": "text", "text": "rain"}, {"type": "text", "text": city}]
'''


@pytest.fixture(name="here")
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which has a module."""
    (tmp_path / "my_weather.py").write_text(WEATHER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_weather", raising=False)
    return tmp_path


def parsed(*words: str) -> argparse.Namespace:
    """The arguments of a chat."""
    return parser_for(["chat"]).parse_args(["chat", *words])


def test_each_argument_is_a_keyword_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not given is not in the call, and ``--param`` takes JSON or text."""
    monkeypatch.setenv("MY_KEY", "sk-secret")
    given = parsed(
        *("-t", "0.5", "--max-tokens", "9", "--timeout", "3", "--base-url", "https://h.example"),
        *("--key-env", "MY_KEY", "-p", "seed=7", "--param", "user=ada=b", "-p", 'stop=["a"]'),
    )
    assert {
        "temperature": 0.5,
        "max_tokens": 9,
        "timeout": 3.0,
        "base_url": "https://h.example",
        "api_key": "sk-secret",
        "seed": 7,
        "user": "ada=b",
        "stop": ["a"],
    } == options_of(given)
    assert {} == options_of(parsed("Hi"))


def test_a_schema_is_a_file_or_a_type(here: Path) -> None:
    """The file's name is that of the schema."""
    (here / "answer.json").write_text('{"type": "object"}', encoding="utf-8")
    form = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    expected = {"type": "json_schema", "json_schema": form}
    assert expected == options_of(parsed("--schema", "answer.json"))["response_format"]
    found = options_of(parsed("--schema", "my_weather:Answer"))["response_format"]
    assert ["number"] == [*found.model_fields]


@pytest.mark.parametrize(
    ("file", "name"),
    [("person.schema.json", "person_schema"), ("my form.json", "my_form"), ("é.json", "_")],
)
def test_the_name_of_a_schema_has_the_characters_of_names(here: Path, file: str, name: str) -> None:
    """Those that OpenAI takes; a byte order mark at the file's beginning says nothing."""
    (here / file).write_text('{"type": "object"}', encoding="utf-8-sig")
    form = options_of(parsed("--schema", file))["response_format"]["json_schema"]
    assert {"name": name, "schema": {"type": "object"}, "strict": True} == form


def test_a_tool_is_a_function_of_a_module(here: Path) -> None:
    """The working directory is searched last; it is added once."""
    found = tools_of(parsed("--tool", "my_weather:weather", "--tool", "my_weather:Box.weather"))
    assert ["rain in Oslo"] * 2 == [each("Oslo") for each in found]
    assert (str(here), 1) == (sys.path[-1], sys.path.count(str(here)))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "path", "message"),
    [
        (["-p", "seed"], "--param", "expected NAME=VALUE, got 'seed'"),
        (["--schema", "none.json"], "--schema", "No such file"),
        (["-p", "model=x"], "--param", "model is no parameter here: use -m"),
        (["-p", "stream=true"], "--param", "stream is no parameter here: leave it out"),
        (["-p", "api_key=sk-1"], "--param", "a key is no argument, as others could read it"),
        (["--key-env", "NOT_SET_ANYWHERE"], "--key-env", "this one is not set"),
        (["--schema", "my_weather:Nothing"], "--schema", "has no attribute 'Nothing'"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], path: str, message: str) -> None:
    """The option is named, and what was expected."""
    with pytest.raises(InvalidRequestError, match=message) as failure:
        options_of(parsed(*words))
    assert path == failure.value.path


def test_a_key_in_place_of_a_variable_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """Where somebody gives the key itself."""
    assert 1 == main(["chat", "Hi", "-m", "echo/echo", "--key-env", "sk-secret-0123"])
    expected = "llmgate: --key-env: expected the name of a variable that holds the key, not the key"
    assert expected == capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ("weather", "expected module:name, got 'weather'"),
        ("nowhere_at_all:weather", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_tool_that_is_none_is_refused(tool: str, message: str) -> None:
    """Whatever its module raises."""
    with pytest.raises(InvalidRequestError, match=message):
        tools_of(parsed("--tool", tool))


def test_files_are_parts_of_the_message(tmp_path: Path) -> None:
    """They are read at once; an https URL is passed on."""
    image, document, sound = tmp_path / "a.png", tmp_path / "a.pdf", tmp_path / "a.mp3"
    image.write_bytes(b"\x89PNG1")
    document.write_bytes(b"%PDF1")
    sound.write_bytes(b"ID3a")
    words = [
        *("--image", str(image), "--image", "https://h.example/b.png"),
        *("--file", str(document), "--audio", str(sound)),
    ]
    parts: Any = content_of(parsed(*words), "What?")
    kinds = ["text", "image_url", "image_url", "file", "input_audio"]
    assert kinds == [part["type"] for part in parts]
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")
    without: Any = content_of(parsed(*words), "")
    assert kinds[1:] == [part["type"] for part in without]
    assert "What?" == content_of(parsed(), "What?")
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        content_of(parsed("--image", str(tmp_path / "none.png")), "")


# --- tools ---


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [[], ["--no-stream"], ["--json"]])
@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("weather", "weather({'city': 'Oslo'}) -> rain in Oslo"),
        ("broken", 'broken({"city": "Oslo"}) failed: '),
        ("parts", "parts({'city': 'Oslo'}) -> 2 parts"),
    ],
)
def test_a_tool_is_called(
    options: list[str], tool: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was called, and what came of it, is said on standard error."""
    words = ["chat", "Hi", "-m", "echo/calling", "--tool", f"my_weather:{tool}", *options]
    assert 0 == main(words)
    printed = capsys.readouterr()
    assert printed.err.startswith(f"llmgate: {expected}")
    assert 1 == printed.err.count("\n")
    text = (
        json.loads(printed.out)["choices"][0]["message"]["content"]
        if options == ["--json"]
        else printed.out
    )
    assert text.startswith("user: Hi | assistant: ")


# --- what it took ---


@pytest.mark.parametrize(
    ("model", "expected"),
    [("counting", "llmgate: 3 + 2 tokens, "), ("echo", "llmgate: tokens not known, ")],
)
def test_usage_is_said_on_request(
    model: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, where it disturbs no pipe."""
    assert 0 == main(["chat", "Hi", "-m", f"echo/{model}", "--usage"])
    printed = capsys.readouterr()
    assert ("user: Hi\n", True) == (printed.out, printed.err.startswith(expected))


# --- conversations ---


def conversations(folder: Path) -> list[Path]:
    """The files of those that are kept."""
    return sorted((folder / "state" / "llmgate" / "conversations").glob("*"))


def test_a_conversation_is_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its model, unless another is named; nobody else can read it."""
    assert 0 == main(["chat", "Hi", "-m", "echo/echo", "-s", "Be brief."])
    assert 0 == main(["chat", "Why?", "--continue"])
    expected = "system: Be brief. | user: Hi | assistant: system: Be brief. | user: Hi | user: Why?"
    assert f"system: Be brief. | user: Hi\n{expected}\n" == capsys.readouterr().out
    [kept] = conversations(tmp_path)
    assert (0o600, 0o700) == (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777)
    assert 0 == main(["chat", "So?", "-c", "-m", "echo/empty", "-s", "Be long."])
    saved = json.loads(kept.read_text(encoding="utf-8"))
    assert ("echo/empty", "Be long.") == (saved["model"], saved["messages"][0]["content"])
    roles = ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert roles == [message["role"] for message in saved["messages"]]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """As many as the configuration says."""
    (tmp_path / "config" / "llmgate").mkdir(parents=True)
    file = tmp_path / "config" / "llmgate" / "config.toml"
    for most, expected in ((2, 2), (0, 0)):
        file.write_text(f"keep_conversations = {most}", encoding="utf-8")
        for text in "abc":
            assert 0 == main(["chat", text, "-m", "echo/echo"])
        assert expected == len(conversations(tmp_path))


def test_without_a_conversation_there_is_nothing_to_continue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor with one that cannot be read."""
    assert 1 == main(["chat", "Hi", "-c"])
    assert "--continue: there is no conversation to continue" in capsys.readouterr().err
    folder = tmp_path / "state" / "llmgate" / "conversations"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text("{", encoding="utf-8")
    assert 1 == main(["chat", "Hi", "-c"])
    assert "1.json cannot be read: " in capsys.readouterr().err


def test_where_nothing_can_be_kept_the_completion_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line says why."""
    (tmp_path / "state").write_text("", encoding="utf-8")
    assert 0 == main(["chat", "Hi", "-m", "echo/echo"])
    printed = capsys.readouterr()
    assert ("user: Hi\n", 1) == (printed.out, printed.err.count("\n"))
    assert printed.err.startswith("llmgate: the conversation is not kept for --continue: ")


def test_a_conversation_that_is_not_kept_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full, or the command is interrupted meanwhile."""
    for error in (OSError("full"), KeyboardInterrupt()):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", fail)
            with pytest.raises(type(error)):
                write_private(tmp_path / "state" / "x.json", "{}")
    assert [] == [*(tmp_path / "state").iterdir()]


def test_without_a_command_there_is_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as with --help, and the exit code is 0."""
    assert 0 == main([])
    alone = capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert (0, alone) == (end.value.code, capsys.readouterr().out)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert alone.startswith("usage: llmgate COMMAND [options]\n")


def test_words_of_a_prompt_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Before, between and behind options."""
    assert 0 == main(["chat", "one", "-m", "echo/echo", "two", "--usage", "three"])
    assert "user: one two three\n" == capsys.readouterr().out
    assert 0 == main(["chat", "-m", "echo/echo", "--", "-5", "--plus"])
    assert "user: -5 --plus\n" == capsys.readouterr().out
    assert 0 == main(["chat", "-m", "echo/echo", "What", "is", "--plain", "--", "-5"])
    assert "user: What is -5\n" == capsys.readouterr().out
    assert 0 == main(["chat", "What", "--plain", "is", "-5", "-.5", "-m", "echo/echo", "- to me?"])
    assert "user: What is -5 -.5 - to me?\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chat", "Hi", "--modle=x"], "llmgate chat: error: there is no option --modle=x; "),
        (["chat", "Hi", "--modle=x"], "did you mean --model?"),
        (["chat", "Hi", "--zzz"], "there is no option --zzz\n"),
        (["chat", "Hi", "--temp", "1"], "--temp; did you mean --temperature?"),
        (["chat", "Hi", "--api-key", "x"], "set the provider's variable, or name another one with"),
        (["doctor", "now"], "llmgate doctor: error: unexpected 'now'"),
        (["explain", "echo/echo", "now"], "llmgate explain: error: unexpected 'now'"),
        (["--colour"], "llmgate: error: there is no option --colour"),
    ],
)
def test_what_is_unknown_is_named(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the option that was meant, and the usage of the command itself."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert 2 == end.value.code
    assert message in capsys.readouterr().err
