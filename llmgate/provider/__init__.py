"""All that an author of a provider reads: the contract, and the parts to build one from."""

from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.contract import (
    PROTOCOL,
    Decoder,
    LegacyFunctions,
    Provider,
    Support,
    status_error,
)

__all__ = [
    "PROTOCOL",
    "Decoder",
    "LegacyFunctions",
    "Provider",
    "ProviderCall",
    "Support",
    "TextMessages",
    "status_error",
]
