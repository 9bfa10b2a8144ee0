"""Responses that do not fit what was asked for: returned as they came, unless validation is on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import Queue
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate_litellm as litellm

Ask = Callable[..., Any]


class City(BaseModel):
    """What a model is asked for."""

    name: str


SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "city", "schema": City.model_json_schema()},
}
MISFITS = ['{"town": "Oslo"}', "Oslo."]


@pytest.mark.parametrize("wanted", [City, SCHEMA])
@pytest.mark.parametrize("text", MISFITS)
def test_a_text_that_does_not_fit_is_returned(
    ask: Ask, server: Any, wanted: Any, text: str
) -> None:
    """Whole and streamed: whether it fits is the caller's to find out."""
    server(server.answer(text))
    assert text == ask(response_format=wanted).choices[0].message.content
    chunks = [*ask(response_format=wanted, stream=True)]
    assert text == "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@pytest.mark.parametrize("wanted", [City, SCHEMA])
@pytest.mark.parametrize("text", MISFITS)
def test_validation_that_is_asked_for(ask: Ask, server: Any, wanted: Any, text: str) -> None:
    """By the module, which a call overrules; what fits is returned."""
    litellm.enable_json_schema_validation = True
    seen: Queue[Any] = Queue()

    def keep(kwargs: dict[str, Any], *_: Any) -> None:
        seen.put(kwargs["exception"])

    litellm.failure_callback = [keep]
    server(server.answer(text))
    with pytest.raises(litellm.JSONSchemaValidationError, match="raw_response: ") as caught:
        ask(response_format=wanted)
    assert caught.value is seen.get(timeout=5)
    assert ("gpt-4o", "openai") == (caught.value.model, caught.value.llm_provider)
    asked = ask(response_format=wanted, enable_json_schema_validation=False)
    assert text == asked.choices[0].message.content
    server(server.answer('{"name": "Oslo"}'))
    assert '{"name": "Oslo"}' == ask(response_format=wanted).choices[0].message.content
    assert "Good day." == ask(mock_response="Good day.").choices[0].message.content


async def test_validation_of_an_async_call(server: Any) -> None:
    """By the call alone."""
    server(server.answer("Oslo."))
    host: dict[str, Any] = {"api_key": "k", "api_base": server.address}
    for wanted in (City, SCHEMA):
        with pytest.raises(litellm.JSONSchemaValidationError):
            await litellm.acompletion(
                "openai/gpt-4o",
                [{"role": "user", "content": "Hi"}],
                response_format=wanted,
                enable_json_schema_validation=True,
                **host,
            )


def test_without_the_package_a_schema_is_not_checked(
    ask: Ask, server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That is said."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    server(server.answer("Oslo."))
    answer = ask(response_format=SCHEMA, enable_json_schema_validation=True)
    assert "Oslo." == answer.choices[0].message.content
    assert ["enable_json_schema_validation"] == [
        record.message.partition(" ")[0] for record in caplog.records
    ]
