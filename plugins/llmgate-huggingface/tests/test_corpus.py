"""Every recording: nothing that was said is lost, and errors have their class.

Recordings of another endpoint are excused; their errors are read all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import ProviderError, error_class
from llmgate.provider.http import decode_json
from llmgate.testing import RecordedExchange, drive, load_corpus
from llmgate.testing.driving import call_of
from llmgate_huggingface import HuggingFace
from tests.json_leaves import leaves

EXCUSED = {
    "endpoint:text-generation": "a text is completed there, and no chat is asked for; the host of "
    "most of them (api-inference.huggingface.co) is retired",
}
PROVIDER = HuggingFace(api_key="hf_test")


@pytest.fixture
def recordings(corpus: Path) -> list[RecordedExchange]:
    """All of them."""
    return load_corpus(corpus, expect=None)


def test_nothing_is_lost(recordings: list[RecordedExchange]) -> None:
    """Each text and number of a whole response is somewhere in the completion."""
    checked = 0
    for exchange in recordings:
        if exchange.is_refusal or exchange.is_stream or EXCUSED.keys() & exchange.tags:
            continue
        call = call_of(PROVIDER, {"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
        completion = drive(PROVIDER.complete(call), exchange.replies).result
        kept: set[Any] = {(type(each), each) for _, each in leaves(completion.model_dump())}
        for _, value in leaves(decode_json(exchange.replies[-1].body)):
            assert value == "" or (type(value), value) in kept, f"{exchange.name}: {value!r}"
            checked += 1
    assert checked > 100


def test_errors_have_their_class(recordings: list[RecordedExchange]) -> None:
    """A recorded refusal, of whichever endpoint, is the error of its status, in its words."""
    refused = [exchange for exchange in recordings if exchange.is_refusal]
    for exchange in refused:
        response = exchange.replies[-1]
        error = PROVIDER.error(response)
        assert isinstance(error, ProviderError)
        assert type(error) is error_class(response.status)
        if response.body.startswith(b"{"):
            said = decode_json(response.body)["error"]
            assert (said if isinstance(said, str) else said["message"])[:100] in error.message
        else:
            assert response.body.decode()[:60] in error.message
    assert len(refused) >= 7


def test_excuses_are_of_recordings_that_exist(recordings: list[RecordedExchange]) -> None:
    """And of no chat."""
    tags = {tag for exchange in recordings for tag in exchange.tags if tag.startswith("endpoint:")}
    assert EXCUSED.keys() <= tags
    assert tags - EXCUSED.keys() == {"endpoint:chat.completions"}
