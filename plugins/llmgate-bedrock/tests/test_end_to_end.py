"""Calls through a socket, to a server that plays recordings and verifies credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import AuthenticationError, InvalidRequestError, LLMGateError, MissingKeyError
from llmgate.testing import RecordedExchange
from llmgate.types import Completion
from llmgate_bedrock import Bedrock
from tests.aws import AwsKey, AwsServer, Reply, Verified, Verifier
from tests.bedrock import recorded

HI = [{"role": "user", "content": "Hi"}]
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
KEYS: dict[str, Any] = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
SAID = (
    b'{"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},'
    b' "stopReason": "end_turn"}'
)


def verifier(**changed: Any) -> Verifier:
    keys = {"AKIDEXAMPLE": AwsKey(KEYS["aws_secret_access_key"], "token/+=")}
    return Verifier(keys=keys, bearers=("bearer-1234",), region="eu-west-1", **changed)


def provider(server: AwsServer, **settings: Any) -> Bedrock:
    return Bedrock(region="eu-west-1", base_url=server.url, **settings)


async def asked(client: Client, exchange: RecordedExchange) -> Completion | LLMGateError:
    """What a call comes to, whole or streamed."""
    try:
        if not exchange.is_stream:
            return await client.acompletion(f"bedrock/{MODEL}", HI, max_retries=0)
        stream = await client.acompletion(f"bedrock/{MODEL}", HI, stream=True, max_retries=0)
        return await stream.completion()
    except LLMGateError as error:
        return error


@pytest.mark.parametrize(
    "settings", [{**KEYS, "aws_session_token": "token/+="}, {"api_key": "bearer-1234"}]
)
async def test_every_recording(corpus: Path, settings: dict[str, Any]) -> None:
    """Signed, or with a key; the address is the model's, encoded as it was signed."""
    played: list[RecordedExchange] = []

    def answer(request: Verified) -> Reply:
        operation = "converse-stream" if played[-1].is_stream else "converse"
        assert f"{PATH}/{operation}" == request.target
        reply = played[-1].replies[-1]
        kind = "application/vnd.amazon.eventstream" if played[-1].is_stream else "application/json"
        headers = {"content-type": kind, "x-amzn-requestid": "request-1"}
        return Reply(reply.body, reply.status, {**reply.headers, **headers})

    with AwsServer(answer, verifier()) as server:
        async with Client(providers={"bedrock": provider(server, **settings)}) as client:
            for exchange in recorded():
                played.append(exchange)
                found = await asked(client, exchange)
                if exchange.is_refusal:
                    assert isinstance(found, LLMGateError)
                    assert exchange.replies[-1].status == found.status
                    continue
                assert isinstance(found, Completion)
                assert (exchange.text or "", exchange.finish_reason) == (
                    found.text or "",
                    found.choices[0].finish_reason,
                )
                assert "request-1" == found.request_id
        assert not server.refused
    assert 20 <= len(played)


async def test_a_model_that_streams_no_calls() -> None:
    """Is asked for a whole response, which is read in pieces."""
    tools: list[Any] = [{"type": "function", "function": {"name": "f"}}]
    settings = {**KEYS, "aws_session_token": "token/+="}
    with AwsServer(lambda _: Reply(SAID), verifier()) as server:
        async with Client(providers={"bedrock": provider(server, **settings)}) as client:
            stream = await client.acompletion(
                "bedrock/us.meta.llama4-scout-17b-instruct-v1:0", HI, tools=tools, stream=True
            )
            found = await stream.completion()
        assert "/model/us.meta.llama4-scout-17b-instruct-v1%3A0/converse" == (
            server.requests[0].target
        )
    assert ("Hi", "stop") == (found.text, found.choices[0].finish_reason)
    assert "stream" in found.report


async def test_a_wrong_secret_is_refused() -> None:
    """With the error of AWS's code, at once: no retry makes it right."""
    assert ["InvalidSignatureException"] == await refused_with_a_wrong_secret(verifier())


async def test_a_wrong_secret_and_a_wrong_clock_cost_one_retry() -> None:
    """The one with the right time."""
    late = verifier(now=lambda: datetime.now(UTC) + timedelta(hours=2))
    assert ["InvalidSignatureException"] * 2 == await refused_with_a_wrong_secret(late)


async def refused_with_a_wrong_secret(verifier: Verifier) -> list[str]:
    """The codes of what the server refused."""
    wrong = {**KEYS, "aws_secret_access_key": "x" * 40, "aws_session_token": "token/+="}
    with AwsServer(lambda _: Reply(SAID), verifier) as server:
        async with Client(providers={"bedrock": provider(server, **wrong)}) as client:
            with pytest.raises(AuthenticationError) as caught:
                await client.acompletion(f"bedrock/{MODEL}", HI, max_retries=3)
        assert "InvalidSignatureException" == caught.value.code
        return server.refused


async def test_a_user_in_the_address_contradicts_a_signature() -> None:
    """Both are sent as Authorization; nothing is sent, and the error says what to leave out."""
    with AwsServer(lambda _: Reply(SAID), verifier()) as server:
        url = server.url.replace("//", "//user@")
        asked = Bedrock(region="eu-west-1", base_url=url, **KEYS)
        async with Client(providers={"bedrock": asked}) as client:
            with pytest.raises(InvalidRequestError, match="a signature: leave one of them out"):
                await client.acompletion(f"bedrock/{MODEL}", HI)
        assert [] == server.requests


async def test_settings_of_one_call() -> None:
    """The keys, the region and the address may be given with a call."""
    with AwsServer(lambda _: Reply(SAID), verifier()) as server:
        async with Client() as client:
            found = await client.acompletion(
                f"bedrock/{MODEL}",
                HI,
                base_url=server.url,
                provider_settings={**KEYS, "aws_session_token": "token/+=", "region": "eu-west-1"},
            )
        assert ("Hi", []) == (found.text, server.refused)


async def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """They go to the address that the environment names, and not to one given in code."""
    for name, value in {**KEYS, "aws_session_token": "token/+="}.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with AwsServer(lambda _: Reply(SAID), verifier()) as server:
        async with Client(providers={"bedrock": provider(server)}) as client:
            with pytest.raises(LLMGateError):
                await client.acompletion(f"bedrock/{MODEL}", HI, max_retries=0)
        assert ["MissingAuthenticationTokenException"] == server.refused
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        async with Client() as client:
            found = await client.acompletion(f"bedrock/{MODEL}", HI)
        assert ("Hi", 1) == (found.text, len(server.refused))


async def test_embeddings_and_models_are_signed() -> None:
    """With what is in a query, too."""

    def answer(request: Verified) -> Reply:
        if request.target.endswith("/invoke"):
            return Reply(b'{"embedding": [0.5], "inputTextTokenCount": 3}')
        if request.target == "/foundation-models":
            return Reply(b'{"modelSummaries": []}')
        token = "" if "nextToken=" in request.target else ', "nextToken": "a/+="'
        found = '{"inferenceProfileSummaries": [{"inferenceProfileId": "us.m"}]'
        return Reply(f"{found}{token}}}".encode())

    with AwsServer(answer, verifier()) as server:
        settings = {**KEYS, "aws_session_token": "token/+="}
        async with Client(providers={"bedrock": provider(server, **settings)}) as client:
            made = await client.aembedding("bedrock/amazon.titan-embed-text-v2:0", ["a", "b"])
            models = await client.alist_models("bedrock")
        assert not server.refused
        assert "nextToken=a%2F%2B%3D" in server.requests[-1].target
    assert made.usage is not None
    assert ([[0.5], [0.5]], 6) == (made.vectors, made.usage.prompt_tokens)
    assert ["us.m"] == [model.id.removeprefix("bedrock/") for model in models]


async def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is sent, and the error says what to set."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    async with Client(providers={"bedrock": Bedrock(region="eu-west-1")}) as client:
        with pytest.raises(MissingKeyError, match="AWS_BEARER_TOKEN_BEDROCK"):
            await client.acompletion(f"bedrock/{MODEL}", HI)
