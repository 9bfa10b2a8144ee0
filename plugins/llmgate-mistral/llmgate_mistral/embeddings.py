"""What Mistral's models take that make embeddings; request and response are OpenAI's.

Source: https://docs.mistral.ai/api/endpoint/embeddings
"""

from __future__ import annotations

from llmgate.provider import EmbeddingAbilities, Rule, Support

__all__ = ["abilities_of"]

_OF_ONE_LENGTH = "mistral-embed"
_MOST_INPUTS = 64
"""A request takes 16,384 tokens, which are not counted here: so many are texts of 250 tokens."""


def abilities_of(model: str) -> EmbeddingAbilities:
    """What one model takes."""
    reason = "Mistral's name for it"
    dimensions = Rule(reason, to="output_dimension")
    if model.startswith(_OF_ONE_LENGTH):
        dimensions = Rule(f"{model} has vectors of one length", allowed=())
    parameters: dict[str, Support | Rule] = {
        "dimensions": dimensions,
        "encoding_format": Support.NATIVE,
    }
    return EmbeddingAbilities(parameters, _MOST_INPUTS)
