"""All that an author of a provider reads: the contract, and the parts to build one from."""

from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.contract import (
    ACCEPTED_PROTOCOLS,
    PROTOCOL,
    AccessToken,
    Configurable,
    Decoder,
    Embedder,
    EmbeddingAbilities,
    Expiring,
    LegacyFunctions,
    MayBeUnconfigured,
    ModelLister,
    Provider,
    Rule,
    Signing,
    Support,
    status_error,
)

__all__ = [
    "ACCEPTED_PROTOCOLS",
    "PROTOCOL",
    "AccessToken",
    "Configurable",
    "Decoder",
    "Embedder",
    "EmbeddingAbilities",
    "Expiring",
    "LegacyFunctions",
    "MayBeUnconfigured",
    "ModelLister",
    "Provider",
    "ProviderCall",
    "Rule",
    "Signing",
    "Support",
    "TextMessages",
    "status_error",
]
