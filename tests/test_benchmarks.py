"""The benchmarks' own arithmetic: limits, answers, plans and pictures; nothing is measured here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from struct import unpack
from typing import Any
from xml.etree import ElementTree
from zlib import crc32

import pytest

from benchmarks import check
from benchmarks.budgets import Limit, limits, needed, parsed, without_counts
from benchmarks.cases import CASES, Case, task_of
from benchmarks.counted import check as check_words
from benchmarks.counted import run as run_case
from benchmarks.curves import Curve, Panel, drawing
from benchmarks.drivers import Reading, Task
from benchmarks.drivers.wire import DIALECTS, body_of, events_of
from benchmarks.payloads import ANSWERS, table
from benchmarks.peers import PEERS
from benchmarks.questions import conversation
from benchmarks.report import (
    figure_rows,
    limit_rows,
    placed,
    upstream_line,
)
from benchmarks.run import wanted

SVG = "{http://www.w3.org/2000/svg}"


class Echo:
    """A driver that says what it was made to say, and counts."""

    def __init__(self, task: Task) -> None:
        self.said = task.url
        self.calls = 0

    async def call(self) -> str:
        self.calls += 1
        return self.said

    async def stream(self) -> Reading:
        return Reading(1, self.said, 0.0)

    async def close(self) -> None:
        """There is nothing to close."""


def echo(said: str) -> Echo:
    return Echo(Task(said, "openai", "any", []))


# --- limits -------------------------------------------------------------------------------


def test_a_limit_divides_subtracts_or_takes_a_figure_as_it_is() -> None:
    """One figure over another, beyond another, or alone."""
    figures = {"a": 30.0, "b": 20.0}
    assert Limit("a", 2, over="b").value(figures) == 1.5
    assert Limit("a", 2, beyond="b").value(figures) == 10
    assert Limit("a", 2).value(figures) == 30


def test_a_limit_is_met_up_to_its_very_value_and_never_without_a_figure() -> None:
    """What is missing is not met."""
    figures = {"a": 30.0, "b": 20.0}
    assert Limit("a", 1.5, over="b").is_met(figures)
    assert not Limit("a", 1.4, over="b").is_met(figures)
    assert not Limit("a", 1e9, over="c").is_met(figures)
    assert Limit("a", 1.49, over="b").is_kept(figures, 0.02)
    assert not Limit("a", 1.4, over="b").is_kept(figures, 0.02)
    assert Limit("a", 1.4, over="b", known=1.5).is_kept(figures, 0.0)
    assert not Limit("a", 1.4, over="b", known=1.5).is_met(figures)


def test_a_file_of_limits_is_read() -> None:
    """Each table of the file is one limit."""
    text = '[[limit]]\nfigure = "a"\nover = "b"\nlimit = 1.5\n[[limit]]\nfigure = "c"\nlimit = 2\n'
    assert parsed(text) == [Limit("a", 1.5, over="b"), Limit("c", 2)]


def test_the_budgets_name_loads_and_clients_that_exist() -> None:
    """A typing error there would be a limit that is never held against anything."""
    for figure in needed(limits()):
        what, *rest = figure.split("/")
        if what in ("count", "cpu"):
            assert rest[0] in CASES
        assert rest[-1] in {*PEERS, "first-call", "needed"}


def test_peers_are_told_from_what_is_always_there() -> None:
    """bench-check leaves out what needs a peer."""
    assert Limit("count/unary/llmgate", 0.1, over="count/unary/openai").has_peer
    assert not Limit("count/unary/llmgate", 1.35, over="count/unary/tuned").has_peer
    assert not Limit("wheel/llmgate", 150).has_peer


def test_without_valgrind_cpu_time_stands_in() -> None:
    """Only what is counted changes its name."""
    counted = Limit("count/unary/llmgate", 1.35, over="count/unary/tuned")
    timed = Limit("cpu/unary/llmgate", 1.35 * 1.5, over="cpu/unary/tuned")
    assert without_counts(counted) == timed
    imports = Limit("count-import/first-call", 1.15, over="count-import/needed")
    assert without_counts(imports).figures == ("import/first-call", "import/needed")
    assert without_counts(Limit("wheel/llmgate", 150)) == Limit("wheel/llmgate", 150)
    limits = Limit("count/a/x", 20_000, beyond="count/b/x", unit="instructions", known=40_000)
    expected = Limit("cpu/a/x", 30.0, beyond="cpu/b/x", unit="µs", known=60.0)
    assert expected == without_counts(limits)
    assert without_counts(limits._replace(known=None)).known is None


@pytest.mark.parametrize(("ratio", "status"), [(1.0, 0), (50.0, 1)])
@pytest.mark.parametrize("has_valgrind", [True, False])
def test_bench_check_fails_when_a_limit_is_passed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ratio: float,
    status: int,
    has_valgrind: bool,
) -> None:
    """Whatever counts, one figure over its limit is enough."""

    def measured(names: Collection[str], rounds: int, jobs: int) -> dict[str, float]:
        figures = dict.fromkeys(names, 1.0) | {"count/history/llmgate": 1.29}
        over = dict.fromkeys(("count/unary", "cpu/unary", "cpu/history"), ratio)
        return figures | {f"{name}/llmgate": value for name, value in over.items()}

    monkeypatch.setattr(check, "measured", measured)
    monkeypatch.setattr(check, "has_valgrind", lambda: has_valgrind)
    monkeypatch.setattr("sys.argv", ["check"])
    assert (check.main() > 0) == bool(status)
    printed = capsys.readouterr().out
    assert ("valgrind is not here" in printed) == (not has_valgrind)
    assert ("over\n" in printed) == (has_valgrind or bool(status))
    assert (re.search(r"held at [\d.]+, for what", printed) is not None) == (
        has_valgrind or bool(status)
    )


# --- answers and plans ----------------------------------------------------------------------


def test_answers_have_the_sizes_that_the_loads_are_named_after() -> None:
    """600 B, 20 kB, 200 kB."""

    def body(name: str) -> bytes:
        return ANSWERS[name].writes[0].split(b"\r\n\r\n", 1)[1]

    assert len(body("openai-short")) == pytest.approx(600, rel=0.1)
    assert len(body("openai-long")) == pytest.approx(20_000, rel=0.1)
    history = json.dumps(task_of(CASES["history"], 80).messages, ensure_ascii=False)
    assert len(history.encode()) == pytest.approx(200_000, rel=0.1)
    assert len(task_of(CASES["history"], 80).messages) == 100


@pytest.mark.parametrize("name", [name for name in ANSWERS if "stream" in name or "calls" in name])
def test_a_stream_says_what_its_answer_promises(name: str) -> None:
    """However it is cut into writes: chunks of HTTP, events, texts."""
    answer = ANSWERS[name]
    rest, body = b"".join(answer.writes).split(b"\r\n\r\n", 1)[1], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    dialect = name.partition("-")[0]
    is_binary = dialect == "bedrock"
    events, left = _messages_of(body) if is_binary else events_of(body.replace(b"\r\n", b"\n"))
    delta = _DELTAS.get(dialect) or DIALECTS[dialect].delta
    texts = [text for text in map(delta, map(json.loads, events)) if text]
    assert ("".join(texts), len(texts), left) == (answer.text, answer.chunks, b"")


_DELTAS: dict[str, Callable[[Any], Any]] = {
    "responses": lambda event: event.get("delta"),
    "gemini": lambda event: event["candidates"][0]["content"]["parts"][0]["text"],
    "bedrock": lambda event: event.get("delta", {}).get("text"),
}
"""The text of an event, for the dialects that only llmgate is measured with."""


def _messages_of(data: bytes) -> tuple[list[bytes], bytes]:
    """The payloads of AWS's event stream, whose checksums have to match, and what is left."""
    found: list[bytes] = []
    while data:
        size, headers, checksum = unpack("!III", data[:12])
        message, data = data[:size], data[size:]
        assert (crc32(message[:8]), crc32(message[:-4])) == (checksum, *unpack("!I", message[-4:]))
        found.append(message[12 + headers : -4])
    return found, data


def test_the_table_for_the_upstream_holds_every_byte() -> None:
    """A line of numbers, then the writes, for each answer."""
    rest = table()
    for name, answer in ANSWERS.items():
        line, _, rest = rest.partition(b"\n")
        found, wait, pause, count, *sizes = line.decode().split(" ")
        assert (found, int(wait), int(pause)) == (name, answer.wait, answer.pause)
        assert [int(size) for size in sizes] == [len(write) for write in answer.writes]
        assert int(count) == len(answer.writes)
        rest = rest[sum(map(int, sizes)) :]
    assert rest == b""


def test_a_conversation_begins_with_instructions_and_ends_with_a_question() -> None:
    """Roles take turns between the two."""
    assert [message["role"] for message in conversation(4, 10)] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_requests_are_of_the_dialect() -> None:
    """Where the instructions stand, and what a stream asks for."""
    openai = body_of(task_of(CASES["unary"], 80), stream=True)
    assert openai["stream_options"] == {"include_usage": True}
    anthropic = body_of(task_of(CASES["anthropic"], 80))
    assert (anthropic["max_tokens"], len(anthropic["messages"])) == (1024, 1)


@pytest.mark.parametrize(("at_once", "runs"), [(1, 7), (3, 7), (5, 5)])
async def test_as_many_runs_are_made_as_were_asked_for(at_once: int, runs: int) -> None:
    """However many of them at once."""
    client = echo("anything")
    await run_case(client, CASES["unary"]._replace(at_once=at_once), runs)
    assert client.calls == runs


async def test_what_was_read_is_compared_with_what_was_sent() -> None:
    """Arguments may have been parsed on their way; anything else is a fault."""
    case = Case("a title", "openai-tool")
    await check_words(echo('{"city": "Tromsø",  "days": 3, "unit": "celsius"}'), case)
    with pytest.raises(AssertionError, match="read 'half"):
        await check_words(echo("half"), case)
    with pytest.raises(AssertionError, match="read 'half"):
        await check_words(echo("half"), CASES["stream"])


def test_a_whole_run_measures_all_that_the_limits_need() -> None:
    """A limit without its figures would never be met."""
    assert set(needed(limits())) <= set(wanted(list(PEERS)))


def test_a_part_of_a_run_measures_nothing_else() -> None:
    """Of the loads that are named, and the clients that can be put under them."""
    assert wanted(["openai"], ["unary", "anthropic"]) == ["count/unary/openai", "cpu/unary/openai"]


# --- tables and pictures ----------------------------------------------------------------------


def test_the_table_shows_how_many_times_tuned_aiohttp_everybody_is() -> None:
    """A load that nobody was put under has no row."""
    figures = {"count/unary/tuned": 500_000.0, "count/unary/llmgate": 600_000.0, "first/raw": 90.0}
    assert figure_rows(figures, ["raw", "tuned", "llmgate"]) == [
        ["", "raw socket", "aiohttp, tuned", "llmgate"],
        [
            "unary call, 600 B answer, thousand instructions",
            "",
            "500 (1.00)",
            "600 (1.20)",
        ],
        ["until the first chunk, µs", "90.0", "", ""],
    ]


def test_the_table_of_limits_says_what_is_met() -> None:
    """And what was not measured."""
    held = [Limit("a", 2, unit="kB"), Limit("b", 2, over="a"), Limit("c", 2)]
    assert limit_rows(held, {"a": 1, "b": 3})[1:] == [
        ["a", "1 kB", "2 kB", "met"],
        ["b over a", "3 times", "2 times", "over"],
        ["c", "not measured", "2 times", "-"],
    ]


def test_a_table_is_put_between_its_marks() -> None:
    """In place of the one before; a document without marks is refused."""
    page = "a\n<!-- limits -->\nold\nolder\n<!-- end of limits -->\nb\n"
    assert placed(page, "limits", "new") == ("a\n<!-- limits -->\nnew\n<!-- end of limits -->\nb\n")
    with pytest.raises(ValueError, match="no marks for figures"):
        placed(page, "figures", "new")


def test_the_upstream_is_shown_not_to_be_the_bottleneck() -> None:
    """By the load that kept it busiest."""
    figures = {"busy/unary-64/raw": 0.21, "busy/unary/llmgate": 0.04, "cpu/unary/llmgate": 300.0}
    assert "21% of the time at most: raw socket, unary call, 64 at once" in upstream_line(figures)
    assert upstream_line({}) == ""


def test_curves_are_drawn_within_their_panels() -> None:
    """Every point and every word is on the canvas."""
    curves = [
        Curve("ours", [(1, 0.2), (8, 30), (64, 200)], "ours"),
        Curve("bare", [(1, 1)], "bare"),
    ]
    panels = [Panel("One", "calls", curves, is_linear=straight) for straight in (True, False, True)]
    root = ElementTree.fromstring(drawing(panels))  # noqa: S314 - written by ourselves
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert (width, height) == (800, 520)
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx", -1)) <= width
        assert 0 <= float(circle.get("cy", -1)) <= height
