"""Mutants are made by rule, and the kit finds a sample of them; ``make mutants`` tries many."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.testing.mutation.equivalents import reason_beyond, reason_equivalent
from tests.testing.mutation.rules import EMPTY, compile_mutant, mutants_of
from tests.testing.mutation.subjects import SUBJECTS
from tests.testing.mutation.trial import Subject, all_mutants, empty_of, try_mutant, try_original

SOURCE = '''
"""A module."""
from a import b
__all__ = ["f"]
def f(call, limit: int = 3) -> dict:
    """What it does."""
    call.report.add("dropped", "seed", "there is none")
    body = {"model": call.model, "limit": limit}
    body["seed"] = g(call.model, limit)
    if limit > 7:
        raise ValueError("too much")
    return body
'''


def test_makes_mutants_by_rule() -> None:
    """Fields are dropped and swapped, results emptied, reports skipped, constants changed."""
    made = [f"{m.line} {m.place} {m.rule}: {m.what}" for m in mutants_of("m", SOURCE)]
    assert made == [
        "5 f change a constant: 3 to 4",
        "7 f skip a report entry: call.report.add('dropped', 'seed', 'there is none')",
        "9 f drop a field: body['seed'] = g(call.model, limit)",
        "7 f change a constant: 'dropped' to 'droppedx'",
        "7 f change a constant: 'seed' to 'seedx'",
        "8 f drop a field: 'model'",
        "8 f drop a field: 'limit'",
        "8 f swap two: 'model' and 'limit'",
        "8 f change a constant: 'model' to 'modelx'",
        "8 f change a constant: 'limit' to 'limitx'",
        "9 f change a constant: 'seed' to 'seedx'",
        "9 f swap two: arguments of g",
        "10 f change a constant: 7 to 8",
        "12 f return an empty one: return body",
    ]


def test_each_mutant_is_another_module() -> None:
    """Every change is one that the module's code shows."""
    unchanged = ast.dump(ast.parse(SOURCE))
    for mutant in mutants_of("m", SOURCE):
        assert compile_mutant(mutant, SOURCE).co_filename == f"<{mutant}>"
    assert ast.dump(ast.parse(SOURCE)) == unchanged


def test_an_empty_value_is_of_the_same_type() -> None:
    """A function that returns nothing returns it as its caller expects it."""
    assert EMPTY == "__empty__"
    values = ["a", b"a", 1, True, [1], {"a": 1}, (1,)]
    assert [empty_of(value) for value in values] == ["", b"", 0, False, [], {}, ()]
    assert empty_of(object()) is None


def test_there_are_enough_mutants() -> None:
    """More than 200 of each provider can be drawn, by all five rules."""
    for subject in SUBJECTS:
        rules = Counter(mutant.rule for mutant in all_mutants(subject))
        assert rules.total() > 200
        assert len(rules) == 5


@pytest.mark.exhaustive
@pytest.mark.parametrize("subject", SUBJECTS, ids=[s.package for s in SUBJECTS])
def test_the_kit_finds_nothing_in_a_provider_and_something_in_its_mutants(subject: Subject) -> None:
    """The verdict on the unchanged provider is that it conforms."""
    assert try_original(subject) is None
    reports = [m for m in all_mutants(subject) if m.rule == "skip a report entry"][:3]
    verdicts = [try_mutant(subject, mutant) for mutant in reports]
    survivors = [verdict.mutant for verdict in verdicts if verdict.found_by is None]
    assert [m for m in survivors if not (reason_equivalent(m) or reason_beyond(m))] == []
