"""All that an author of a provider reads: the contract, and the parts to build one from."""

from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.contract import (
    PROTOCOL,
    Decoder,
    Embedder,
    EmbeddingAbilities,
    LegacyFunctions,
    ModelLister,
    Provider,
    Support,
    status_error,
)

__all__ = [
    "PROTOCOL",
    "Decoder",
    "Embedder",
    "EmbeddingAbilities",
    "LegacyFunctions",
    "ModelLister",
    "Provider",
    "ProviderCall",
    "Support",
    "TextMessages",
    "status_error",
]
