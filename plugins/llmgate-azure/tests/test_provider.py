"""Credentials, settings and requests of the Azure provider."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    InvalidRequestError,
    MissingKeyError,
    NotFoundError,
)
from llmgate.provider import Rule
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.testing.signing import FixedSigning
from llmgate_azure import AzureOpenAI
from tests.integration.azure_providers import HELLO, HOST, KEY, provider


def sent_by(made: AzureOpenAI, call: ProviderCall) -> HttpRequest:
    return next(made.complete(call))


async def authorized(made: AzureOpenAI) -> dict[str, str]:
    return dict((await made.authorize(HttpRequest("POST", HOST), FixedSigning())).headers)


async def test_a_key_goes_into_its_own_header() -> None:
    """A resource's key is sent as api-key, and nowhere else."""
    assert {"api-key": KEY} == await authorized(provider(api_key=f" {KEY}\n"))


async def test_a_token_goes_into_the_authorization() -> None:
    """An Entra token is sent as a bearer token."""
    assert {"Authorization": f"Bearer {KEY}"} == await authorized(provider(token=KEY))


@pytest.mark.parametrize("kind", ["async", "sync", "awaitable"])
async def test_a_token_provider_is_asked_on_each_attempt(kind: str) -> None:
    """Each attempt has a fresh token, whatever kind of callable gives it."""
    asked: list[int] = []

    def sync() -> str:
        asked.append(threading.get_ident())
        return f"token-{len(asked)}"

    async def later() -> str:
        return sync()

    def awaitable() -> Awaitable[str]:
        return later()

    providers: dict[str, Callable[[], str | Awaitable[str]]] = {
        "async": later,
        "sync": sync,
        "awaitable": awaitable,
    }
    made = provider(token_provider=providers[kind])
    assert {"Authorization": "Bearer token-1"} == await authorized(made)
    assert {"Authorization": "Bearer token-2"} == await authorized(made)
    assert (kind == "sync") == (asked[0] != threading.get_ident())


async def test_a_blocking_token_provider_does_not_hold_up_the_loop() -> None:
    """While a token is waited for on a thread, the loop goes on."""
    release = threading.Event()

    def blocking() -> str:
        release.wait(5)
        return "token"

    waiting = asyncio.ensure_future(authorized(provider(token_provider=blocking)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    release.set()
    assert {"Authorization": "Bearer token"} == await waiting


async def test_a_failing_token_provider_is_named_without_its_words() -> None:
    """What the provider's exception says may be a secret."""

    def failing() -> str:
        raise RuntimeError(KEY)

    with pytest.raises(MissingKeyError) as caught:
        await authorized(provider(token_provider=failing))
    assert "RuntimeError" in str(caught.value)
    assert KEY not in str(caught.value)
    assert None is caught.value.__context__


async def test_an_own_error_of_a_token_provider_passes() -> None:
    """A token provider may raise llmgate's errors itself."""

    def failing() -> str:
        raise MissingKeyError("log in first")

    with pytest.raises(MissingKeyError, match="log in first"):
        await authorized(provider(token_provider=failing))


@pytest.mark.parametrize(
    ("environment", "headers"),
    [
        ({"AZURE_OPENAI_API_KEY": "a-key"}, {"api-key": "a-key"}),
        ({"AZURE_API_KEY": "a-key"}, {"api-key": "a-key"}),
        ({"AZURE_OPENAI_AD_TOKEN": "a-token"}, {"Authorization": "Bearer a-token"}),
        (
            {"AZURE_OPENAI_AD_TOKEN": "a-token", "AZURE_OPENAI_API_KEY": "a-key"},
            {"Authorization": "Bearer a-token"},
        ),
    ],
)
async def test_credentials_of_the_environment(
    environment: dict[str, str], headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual variables count; a token wins over a key, and never are both sent."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert headers == await authorized(provider())


async def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is passed is the one that is sent."""
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "from-the-environment")
    assert {"api-key": KEY} == await authorized(provider(api_key=KEY))


async def test_without_a_key_the_variable_to_set_is_named() -> None:
    """The error says what to do."""
    with pytest.raises(MissingKeyError, match="AZURE_OPENAI_API_KEY"):
        await authorized(provider())


def test_two_credentials_are_refused() -> None:
    """Which of them counts is the caller's to say."""
    with pytest.raises(InvalidRequestError, match="one of"):
        provider(api_key="a", token="b")


def test_without_an_endpoint_the_variable_to_set_is_named() -> None:
    """The error says what to do, before anything is sent."""
    with pytest.raises(InvalidRequestError, match="AZURE_OPENAI_ENDPOINT"):
        sent_by(AzureOpenAI(api_key=KEY), ProviderCall("gpt", HELLO))


@pytest.mark.parametrize("name", ["AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"])
@pytest.mark.parametrize(
    "version", ["OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION", "AZURE_API_VERSION"]
)
def test_the_endpoint_of_the_environment(
    name: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual variables name the endpoint and its version."""
    monkeypatch.setenv(name, HOST)
    monkeypatch.setenv(version, "2024-10-21")
    expected = f"{HOST}/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    assert expected == sent_by(AzureOpenAI(api_key=KEY), ProviderCall("gpt", HELLO)).url


def test_the_portals_form_of_an_endpoint_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of Azure's alone, given or named by the environment."""
    expected = f"{HOST}/openai/v1/chat/completions"
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "mine.openai.azure.com")
    for made in (AzureOpenAI(), AzureOpenAI(base_url=" mine.openai.azure.com/ ")):
        assert expected == sent_by(made, ProviderCall("gpt", HELLO)).url
    with pytest.raises(InvalidRequestError, match="base_url"):
        AzureOpenAI(base_url="mine.example.com")


GATEWAY = "https://gateway.example.com/openai"


@pytest.mark.parametrize("name", ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"])
async def test_the_environments_key_goes_to_no_other_host(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To Azure's own hosts and to an endpoint that the environment names, and to no other."""
    monkeypatch.setenv(name, KEY)
    for address in (GATEWAY, "https://my.azure-api.net", "https://vm.eu.cloudapp.azure.com"):
        with pytest.raises(MissingKeyError) as caught:
            await authorized_at(provider(base_url=address))
        assert KEY not in str(caught.value)
    assert KEY in (await authorized_at(provider())).popitem()[1]
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", GATEWAY)
    assert KEY in (await authorized_at(AzureOpenAI())).popitem()[1]
    assert KEY in (await authorized_at(AzureOpenAI(base_url=GATEWAY))).popitem()[1]


async def authorized_at(made: AzureOpenAI) -> dict[str, str]:
    """The headers that are added to the request of a call."""
    request = sent_by(made, ProviderCall("gpt", HELLO))
    added = (await made.authorize(request, FixedSigning())).headers
    return {name: value for name, value in added.items() if name not in request.headers}


async def test_a_credential_of_the_call_is_sent_instead() -> None:
    """No token is fetched for it, and no key is missing."""

    def failing() -> str:
        raise RuntimeError

    headers = {"api-key": "own"}
    request = HttpRequest("POST", HOST, headers, given_headers=frozenset(headers))
    for made in (provider(token_provider=failing), provider(token=KEY), provider()):
        assert headers == (await made.authorize(request, FixedSigning())).headers


async def test_a_password_in_an_endpoint_is_not_shown() -> None:
    """It is sent."""
    made = provider(api_key="k", base_url=f"https://me:{KEY}@gateway.example.com/openai?code={KEY}")
    request = sent_by(made, ProviderCall("gpt", HELLO))
    assert KEY not in f"{made!r} {vars(made)!r} {request.url}"
    sent = await made.authorize(request, FixedSigning())
    assert sent.url.startswith(f"https://me:{KEY}@gateway.example.com/openai/deployments/gpt/")
    assert sent.url.endswith(f"&code={KEY}")


async def test_settings_can_be_changed_for_a_call() -> None:
    """A call's own key replaces the token that the provider was made with."""
    made = provider(token="a-token", headers={"x-team": "7"}).configured(
        api_key=KEY, api_version="2024-10-21"
    )
    assert {"x-team": "7", "api-key": KEY} == await authorized(made)
    assert "api-version=2024-10-21" in sent_by(made, ProviderCall("gpt", HELLO)).url


CREDENTIALS: list[dict[str, Any]] = [
    {"api_key": KEY},
    {"token": "a-token"},
    {"token_provider": lambda: "a-fresh-token"},
]


@pytest.mark.parametrize("first", CREDENTIALS)
@pytest.mark.parametrize("second", CREDENTIALS)
async def test_a_credential_replaces_any_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Only the last one is sent."""
    made = provider(**first).configured(**second)
    assert await authorized(provider(**second)) == await authorized(made)


async def test_another_endpoint_keeps_the_key_that_was_given() -> None:
    """Only what the call names is changed."""
    made = provider(api_key=KEY).configured(base_url="https://other.openai.azure.com")
    assert {"api-key": KEY} == await authorized(made)
    assert sent_by(made, ProviderCall("gpt", HELLO)).url.startswith("https://other.")


def test_the_request_is_openais() -> None:
    """The body has OpenAI's form; the model is the deployment."""
    call = ProviderCall("gpt", HELLO, {"temperature": 0.5}, extra_body={"data_sources": []})
    body = json.loads(sent_by(provider(), call).body)
    assert {"model": "gpt", "messages": HELLO, "temperature": 0.5, "data_sources": []} == body
    assert [] == list(call.report)


def test_what_is_not_as_asked_is_reported() -> None:
    """A version that nobody gave, and a deployment that the endpoint names, are in the report."""
    call = ProviderCall("gpt", HELLO)
    request = sent_by(provider(base_url=f"{HOST}/openai/deployments/mine"), call)
    assert "mine" == json.loads(request.body)["model"]
    assert [("defaulted", "api_version"), ("converted", "model")] == [
        (deviation.kind, deviation.path) for deviation in call.report
    ]


def abilities(model: str, effort: str | None = None, **settings: Any) -> dict[str, Any]:
    """The rules for a deployment."""
    parameters: Any = {} if effort is None else {"reasoning_effort": effort}
    found = provider(**settings).abilities(model, parameters) or {}
    return {name: rule for name, rule in found.items() if isinstance(rule, Rule)}


@pytest.mark.parametrize("model", ["o3", "o3-mini", "o4-mini-2025-04-16", "gpt-5-mini", "o1"])
def test_a_deployment_that_is_named_after_a_model_follows_its_rules(model: str) -> None:
    """Azure refuses of it what OpenAI refuses."""
    rules = abilities(model)
    assert ("max_completion_tokens", (1,)) == (rules["max_tokens"].to, rules["temperature"].allowed)
    named = abilities("any", base_url=f"{HOST}/openai/deployments/{model}")
    assert "temperature" in named


def test_rules_follow_the_effort() -> None:
    """A model that does not reason takes more."""
    assert "temperature" in abilities("gpt-5.1", "low")
    assert "temperature" not in abilities("gpt-5.1", "none")


@pytest.mark.parametrize("model", ["mine", "team-o3", "gpt-4o-2024-08-06", "my-gpt-5"])
def test_a_deployment_of_another_name_may_be_any_model(model: str) -> None:
    """Azure itself is to say what it refuses, and the name stays as it is."""
    assert abilities(model).keys() <= {"web_search_options"}
    call = ProviderCall(model, HELLO, {"temperature": 0.5, "max_tokens": 5})
    request = sent_by(provider(base_url=f"{HOST}/openai", api_version="2024-10-21"), call)
    body = json.loads(request.body)
    assert (0.5, 5, model) == (body["temperature"], body["max_tokens"], body["model"])
    assert f"/deployments/{model}/" in request.url


def test_models_of_other_makers_have_no_rules() -> None:
    """Nor is anything known where there is no endpoint yet."""
    assert {} == abilities("o3", base_url="https://mine.services.ai.azure.com/models")
    assert AzureOpenAI().abilities("o3", {}) is AzureOpenAI.parameters


def test_what_an_old_version_of_the_api_lacks() -> None:
    """It would answer 400 to it; what has an older name is sent under that."""
    old = abilities("mine", base_url=HOST, api_version="2024-06-01")
    assert ((), "max_tokens") == (
        old["parallel_tool_calls"].allowed,
        old["max_completion_tokens"].to,
    )
    between = abilities("mine", base_url=HOST, api_version="2024-08-01-preview")
    assert {"max_completion_tokens"} == between.keys()
    assert {} == abilities("mine", base_url=HOST, api_version="2024-10-21")


async def test_a_gateways_key_is_enough() -> None:
    """A gateway has Azure's key, and is given one of its own."""
    own = {"Ocp-Apim-Subscription-Key": "mine"}
    request = HttpRequest("POST", HOST, own, given_headers=frozenset(map(str.lower, own)))
    assert own == dict((await provider().authorize(request, FixedSigning())).headers)
    assert own == await authorized(provider(headers=own))


async def test_a_stream_whose_usage_is_refused_is_asked_for_again() -> None:
    """Models of other makers may not know the option; that is remembered."""
    body = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    stream = Canned(body=body + b"data: [DONE]\n\n")
    refusal = Canned(400, body=b'{"error":{"message":"stream_options is not permitted"}}')
    transport = CannedTransport([refusal, stream, stream])
    made = with_transport(provider(api_key=KEY), transport)
    async with Client(providers={"azure": made}) as client:
        for _ in range(2):
            answer = await client.acompletion("azure/mine", HELLO, stream=True)
            assert "Hi" == (await answer.completion()).text
    asked = ["stream_options" in json.loads(request.body) for request in transport.requests]
    assert [True, False, False] == asked


@pytest.mark.parametrize("name", ["apim-request-id", "x-ms-request-id"])
@pytest.mark.parametrize("status", [200, 404])
async def test_the_id_of_a_request(name: str, status: int) -> None:
    """Azure's own headers are read, in a completion and in an error."""
    body = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
    transport = CannedTransport([Canned(status, {name: "49a7"}, body if status == 200 else b"{}")])
    made = with_transport(provider(api_key=KEY), transport)
    async with Client(providers={"azure": made}) as client:
        try:
            found: Any = await client.acompletion("azure/mine", HELLO)
        except NotFoundError as error:
            found = error
    assert "49a7" == found.request_id


def test_the_key_is_in_no_representation() -> None:
    """Neither the provider nor its request shows the key."""
    made = provider(api_key=KEY)
    assert KEY not in repr(made)
    assert KEY not in repr(vars(made))
