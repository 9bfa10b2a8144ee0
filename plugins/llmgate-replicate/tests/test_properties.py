"""Random calls lose nothing in silence, and damaged replies raise nothing but our own errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate.errors import RequestError
from llmgate.options import ChatParameters
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json, is_array, is_object
from llmgate.report import Report
from llmgate.testing.driving import first_request
from llmgate_replicate import Replicate

HERE = Path(__file__).parent
SCHEMAS: dict[str, Any] = json.loads((HERE / "schemas.json").read_text())
MODELS = {f"acme/{name}": schema for name, schema in SCHEMAS.items() if name != "speech"} | {
    "meta/meta-llama-3-8b-instruct": SCHEMAS["llama3"],
    "meta/llama-2-7b-chat": SCHEMAS["plain"],
}
PROVIDER = Replicate(api_key="r8_test", schemas=MODELS)

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12
)
PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "frequency_penalty": st.floats(-2, 2),
    "max_completion_tokens": st.integers(1, 10**6),
    "max_tokens": st.integers(1, 10**6),
    "presence_penalty": st.floats(-2, 2),
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "high", "xhigh", "novel"]),
    "response_format": st.just({"type": "json_object"}),
    "seed": st.integers(0, 2**31),
    "stop": st.lists(TEXTS, min_size=1, max_size=3),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "verbosity": st.sampled_from(["low", "high"]),
}
TEXT_PART = st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS})
CONTENTS: st.SearchStrategy[Any] = st.one_of(TEXTS, st.lists(TEXT_PART, max_size=3))
MESSAGES: st.SearchStrategy[list[Any]] = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "developer", "user", "assistant"]),
            "content": CONTENTS,
        },
        optional={"name": TEXTS},
    ),
    min_size=1,
    max_size=5,
)


def nodes(value: Any) -> Iterator[Any]:
    yield value
    children: list[Any] = []
    if is_object(value):
        children = list(value.values())
    elif is_array(value):
        children = value
    elif isinstance(value, str):
        with suppress(ValueError):  # messages as JSON text
            children = json.loads(value) if value.startswith("[") else []
    for child in children:
        yield from nodes(child)


def is_reported(path: str, call: ProviderCall) -> bool:
    return any(d.path == path or d.path.startswith((f"{path}.", f"{path}[")) for d in call.report)


def texts_of(message: Any) -> list[str]:
    content = message["content"]
    return [part["text"] for part in content] if is_array(content) else [content]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(MODELS)),
    MESSAGES,
    st.fixed_dictionaries({}, optional=PARAMETERS),
)
def test_nothing_is_lost_in_silence(
    model: str, messages: list[Any], parameters: dict[str, Any]
) -> None:
    """Each parameter and each text of a call is found in the body, or named in the report."""
    call = ProviderCall(model, messages, cast("ChatParameters", parameters), report=Report())
    try:
        body = decode_json(first_request(PROVIDER.complete(call)).body)
    except RequestError:
        return
    said = [node for node in nodes(body) if isinstance(node, str)]
    values = [node for node in nodes(body) if not isinstance(node, bool)]
    for name, value in parameters.items():
        sent = value in values or (name == "stop" and ",".join(value) in said)
        assert sent or is_reported(name, call), name
    for index, message in enumerate(messages):
        for text in texts_of(message):
            found = any(text in string for string in said)
            assert found or is_reported(f"messages[{index}]", call), text
        assert "name" not in message or is_reported(f"messages[{index}].name", call)
