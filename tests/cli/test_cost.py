"""What the command line says of costs: of completions in files, and of a model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.cli import main


def completion(model: str, prompt: int, written: int, **more: Any) -> dict[str, Any]:
    """A completion as its JSON is."""
    usage = {"prompt_tokens": prompt, "completion_tokens": written}
    message = {"role": "assistant", "content": "Hi"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "1", "model": model, "choices": choices, "usage": usage, **more}


def write(path: Path, *lines: Any) -> str:
    """Write lines of JSON, and name the file."""
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    return str(path)


def table(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The cells that were printed."""
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_line_separators_of_unicode_end_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may stand in what a model said, as JSON allows."""
    said = completion("gpt-4o", 10, 1, choices=[{"message": {"content": "a\u2028b\x85c"}}])
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(said, ensure_ascii=False)}\n" * 2, encoding="utf-8-sig")
    main(["cost", str(path)])
    assert ["in", "all", "2", "20", "2"] == table(capsys)[-1][:5]


def test_the_completions_of_files_are_added_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of a batch's records and single ones; a call that failed cost nothing."""
    first = write(
        tmp_path / "batch.jsonl",
        {"index": 0, "id": "0", "completion": completion("gpt-4o", 1000, 100)},
        {"index": 1, "id": "1", "error": {"message": "no"}},
    )
    second = write(tmp_path / "one.jsonl", completion("gpt-4o", 1000, 100))
    assert 0 == main(["cost", first, second])
    assert [
        ["model", "calls", "prompt", "completion", "cost"],
        ["openai/gpt-4o", "2", "2000", "200", "0.00700", "USD"],
        ["in", "all", "2", "2000", "200", "0.00700", "USD"],
    ] == table(capsys)


def test_a_model_may_be_named_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where completions do not say whose they are; a file may be piped in."""
    text = json.dumps(completion("my-deployment", 1000, 100))
    file = tmp_path / "one.jsonl"
    file.write_text(text, encoding="utf-8")
    assert 1 == main(["cost", str(file)])
    out, err = capsys.readouterr()
    assert "my-deployment  1      1000    100         -" in out
    assert "llmgate: the cost of 1 of 1 completions is not known\n" == err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert 0 == main(["cost", "-", "-m", "openai/gpt-4o"])
    assert ["in", "all", "1", "1000", "100", "0.00350", "USD"] == table(capsys)[-1]


def test_a_completion_without_a_model_s_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or without usage: its cost is not known."""
    file = write(
        tmp_path / "one.jsonl", completion("", 1, 1), completion("gpt-4o", 0, 0, usage=None)
    )
    assert 1 == main(["cost", file])
    assert "the cost of 2 of 2 completions is not known" in capsys.readouterr().err


def test_an_empty_file_cost_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its table has one row."""
    assert 0 == main(["cost", write(tmp_path / "none.jsonl")])
    assert ["in", "all", "0", "0", "0", "-"] == table(capsys)[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "none.jsonl: it cannot be read: "),
        ("{", "one.jsonl:1: expected the JSON of a completion"),
        ("[]", "one.jsonl:1: expected the JSON of a completion"),
        ('{"a": 1}', "one.jsonl:1: expected the JSON of a completion"),
        ('{"completion": 5}', "one.jsonl:1: expected the JSON of a completion"),
    ],
)
def test_what_is_no_completion(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file and line are named."""
    file = tmp_path / ("none.jsonl" if text is None else "one.jsonl")
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert 1 == main(["cost", str(file)])
    assert message in capsys.readouterr().err


def test_the_prices_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """For a million tokens, or for as many as are said."""
    assert 0 == main(["cost", "-m", "openai/gpt-4o"])
    shown = table(capsys)
    assert ["price", "USD", "for"] == shown[0]
    assert ["input", "2.5", "a", "million", "tokens"] in shown
    for words, amount in (
        (["--prompt-tokens", "1000"], "0.00250"),
        (["--prompt-tokens", "1000", "--completion-tokens", "100"], "0.00350"),
        (["--completion-tokens", "100"], "0.00100"),
    ):
        assert 0 == main(["cost", "-m", "openai/gpt-4o", *words])
        assert [amount, "USD", "by", "genai-prices"] == table(capsys)[0][:4]


def test_a_model_without_prices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no guess; what to install is said where nothing is."""
    assert 1 == main(["cost", "-m", "echo/echo"])
    assert "llmgate: no price of echo/echo is known\n" == capsys.readouterr().err
    monkeypatch.setattr("llmgate.cli.cost.load_prices", lambda: None)
    assert 1 == main(["cost", "-m", "echo/echo"])
    assert "for public prices: pip install" in capsys.readouterr().err


def test_prices_that_do_not_cover_a_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as those of a model of embeddings, which has none for what it writes."""
    from decimal import Decimal

    from llmgate.cost import Rates

    monkeypatch.setattr("llmgate.cli.cost.rates_of", lambda *_, **__: Rates(input=Decimal(1)))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert 1 == main(["cost", "-m", "echo/echo", "--completion-tokens", "5"])
    assert "the prices of echo/echo do not cover that" in capsys.readouterr().err


def test_files_or_a_model_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise there is nothing to say."""
    with pytest.raises(SystemExit) as end:
        main(["cost"])
    assert 2 == end.value.code
    assert "give files of completions, or a model" in capsys.readouterr().err
