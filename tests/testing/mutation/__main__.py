"""How many mutants of two providers the conformance kit finds: ``make mutants``.

As many are drawn for each rule and provider. It fails where fewer than 90 in 100 are found, or
where the kit finds something in a provider that was not changed.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

from tests.testing.mutation.equivalents import reason_beyond, reason_equivalent
from tests.testing.mutation.rules import Mutant
from tests.testing.mutation.subjects import SUBJECTS
from tests.testing.mutation.trial import (
    NOT_IMPORTED,
    Verdict,
    all_mutants,
    try_mutant,
    try_original,
)

LEAST = 0.9
EACH = 26
"""Mutants of each rule and provider."""


def drawn(seed: int, each: int) -> Iterator[tuple[int, Mutant]]:
    """Mutants with the number of their subject, as many of each rule as are wanted."""
    choose = random.Random(seed)
    for number, subject in enumerate(SUBJECTS):
        by_rule: defaultdict[str, list[Mutant]] = defaultdict(list)
        for mutant in all_mutants(subject):
            by_rule[mutant.rule].append(mutant)
        for mutants in by_rule.values():
            chosen = choose.sample(mutants, min(each, len(mutants)))
            yield from ((number, mutant) for mutant in chosen)


def tried(drawn_one: tuple[int, Mutant]) -> Verdict:
    """The verdict on one mutant; runs in a process of its own."""
    number, mutant = drawn_one
    return try_mutant(SUBJECTS[number], mutant)


def main() -> int:
    """Draw, try, and print what was found."""
    parser = argparse.ArgumentParser(prog="tests.testing.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--each", type=int, default=EACH, help="mutants of each rule and provider")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    logging.disable()
    for subject in SUBJECTS:
        if finding := try_original(subject):
            print(f"{subject.package} itself does not conform: {finding}")
            return 1
    began = perf_counter()
    chosen = list(drawn(options.seed, options.each))
    with ProcessPoolExecutor(options.workers) as pool:
        counted, share = report(pool.map(tried, chosen, chunksize=4))
    seconds = perf_counter() - began
    print(f"seed {options.seed}, {counted} mutants, {share:.1%} found, {seconds:.0f} s")
    return 0 if share >= LEAST else 1


def report(verdicts: Iterable[Verdict]) -> tuple[int, float]:
    """Print what was found and what survived; how many count, and the share that was found."""
    rules: Counter[str] = Counter()
    found: Counter[str] = Counter()
    finders: Counter[str] = Counter()
    not_counted: Counter[str] = Counter()
    for verdict in verdicts:
        rule = verdict.mutant.rule
        if verdict.found_by == NOT_IMPORTED:
            not_counted["do not import"] += 1
            continue
        if verdict.found_by is None and (reason := reason_equivalent(verdict.mutant)):
            not_counted["change nothing that can be seen"] += 1
            print(f"equivalent  {verdict.mutant} ({reason})", flush=True)
            continue
        if verdict.found_by is None and (reason := reason_beyond(verdict.mutant)):
            not_counted["are beyond the kit"] += 1
            print(f"beyond      {verdict.mutant} ({reason})", flush=True)
            continue
        rules[rule] += 1
        if verdict.found_by is None:
            print(f"survived    {verdict.mutant}", flush=True)
        else:
            found[rule] += 1
            hangs = "HangsError" in verdict.finding
            finders[f"{verdict.found_by}{', which took too long' * hangs}"] += 1
    print("\nfound by")
    for name, count in finders.most_common():
        print(f"{count:6}  {name}")
    print("\nfound   of  by rule")
    for rule, count in sorted(rules.items()):
        print(f"{found[rule]:5} {count:4}  {rule}")
    for why, count in not_counted.items():
        print(f"not counted: {count} that {why}")
    return rules.total(), found.total() / max(1, rules.total())


if __name__ == "__main__":
    sys.exit(main())
