"""What the doctor finds: versions, the transport's way, keys, the configuration, and hosts."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from llmgate.cli import main
from llmgate.cli.asking import Totals, Turn, describe_amount
from llmgate.cost import Cost
from llmgate.types import Completion
from tests.faults.server import FaultServer, reply


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed."""
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("", "transport: the short way through aiohttp"),
        ("0", "transport: aiohttp's public API (LLMGATE_FAST_PATH=0)"),
    ],
)
def test_it_says_which_way_requests_take(
    variable: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And why."""
    monkeypatch.setenv("LLMGATE_FAST_PATH", variable)
    assert 0 == main(["doctor"])
    assert expected in lines_of(capsys)


@pytest.mark.parametrize("is_there", [True, False])
def test_it_says_where_the_short_way_is_not_there(
    is_there: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With this version of aiohttp, or at all."""
    if is_there:
        monkeypatch.setattr("llmgate.transports._fast.is_supported", lambda: False)
    else:
        monkeypatch.setitem(sys.modules, "llmgate.transports._fast", None)
    assert 0 == main(["doctor"])
    expected = "transport: aiohttp's public API: the short way does not know this version"
    assert expected in lines_of(capsys)


def test_it_says_what_the_configuration_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not there, read, or wrong, which is its exit code."""
    file = tmp_path / "config" / "llmgate" / "config.toml"
    assert 0 == main(["doctor"])
    assert f"configuration: {file} (not there)" in lines_of(capsys)
    file.parent.mkdir(parents=True)
    for text, model in (("", "none"), ('model = "echo/echo"', "echo/echo")):
        file.write_text(text, encoding="utf-8")
        assert 0 == main(["doctor"])
        assert f"configuration: {file} (default model {model})" in lines_of(capsys)
    file.write_text("colour = 1", encoding="utf-8")
    assert 1 == main(["doctor"])
    assert "colour: there is no such setting" in capsys.readouterr().err


def test_it_reaches_a_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any response will do; no key is sent. A provider's address is that of its calls."""
    with FaultServer(reply(404)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        origin = server.url.removesuffix("/v1")
        assert 0 == main(["doctor", "--reach", origin, "--reach", "openai"])
        lines = [line for line in lines_of(capsys) if "reached at" in line]
        assert [origin, "openai"] == [line.partition(": reached")[0] for line in lines]
        assert all(f"at {origin} in " in line and "HTTP 404" in line for line in lines)
        assert 2 == len(server.requests)
        assert not any("canary" in str(request.headers) for request in server.requests)


@pytest.mark.parametrize("name", ["http://127.0.0.1:9", "nowhere"])
def test_it_says_what_is_not_reached(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And why; the exit code is 1."""
    assert 1 == main(["doctor", "--reach", name])
    assert capsys.readouterr().err.startswith(f"llmgate: {name} is not reached: ")


# --- amounts ---


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("0", "0"), ("12.3456", "12.35"), ("0.5", "0.500"), ("0.000012345", "0.0000123")],
)
def test_amounts_have_three_digits_that_count(amount: str, expected: str) -> None:
    """And no exponent."""
    assert expected == describe_amount(Decimal(amount))


def test_a_cost_is_in_the_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that of every completion is known."""
    cost = Cost({"input": Decimal("0.25")}, "EUR")
    monkeypatch.setattr(Completion, "cost", property(lambda _: cost))
    totals = Totals()
    totals.add(Turn([Completion([]), Completion([])], [], 1.25))
    assert "tokens not known, 0.500 EUR, 1.2 s" == str(totals)
