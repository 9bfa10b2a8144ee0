"""What ``opentelemetry-instrument`` finds: it has the default client's calls recorded."""

from __future__ import annotations

import logging
from typing import Any

import llmgate
from llmgate.errors import RequestError
from llmgate_otel.middleware import OpenTelemetry

__all__ = ["LLMGateInstrumentor"]


class LLMGateInstrumentor:
    """Instruments ``llmgate.acompletion`` and the other functions of the module.

    A client that a program makes by itself is given ``OpenTelemetry().settings()``.
    """

    _telemetry: OpenTelemetry | None = None

    def instrument(self, **settings: Any) -> None:
        """Record the calls of the default client from now on; a second time changes nothing.

        Args:
            settings: Those of :class:`OpenTelemetry`; what else tools give is left out.
        """
        kind = type(self)
        if kind._telemetry is None:
            known = {name: value for name, value in settings.items() if name in _SETTINGS}
            telemetry = OpenTelemetry(**known)
            try:
                llmgate.defaults(**telemetry.settings())
            except RequestError as error:
                logging.getLogger("llmgate").warning("not instrumented: %s", error)
                return
            kind._telemetry = telemetry
        kind._telemetry.is_enabled = True

    def uninstrument(self, **_: Any) -> None:
        """Record nothing any more."""
        if self._telemetry is not None:
            self._telemetry.is_enabled = False


_SETTINGS = frozenset(
    {"tracer_provider", "meter_provider", "logger_provider", "generation", "content", "events"}
    | {"time_per_chunk"}
)
