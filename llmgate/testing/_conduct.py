"""Conformance of conduct: what a provider declares, what it must not touch, and its secret."""

from __future__ import annotations

import pickle
from collections.abc import Generator
from typing import Any

from llmgate.options import ChatParameters
from llmgate.provider import PROTOCOL, Support
from llmgate.provider.http import HttpResponse
from llmgate.testing._basis import Basis, Case, check
from llmgate.testing._samples import ERROR_BODIES, STATUSES
from llmgate.testing._variant import attributes
from llmgate.testing.driving import first_request
from llmgate.testing.isolation import untouched
from llmgate.testing.recordings import RecordedExchange


class Conduct(Basis):
    """Tests of everything beside requests and replies."""

    def test_declares_itself(self) -> None:
        """The version of the contract, the name, the models and the parameters are declared."""
        provider: Any = self.make_provider()
        stated = getattr(provider, "protocol", None)
        check(stated == PROTOCOL, f"protocol is {stated!r}: state `protocol = {PROTOCOL}`")
        is_name = isinstance(provider.name, str) and provider.name and "/" not in provider.name
        check(bool(is_name), f"{provider.name!r} cannot stand before the slash of a model's name")
        is_tuple = isinstance(provider.models, tuple)
        are_patterns = is_tuple and all(isinstance(p, str) and p for p in provider.models)
        check(are_patterns, f"models are patterns in a tuple, not {provider.models!r}")
        declared: dict[str, Any] = dict(provider.parameters or {})
        for name, support in declared.items():
            check(name in ChatParameters.__annotations__, f"there is no parameter {name!r}")
            check(isinstance(support, Support), f"{name} is declared as {support!r}")

    def test_flows_do_nothing_until_they_run(self) -> None:
        """Both methods give generators, and everything they ask of the world is a yield."""
        provider, call = self.make_provider(), self.call(self.greeting())
        flows: list[Any] = [provider.complete(call), provider.stream(call)]
        for flow in flows:
            check(isinstance(flow, Generator), f"{flow!r} is not a generator")
            flow.close()

    def test_transport_can_carry_requests(self) -> None:
        """A transport of its own has the methods of one."""
        transport = self.make_provider().transport
        for name in ("open", "aclose"):
            has_it = transport is None or callable(getattr(transport, name, None))
            check(has_it, f"the transport has no method {name}")

    # --- the world outside ---

    def test_encoding_touches_nothing(self, case: Case) -> None:
        """A request is made without a socket, file, clock, randomness or the environment."""
        provider, call = self.make_provider(), self.call(case.call)
        with untouched():
            first_request(provider.stream(call) if call.stream else provider.complete(call))

    def test_decoding_touches_nothing(self, answered: RecordedExchange) -> None:
        """A reply is read without a socket, file, clock, randomness or the environment."""
        decode = self.decoding(answered)
        with untouched():
            decode()

    def test_errors_touch_nothing(self) -> None:
        """An error is read without a socket, file, clock, randomness or the environment."""
        provider = self.make_provider()
        with untouched():
            for body in ERROR_BODIES.values():
                provider.error(HttpResponse(500, {}, body))

    # --- the secret ---

    def test_secret_does_not_show(self) -> None:
        """Neither the provider's ``repr``, nor those of its attributes, nor a pickle hold it."""
        secret, provider = self.need_secret(), self.make_provider()
        check(secret not in f"{provider!r}{provider!s}", "the secret is in the provider's repr")
        for name, value in attributes(provider).items():
            shown = secret in repr(value)
            check(
                not shown,
                f"the attribute {name} shows the secret: keep it in llmgate.provider.http.Secret",
            )
        check(secret.encode() not in _pickled(provider), "the secret is in the provider's pickle")

    def test_secret_is_in_no_error(self) -> None:
        """No error holds it: neither its text nor anything else that it carries."""
        secret, provider = self.need_secret(), self.make_provider()
        for status in STATUSES:
            error = provider.error(HttpResponse(status, {}, b'{"error": {"message": "no"}}'))
            shown = f"{error!r}{error!s}{vars(error)!r}"
            check(secret not in shown, f"the error of status {status} holds the secret")


def _pickled(thing: object) -> bytes:
    """What a pickle holds; nothing, where it is refused."""
    try:
        return pickle.dumps(thing)
    except Exception:  # noqa: BLE001 - a refusal may be of any kind, and is right
        return b""
