"""Traces and metrics of llmgate's calls, by OpenTelemetry's conventions for generative AI.

``Client(**OpenTelemetry().settings())``, or ``opentelemetry-instrument`` for the default client.
"""

from __future__ import annotations

from llmgate_otel.instrumentor import LLMGateInstrumentor
from llmgate_otel.middleware import OpenTelemetry
from llmgate_otel.names import Generation
from llmgate_otel.options import Content

__all__ = ["Content", "Generation", "LLMGateInstrumentor", "OpenTelemetry"]
