"""Calls for rerankings: arguments are checked, and the provider's abilities applied.

The provider reads the response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from llmgate._core import drive
from llmgate._core.abilities import apply_abilities, declaration_of
from llmgate._core.check import check_documents, check_own_parameters, check_query
from llmgate._core.prepare import new_id, set_call_options, split_options
from llmgate.errors import PluginError, UnsupportedError, describe_value
from llmgate.options import RerankOptions, RerankParameters
from llmgate.provider import Provider, RerankAbilities, Reranker
from llmgate.provider.http import is_object
from llmgate.provider.ranking import by_relevance
from llmgate.report import Policy, Report
from llmgate.reranking import RerankCall, Reranking
from llmgate.types import Usage

if TYPE_CHECKING:
    from llmgate._core.registry import Target
    from llmgate._core.state import CallState
    from llmgate.reranking import RerankDocuments, RerankUsage


def parse_rerank(
    model: str,
    query: str,
    documents: RerankDocuments,
    options: RerankOptions,
    *,
    unsupported: Policy,
) -> RerankCall:
    """The call that these arguments ask for, checked.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    parameters, own = split_options(options, RerankOptions)
    checked = check_own_parameters("rerank_parameters", parameters)
    call = RerankCall(model, check_query(query), check_documents(documents))
    call.unsupported = unsupported
    call.return_documents = checked.pop("return_documents", False)
    call.parameters = cast("RerankParameters", checked)
    if own:
        set_call_options(call, own)
    return call


def fit_rerank(call: RerankCall, target: Target, provider: Provider) -> RerankCall:
    """The call as its provider reads it, with a report of what was changed.

    Raises:
        UnsupportedError: when the provider lacks what the call cannot do without.
    """
    if not isinstance(provider, Reranker):
        raise UnsupportedError(f"{provider.name} does not rerank documents", parameter="documents")
    abilities = declaration_of(
        provider, provider.rerank_abilities, (target.model,), RerankAbilities
    )
    documents: list[str | dict[str, Any]] = [
        each if abilities.takes_objects else _text_of(each, index, provider.name)
        for index, each in enumerate(call.documents)
    ]
    fitted = RerankCall(
        target.model,
        call.query,
        documents,
        _without_limit(call.parameters, abilities),
        extra_body=call.extra_body,
        id=new_id(),
        report=Report(call.unsupported),
    )
    return apply_abilities(fitted, provider.name, abilities.parameters, ())


def _text_of(document: str | dict[str, Any], index: int, provider: str) -> str:
    """A document as a string, for a provider that takes no objects."""
    if isinstance(document, str):
        return document
    text = document.get("text")
    if len(document) == 1 and isinstance(text, str):
        return text
    reason = f"documents[{index}] must be a string, or an object with text alone: {provider} takes"
    raise UnsupportedError(f"{reason} no objects with other fields", parameter="documents")


def _without_limit(parameters: RerankParameters, abilities: RerankAbilities) -> RerankParameters:
    """The parameters without ``top_n`` where the provider has no such limit: the core cuts the
    results itself, so nothing is lost and there is nothing to report."""
    taken = abilities.parameters
    if taken is None or "top_n" in taken:
        return parameters
    kept = {name: value for name, value in parameters.items() if name != "top_n"}
    return cast("RerankParameters", kept)


async def reranked(state: CallState, asked: RerankCall) -> Reranking:
    """The reranking of a call, in order of relevance.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    reranking = await drive.run_call(lambda: _reranked(state, asked), state)
    state.end("ok", usage=_tokens_of(reranking.usage))
    return reranking


async def _reranked(state: CallState, asked: RerankCall) -> Reranking:
    provider = cast("Reranker", state.provider)
    found = await drive.run_flow(provider.rerank, state)
    if not isinstance(found, Reranking):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise PluginError(f"the provider's flow returned {describe_value(found)}, not a reranking")
    most = asked.parameters.get("top_n")
    found.results = state.run(by_relevance, found.results, len(asked.documents), most)
    if asked.return_documents:
        for result in found.results:
            document = asked.documents[result.index]
            result.document = dict(document) if is_object(document) else {"text": document}
    found.model = found.model or state.call.model
    found.exchange = state.exchange()
    return found


def _tokens_of(usage: RerankUsage | None) -> Usage | None:
    """The tokens for the events of hooks; None where the provider counts something else."""
    if usage is None or usage.total_tokens is None:
        return None
    prompt = usage.total_tokens if usage.prompt_tokens is None else usage.prompt_tokens
    return Usage(prompt, usage.total_tokens - prompt, usage.total_tokens)
