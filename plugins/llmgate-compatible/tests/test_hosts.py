"""Each row of the table: its address, its key, its errors, and what of a history goes back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

import llmgate_compatible
from llmgate import Client
from llmgate._core.registry import installed_providers
from llmgate.errors import AuthenticationError, InvalidRequestError, MissingKeyError
from llmgate.provider.http import HttpRequest
from llmgate.testing import CANARY, Canned, CannedTransport, with_transport
from llmgate.testing.signing import FixedSigning
from llmgate_compatible import CompatibleHost
from llmgate_compatible.rows import Row
from llmgate_compatible.shipped import TABLE

NAMES = [line[1:-1] for line in TABLE.read_text("utf-8").splitlines() if line.startswith("[")]
EACH = pytest.mark.parametrize("name", NAMES)
WITH_CHAT = [name for name in NAMES if name not in ("jina", "voyage")]
EACH_WITH_CHAT = pytest.mark.parametrize("name", WITH_CHAT)
WORKSPACE = "https://workspace.example/serving-endpoints"
GREETING = [{"role": "user", "content": "Hi"}]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of any host is set."""
    for variable in {each for name in NAMES for each in row_of(name).variables}:
        monkeypatch.delenv(variable, raising=False)


def class_of(name: str) -> type[CompatibleHost]:
    """The provider of a row."""
    made: type[CompatibleHost] = getattr(llmgate_compatible, name.replace("-", "_"))
    return made


def row_of(name: str) -> Row:
    """A row."""
    return class_of(name).row


def made(name: str, **settings: Any) -> CompatibleHost:
    """A host with all that it needs beside a key."""
    row = row_of(name)
    if row.base_url.startswith("/"):
        settings.setdefault("base_url", WORKSPACE)
    return class_of(name)(**settings_of(row), **settings)


async def headers_of(provider: CompatibleHost, url: str) -> dict[str, str]:
    """What is sent to an address, by lower-case names."""
    request = await provider.authorize(HttpRequest("POST", url), FixedSigning())
    return {header.lower(): value for header, value in request.headers.items()}


def expected_url(row: Row) -> str:
    """Where chat is asked for."""
    base_url = WORKSPACE if row.base_url.startswith("/") else row.base_url
    return base_url.replace("{account}", "acme-1") + row.chat_path


def answer(**message: Any) -> dict[str, Any]:
    """A completion."""
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


async def sent_by(
    provider: CompatibleHost, messages: Any = GREETING, **parameters: Any
) -> tuple[HttpRequest, Any, list[str]]:
    """The request of one call, its body, and its report."""
    transport = CannedTransport([Canned(200, body=json.dumps(answer()).encode())])
    provider = with_transport(provider, transport)
    async with Client(providers={"host": provider}) as client:
        call: Any = client.acompletion
        model = parameters.pop("model", "m")
        completion = await call(f"host/{model}", messages, **parameters)
    (request,) = transport.requests
    report = [f"{each.path} {each.kind}" for each in completion.report]
    return request, json.loads(request.body), report


# --- addresses and keys ---


@EACH_WITH_CHAT
async def test_a_host_is_asked_at_its_own_address(name: str) -> None:
    """With the key that was given, in the header that the host reads."""
    row = row_of(name)
    request, body, _ = await sent_by(made(name, api_key="k"))
    assert expected_url(row) == request.url
    sent = {header.lower(): value for header, value in request.headers.items()}
    prefix = "Bearer " if row.key_header == "Authorization" else ""
    assert f"{prefix}k" == sent[row.key_header.lower()]
    assert "m" == body["model"]
    assert "Hi" == body["messages"][-1]["content"]


@EACH
async def test_its_key_is_read_from_its_own_variables(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them, the first that is set before the others."""
    row = row_of(name)
    if row.base_url.startswith("/"):
        monkeypatch.setenv(row.address[0], WORKSPACE)
    for variable in reversed(row.key):
        monkeypatch.setenv(variable, f"key-of-{variable}")
        provider = class_of(name)(**settings_of(row))
        sent = await headers_of(provider, expected_url(row))
        assert sent[row.key_header.lower()].endswith(f"key-of-{variable}")


@EACH
async def test_its_key_goes_nowhere_else(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to an address given in code, nor to another host; no other host's key goes to it."""
    row = row_of(name)
    for variable in row.key:
        monkeypatch.setenv(variable, CANARY)
    elsewhere = class_of(name)(base_url="https://elsewhere.example/v1", **settings_of(row))
    assert CANARY not in await shown_sent(
        elsewhere, "https://elsewhere.example/v1/chat/completions"
    )
    assert CANARY not in await shown_sent(made(name), "https://x.example/")
    for variable in row.key:
        monkeypatch.delenv(variable)
    for other in {each for host in NAMES for each in row_of(host).key} - {*row.key}:
        monkeypatch.setenv(other, CANARY)
    assert CANARY not in await shown_sent(made(name), expected_url(row))


async def shown_sent(provider: CompatibleHost, url: str) -> str:
    """What is sent to an address, or the error that there is no key for it."""
    try:
        return str(await headers_of(provider, url))
    except MissingKeyError as error:
        return str(error)


def settings_of(row: Row) -> dict[str, Any]:
    """The settings that a row needs."""
    return dict.fromkeys(row.settings, "acme-1")


@EACH
async def test_a_missing_key_says_which_variable_to_set(name: str) -> None:
    """Where one is needed; a server that needs none is asked without."""
    row = row_of(name)
    provider = made(name)
    if row.keyless:
        assert row.key_header.lower() not in await headers_of(provider, expected_url(row))
        return
    with pytest.raises(MissingKeyError, match=f"set {' or '.join(row.key)}, or pass api_key="):
        await headers_of(provider, expected_url(row))


@EACH
async def test_the_environment_may_name_another_address(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which then may have the key; where it is a host alone, the path is the row's."""
    row = row_of(name)
    for variable in row.key[:1]:
        monkeypatch.setenv(variable, "k")
    expected = {
        "https://proxy.example/v9/": "https://proxy.example/v9",
        "https://proxy.example": f"https://proxy.example{urlsplit(row.base_url).path}",
    }
    for variable in row.address:
        for address, base_url in expected.items():
            monkeypatch.setenv(variable, address)
            provider = class_of(name)(**settings_of(row))
            assert f"{base_url}'" in repr(provider)
            if row.key:
                sent = await headers_of(provider, f"{base_url}/chat/completions")
                assert sent[row.key_header.lower()].endswith("k")
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("name", [name for name in NAMES if row_of(name).settings])
async def test_a_setting_is_a_label_of_a_host(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else could lead the key to another host."""
    (setting, variables), *_ = row_of(name).settings.items()
    values: tuple[Any, ...] = ("evil.example/", "a.b", "a/../b", "", "-a", "a@b", "a?b", "é", 7)
    for value in values:
        with pytest.raises(InvalidRequestError, match="expected letters, digits and hyphens"):
            class_of(name)(**{setting: value})
    with pytest.raises(InvalidRequestError, match=f"set {variables[0]} or {variables[1]}, or pass"):
        await sent_by(class_of(name)(api_key="k"))
    monkeypatch.setenv(variables[1], "from-variable")
    request, _, _ = await sent_by(class_of(name)(api_key="k"))
    assert "from-variable" in request.url


def test_an_unknown_setting_is_refused() -> None:
    """As for every provider."""
    with pytest.raises(InvalidRequestError, match="'groq' has no such setting \\(it has: none\\)"):
        class_of("groq")(region="eu")
    with pytest.raises(InvalidRequestError, match="it has: account"):
        class_of("snowflake")(region="eu")


async def test_a_host_that_has_to_be_named_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable, whose address may come without its scheme, as vendors show it."""
    with pytest.raises(InvalidRequestError, match="set DATABRICKS_HOST or DATABRICKS_API_BASE"):
        await sent_by(class_of("databricks")(api_key="k"))
    for address in ("adb-1.azuredatabricks.net", " https://adb-1.azuredatabricks.net/ "):
        monkeypatch.setenv("DATABRICKS_HOST", address)
        request, _, _ = await sent_by(class_of("databricks")(api_key="k"))
        expected = "https://adb-1.azuredatabricks.net/serving-endpoints/chat/completions"
        assert expected == request.url


@pytest.mark.parametrize("address", ["https://[::1", "no address", "https://h?a=b"])
def test_an_address_of_the_environment_is_checked(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """As one that is given in code; one with a query is complete."""
    monkeypatch.setenv("VLLM_BASE_URL", address)
    if address == "https://h?a=b":
        assert "https://h'" in repr(class_of("vllm")())
        return
    with pytest.raises(InvalidRequestError, match="not an http"):
        class_of("vllm")()


async def test_a_call_may_set_the_provider_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another key or address; what the environment names stays so."""
    monkeypatch.setenv("GROQ_BASE_URL", "https://proxy.example")
    monkeypatch.setenv("GROQ_API_KEY", "from-environment")
    provider = class_of("groq")().configured(headers={"x-a": "b"})
    sent = await headers_of(provider, "https://proxy.example/openai/v1/chat/completions")
    assert ("Bearer from-environment", "b") == (sent["authorization"], sent["x-a"])
    given = class_of("groq")(base_url="https://given.example/v1").configured(api_key="k")
    assert "given.example" in repr(given)


# --- errors ---


@EACH_WITH_CHAT
async def test_its_errors_have_their_class(name: str) -> None:
    """By their status, whatever the body is."""
    transport = CannedTransport([Canned(401, body=b'{"error": {"message": "no", "code": "c"}}')])
    provider = with_transport(made(name, api_key="k"), transport)
    async with Client(providers={name: provider}, max_retries=0) as client:
        with pytest.raises(AuthenticationError, match="no") as caught:
            await client.acompletion(f"{name}/m", GREETING)
    assert "c" == caught.value.code


# --- what goes back ---

REASONED: dict[str, Any] = {
    "role": "assistant",
    "content": "Rain.",
    "reasoning_content": "Clouds.",
    "annotations": [{"type": "url_citation"}],
    "tool_calls": [
        {
            "id": "functions.weather:0",
            "type": "function",
            "function": {"name": "weather", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "s"}},
        }
    ],
    "provider_data": {"anthropic": {"thinking": []}},
}


@EACH_WITH_CHAT
async def test_a_history_of_another_provider_is_taken(name: str) -> None:
    """Its reasoning goes back as the host takes it, and nothing is left out unreported."""
    row = row_of(name)
    history = [
        *GREETING,
        REASONED,
        {"role": "tool", "tool_call_id": "functions.weather:0", "content": "1"},
    ]
    _, body, report = await sent_by(made(name, api_key="k"), history)
    message = next(each for each in body["messages"] if each["role"] == "assistant")
    expected = {
        "given": {"reasoning_content": "Clouds."},
        "none": {},
        "reasoning": {"reasoning": "Clouds."},
        "details": {"reasoning": "Clouds."},
        "required": {"reasoning_content": "Clouds."},
        "tags": {},
    }[row.chat.echo]
    names = ("reasoning_content", "reasoning", "reasoning_details")
    assert expected == {key: message[key] for key in names if key in message}
    assert ("messages[1].reasoning_content dropped" in report) == (row.chat.echo == "none")
    assert "messages[1].provider_data.anthropic dropped" in report
    assert "provider_data" not in message
    if "known_fields" in row.chat.quirks:
        assert "annotations" not in message
        assert "messages[1].annotations dropped" in report
    ids = {message["tool_calls"][0]["id"], body["messages"][-1]["tool_call_id"]}
    assert 1 == len(ids)
    assert ids <= (
        {"functions_weather_0"} if "plain_ids" in row.chat.quirks else {"functions.weather:0"}
    )


# --- embeddings and models ---


def test_a_host_has_the_abilities_that_its_row_says() -> None:
    """And no others: what is not there is refused by the core."""
    assert hasattr(class_of("together"), "embed")
    assert hasattr(class_of("together"), "list_models")
    assert not hasattr(class_of("groq"), "embed")
    assert not hasattr(class_of("perplexity"), "list_models")


async def test_embeddings_and_models_are_asked_at_the_same_host() -> None:
    """In OpenAI's format."""
    vectors = {"data": [{"index": 0, "embedding": [1, 2]}], "model": "e"}
    models = [{"id": "m", "context_length": 5}]
    replies = [Canned(200, body=json.dumps(each).encode()) for each in (vectors, models)]
    transport = CannedTransport(replies)
    provider = with_transport(made("together", api_key="k"), transport)
    async with Client(providers={"together": provider}) as client:
        embedded = await client.aembedding("together/e", ["a"])
        listed = await client.alist_models("together")
    assert [1.0, 2.0] == list(embedded.data[0].embedding)
    assert [("m", 5)] == [(model.id, model.context_window) for model in listed]
    expected = ["https://api.together.ai/v1/embeddings", "https://api.together.ai/v1/models"]
    assert expected == [request.url for request in transport.requests]


def test_a_server_that_nobody_set_up_is_not_asked_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list of all models would otherwise ask each port of this machine."""
    for name in NAMES:
        row = row_of(name)
        assert class_of(name)(**settings_of(row)).is_configured() is not row.keyless
    monkeypatch.setenv("VLLM_BASE_URL", "http://127.0.0.1:1/v1")
    assert class_of("vllm")().is_configured()
    assert class_of("lmstudio")(api_key="k").is_configured()
    assert class_of("lmstudio")(base_url="http://127.0.0.1:1").is_configured()
    assert not class_of("mistralrs")().is_configured()


@pytest.mark.parametrize(
    ("name", "variable", "own"),
    [
        ("meta", "MODEL_API_KEY", "META_API_KEY"),
        ("heroku", "INFERENCE_KEY", "HEROKU_INFERENCE_KEY"),
        ("inference-net", "INFERENCE_API_KEY", "INFERENCE_NET_API_KEY"),
    ],
)
async def test_a_key_that_may_be_anybodys_is_read_where_its_host_is_called(
    name: str, variable: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of all models does not send it; one of the host's own name may be sent there."""
    monkeypatch.setenv(variable, CANARY)
    provider = class_of(name)()
    assert not provider.is_configured()
    assert CANARY in await shown_sent(provider, expected_url(row_of(name)))
    assert class_of(name)(api_key="k").is_configured()
    monkeypatch.delenv(variable)
    monkeypatch.setenv(own, "k")
    assert class_of(name)().is_configured()


async def test_a_list_of_all_models_does_not_ask_with_such_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is somebody else's, perhaps; asked for by name, the list is there."""
    monkeypatch.setenv("MODEL_API_KEY", "k")
    transport = CannedTransport([Canned(200, body=b'{"data": [{"id": "m"}]}')])
    provider = with_transport(class_of("meta")(), transport)
    monkeypatch.setenv("LLMGATE_PROVIDERS", "meta")
    installed_providers.cache_clear()
    async with Client(providers={"meta": provider}) as client:
        assert [] == await client.alist_models()
        assert [] == transport.requests
        assert ["m"] == [model.id for model in await client.alist_models("meta")]
    installed_providers.cache_clear()
