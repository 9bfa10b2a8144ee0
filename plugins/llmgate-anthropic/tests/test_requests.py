"""Requests: what is sent for a call is what Anthropic's own SDK sends for the same meaning.

Each row says a thing twice: as a caller of llmgate says it, and as a user of the SDK would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_anthropic import Anthropic
from tests.integration.anthropic_requests import ROWS
from tests.integration.anthropic_sdk_calls import BESIDE
from tests.sdk import SdkServer


def sent_for(call: Mapping[str, Any]) -> dict[str, Any]:
    """The body that we send."""
    provider = Anthropic(api_key="sk-ant-test")
    checked = call_of(provider, call)
    flow = provider.stream(checked) if checked.stream else provider.complete(checked)
    return dict(decode_json(first_request(flow).body))


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body with every text as a block: what a string is short for."""
    shown = {key: value for key, value in body.items() if not (key == "stream" and value is False)}
    if "system" in shown:
        shown["system"] = _blocks(shown["system"])
    turns = shown["messages"]
    shown["messages"] = [{**turn, "content": _blocks(turn["content"])} for turn in turns]
    return shown


def _blocks(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


REFUSAL = b'{"type":"error","error":{"type":"invalid_request_error","message":"recorded"}}'


@pytest.fixture(scope="module")
def recorder() -> Iterator[SdkServer]:
    """A server that refuses everything, so that no client reads on or tries again."""
    with SdkServer(REFUSAL, 400) as made:
        yield made


@pytest.mark.parametrize("name", ROWS)
def test_sends_what_the_sdk_is_asked_for(name: str) -> None:
    """A call becomes the request that the row says."""
    call, expected = ROWS[name]
    assert plain(expected) == plain(sent_for(call))


@pytest.fixture(scope="module")
def sdk_types() -> Mapping[bool, Any]:
    """What checks a body against the SDK's types, for streams and for whole answers."""
    params = pytest.importorskip("anthropic.types.message_create_params")
    from pydantic import TypeAdapter

    return {
        True: TypeAdapter(params.MessageCreateParamsStreaming),
        False: TypeAdapter(params.MessageCreateParamsNonStreaming),
    }


@pytest.mark.parametrize("name", ROWS)
def test_body_is_of_the_sdk_s_types(name: str, sdk_types: Mapping[bool, Any]) -> None:
    """Every body fits the types that Anthropic publishes for its requests, and nothing is over."""
    body = sent_for(ROWS[name][0])
    validated = sdk_types["stream" in body].validate_python(body)
    assert body.keys() - validated.keys() <= BESIDE


@pytest.fixture(scope="module")
def sdk(recorder: SdkServer) -> Iterator[Any]:
    """Anthropic's own client, pointed at the server that records."""
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(api_key="k", base_url=recorder.url, max_retries=0) as client:
        yield client


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
@pytest.mark.parametrize("name", ROWS)
def test_sdk_sends_the_same_json(name: str, sdk: Any, recorder: SdkServer) -> None:
    """Anthropic's SDK, asked for the same thing, sends the same JSON."""
    call, asked = ROWS[name]
    beside = {key: asked[key] for key in BESIDE & asked.keys()}
    kwargs = {key: value for key, value in asked.items() if key not in BESIDE}
    with pytest.raises(pytest.importorskip("anthropic").BadRequestError):
        sdk.messages.create(**kwargs, extra_body=beside or None)
    assert plain(recorder.asked.pop().json) == plain(sent_for(call))


def test_there_are_enough_rows() -> None:
    """The table covers at least forty calls."""
    assert len(ROWS) >= 40
