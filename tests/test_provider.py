"""The contract: what a provider inherits when it says nothing itself."""

from __future__ import annotations

import pytest

from llmgate.errors import (
    BadRequestError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    ServerError,
)
from llmgate.provider import (
    PROTOCOL,
    Decoder,
    LegacyFunctions,
    Provider,
    Support,
    status_error,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.testing.signing import FixedSigning
from llmgate.types import Chunk, Completion


class Minimal(Provider):
    """The least that a provider can be."""

    protocol = 2
    name = "minimal"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request."""
        reply = yield HttpRequest("POST", "https://host/v1", body=b"{}")
        return Completion.model_validate(reply.json())

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """It has no streams."""
        raise NotImplementedError


class Legacy(Minimal):
    """A provider with one ability more."""

    def takes_legacy_functions(self) -> bool:
        """It does."""
        return True


def test_a_provider_inherits_what_is_optional() -> None:
    """It speaks our version, claims no model, takes every parameter as it is, and uses HTTP."""
    provider = Minimal()
    assert (PROTOCOL, (), None, None) == (
        provider.protocol,
        provider.models,
        provider.parameters,
        provider.transport,
    )


async def test_a_provider_without_credentials_sends_requests_as_they_are() -> None:
    """Authorizing is optional."""
    request = HttpRequest("GET", "https://host")
    assert request is await Minimal().authorize(request, FixedSigning())


def test_a_flow_is_driven_without_any_io() -> None:
    """A generator that yields a request, is sent the reply, and returns the answer."""
    flow = Minimal().complete(ProviderCall("m", []))
    assert HttpRequest("POST", "https://host/v1", body=b"{}") == next(flow)
    with pytest.raises(StopIteration) as stopped:
        flow.send(HttpResponse(200, body=b'{"choices": []}'))
    assert Completion([]) == stopped.value.value


def test_an_ability_is_found_by_isinstance() -> None:
    """There are no flags: who has the method has the ability."""
    found = [isinstance(provider, LegacyFunctions) for provider in (Minimal(), Legacy())]
    assert [False, True] == found


def test_support_is_a_word() -> None:
    """A table of abilities can be printed as it is."""
    expected = ["native", "translated", "emulated", "unsupported"]
    assert expected == [str(support) for support in Support]


@pytest.mark.parametrize(
    ("reply", "kind", "text", "retryable"),
    [
        (
            HttpResponse(400, body=b"no\nsuch"),
            BadRequestError,
            "the provider answered with status 400: no\\nsuch",
            False,
        ),
        (HttpResponse(404), NotFoundError, "the provider answered with status 404: no text", False),
        (
            HttpResponse(500, body=b"\xff" * 9999),
            ServerError,
            "the provider answered with status 500: \\xff\\xff",
            None,
        ),
        (
            HttpResponse(529, body=b"busy"),
            OverloadedError,
            "the provider answered with status 529",
            None,
        ),
        (
            HttpResponse(307, {"location": "https://else\nwhere"}),
            ProviderError,
            "the provider answered with status 307: redirected to https://else\\nwhere, which is "
            "not followed; set base_url to the right address",
            False,
        ),
        (
            HttpResponse(300),
            ProviderError,
            "the provider answered with status 300: redirected to nowhere",
            False,
        ),
        (
            HttpResponse(304),
            ProviderError,
            "the provider answered with status 304: redirected to nowhere",
            False,
        ),
    ],
)
def test_a_status_alone_makes_an_error(
    reply: HttpResponse, kind: type[ProviderError], text: str, retryable: bool | None
) -> None:
    """Where a provider explains no errors of its own: the status, and the body's beginning."""
    for error in (status_error(reply), Minimal().error(reply)):
        assert (kind, retryable) == (type(error), error.retryable)
        assert text == error.message[: len(text)]
        assert len(error.message) < 2000
