"""Properties of everything that reads what a provider sends, and of what is sent to it.

The oracles are those of the fuzzers: only our errors come out, no cut of the bytes changes what
they mean, no half is whole, and an answer is the same after a dump.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgate import Client, Completion, InvalidRequestError
from llmgate.provider.http import decode_json, encode_json
from llmgate.testing import Canned, CannedTransport, with_transport
from tests.faults.server import COMPLETION
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS
from tests.fuzz.vendors import VENDORS

SMALL = 4000


@cache
def seeds_of(name: str) -> list[bytes]:
    """The seeds of a target that are small."""
    return [seed for seed in TARGETS[name].seeds() if len(seed) < SMALL]


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_bytes(name: str, data: st.DataObject) -> None:
    """A recorded reply, stream or error that is cut off, whose JSON is changed, or whose bytes."""
    seed = data.draw(st.sampled_from(seeds_of(name)))
    for mutation in data.draw(st.lists(st.integers(0, 2**32), max_size=3)):
        seed = mutated(seed, mutation) or seed
    start, end = data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, 4))
    damaged = {
        "none": seed,
        "cut": seed[:start],
        "bytes": seed[:start] + data.draw(st.binary(max_size=3)) + seed[start + end :],
    }
    TARGETS[name].make()(damaged[data.draw(st.sampled_from(sorted(damaged)))])


# --- what is sent -------------------------------------------------------------------------

LEAVES: Any = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANY_JSON: Any = st.recursive(
    LEAVES | st.sampled_from(["\ud83d", b"x", ...]) | st.builds(pow, st.just(10), st.just(5000)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
TEXT_PARTS: Any = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text() | ANY_JSON}), max_size=3
)
FIELDS: dict[str, Any] = {
    "role": st.sampled_from(["user", "system", "developer", "assistant"]),
    "content": st.text() | TEXT_PARTS | ANY_JSON,
}
MORE: dict[str, Any] = {"name": st.text(), "x_new": ANY_JSON}
MESSAGE: Any = st.fixed_dictionaries(FIELDS, optional=MORE)
MESSAGES: Any = st.lists(MESSAGE, max_size=4)
PROVIDER = VENDORS["openai"].provider
ANSWER = Canned(body=encode_json(COMPLETION))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(messages=MESSAGES, extra=st.none() | ANY_JSON)
def test_a_call_is_refused_or_sent_as_it_is(messages: Any, extra: Any) -> None:
    """Whatever is given, by way of the client: InvalidRequestError with nothing sent, or all of it
    is on the wire, but for keys that hold None, and what the report names."""
    transport = CannedTransport([ANSWER])

    async def call() -> Completion:
        provider = with_transport(PROVIDER, transport)
        async with Client(providers={"openai": provider}) as client:
            return await client.acompletion("openai/gpt-4o", messages, extra_body=extra)

    try:
        completion = asyncio.run(call())
    except InvalidRequestError:
        assert [] == transport.requests
        return
    sent = decode_json(transport.requests[0].body)
    given = [
        {k: v for k, v in each.items() if v is not None or k == "content"} for each in messages
    ]
    expected: dict[str, Any] = {"model": "gpt-4o", "messages": given}
    is_reported = any(each.path.startswith("messages") for each in completion.report)
    assert is_reported or expected | (extra or {}) == sent
