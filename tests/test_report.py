"""The translation report: a record of what differs from the call as it was made."""

from __future__ import annotations

import pickle

import pytest

from llmgate.errors import UnsupportedError
from llmgate.report import Deviation, Report


def example() -> Report:
    """A report of two deviations."""
    report = Report()
    report.drop("seed", "there is no such parameter", given=7)
    report.add("clamped", "temperature", "at most 1", given=1.5, sent=1.0)
    return report


def test_a_report_is_a_sequence_of_what_deviates() -> None:
    """It can be counted, indexed and iterated, in the order in which it was written."""
    report = example()
    expected = [
        Deviation("dropped", "seed", "there is no such parameter", given=7),
        Deviation("clamped", "temperature", "at most 1", given=1.5, sent=1.0),
    ]
    assert expected == list(report)
    assert 2 == len(report)
    assert expected[1] == report[-1]


@pytest.mark.parametrize(
    ("sought", "expected"),
    [
        ("seed", True),
        ("temperature", True),
        ("top_p", False),
        ("", False),
        (Deviation("dropped", "seed", "there is no such parameter", given=7), True),
        (Deviation("renamed", "seed", "there is no such parameter", given=7), False),
    ],
)
def test_a_report_is_asked_by_path_or_by_deviation(sought: object, expected: bool) -> None:
    """``"seed" in report`` is whether something at that path deviates."""
    assert expected is (sought in example())


def test_a_report_is_false_when_all_is_as_asked() -> None:
    """``if answer.report`` is whether anything deviates at all."""
    assert (False, True) == (bool(Report()), bool(example()))


def test_a_report_reads_as_a_sentence() -> None:
    """For people: what, where and why; for programmers: all of it."""
    assert "no deviations" == str(Report())
    expected = "seed dropped: there is no such parameter; temperature clamped: at most 1"
    assert expected == str(example())
    assert f"Report({list(example())!r})" == repr(example())


def test_dropping_is_refused_when_the_caller_asked_for_that() -> None:
    """Under ``unsupported="raise"`` a knob that the provider lacks is an error that names it."""
    report = Report("raise")
    with pytest.raises(UnsupportedError, match="seed is not supported: no such thing") as caught:
        report.drop("seed", "no such thing")
    assert "seed" == caught.value.parameter
    assert 0 == len(report)


def test_what_is_no_loss_is_recorded_under_either_policy() -> None:
    """Only what is left out can be refused; a default or a conversion is reported."""
    report = Report("raise")
    report.add("defaulted", "max_tokens", "required", sent=1024)
    assert "max_tokens" in report


def test_a_report_survives_pickling() -> None:
    """An answer is handed over between processes with its report."""
    loaded = pickle.loads(pickle.dumps(example()))  # noqa: S301 - made in the line itself
    assert list(example()) == list(loaded)
