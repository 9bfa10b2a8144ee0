"""What is usual is read and written in fewer steps, and comes out as the full way gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate.errors import LLMGateError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.report import Report
from llmgate_anthropic import decode, encode
from llmgate_anthropic.request import body as request_body
from llmgate_anthropic.response.body import completion_of
from llmgate_anthropic.response.plain import plain_completion
from tests.driven import whole_payloads
from tests.json_changes import ODD, changes_of, with_changes

# --- responses ----------------------------------------------------------------------------

USAGE: Any = {
    "input_tokens": 31,
    "output_tokens": 18,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 7,
    "cache_creation": {"ephemeral_5m_input_tokens": 5},
    "service_tier": "standard",
}
TEXT: Any = {"type": "text", "text": "Hello"}
CALL: Any = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"zone": "ü", "n": 1.0}}
MESSAGE: Any = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [TEXT],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}


def outcome_of(read: Callable[[Report], Any]) -> Any:
    """What a function gives or raises, and what it records."""
    report = Report()
    try:
        value: Any = read(report)
    except LLMGateError as error:
        return type(error), error.message, [*report]
    return value, repr(value), [*report]


@pytest.mark.parametrize(
    "content", [[TEXT], [TEXT | {"text": ""}], [CALL], [TEXT, CALL], [CALL, CALL | {"input": {}}]]
)
@pytest.mark.parametrize("reason", ["end_turn", "tool_use", "max_tokens", "pause_turn", "new", ""])
def test_plain_messages_are_read_as_any_other(content: list[Any], reason: str) -> None:
    """A text, calls, or both: the completion is the one that the full way reads."""
    message = MESSAGE | {"content": content, "stop_reason": reason}
    plain = plain_completion(message)
    assert plain is not None
    full = completion_of(message, "c1")
    assert (full, full.model_dump(), repr(full)) == (plain, plain.model_dump(), repr(plain))


UNUSUAL: Any = [
    {"id": None},
    {"id": ""},
    {"id": 5},
    {"type": "completion"},
    {"model": None},
    {"container": {"id": "c"}},
    {"content": []},
    {"content": "Hello"},
    {"content": [TEXT, TEXT]},
    {"content": [TEXT | {"citations": None}]},
    {"content": [{"type": "text", "text": 5}]},
    {"content": [{"type": "text"}]},
    {"content": ["Hello"]},
    {"content": [CALL, TEXT]},
    {"content": [TEXT, CALL | {"caller": {"type": "direct"}}]},
    {"content": [CALL | {"id": ""}]},
    {"content": [CALL | {"name": 5}]},
    {"content": [CALL | {"input": "{}"}]},
    {"content": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, TEXT]},
    {"stop_reason": None},
    {"stop_sequence": "END"},
    {"stop_details": {"type": "refusal"}},
    {"usage": None},
    {"usage": []},
    {"usage": {}},
    {"usage": {"input_tokens": 1, "output_tokens": 2}},
    {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    {"usage": USAGE | {"input_tokens": "31"}},
    {"usage": USAGE | {"output_tokens": -(2**63)}},
    {"usage": USAGE | {"cache_read_input_tokens": None}},
    {"usage": USAGE | {"total_tokens": 49}},
    {"usage": USAGE | {"output_tokens_details": {"thinking_tokens": 3}}},
    {"usage": USAGE | {"service_tier": 1}},
]


@pytest.mark.parametrize("change", UNUSUAL)
def test_what_is_unusual_is_left_to_the_full_way(change: dict[str, Any]) -> None:
    """One field that is odd, missing or unknown, and all of the message is read with care."""
    assert plain_completion(MESSAGE | change) is None


@pytest.mark.parametrize("payload", [None, [], ["id"], "id", 5, {}, {"error": {"message": "No"}}])
def test_what_is_not_a_message_is_left_to_the_full_way(payload: Any) -> None:
    """Any JSON may come."""
    assert plain_completion(payload) is None


def test_the_output_of_a_forced_tool_is_left_to_the_full_way() -> None:
    """The input of a tool that stands in for a schema is the text."""
    response = HttpResponse(200, {}, encode_json(MESSAGE | {"content": [CALL]}))
    read = decode(response, "c1", "now")
    assert ('{"zone":"ü","n":1.0}', None) == (read.text, read.choices[0].message.tool_calls)


COUNTS: st.SearchStrategy[Any] = st.one_of(st.integers(0, 99), ODD)
BLOCKS: st.SearchStrategy[Any] = st.lists(
    st.one_of(
        changes_of(TEXT, ["text"], st.text(max_size=5)),
        changes_of(CALL, ["input"], st.dictionaries(st.text(), ODD)),
        changes_of(TEXT, ["type", "text", "citations"]),
        changes_of(CALL, ["type", "id", "name", "input", "caller"]),
        ODD,
    ),
    max_size=3,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("id", "type", "role", "model", "stop_sequence", "stop_details", "error"), ODD),
    "stop_reason": st.one_of(st.sampled_from(["tool_use", "max_tokens", "new"]), ODD),
    "content": st.one_of(BLOCKS, ODD),
    "usage": st.one_of(
        changes_of(USAGE, [*USAGE, "total_tokens", "output_tokens_details"], COUNTS),
        st.dictionaries(st.sampled_from([*USAGE, "prompt_tokens"]), COUNTS),
        ODD,
    ),
}


def assert_read_alike(message: Any) -> bool:
    """Whether a message is plain; then the full way must read the same, and record nothing."""
    plain = plain_completion(message)
    if plain is None:
        return False
    full = outcome_of(lambda report: completion_of(message, "c1", None, report))
    assert full == (plain, repr(plain), [])
    return True


@settings(max_examples=300, deadline=None)
@given(with_changes(MESSAGE, FIELDS))
def test_any_message_is_read_alike(message: Any) -> None:
    """Whatever stands in whichever field."""
    assert_read_alike(message)


def test_recorded_responses_are_read_alike(corpus: Path) -> None:
    """Every recording of a whole message; some of them are plain."""
    assert sum(map(assert_read_alike, whole_payloads(corpus)))


# --- requests -----------------------------------------------------------------------------

ROLES = ("system", "developer", "user", "assistant")
MODELS = ("claude-haiku-4-5", "claude-opus-5", "claude-3-haiku-20240307", "someone-else")
SAID: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(["Hello", "", " ", "\u3000\n", "Hi "]), st.text(max_size=4)
)
MESSAGES: st.SearchStrategy[Any] = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(ROLES), "content": SAID}), min_size=1, max_size=6
)


@settings(max_examples=300, deadline=None)
@given(
    MESSAGES,
    st.sampled_from(MODELS),
    st.sampled_from([None, 5, 1_000, 50_000, 900_000]),
    st.booleans(),
)
def test_any_conversation_is_written_alike(
    messages: list[Any], model: str, limit: int | None, stream: bool
) -> None:
    """Messages of texts, known to be such or looked at one by one: the same request, report and
    refusal."""
    parameters: Any = {} if limit is None else {"max_tokens": limit}

    def written(each: list[Any]) -> Any:
        return outcome_of(
            lambda report: encode(ProviderCall(model, each, parameters, stream, report=report))
        )

    assert written(messages) == written(TextMessages(messages))


def test_limits_alone_need_no_look_at_the_other_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that are left out would add nothing."""
    parameters: Any = {"max_tokens": 9, "max_completion_tokens": 9}
    messages: Any = TextMessages([{"role": "user", "content": "Hello"}])

    def written(report: Report) -> Any:
        return encode(ProviderCall(MODELS[0], messages, parameters, report=report))

    short = outcome_of(written)
    monkeypatch.setattr(request_body, "_LIMITS", frozenset[str]())
    assert outcome_of(written) == short
