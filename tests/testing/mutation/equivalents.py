"""Mutants that change nothing that anybody could see, by rule, each with its reason."""

from __future__ import annotations

import re

from tests.testing.mutation.rules import Mutant

__all__ = ["reason_of"]

_REASONS = {
    r"\((_make_plain|_plain_\w+|_teach)\)": "a shortcut: what it refuses takes the general way",
    r"\(__repr__\)": "what a provider is called in a debugger",
    r"arguments of HttpRequest .*models": "of a request that the kit does not make",
    r"\(_report_address\)": "of a variable of the environment, which the kit does not set",
    r"\(_ask_for_usage\).*'dropped'|\((_forgo_usage|other_request|_without_usage)\)": (
        "of a host that refuses a request, which the kit's does not"
    ),
    r"\((list_models|embed|route_url)\)": "of what is no completion",
    r"_restore_reasoning\).*('reasoning_content'|'merged')|unlimited_tokens of Dialect": (
        "of other hosts than the kit's"
    ),
    r"\(_forbid_reasoning\)": "of models that go to the Responses API, unless it is forbidden",
    r"\(is_whole\).* 2 to 3": "it only decides how often long arguments are looked at",
    r"request\.messages.*\(_is_plain\)|\(_are_counts\)|response\.body:\d+ \(the module\)": (
        "a shortcut: what it refuses takes the general way"
    ),
}
"""Patterns of mutants that may survive, with the reason."""


def reason_of(mutant: Mutant) -> str | None:
    """Why a mutant that survived is no mutant; None where it is one."""
    found = (why for pattern, why in _REASONS.items() if re.search(pattern, str(mutant)))
    return next(found, None)
