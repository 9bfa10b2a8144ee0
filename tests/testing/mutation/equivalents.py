"""Mutants that are not counted, by rule, each with its reason; one that is found always counts.

Those of the first table change nothing that anybody could see. Those of the second change what the
kit is not about, or what the exchanges of this folder do not reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.testing.mutation.rules import Mutant

__all__ = ["reason_beyond", "reason_equivalent"]

_SHORTCUT = "a shortcut: what it refuses takes the general way, to the same end"

_EQUIVALENT: Mapping[str, str] = {
    r"\((plain_usage|is_plain_head|_read_fields|_are_counts|_plain_\w+)\)": _SHORTCUT,
    r"\.response\.plain:\d+ .*(change a constant|return an empty one)": _SHORTCUT,
    r"\.response\.plain:\d+ .*arguments of (itemgetter|is_plain_head)": _SHORTCUT,
    r"\((_?continued|continue_call|_text_piece|_plain|_may_be_marked)\)": _SHORTCUT,
    r"openai\.request\.messages:\d+ \(_is_plain\)": _SHORTCUT,
    r"openai\.request\.messages:\d+ \(_PLAIN\)": _SHORTCUT,
    r"\((without_cache_control|_message)\) swap two: arguments of map": (
        "two things are one, whichever is named first"
    ),
    r"\.response\.stream:\d+ \(__init__\).* 0 to 1": "it is set before it is read",
    r"\(_is_same\)": "it only saves a copy of what has not changed",
    r"\(__repr__\)": "what a provider is called in a debugger",
    r"\(is_whole\).* 2 to 3|\(_LONG\)": "it only decides how often long arguments are looked at",
    r"\(seconds_of\).*(2 to 3|53 to 54)": "above 2**53 the general way reads a float alike",
    r"\(_ANY_LENGTH\)": "any length will do",
    r"anthropic\.request\.messages:\d+ \(_KNOWN\).*'audio'": "audio is refused either way",
    r"anthropic\.request\.parts:\d+ \(_ROLES\).*'(text|file|image_url)'": (
        "these kinds are taken, or refused, before this table is asked"
    ),
    r"\(_reason\)|arguments of _reason": "the words of a reason in the report",
    r"of \w+\.model_validate|\(message_fields\).*'content'": (
        "where an error says that something is wrong"
    ),
}
"""Patterns of mutants that may survive, with the reason."""

_BEYOND: Mapping[str, str] = {
    r"\(_report_address\)": "how the report names an address, which golden calls do not compare",
    r"\((list_models|embed|embedding_abilities|count_tokens|route_url|chat_url|base_url_of)\)": (
        "of what is no completion"
    ),
    r"_restore_reasoning\).*('reasoning_content'|'merged')|unlimited_tokens of Dialect": (
        "of other hosts than the kit's"
    ),
    r"\(_responses_\w+\)|decode_response|_responses_request|responses_abilities|choose_api": (
        "of the Responses API, of which these exchanges are not"
    ),
    r"provider:\d+ \(models\)": (
        "names of models: which are the vendor's is a fact that no exchange shows"
    ),
    r"\(stream\) drop a field: stream of replace": (
        "of calls that the core streams though they ask for a whole response"
    ),
    r"openai\.request\.dialect": "of other hosts than the kit's",
}


def reason_equivalent(mutant: Mutant) -> str | None:
    """Why a mutant that survived changes nothing; None where it does."""
    return _reason(mutant, _EQUIVALENT)


def reason_beyond(mutant: Mutant) -> str | None:
    """Why the kit, with these exchanges, cannot judge a mutant; None where it should."""
    return _reason(mutant, _BEYOND)


def _reason(mutant: Mutant, table: Mapping[str, str]) -> str | None:
    found = (why for pattern, why in table.items() if re.search(pattern, str(mutant)))
    return next(found, None)
