"""Requests to models that reason: which parameters they take, and under which names."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import UnsupportedError
from llmgate_openai import OpenAI
from tests.integration.openai_requests import ELSEWHERE, HELLO, TOOL, sent_request

_KNOBS = {
    "temperature": 0.5,
    "top_p": 0.5,
    "frequency_penalty": 1,
    "presence_penalty": 1,
    "logit_bias": {"1": 1},
    "logprobs": True,
    "top_logprobs": 2,
}


@pytest.mark.parametrize(
    ("model", "effort", "reasons"),
    [
        ("gpt-4o", None, False),
        ("gpt-4.1-mini", None, False),
        ("gpt-3.5-turbo", None, False),
        ("chatgpt-4o-latest", None, False),
        ("ft:gpt-4o:org::id", None, False),
        ("o1", None, True),
        ("o3-mini", None, True),
        ("o4-mini-2025-04-16", None, True),
        ("ft:o4-mini:org::id", None, True),
        ("gpt-5", None, True),
        ("gpt-5-nano", "minimal", True),
        ("gpt-5-chat-latest", None, False),
        ("gpt-5.1", None, False),
        ("gpt-5.1", "none", False),
        ("gpt-5.1", "low", True),
        ("gpt-5.1-codex-mini", None, True),
        ("gpt-5.1-chat-latest", None, True),
        ("gpt-5.2", None, False),
        ("gpt-5.2-pro", None, True),
        ("gpt-5.4", None, False),
        ("gpt-5.4-pro", None, True),
        ("gpt-5.5", None, True),
        ("gpt-5.5", "none", False),
        ("gpt-6-astra", None, True),
        ("gpt-6-luna", "none", False),
        ("gpt-6.1-sol", None, True),
        ("a-deployment-of-mine", None, False),
    ],
)
async def test_a_model_that_reasons_takes_no_sampling(
    model: str, effort: str | None, reasons: bool
) -> None:
    """OpenAI answers 400 to these; they are left out, each with its entry in the report."""
    knobs = {**_KNOBS, "reasoning_effort": effort} if effort else dict(_KNOBS)
    sent, reported = await sent_request(model=model, **knobs)
    expected = dict.fromkeys(_KNOBS, "dropped") if reasons else {}
    assert expected == reported
    assert set(knobs) - set(expected) == set(sent) - {"model", "messages"}


async def test_values_that_a_model_that_reasons_accepts_are_sent() -> None:
    """The defaults, said aloud, are fine."""
    defaults = {"temperature": 1, "top_p": 1.0, "frequency_penalty": 0, "presence_penalty": 0.0}
    sent, reported = await sent_request(model="gpt-5", **defaults)
    assert {} == reported
    assert defaults == {name: sent[name] for name in defaults}


_REFUSED: list[tuple[str, dict[str, Any], bool]] = [
    ("o3", {"stop": ["a"]}, True),
    ("o4-mini-2025-04-16", {"stop": "a"}, True),
    ("gpt-5-mini", {"stop": "a"}, True),
    ("o1", {"stop": "a"}, False),
    ("o3-mini", {"stop": "a"}, False),
    ("gpt-5.1", {"stop": "a"}, False),
    ("o1", {"parallel_tool_calls": False, "tools": [TOOL]}, True),
    ("o3-mini", {"parallel_tool_calls": True, "tools": [TOOL]}, True),
    ("gpt-5", {"parallel_tool_calls": False, "tools": [TOOL]}, False),
    ("gpt-5.1", {"reasoning_effort": "minimal"}, True),
    ("gpt-5.1-2025-11-13", {"reasoning_effort": "xhigh"}, True),
    ("gpt-5.1", {"reasoning_effort": "high"}, False),
    ("gpt-5.6", {"reasoning_effort": "max"}, True),
    ("gpt-5.6-mini", {"reasoning_effort": "xhigh"}, False),
    ("gpt-4o-search-preview", {"temperature": 0.5}, True),
    ("gpt-4o-mini-search-preview-2025-03-11", {"seed": 1}, True),
    ("gpt-5-search-api", {"presence_penalty": 0}, True),
    ("gpt-4o-search-preview", {"web_search_options": {}}, False),
    ("gpt-4o", {"web_search_options": {}}, True),
    ("a-model-of-mine", {"web_search_options": {}}, False),
]


@pytest.mark.parametrize(("model", "given", "is_refused"), _REFUSED)
async def test_what_else_a_model_refuses(
    model: str, given: dict[str, Any], is_refused: bool
) -> None:
    """That is left out and reported, and nothing is that it takes."""
    sent, reported = await sent_request(model=model, **given)
    name = next(iter(given))
    assert ({name: "dropped"} if is_refused else {}) == reported
    assert (not is_refused) is (name in sent)


async def test_a_meaning_that_a_model_refuses() -> None:
    """It is not left out, but refused."""
    with pytest.raises(UnsupportedError, match="n is not supported: gpt-4o-search-preview refuses"):
        await sent_request(model="gpt-4o-search-preview", n=2)


async def test_an_effort_that_is_left_out_does_not_count() -> None:
    """The model then does not reason, and takes the rest."""
    sent, reported = await sent_request(
        model="gpt-5.1", reasoning_effort="minimal", temperature=0.5
    )
    assert {"reasoning_effort": "dropped"} == reported
    assert 0.5 == sent["temperature"]


async def test_a_preview_shows_what_a_model_refuses() -> None:
    """As the request that is sent."""
    async with Client(providers={"openai": OpenAI(api_key="sk-test")}) as client:
        shown = client.preview("o3", HELLO, temperature=0.5, max_tokens=5)
    assert {"temperature": "dropped", "max_tokens": "renamed"} == {
        deviation.path: deviation.kind for deviation in shown.report
    }
    assert 5 == shown.json()["max_completion_tokens"]


@pytest.mark.parametrize("name", _KNOBS)
async def test_the_caller_may_refuse_to_have_it_left_out(name: str) -> None:
    """Under ``unsupported="raise"`` nothing is sent."""
    with pytest.raises(UnsupportedError) as caught:
        await sent_request(model="o3", unsupported="raise", **{name: _KNOBS[name]})
    assert name == caught.value.parameter


@pytest.mark.parametrize(
    ("model", "base_url", "given", "expected"),
    [
        ("gpt-5", None, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("gpt-5.1", None, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("o3", None, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("gpt-4o", None, {"max_tokens": 5}, {"max_tokens": 5}),
        ("gpt-5", ELSEWHERE, {"max_tokens": 5}, {"max_tokens": 5}),
    ],
)
async def test_the_limit_is_sent_under_the_name_that_the_model_knows(
    model: str, base_url: str | None, given: dict[str, int], expected: dict[str, int]
) -> None:
    """OpenAI's reasoning models refuse the old name, and other hosts may not know the new one."""
    sent, reported = await sent_request(model=model, base_url=base_url, **given)
    assert expected == {name: value for name, value in sent.items() if name.startswith("max")}
    assert ({} if given == expected else {"max_tokens": "renamed"}) == reported


async def test_both_limits_are_left_for_the_host_to_judge() -> None:
    """Which of them was meant is not ours to say."""
    limits = {"max_tokens": 5, "max_completion_tokens": 6}
    sent, reported = await sent_request(model="gpt-5", **limits)
    assert limits == {name: sent[name] for name in limits}
    assert {} == reported


async def test_another_host_is_sent_everything() -> None:
    """OpenAI's rules are OpenAI's alone: a name like its own means nothing elsewhere."""
    sent, reported = await sent_request(model="gpt-5", base_url=ELSEWHERE, **_KNOBS)
    assert {} == reported
    assert _KNOBS == {name: sent[name] for name in _KNOBS}


@pytest.mark.parametrize(
    ("model", "given", "sent_effort", "expected"),
    [
        ("gpt-5.2", None, None, None),
        ("gpt-5.2", "high", None, "dropped"),
        ("gpt-5.4-mini", "low", None, "dropped"),
        ("gpt-5.4", "none", "none", None),
        ("gpt-5.5", None, "none", "injected"),
        ("gpt-5.5", "none", "none", None),
        ("gpt-5.6-mini", None, "none", "injected"),
        ("gpt-6-luna", None, "none", "injected"),
        ("ft:gpt-5.6:acme::abc", None, "none", "injected"),
        ("gpt-5.1", "high", "high", None),
        ("gpt-5", "low", "low", None),
        ("gpt-4o", None, None, None),
    ],
)
@pytest.mark.parametrize("form", ["tools", "functions"])
async def test_models_that_take_tools_only_while_they_do_not_reason(
    model: str, given: str | None, sent_effort: str | None, expected: str | None, form: str
) -> None:
    """Tools cannot be done without; an effort can, and the report says so."""
    options = {} if given is None else {"reasoning_effort": given}
    tools = {"tools": [TOOL]} if form == "tools" else {"functions": [TOOL["function"]]}
    sent, reported = await sent_request(model=model, temperature=0.5, **tools, **options)
    assert sent_effort == sent.get("reasoning_effort")
    assert expected == reported.get("reasoning_effort")
    is_reasoning = model in ("gpt-5", "gpt-5.1")
    assert is_reasoning == ("temperature" in reported)


async def test_an_effort_that_is_to_be_taken_at_its_word() -> None:
    """It is refused beside tools where nothing is to be dropped; without tools it is sent, and
    what is high enough for a model by itself is left to it."""
    with pytest.raises(UnsupportedError, match="takes tools only while it does not reason"):
        await sent_request(
            model="gpt-5.6", tools=[TOOL], reasoning_effort="high", unsupported="raise"
        )
    sent, reported = await sent_request(model="gpt-5.6", reasoning_effort="high", tools=[])
    assert ("high", {}) == (sent["reasoning_effort"], reported)
    sent, reported = await sent_request(model="gpt-5.6", tools=[])
    assert "reasoning_effort" not in sent


async def test_the_limit_is_renamed_beside_tools_as_well() -> None:
    """As for each model that can reason."""
    sent, _ = await sent_request(model="gpt-5.6", max_tokens=5, tools=[TOOL])
    assert (5, False) == (sent["max_completion_tokens"], "max_tokens" in sent)
