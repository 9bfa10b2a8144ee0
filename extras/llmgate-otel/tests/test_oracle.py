"""OpenTelemetry's own package is the oracle of what is recorded, and a receiver reads it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmgate
from llmgate.testing import server
from llmgate_otel import LLMGateInstrumentor

Record = Callable[..., Any]
TelemetryHandler: Any = import_module("opentelemetry.util.genai.handler").TelemetryHandler


async def test_the_oracle_records_the_same(record: Record) -> None:
    """Name, kind, attributes, and metrics with their units and buckets."""
    made = record("Paris it is.")
    await made.client.acompletion("fake/m", made.hi, temperature=0.5, max_tokens=9)
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    handler = TelemetryHandler(tracers, MeterProvider([reader]))
    call: Any = handler.inference(
        "fake", request_model="m", server_address="fake.invalid", server_port=443
    )
    call.temperature, call.max_tokens = 0.5, 9
    call.finish_reasons, call.input_tokens, call.output_tokens = ["stop"], 1, 3
    call.stop()
    (span,) = exporter.get_finished_spans()
    ours = made.call
    assert (span.name, span.kind) == (ours.name, ours.kind)
    assert dict(span.attributes or {}) == dict(ours.attributes)
    data: Any = reader.get_metrics_data()
    theirs = {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert theirs.keys() == made.metrics.keys()
    for name, metric in theirs.items():
        points = [dict(point.attributes) for point in metric.data.data_points]
        assert points == [dict(point.attributes) for point in made.metrics[name]]
        bounds = metric.data.data_points[0].explicit_bounds
        assert bounds == made.metrics[name][0].explicit_bounds


async def test_the_oracle_names_errors_alike(record: Record) -> None:
    """By the class with its module."""
    made = record(llmgate.RateLimitError("no", status=429), client={"max_retries": 0})
    with pytest.raises(llmgate.RateLimitError) as caught:
        await made.client.acompletion("fake/m", made.hi)
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    TelemetryHandler(tracers, MeterProvider()).inference("fake", request_model="m").fail(
        caught.value
    )
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == made.call.attributes["error.type"]
    assert span.status.status_code == made.call.status.status_code


# --- a receiver, and opentelemetry-instrument ---


class Receiver:
    """A receiver of OTLP over HTTP, as a collector has one."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        self.url = ""

    def take(self, path: str, body: bytes) -> None:
        """Read what was exported."""
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            for resource in traces.resource_spans:
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            exported = ExportMetricsServiceRequest.FromString(body)
            for measured in exported.resource_metrics:
                self.metrics += [each for scope in measured.scope_metrics for each in scope.metrics]


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    """One that listens."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

        def do_POST(self) -> None:
            """Take what is exported."""
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.take(self.path, body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{listening.server_port}"
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield receiver
    listening.shutdown()
    listening.server_close()
    thread.join()


PROGRAM = """
import os, llmgate
answer = llmgate.completion(
    "openai/gpt-4o", [{"role": "user", "content": "Hi"}], base_url=os.environ["MOCK"], api_key="k"
)
print(answer.text)
"""


def test_a_program_is_instrumented_from_outside(receiver: Receiver, tmp_path: Path) -> None:
    """By ``opentelemetry-instrument``, without a change; a receiver gets spans and metrics."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with server(["Paris"]) as mock:
        environment = {
            **os.environ,
            "MOCK": mock.base_url("openai"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "urllib,requests,urllib3",
        }
        instrument = Path(sys.executable).with_name("opentelemetry-instrument")
        done = subprocess.run(
            [instrument, sys.executable, program],
            env=environment,
            check=True,
            capture_output=True,
            timeout=120,
        )
        assert b"Paris" in done.stdout
        assert "traceparent" in mock.requests[0].headers
    spans = {span.name: span for span in receiver.spans}
    call, attempt = spans["chat gpt-4o"], spans["POST"]
    assert call.span_id == attempt.parent_span_id
    exported = {each.key: each.value.string_value for each in call.attributes}
    assert "openai" == exported["gen_ai.provider.name"]
    found = {metric.name for metric in receiver.metrics}
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= found


def test_the_instrumentor(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """It reaches the default client once, before its first call, and can be taken back."""
    given: list[dict[str, Any]] = []

    def note(**settings: Any) -> None:
        given.append(settings)

    monkeypatch.setattr(llmgate, "defaults", note)
    monkeypatch.setattr(LLMGateInstrumentor, "_telemetry", None)
    LLMGateInstrumentor().uninstrument()
    LLMGateInstrumentor().instrument(skip_dep_check=True, content="span")
    LLMGateInstrumentor().instrument()
    (settings,) = given
    (telemetry,) = settings["middleware"]
    assert ("span", True) == (telemetry.content, telemetry.is_enabled)
    LLMGateInstrumentor().uninstrument(skip_dep_check=True)
    assert not telemetry.is_enabled
    LLMGateInstrumentor().instrument()
    assert telemetry.is_enabled

    def refuse(**_: object) -> None:
        raise llmgate.RequestError("the default client is in use")

    monkeypatch.setattr(llmgate, "defaults", refuse)
    monkeypatch.setattr(LLMGateInstrumentor, "_telemetry", None)
    LLMGateInstrumentor().instrument()
    assert "not instrumented: the default client is in use" in caplog.text
