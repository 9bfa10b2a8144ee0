"""A client whose provider follows a script, and what is recorded of its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llmgate import Client
from llmgate.testing import FakeProvider
from llmgate_otel import OpenTelemetry


class Azure(FakeProvider):
    """One of another name."""

    name = "azure"
    models = ()


class Local(FakeProvider):
    """One whose model runs in this process."""

    name = "local"
    models = ()


class Recorder:
    """Calls of one client, and what was exported of them."""

    def __init__(
        self, *answers: Any, client: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # it has no types
        loggers = LoggerProvider()
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.telemetry = OpenTelemetry(
            tracer_provider=self.tracers,
            meter_provider=self.meters,
            logger_provider=loggers,
            **settings,
        )
        self.fake = FakeProvider(answers)
        given: Any = {"max_retries": 1, **(client or {})}
        others = {"local": Local(["local"]), "azure": Azure(["azure", "again"])}
        providers = {"fake": self.fake, **others}
        self.providers = providers
        self.client: Any = Client(providers=providers, **self.telemetry.settings(), **given)
        self.hi: Any = [{"role": "user", "content": "Hi"}]

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in this order."""
        return [*self._spans.get_finished_spans()]

    @property
    def call(self) -> ReadableSpan:
        """The span of the only call."""
        (span,) = [each for each in self.spans if " " in each.name]
        return span

    @property
    def attempts(self) -> list[ReadableSpan]:
        """The spans of attempts."""
        return [each for each in self.spans if each.name == "POST"]

    @property
    def metrics(self) -> dict[str, list[Any]]:
        """The points of each metric, by its name."""
        data: Any = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: [*metric.data.data_points]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    @property
    def events(self) -> list[Any]:
        """The events."""
        return [each.log_record for each in self._logs.get_finished_logs()]

    @property
    def exported(self) -> list[Any]:
        """The same, as an exporter is given them."""
        return [*self._logs.get_finished_logs()]

    @property
    def sent(self) -> list[str]:
        """``traceparent`` of each request, without its flags."""
        sent = self.fake.transport.requests
        return [request.headers["traceparent"].rpartition("-")[0] for request in sent]


@pytest.fixture(name="record")
def _record() -> Callable[..., Recorder]:
    """Makes one."""
    return Recorder


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop that the tests run on."""
    return "asyncio"
