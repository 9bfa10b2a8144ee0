"""The instruments, and what is recorded with them. Which names they have is said elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Histogram, Meter, MeterProvider, get_meter

from llmgate_otel import names
from llmgate_otel.attributes import Attributes
from llmgate_otel.names import GENERATIONS, Generation

__all__ = ["Metrics"]


class Metrics:
    """The metrics of one generation of names."""

    def __init__(self, provider: MeterProvider | None, generation: Generation) -> None:
        meter = get_meter(names.SCOPE, meter_provider=provider, schema_url=names.SCHEMA_URL)
        named = GENERATIONS[generation]
        self._duration = _seconds(meter, named.duration, "The duration of a call.")
        self._first = _seconds(meter, named.first_chunk, "The time to the first chunk of a stream.")
        self.per_chunk = _seconds(meter, named.per_chunk, "The time from one chunk to the next.")
        self._tokens = None if named.tokens is None else _tokens(meter, named.tokens)
        self._counters = {
            kind: meter.create_counter(name, unit="{token}", description="Tokens that were used.")
            for kind, name in named.counters.items()
        }

    def record(
        self,
        seconds: float,
        first_chunk: float | None,
        usage: Mapping[str, int],
        attributes: Attributes,
        context: Any,
    ) -> None:
        """One call: how long it took, and which tokens it used, by the names of attributes."""
        self._duration.record(seconds, attributes, context=context)
        if first_chunk is not None:
            self._first.record(first_chunk, attributes, context=context)
        counted = {name: each for name, each in attributes.items() if name != names.ERROR_TYPE}
        if self._tokens is not None:
            for name, kind in _KINDS:
                if name in usage:
                    labelled = {**counted, names.TOKEN_TYPE: kind}
                    self._tokens.record(usage[name], labelled, context=context)
        for name, counter in self._counters.items():
            if name in usage or name in _ALWAYS:
                for modality, tokens in _by_modality(name, usage).items():
                    labelled = {**counted, names.TOKEN_MODALITY: modality}
                    counter.add(tokens, labelled, context=context)


_KINDS = ((names.INPUT_TOKENS, "input"), (names.OUTPUT_TOKENS, "output"))
_ALWAYS = frozenset({names.INPUT_TOKENS, names.OUTPUT_TOKENS})
"""What is counted as 0 where the provider does not say what it billed."""


def _by_modality(name: str, usage: Mapping[str, int]) -> dict[str, int]:
    """The tokens of each modality; ``unknown`` are those of which nobody says it."""
    known = names.BY_MODALITY.get(name, {})
    parts = {each: usage[own] for each, own in known.items() if own in usage}
    rest = usage.get(name, 0) - sum(parts.values())
    if rest < 0:  # they overlap
        return {"unknown": usage.get(name, 0)}
    return {**parts, "unknown": rest} if rest or not parts else parts


def _tokens(meter: Meter, name: str) -> Histogram:
    return meter.create_histogram(
        name,
        unit="{token}",
        description="The tokens of a call.",
        explicit_bucket_boundaries_advisory=names.TOKENS,
    )


def _seconds(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(
        name,
        unit="s",
        description=description,
        explicit_bucket_boundaries_advisory=names.SECONDS,
    )
