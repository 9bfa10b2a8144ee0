"""For tests: a fake provider, a transport that answers from memory, and the conformance kit.

Nothing here is imported by ``import llmgate``, and pytest only with the kit itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgate.testing.canned import Canned as Canned
    from llmgate.testing.canned import CannedTransport as CannedTransport
    from llmgate.testing.canned import with_transport as with_transport
    from llmgate.testing.cassettes import Cassette as Cassette
    from llmgate.testing.cassettes import CassetteError as CassetteError
    from llmgate.testing.cassettes import UnknownRequestError as UnknownRequestError
    from llmgate.testing.cassettes import cassette as cassette
    from llmgate.testing.conformance import CANARY as CANARY
    from llmgate.testing.conformance import ProviderConformance as ProviderConformance
    from llmgate.testing.driving import drive as drive
    from llmgate.testing.driving import read_stream as read_stream
    from llmgate.testing.fake import FakeProvider as FakeProvider
    from llmgate.testing.isolation import untouched as untouched
    from llmgate.testing.mock_server import FAULTS as FAULTS
    from llmgate.testing.mock_server import Fault as Fault
    from llmgate.testing.mock_server import MockServer as MockServer
    from llmgate.testing.mock_server import server as server
    from llmgate.testing.operations import EmbeddingConformance as EmbeddingConformance
    from llmgate.testing.operations import ModelListConformance as ModelListConformance
    from llmgate.testing.operations import RecordedEmbeddings as RecordedEmbeddings
    from llmgate.testing.operations import RecordedModels as RecordedModels
    from llmgate.testing.operations import RecordedReranking as RecordedReranking
    from llmgate.testing.operations import RerankConformance as RerankConformance
    from llmgate.testing.recordings import GoldenCall as GoldenCall
    from llmgate.testing.recordings import NothingExpectedWarning as NothingExpectedWarning
    from llmgate.testing.recordings import RecordedExchange as RecordedExchange
    from llmgate.testing.recordings import load_corpus as load_corpus
    from llmgate.testing.recordings import load_recording as load_recording
    from llmgate.testing.recordings import plain_expectations as plain_expectations
    from llmgate.testing.signing import FixedSigning as FixedSigning

_MODULE_OF = {
    "Cassette": "cassettes",
    "CassetteError": "cassettes",
    "UnknownRequestError": "cassettes",
    "cassette": "cassettes",
    "CANARY": "conformance",
    "Canned": "canned",
    "CannedTransport": "canned",
    "EmbeddingConformance": "operations",
    "FAULTS": "mock_server",
    "FakeProvider": "fake",
    "Fault": "mock_server",
    "FixedSigning": "signing",
    "GoldenCall": "recordings",
    "MockServer": "mock_server",
    "ModelListConformance": "operations",
    "NothingExpectedWarning": "recordings",
    "ProviderConformance": "conformance",
    "RecordedEmbeddings": "operations",
    "RecordedExchange": "recordings",
    "RecordedModels": "operations",
    "RecordedReranking": "operations",
    "RerankConformance": "operations",
    "drive": "driving",
    "server": "mock_server",
    "load_corpus": "recordings",
    "load_recording": "recordings",
    "plain_expectations": "recordings",
    "read_stream": "driving",
    "untouched": "isolation",
    "with_transport": "canned",
}

__all__ = [
    "CANARY",
    "FAULTS",
    "Canned",
    "CannedTransport",
    "Cassette",
    "CassetteError",
    "EmbeddingConformance",
    "FakeProvider",
    "Fault",
    "FixedSigning",
    "GoldenCall",
    "MockServer",
    "ModelListConformance",
    "NothingExpectedWarning",
    "ProviderConformance",
    "RecordedEmbeddings",
    "RecordedExchange",
    "RecordedModels",
    "RecordedReranking",
    "RerankConformance",
    "UnknownRequestError",
    "cassette",
    "drive",
    "load_corpus",
    "load_recording",
    "plain_expectations",
    "read_stream",
    "server",
    "untouched",
    "with_transport",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
