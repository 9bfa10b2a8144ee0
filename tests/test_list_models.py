"""Lists of models: of one provider, and of all."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client, Embeddings, Model
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    AuthenticationError,
    InvalidRequestError,
    PluginError,
    UnknownProviderError,
    UnsupportedError,
)
from llmgate.provider import (
    Embedder,
    Provider,
)
from llmgate.provider.http import Flow, HttpRequest
from tests.faults.server import FaultServer, hang, reply
from tests.vectors_provider import Chat, Vectors, run

# --- models -------------------------------------------------------------------------------


def listing(server: FaultServer, provider: str | None = "vec", **options: Any) -> Any:
    """A list of models."""

    async def scenario() -> Any:
        async with Client(providers={"vec": Vectors(server.url)}) as client:
            return await client.alist_models(provider, **options)

    return run(scenario)


def test_models_are_listed_page_by_page_and_each_once() -> None:
    """With the name under which a call reaches them."""
    first = reply(body={"models": ["a", "b"], "next": "2"})
    with FaultServer(first, reply(body={"models": ["b", "c"]})) as server:
        found = listing(server)
    assert ["/v1/models?page=1", "/v1/models?page=2"] == [seen.target for seen in server.requests]
    assert ["vec/a", "vec/b", "vec/c"] == [model.name for model in found]
    assert found is found.data
    assert {} == found.errors
    assert "a" == Model("a").name


def test_a_list_is_kept_for_as_long_as_a_call_says() -> None:
    """Without a word it is asked for anew, as where a call has settings of its own."""
    replies = [reply(body={"models": [name]}) for name in "abcde"]
    with FaultServer(*replies) as server:

        async def scenario() -> list[str]:
            async with Client(providers={"vec": Vectors(server.url)}) as client:
                given = [await client.alist_models("vec", max_age=60)]
                given[0][0].id = "changed"
                given.append(await client.alist_models("vec", max_age=60))
                given.append(await client.alist_models("vec"))
                given.append(await client.alist_models("vec", max_age=60.5))
                own = {"X-Team": "a"}
                given.append(await client.alist_models("vec", max_age=60, extra_headers=own))
                given.append(await client.alist_models("vec", max_age=60))
                given.append(await client.alist_models("vec", max_age=0))
                with pytest.raises(InvalidRequestError) as caught:
                    await client.alist_models("vec", max_age=-1)
                assert caught.value.path == "max_age"
                return [models[0].name for models in given]

        found = run(scenario)
    assert found == ["vec/changed", *(f"vec/{name}" for name in "abbcbd")]


@pytest.mark.parametrize("status", [404, 405])
def test_a_host_without_a_list_says_so(status: int) -> None:
    """Instead of an empty list."""
    with FaultServer(reply(status)) as server, pytest.raises(UnsupportedError, match="no models"):
        listing(server)


def test_failures_of_a_list_are_those_of_chat() -> None:
    """A status, and what is not a list of models."""
    with FaultServer(reply(401)) as server, pytest.raises(AuthenticationError):
        listing(server)

    class Odd(Vectors):
        def list_models(self) -> Flow[list[Model]]:
            yield from super().list_models()
            odd: Any = ["odd"]
            return odd  # type: ignore[no-any-return]

    async def scenario(url: str) -> None:
        async with Client(providers={"vec": Odd(url)}) as client:
            await client.alist_models("vec")

    models = reply(body={"models": []})
    with FaultServer(models) as server, pytest.raises(PluginError, match="'odd', not"):
        run(lambda: scenario(server.url))


@pytest.mark.parametrize("provider", ["", " ", 5, ["vec"]])
def test_what_is_no_providers_name_is_refused(provider: Any) -> None:
    """Naming the argument."""
    with FaultServer(hang) as server, pytest.raises(InvalidRequestError) as caught:
        listing(server, provider)
    assert "provider" == caught.value.path


def test_an_unknown_provider_or_option_is_named() -> None:
    """With what there is."""
    with FaultServer(hang) as server:
        with pytest.raises(UnknownProviderError, match="nobody"):
            listing(server, "nobody")
        with pytest.raises(InvalidRequestError, match="did you mean timeout"):
            listing(server, timeou=1)
        with pytest.raises(InvalidRequestError, match="name the provider whose api_key this is"):
            listing(server, None, api_key="k")


def test_all_providers_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without a key or a list are left out, and what else fails is told."""
    monkeypatch.setattr("llmgate._core.registry.installed_providers", dict[str, Any])
    with FaultServer(reply(body={"models": ["a"]})) as server, FaultServer(reply(403)) as closed:

        async def scenario() -> Any:
            providers: dict[str, Provider] = {
                "chat": Chat(),
                "closed": Vectors(closed.url),
                "keyless": Vectors(server.url, api_key=""),
                "vec": Vectors(server.url),
            }
            async with Client(providers=providers) as client:
                return await client.alist_models()

        found = run(scenario)
    assert ["vec/a"] == [model.name for model in found]
    assert ["closed"] == [*found.errors]
    assert 403 == found.errors["closed"].status


async def test_a_models_name_in_place_of_a_providers() -> None:
    """The error says what to write."""
    async with Client(providers={"chat": Chat()}) as client:
        with pytest.raises(InvalidRequestError, match="'chat' lists all of its models") as caught:
            await client.alist_models("chat/x")
    assert "provider" == caught.value.path


class Server(Vectors):
    """A server that needs no key, and that nobody has set up."""

    def is_configured(self) -> bool:
        """It is as it came."""
        return False


def test_a_provider_that_nobody_has_set_up_is_listed_by_name_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list of all providers' models does not ask for what may not be there."""
    monkeypatch.setattr("llmgate._core.registry.installed_providers", dict[str, Any])
    with FaultServer(reply(body={"models": ["a"]})) as server:

        async def scenario() -> Any:
            async with Client(providers={"own": Server(server.url)}) as client:
                return await client.alist_models(), await client.alist_models("own")

        everything, named = run(scenario)
    assert [] == [*everything]
    assert ["own/a"] == [model.name for model in named]


def test_what_nobody_foresaw_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not taken for a provider's failure."""

    async def load(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Client, "_load_provider", load)
    with FaultServer(hang) as server, pytest.raises(ZeroDivisionError):
        listing(server, None)


class Embeds(Embedder):
    """An embedder that declares nothing of its models."""

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """No request, and no vectors."""
        yield HttpRequest("POST", "https://embed.invalid")
        return Embeddings([])


def test_an_embedder_need_not_declare_its_models() -> None:
    """It takes texts alone, in one request, and every parameter unchanged."""
    abilities = Embeds().embedding_abilities("any")
    assert (None, None, False) == (
        abilities.parameters,
        abilities.max_batch,
        abilities.takes_tokens,
    )
