"""Calls for embeddings: arguments are checked, and the provider's abilities applied.

The provider reads the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from llmgate._core.abilities import apply_abilities, declared
from llmgate._core.batches import embed_in_batches
from llmgate._core.check import check_embedding_parameters, check_input
from llmgate._core.prepare import new_id, primary_and_fallbacks, set_call_options, split_options
from llmgate._core.settings import as_hedge_after
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import UnsupportedError
from llmgate.options import EmbeddingOptions, EmbeddingParameters
from llmgate.provider import Embedder, EmbeddingAbilities, Provider, Support
from llmgate.report import Policy, Report

if TYPE_CHECKING:
    from llmgate._core.registry import Target
    from llmgate.embeddings import EmbeddingInput

__all__ = ["embed_in_batches", "fit_embedding", "parse_embedding"]


def parse_embedding(
    model: str | Sequence[str],
    given: EmbeddingInput,
    options: EmbeddingOptions,
    *,
    unsupported: Policy,
) -> EmbeddingCall:
    """The call that these arguments ask for, checked.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    parameters, own = split_options(options, EmbeddingOptions)
    checked = check_embedding_parameters(parameters) if parameters else EmbeddingParameters()
    first, fallbacks = primary_and_fallbacks(model)
    call = EmbeddingCall(first, check_input(given), checked, unsupported=unsupported)
    call.fallbacks = fallbacks
    if own:
        set_call_options(call, own)
        call.hedge_after = as_hedge_after(own.get("hedge_after"))
    return call


def fit_embedding(
    call: EmbeddingCall, target: Target, provider: Provider
) -> tuple[EmbeddingCall, EmbeddingAbilities]:
    """The call as its provider reads it, with a report of what was changed.

    Raises:
        UnsupportedError: when the provider lacks what the call cannot do without.
    """
    if not isinstance(provider, Embedder):
        raise UnsupportedError(f"{provider.name} makes no embeddings", parameter="input")
    abilities = declared(
        provider, provider.embedding_abilities, (target.model,), EmbeddingAbilities
    )
    if not (abilities.takes_tokens or isinstance(call.input[0], str)):
        reason = f"{provider.name} takes no token ids: give it the text"
        raise UnsupportedError(reason, parameter="input")
    fitted = EmbeddingCall(
        target.model,
        call.input,
        _without_format(call.parameters, abilities),
        call.extra_body,
        id=new_id(),
        report=Report(call.unsupported),
    )
    applied = apply_abilities(fitted, provider.name, abilities.parameters, ("dimensions",))
    return applied, abilities


def _without_format(
    given: EmbeddingParameters, abilities: EmbeddingAbilities
) -> EmbeddingParameters:
    """The parameters without the format in which vectors are sent, where the provider has but one:
    they are decoded, so nothing is lost and there is nothing to report."""
    taken, lacking = abilities.parameters, Support.UNSUPPORTED
    if taken is None or taken.get("encoding_format", lacking) is not lacking:
        return given
    kept = {name: value for name, value in given.items() if name != "encoding_format"}
    return cast("EmbeddingParameters", kept)
