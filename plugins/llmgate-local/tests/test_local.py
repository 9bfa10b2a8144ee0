"""Answers of the real SmolLM2, as users hold them: through ``llmgate.Client``."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import jsonschema
import pytest

from llmgate import Client, Completion
from llmgate.errors import UnsupportedError

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("in_silence")]

Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Completion]]
MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]


async def test_a_stream_gives_token_by_token_what_a_whole_answer_gives(
    ask: Ask, client: Client
) -> None:
    """And its usage at the end, which is the same, too."""
    whole = await ask("Name two colours.")
    stream = await client.acompletion(
        MODEL,
        [{"role": "user", "content": "Name two colours."}],
        stream=True,
        max_tokens=8,
        temperature=0,
    )
    pieces = [piece async for piece in stream.text()]
    assert len(pieces) >= 6
    assert whole.text == "".join(pieces)
    assert whole.usage is not None
    assert stream.usage is not None
    assert (8, whole.usage.prompt_tokens) == (
        stream.usage.completion_tokens,
        stream.usage.prompt_tokens,
    )
    assert ("length", "smollm2") == (whole.choices[0].finish_reason, MODEL.partition("/")[2])
    assert "timings" in whole.extra
    assert not whole.report
    assert not stream.report


async def test_a_stream_of_several_choices_ends_with_the_usage_of_all(
    ask: Ask, client: Client
) -> None:
    """One chunk with the sum, after everything else."""
    stream = await client.acompletion(
        MODEL, HELLO, stream=True, n=2, max_tokens=4, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert [chunks[-1]] == [chunk for chunk in chunks if chunk.usage is not None]
    usage = chunks[-1].usage
    assert usage is not None
    assert (8, usage.prompt_tokens + 8) == (usage.completion_tokens, usage.total_tokens)
    completion = await stream.completion()
    assert [0, 1] == [choice.index for choice in completion.choices]
    whole = await ask(n=2, max_tokens=4)
    assert whole.usage is not None
    assert usage.total_tokens == whole.usage.total_tokens


def tokens(completion: Completion) -> int | None:
    """How many tokens were made."""
    return completion.usage.completion_tokens if completion.usage else None


def says_four(completion: Completion) -> bool:
    """Whether a four is in the text."""
    return "4" in completion.text


def text(completion: Completion) -> str:
    """The text."""
    return completion.text


def reason(completion: Completion) -> str | None:
    """Why the answer ended."""
    return completion.choices[0].finish_reason


def size(completion: Completion) -> int:
    """How many choices there are."""
    return len(completion.choices)


def reported(completion: Completion) -> list[str]:
    """The paths in the report."""
    return [deviation.path for deviation in completion.report]


def logprobs(completion: Completion) -> list[int]:
    """How many alternatives each token has."""
    found: Any = completion.choices[0].logprobs or {"content": []}
    content: list[Any] = found["content"]
    return [len(token["top_logprobs"]) for token in content]


@pytest.mark.parametrize(
    ("parameters", "seen", "expected"),
    [
        ({"max_tokens": 2}, tokens, 2),
        ({"max_completion_tokens": 3}, tokens, 3),
        ({"stop": "4"}, says_four, False),
        ({"stop": ["x", "4"]}, reason, "stop"),
        ({"n": 2}, size, 2),
        ({"logprobs": True, "max_tokens": 2}, logprobs, [1, 1]),
        ({"logprobs": True, "top_logprobs": 3, "max_tokens": 2}, logprobs, [3, 3]),
        ({"logit_bias": {"33": 100}, "max_tokens": 3}, text, "111"),
        ({"response_format": {"type": "text"}}, tokens, 8),
        ({"reasoning_effort": "low"}, reported, ["reasoning_effort"]),
    ],
)
async def test_parameters_are_honoured(
    ask: Ask, parameters: dict[str, Any], seen: Callable[[Completion], object], expected: object
) -> None:
    """Each shows in the answer, or stands in its report."""
    assert expected == seen(await ask("Count: 1, 2, 3, ", **parameters))


async def test_sampling_is_as_asked(ask: Ask) -> None:
    """Seeds, also of 64 bits, give the same again; top_p and penalties change what is taken."""

    async def sample(**parameters: Any) -> str:
        return (await ask("Name a colour.", **{"temperature": 2.0, **parameters})).text

    # the first fills the cache, so that all that follow compute alike
    _, first, again, wrapped, other = [await sample(seed=seed) for seed in (1, 1, 1, 2**32, 2)]
    assert first == again == wrapped
    assert first != other
    assert await sample(temperature=0) == await sample(top_p=0.0001)
    plain = await ask("Say: no no no no no no", max_tokens=16)
    for penalty in ("frequency_penalty", "presence_penalty"):
        bent = await ask("Say: no no no no no no", max_tokens=16, **{penalty: 2.0})
        assert plain.text != bent.text


async def test_what_llama_cpp_would_ignore_is_reported_or_refused(ask: Ask) -> None:
    """Nothing is dropped in silence; ``unsupported="raise"`` refuses all of it."""
    ignored: dict[str, Any] = {
        "metadata": {"a": "b"},
        "moderation": {"a": 1},
        "prediction": {"type": "content", "content": "x"},
        "prompt_cache_key": "x",
        "prompt_cache_options": {"a": 1},
        "prompt_cache_retention": "24h",
        "reasoning_effort": "high",
        "safety_identifier": "x",
        "service_tier": "auto",
        "store": True,
        "user": "x",
        "verbosity": "low",
        "web_search_options": {},
    }
    answer = await ask(max_tokens=1, **ignored)
    assert set(ignored) == {deviation.path for deviation in answer.report}
    for name, value in ignored.items():
        with pytest.raises(UnsupportedError, match=name):
            await ask(unsupported="raise", **{name: value})
    refused: dict[str, Any] = {"audio": {"voice": "x"}, "modalities": ["audio"], "n": 5}
    for name, value in refused.items():
        with pytest.raises(UnsupportedError) as caught:
            await ask(**{name: value})
        assert name == caught.value.parameter


COLOURS: dict[str, Any] = {
    "type": "object",
    "properties": {"colours": {"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 2}},
    "required": ["colours"],
    "additionalProperties": False,
}


async def test_an_answer_has_the_format_that_is_asked_for(ask: Ask, client: Client) -> None:
    """A schema's, whole and streamed, or just JSON."""
    schema = {"type": "json_schema", "json_schema": {"name": "colours", "schema": COLOURS}}
    whole = await ask("Name colours.", response_format=schema, max_tokens=60)
    jsonschema.validate(json.loads(whole.text), COLOURS)
    stream = await client.acompletion(
        MODEL, HELLO, stream=True, response_format=schema, max_tokens=60
    )
    jsonschema.validate(json.loads((await stream.completion()).text), COLOURS)
    loose = await ask("Name three colours.", response_format={"type": "json_object"}, max_tokens=60)
    assert isinstance(json.loads(loose.text), dict)


async def test_what_a_schema_asks_in_vain_is_reported(ask: Ask) -> None:
    """llama.cpp passes over some keywords in silence, and refuses others."""
    number = {"type": "number", "minimum": 1000}
    schema = {"type": "object", "properties": {"n": number}, "required": ["n"]}
    given = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await ask("Say n is 5.", response_format=given, max_tokens=20)
    assert {"n": 5} == json.loads(answer.text), "llama.cpp enforces it now: take it from schemas"
    assert "response_format.json_schema.schema.properties.n.minimum" in answer.report
    given = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"pattern": "x"}}}
    with pytest.raises(UnsupportedError, match="cannot enforce the pattern"):
        await ask(response_format=given)


async def test_messages_of_every_kind_are_understood(client: Client) -> None:
    """What they hold beside text is said in other words, and reported."""
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief.", "name": "me"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": None, "refusal": "No.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "Why?"},
    ]
    answer = await client.acompletion(MODEL, messages, max_tokens=1)
    assert {
        "messages[0].name",
        "messages[0].role",
        "messages[2].reasoning_content",
        "messages[2].refusal",
        "messages[3].content[0]",
    } == {deviation.path for deviation in answer.report}


async def test_the_answer_is_a_new_message_even_after_an_assistants(client: Client) -> None:
    """As in OpenAI's format; llama.cpp alone would continue the last one."""
    messages = [*HELLO, {"role": "assistant", "content": "The sky is"}]
    answer = await client.acompletion(MODEL, messages, max_tokens=1)
    continued = await client.acompletion(
        MODEL,
        messages,
        max_tokens=1,
        extra_body={"continue_final_message": True, "add_generation_prompt": False},
    )
    assert answer.usage is not None
    assert continued.usage is not None
    assert answer.usage.prompt_tokens > continued.usage.prompt_tokens


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "input_audio"),
        ({"type": "file", "file": {"file_id": "x"}}, "file"),
    ],
)
async def test_parts_that_a_text_model_cannot_read_are_refused(
    client: Client, part: dict[str, Any], kind: str
) -> None:
    """Before anything is sent, with the path."""
    content = [{"type": "text", "text": "Look:"}, part]
    with pytest.raises(UnsupportedError, match=kind) as caught:
        await client.acompletion(MODEL, [{"role": "user", "content": content}])
    assert "messages[0].content[1]" == caught.value.parameter
