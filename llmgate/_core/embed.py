"""Calls for embeddings: checked, fitted to the provider, and split into requests that run at once.

The provider reads the responses.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from llmgate._core import drive
from llmgate._core.abilities import apply_abilities, declaration_of
from llmgate._core.check import check_input, check_own_parameters
from llmgate._core.prepare import new_id, primary_and_fallbacks, set_call_options, split_options
from llmgate._core.settings import as_hedge_after
from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.errors import LLMGateError, PluginError, UnsupportedError, describe_value
from llmgate.options import EmbeddingOptions, EmbeddingParameters
from llmgate.provider import Embedder, EmbeddingAbilities, Provider, Support
from llmgate.provider.vectors import one_for_each
from llmgate.report import Policy, Report
from llmgate.types import Usage

if TYPE_CHECKING:
    from llmgate._core.registry import Target
    from llmgate._core.state import CallState
    from llmgate.embeddings import EmbeddingInput


def parse_embedding(
    model: str | Sequence[str],
    given: EmbeddingInput,
    options: EmbeddingOptions,
    *,
    unsupported: Policy,
) -> EmbeddingCall:
    """The checked call that these arguments describe.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    parameters, own = split_options(options, EmbeddingOptions)
    checked = check_own_parameters("embedding_parameters", parameters)
    first, fallbacks = primary_and_fallbacks(model)
    call = EmbeddingCall(first, check_input(given), cast("EmbeddingParameters", checked))
    call.unsupported = unsupported
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
        UnsupportedError: when the provider lacks something that the call needs.
    """
    if not isinstance(provider, Embedder):
        raise UnsupportedError(f"{provider.name} does not make embeddings", parameter="input")
    abilities = declaration_of(
        provider, provider.embedding_abilities, (target.model,), EmbeddingAbilities
    )
    if not (abilities.takes_tokens or isinstance(call.input[0], str)):
        reason = f"{provider.name} takes no token ids: pass the text"
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
    """The parameters without the encoding of vectors, if the provider has only one: vectors are
    decoded in any case, so nothing is lost and there is nothing to report."""
    taken, lacking = abilities.parameters, Support.UNSUPPORTED
    if taken is None or taken.get("encoding_format", lacking) is not lacking:
        return given
    kept = {name: value for name, value in given.items() if name != "encoding_format"}
    return cast("EmbeddingParameters", kept)


# --- the requests of a call ---------------------------------------------------------------

_MAX_AT_ONCE = 8
"""How many requests of one call are under way at the same time."""


async def embed_in_batches(state: CallState, most: int | None) -> Embeddings:
    """The embeddings of a call, with at most so many inputs in one request.

    Raises:
        LLMGateError: always one of our own. If one of several requests fails, the others are
            cancelled, and the message says which inputs that request was for.
    """
    inputs = len(_call_of(state).input)
    if most is None or inputs <= most:
        embeddings = await drive.run_call(lambda: _embedded(state), state)
    else:
        state.deadline.begun = True  # each request has its own wait for a first byte
        embeddings = await drive.run_call(lambda: _in_batches(state, max(1, most)), state)
    state.end("ok", usage=embeddings.usage)
    return embeddings


def _call_of(state: CallState) -> EmbeddingCall:
    return cast("EmbeddingCall", state.call)


async def _embedded(state: CallState) -> Embeddings:
    """The embeddings of one request."""
    call, provider = _call_of(state), cast("Embedder", state.provider)
    found = await drive.run_flow(provider.embed, state)
    if not isinstance(found, Embeddings):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise PluginError(f"the provider's flow returned {describe_value(found)}, not embeddings")
    found.data = state.run(one_for_each, found.data, len(call.input))
    found.model = found.model or call.model
    found.exchange = state.exchange()
    return found


@dataclass(slots=True)
class _Batch:
    """One of several requests of a call: its first input, and how it is driven."""

    start: int
    state: CallState
    embeddings: Embeddings | None = None

    async def run(self, free: asyncio.Semaphore) -> None:
        """Send it when a slot is free, within the call's deadline."""
        async with free:
            deadline, timeout = self.state.deadline, self.state.timeout
            if timeout.first_token is not None:  # it starts now
                waited = deadline.elapsed()
                deadline.timeout = replace(timeout, first_token=timeout.first_token + waited)
            try:
                with deadline.limit():
                    self.embeddings = await _embedded(self.state)
                    return
                raise deadline.exceeded()
            except LLMGateError as error:
                raise self._explain(error) from None
            finally:
                deadline.close()

    def _explain(self, error: LLMGateError) -> LLMGateError:
        last = self.start + len(_call_of(self.state).input) - 1
        error.message = f"inputs {self.start} to {last}: {error.message}"
        error.args = (error.message,)
        return self.state.explain(error)


async def _in_batches(state: CallState, most: int) -> Embeddings:
    call, free = _call_of(state), asyncio.Semaphore(_MAX_AT_ONCE)
    batches = [
        _Batch(start, _part(state, start, most)) for start in range(0, len(call.input), most)
    ]
    reason = (
        f"sent in {len(batches)} requests: {state.provider.name} takes {most} inputs per request"
    )
    call.report.add("split", "input", reason, given=len(call.input), sent=most)
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for batch in batches:
                group.create_task(batch.run(free))
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
    finally:
        _gather_reports(call.report, batches)
        state.attempts.extend(attempt for batch in batches for attempt in batch.state.attempts)
    if failure is not None:
        raise failure
    return _joined(state, batches)


def _part(state: CallState, start: int, most: int) -> CallState:
    """The state of the request for the inputs from ``start`` on."""
    call = _call_of(state)
    items = cast("list[str]", call.input)[start : start + most]
    part = replace(call, input=items, report=Report(call.report.policy))
    driven = replace(state, call=part, attempts=[])
    driven.deadline.started = state.deadline.started
    return driven


def _gather_reports(report: Report, batches: Iterable[_Batch]) -> None:
    """Merge the reports of the requests: each deviation once, with the indexes of the inputs."""
    noted = {(each.kind, each.path) for each in report}
    for batch in batches:
        for each in batch.state.call.report:
            path = _shifted(each.path, batch.start)
            if (each.kind, path) not in noted:
                noted.add((each.kind, path))
                report.add(each.kind, path, each.reason, given=each.given, sent=each.sent)


def _shifted(path: str, start: int) -> str:
    return re.sub(r"^input\[(\d+)\]", lambda found: f"input[{int(found[1]) + start}]", path)


def _joined(state: CallState, batches: Sequence[_Batch]) -> Embeddings:
    """All responses as one, in the order of the input."""
    parts = [(batch.start, cast("Embeddings", batch.embeddings)) for batch in batches]
    for start, part in parts:
        for item in part.data:
            item.index += start
    first, attempts = parts[0][1], tuple(state.attempts)
    return Embeddings(
        data=[item for _, part in parts for item in part.data],
        model=first.model,
        usage=_summed([part.usage for _, part in parts]),
        extra=first.extra,
        exchange=replace(first.exchange, report=state.call.report, raw=b"", attempts=attempts),
    )


def _summed(usages: Sequence[Usage | None]) -> Usage | None:
    """The usage of all requests; None if any request has none, since a partial sum would
    mislead."""
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in known),
        completion_tokens=sum(usage.completion_tokens for usage in known),
        total_tokens=sum(usage.total_tokens for usage in known),
    )
