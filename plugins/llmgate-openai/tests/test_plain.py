"""What is usual is read in fewer steps, and comes out as the full way gives it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.report import Report
from llmgate.testing.driving import call_of
from llmgate_openai import OpenAI
from llmgate_openai.response.body import any_completion
from llmgate_openai.response.plain import plain_completion
from tests.driven import whole_payloads
from tests.json_changes import ODD, changes_of, with_changes

CALL: Any = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
MESSAGE: Any = {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []}
CALLING: Any = {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "call_2"}]}
CHOICE: Any = {"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}
USAGE: Any = {
    "prompt_tokens": 31,
    "completion_tokens": 18,
    "total_tokens": 49,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": None},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
RESPONSE: Any = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_784_728_648,
    "model": "gpt-5",
    "choices": [CHOICE],
    "usage": USAGE,
    "service_tier": "default",
    "system_fingerprint": None,
}


def of_message(message: Any, **choice: Any) -> dict[str, Any]:
    """A response with this message."""
    return {**RESPONSE, "choices": [{**CHOICE, "message": message, **choice}]}


def assert_read_alike(payload: Any) -> bool:
    """Whether a response is plain; then the full way must read the same, and record nothing."""
    plain = plain_completion(payload)
    if plain is None:
        return False
    report = Report()
    full = any_completion(payload, "c1", report)
    expected = full, full.model_dump(), repr(full), [*report]
    assert expected == (plain, plain.model_dump(), repr(plain), [])
    return True


PLAIN: Any = [
    RESPONSE,
    {**RESPONSE, "x_groq": {"id": "req_1"}, "timings": None},
    {**RESPONSE, "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}},
    {**RESPONSE, "usage": USAGE | {"queue_time": 0.5, "prompt_tokens_details": {"new": 1}}},
    {**RESPONSE, "usage": USAGE | {"prompt_tokens_details": {}, "completion_tokens_details": None}},
    of_message({"role": "assistant", "content": ""}),
    of_message(MESSAGE, finish_reason="length"),
    of_message(MESSAGE, finish_reason="tool_calls"),
    of_message(MESSAGE | {"tool_calls": []}, index=3),
    of_message(CALLING, finish_reason="tool_calls"),
    of_message(CALLING, finish_reason="stop"),
    of_message(CALLING | {"content": "So:"}, finish_reason="length"),
]


@pytest.mark.parametrize("payload", PLAIN)
def test_plain_responses_are_read_as_any_other(payload: Any) -> None:
    """A text, calls, or both, with what stands beside them."""
    assert assert_read_alike(payload)


UNUSUAL: Any = [
    *([], "id", None, {}, {"error": {"message": "No"}}),
    RESPONSE | {"error": None},
    RESPONSE | {"id": None},
    RESPONSE | {"object": "text_completion"},
    RESPONSE | {"created": 1.5},
    RESPONSE | {"created": 2**63},
    RESPONSE | {"choices": [CHOICE, CHOICE]},
    RESPONSE | {"choices": ["Hello"]},
    RESPONSE | {"usage": None},
    RESPONSE | {"usage": USAGE | {"total_tokens": 50}},
    RESPONSE | {"usage": USAGE | {"prompt_tokens_details": {"cached_tokens": "5"}}},
    RESPONSE | {"usage": USAGE | {"completion_tokens_details": []}},
    RESPONSE | {"usage": USAGE | {"prompt_cache_hit_tokens": 5}},
    of_message(MESSAGE, finish_reason=None),
    of_message(MESSAGE, finish_reason="eos"),
    of_message(MESSAGE, logprobs={"content": []}),
    of_message(MESSAGE, index="0"),
    of_message(MESSAGE, native_finish_reason="stop"),
    of_message("Hello"),
    of_message(MESSAGE | {"content": None}),
    of_message(MESSAGE | {"content": []}),
    of_message(MESSAGE | {"role": None}),
    of_message(MESSAGE | {"refusal": "No"}),
    of_message(MESSAGE | {"annotations": {}}),
    of_message(MESSAGE | {"annotations": [{"type": "url_citation"}]}),
    of_message(MESSAGE | {"reasoning_content": "Hm"}),
    of_message(CALLING | {"tool_calls": {}}),
    of_message(CALLING | {"tool_calls": CALL}),
    of_message(CALLING | {"tool_calls": ["now"]}),
    of_message(CALLING | {"tool_calls": [CALL | {"index": 0}]}),
    of_message(CALLING | {"tool_calls": [CALL | {"id": ""}]}),
    of_message(CALLING | {"tool_calls": [CALL | {"type": "custom"}]}),
    of_message(CALLING | {"tool_calls": [CALL | {"function": {"name": "", "arguments": "{}"}}]}),
    of_message(CALLING | {"tool_calls": [CALL | {"function": {"name": "f", "arguments": " "}}]}),
    of_message(CALLING | {"tool_calls": [CALL | {"function": {"name": "f", "arguments": {}}}]}),
]


@pytest.mark.parametrize("payload", UNUSUAL)
def test_what_is_unusual_is_left_to_the_full_way(payload: Any) -> None:
    """One field that is odd, missing or unknown, and all of the response is read with care."""
    assert plain_completion(payload) is None


COUNTS: st.SearchStrategy[Any] = st.one_of(st.integers(0, 99), ODD)
FUNCTIONS: Any = changes_of(CALL["function"], ["name", "arguments", "strict"])
ONE_CALL: st.SearchStrategy[Any] = st.one_of(
    changes_of(CALL, ["id", "type", "function", "index"]),
    changes_of(CALL, ["function"], FUNCTIONS),
)
CALLS: Any = st.lists(ONE_CALL, max_size=2)
MESSAGES: Any = st.one_of(
    with_changes(MESSAGE, {**dict.fromkeys(MESSAGE, ODD), "tool_calls": CALLS, "audio": ODD}),
    with_changes(
        CALLING, {**dict.fromkeys(CALLING, ODD), "tool_calls": CALLS, "content": st.text()}
    ),
    ODD,
)
DETAILS: Any = st.dictionaries(
    st.sampled_from(["cached_tokens", "reasoning_tokens", "new", "extra"]), COUNTS
)
USAGES: Any = st.one_of(
    changes_of(USAGE, [*USAGE, "input_tokens", "num_cached_tokens"], COUNTS),
    changes_of(USAGE, ["prompt_tokens_details", "completion_tokens_details"], DETAILS),
    ODD,
)
REASONS: Any = st.one_of(st.sampled_from(["stop", "tool_calls", "length", "eos"]), ODD)
CHOICES: Any = st.one_of(
    with_changes(
        CHOICE, {**dict.fromkeys(CHOICE, ODD), "message": MESSAGES, "finish_reason": REASONS}
    ),
    ODD,
)


@settings(max_examples=400, deadline=None)
@given(
    with_changes(
        RESPONSE,
        {
            **dict.fromkeys([*RESPONSE, "error", "x_groq"], ODD),
            "choices": st.lists(CHOICES, min_size=1, max_size=1),
            "usage": USAGES,
        },
    )
)
def test_any_response_is_read_alike(payload: Any) -> None:
    """Whatever stands in whichever field."""
    assert_read_alike(payload)


def test_recorded_responses_are_read_alike(corpus: Path) -> None:
    """Every recording of a whole response; some of them are plain."""
    assert sum(map(assert_read_alike, whole_payloads(corpus)))


# --- requests -----------------------------------------------------------------------------

RESULT: Any = {"role": "tool", "tool_call_id": "call_1", "content": "Noon"}
SAID: Any = {"role": "assistant", "content": "Hello"}
EARLIER: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([RESULT, SAID, CALLING, CALLING | {"content": "So:"}]),
    changes_of(SAID, ["content", "name", "reasoning_content", "cache_control", "refusal"]),
    changes_of(CALLING, ["content", "reasoning", "annotations", "audio", "provider_data"]),
    changes_of(RESULT, ["content", "cache_control"]),
    changes_of({"role": "user", "content": "Hi"}, ["content", "name", "cache_control"]),
)
DIALECTS = (OpenAI(api_key="k"), OpenAI(api_key="k", base_url="https://compatible.invalid/v1"))


@settings(max_examples=200, deadline=None)
@given(st.lists(EARLIER, max_size=5), st.sampled_from(DIALECTS))
def test_any_history_is_written_alike(history: list[Any], provider: OpenAI) -> None:
    """Messages that are known to be plain, and the same that are looked at one by one: the same
    request, report and refusal."""
    asked = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}, CALLING, *history]}
    try:
        known, other = (call_of(provider, asked) for _ in range(2))
    except InvalidRequestError:
        return
    other = replace(other, messages=[*other.messages])
    assert written(provider, other) == written(provider, known)


def written(provider: OpenAI, call: ProviderCall) -> Any:
    """The request of a call, or why there is none, and its report."""
    try:
        return decode_json(next(provider.complete(call)).body), [*call.report]
    except InvalidRequestError as error:
        return error.message, [*call.report]
