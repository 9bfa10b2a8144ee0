"""What programs use beside single calls: a budget, several models at once, trimming, debugging."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import llmgate_litellm as litellm
from llmgate_litellm import _settings
from llmgate_litellm._verbose import _show_records
from llmgate_litellm.utils import trim_messages
from tests.machine import wait_for

Ask = Callable[..., Any]
MESSAGES = [{"role": "user", "content": "Hi"}]
PRICES = {"openai/gpt-4o": {"input_cost_per_token": 0.01, "output_cost_per_token": 0.02}}


# --- the budget ---


def test_calls_stop_where_the_budget_is_spent(ask: Ask, server: Any) -> None:
    """What calls cost is counted, whole and streamed; the one after the limit is not made."""
    litellm.register_model(PRICES)
    cost = 5 * 0.01 + 7 * 0.02
    litellm.max_budget = cost
    ask()
    assert cost == pytest.approx(litellm._current_cost)
    litellm.max_budget = 1.5 * cost
    assert [*ask(stream=True, stream_options={"include_usage": True})]
    with pytest.raises(litellm.BudgetExceededError) as caught:
        ask()
    assert 2 * cost == pytest.approx(caught.value.current_cost)
    assert 1.5 * cost == caught.value.max_budget
    assert 2 == len(server.bodies)
    litellm._current_cost = 0.0  # as programs begin anew
    ask()
    assert 3 == len(server.bodies)


async def test_the_budget_of_async_calls(server: Any) -> None:
    """It is the same one; a failure callback is told."""
    litellm.max_budget = 0.0
    litellm._current_cost = 0.5
    with pytest.raises(litellm.BudgetExceededError):
        await litellm.acompletion("openai/x", MESSAGES, api_key="k", api_base=server.address)
    assert [] == server.bodies


def test_a_call_of_unknown_price_counts_nothing(ask: Ask, server: Any) -> None:
    """A budget cannot hold for it."""
    server(server.answer(model="nobody-knows-it"))
    litellm.max_budget = 0.0
    for _ in range(2):
        ask(model="openai/nobody-knows-it")
    assert 0.0 == litellm._current_cost


# --- several models ---


def test_the_first_of_several_models(server: Any) -> None:
    """One that fails is not the first; where all fail, the first one's error is raised."""
    given: dict[str, Any] = {"api_key": "k", "api_base": server.address, "num_retries": 0}
    models = ["openai/a", "openai/b"]
    server((404, {"error": {"message": "no"}}), server.answer())
    found = litellm.batch_completion_models(models=models, messages=MESSAGES, **given)
    assert "Good day." == found.choices[0].message.content
    server((404, {"error": {"message": "no"}}))
    with pytest.raises(litellm.NotFoundError):
        litellm.batch_completion_models(models=models, messages=MESSAGES, **given)
    with pytest.raises(litellm.BadRequestError, match="models is empty"):
        litellm.batch_completion_models(models=[], messages=MESSAGES)


def test_all_responses_of_several_models(server: Any) -> None:
    """In order, without those that failed."""
    given: dict[str, Any] = {"api_key": "k", "api_base": server.address, "num_retries": 0}
    server(server.answer(), (404, {"error": {"message": "no"}}))
    found = litellm.batch_completion_models_all_responses(
        models=["openai/a", "openai/b"], messages=MESSAGES, **given
    )
    assert ["Good day."] == [each.choices[0].message.content for each in found]
    (one,) = litellm.batch_completion_models_all_responses(
        models="openai/a", messages=MESSAGES, mock_response="Yes."
    )
    assert "Yes." == one.choices[0].message.content


async def test_completion_with_retries(server: Any) -> None:
    """A failure is survived, unless ``num_retries`` says otherwise."""
    given: dict[str, Any] = {"api_key": "k", "api_base": server.address}
    slow_down = (429, {"error": {"message": "no"}})
    server(slow_down, server.answer())
    found = litellm.completion_with_retries("openai/a", MESSAGES, **given)
    assert "Good day." == found.choices[0].message.content
    server(slow_down)
    with pytest.raises(litellm.RateLimitError):
        await litellm.acompletion_with_retries("openai/a", MESSAGES, **given, num_retries=0)


# --- trimming ---


def test_the_oldest_messages_go_first() -> None:
    """Instructions and the last message stay; a result goes with its call."""
    long = "word " * 50
    system = {"role": "system", "content": "Be brief."}
    history: list[Any] = [
        {"role": "user", "content": long},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": long, "tool_call_id": "c"},
        {"role": "user", "content": "Hi"},
    ]
    kept = trim_messages([system, *history], max_tokens=40)
    assert [system, history[-1]] == kept
    assert [system, *history] == trim_messages([system, *history], "gpt-4o")
    kept, left = trim_messages([system], max_tokens=40, return_response_tokens=True)
    assert ([system], 40 - litellm.token_counter(messages=[system])) == (kept, left)


def test_a_last_message_that_is_too_long_is_cut() -> None:
    """It keeps its beginning; one without a text stays as it is."""
    (kept,) = trim_messages([{"role": "user", "content": "word " * 50}], max_tokens=20)
    assert kept["content"].startswith("word word")
    assert 20 >= litellm.token_counter(messages=[kept])
    parts = [{"role": "user", "content": [{"type": "text", "text": "word " * 50}]}]
    assert parts == trim_messages(parts, max_tokens=20)
    with pytest.raises(Exception, match="nobody-knows-it"):
        trim_messages(parts, "nobody-knows-it")
    litellm.register_model({"openai/silent": {"mode": "chat"}})
    with pytest.raises(Exception, match="give max_tokens="):
        trim_messages(parts, "openai/silent")


# --- debugging ---


@pytest.fixture(name="own_logger")
def _own_logger() -> Iterator[logging.Logger]:
    """llmgate's logger, as it was afterwards."""
    logger = logging.getLogger("llmgate")
    before = logger.level, [*logger.handlers]
    _show_records.cache_clear()
    yield logger
    _show_records.cache_clear()
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


@pytest.mark.usefixtures("own_logger")
def test_calls_are_logged_where_debugging_is_on(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """What is asked of whom and what comes of it, without the key."""
    ask()
    assert [] == caplog.records
    litellm._turn_on_debug()
    assert litellm.set_verbose is True
    ask(api_key="sk-canary", caching=True)
    assert wait_for(lambda: "reply call_id=" in caplog.text, 20)
    assert "sk-canary" not in caplog.text


@pytest.mark.parametrize("given", [{"ssl_verify": False}, {}])
def test_a_setting_that_is_not_heard_says_so(
    given: dict[str, Any], ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with what to call instead."""
    _settings.warn_of.cache_clear()
    litellm.ssl_verify = None if given else "bundle.pem"
    for _ in range(2):
        ask(**given)
    (record,) = caplog.records
    assert "llmgate.defaults(verify=…)" in record.message


# --- the cache, and names ---


def test_the_cache_is_turned_on_and_off(ask: Ask, server: Any) -> None:
    """Equal calls are answered from memory in between."""
    litellm.enable_cache()
    first = litellm.cache
    litellm.enable_cache()
    assert first is litellm.cache
    for _ in range(2):
        ask()
    assert 1 == len(server.bodies)
    litellm.update_cache(ttl=60)
    ask()
    litellm.disable_cache()
    ask()
    assert 3 == len(server.bodies)
    with pytest.raises(NotImplementedError, match="only 'local'"):
        litellm.enable_cache("redis")


@pytest.mark.parametrize("name", sorted(litellm.LACKING))
def test_what_cannot_be_had_says_what_to_do(name: str) -> None:
    """When it is called, and when it is a base class; the name itself is there."""
    lacking: Any = getattr(litellm, name)
    with pytest.raises(NotImplementedError, match=f"litellm.{name} is not to be had on llmgate: "):
        lacking(model="x")
    with pytest.raises(NotImplementedError):
        type("Mine", lacking.__mro_entries__(()), {})


def test_a_name_that_is_not_there_says_so() -> None:
    """As an AttributeError, for which frameworks ask."""
    module: Any = litellm
    assert not hasattr(module, "models_by_provider")
    with pytest.raises(AttributeError, match="did you mean 'completion_cost'"):
        _ = module.completion_costs
    with pytest.raises(AttributeError, match=r"docs/from-litellm\.md"):
        _ = module.models_by_provider
    assert litellm.RateLimitError in litellm.LITELLM_EXCEPTION_TYPES


def test_each_exception_is_listed_once() -> None:
    """All classes of exceptions that the module has, for code that loops over them."""
    expected = Counter(
        value
        for name, value in vars(litellm.exceptions).items()
        if isinstance(value, type) and issubclass(value, Exception)
        if name[0] != "_" and name != "LLMGateError"
    )
    assert expected == Counter(litellm.LITELLM_EXCEPTION_TYPES)


def test_a_misspelt_provider_is_told_the_right_one() -> None:
    """And a text in place of messages what to write."""
    with pytest.raises(litellm.BadRequestError, match=r"did you mean openai/gpt-4o\?"):
        litellm.completion("opnai/gpt-4o", MESSAGES)
    with pytest.raises(litellm.BadRequestError, match=r'write \[\{"role": "user"'):
        litellm.completion("openai/gpt-4o", "Hi", api_key="k")


def test_the_key_of_one_provider(ask: Ask, server: Any) -> None:
    """It is that of the module, as older programs assign it."""
    litellm.openai_key = "k-of-openai"
    litellm.api_key = "k-of-all"
    ask(api_key=None)
    assert "Bearer k-of-openai" == server.headers[-1]["authorization"]


def test_a_cache_that_is_disabled_during_a_call(ask: Ask, server: Any) -> None:
    """The call is no error; its response is not kept."""
    litellm.enable_cache()
    server.during = litellm.disable_cache
    assert "Good day." == ask().choices[0].message.content
    assert litellm.cache is None
    ask()
    assert 2 == len(server.bodies)
