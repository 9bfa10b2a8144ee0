"""The middleware: begins and ends what is recorded of each call.

It changes no call but for a watcher of streams, and sends nothing: that is OpenTelemetry's SDK's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final, TypeAlias, TypeVar
from weakref import WeakValueDictionary

from opentelemetry import trace
from opentelemetry._logs import Logger, LoggerProvider, get_logger
from opentelemetry.context import attach, detach, get_current
from opentelemetry.metrics import MeterProvider, get_meter_provider
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, TracerProvider, set_span_in_context

from llmgate import Completion, Stream
from llmgate.embeddings import Embeddings
from llmgate.hooks import AttemptStarted
from llmgate.middleware import (
    ChatCall,
    EmbeddingCall,
    EmbeddingHandler,
    Handler,
    Middleware,
    RerankCall,
    RerankHandler,
)
from llmgate.reranking import Reranking
from llmgate_otel import attributes, names
from llmgate_otel.content import request_content
from llmgate_otel.metrics import Metrics
from llmgate_otel.names import Generation
from llmgate_otel.options import Content, as_content, as_events, as_generation
from llmgate_otel.record import CallRecord, StreamWatch

__all__ = ["OpenTelemetry"]

AnyCall: TypeAlias = ChatCall | EmbeddingCall | RerankCall
Call = TypeVar("Call")
Result = TypeVar("Result")
HeaderSource = Callable[[AttemptStarted], Mapping[str, str]]


class OpenTelemetry(Middleware):
    """A span for each call, one below it for each attempt, and metrics.

    It is given to a client by ``Client(**telemetry.settings())``: as middleware, and as what adds
    ``traceparent`` to each attempt. Providers that are not given are the process's own, also where
    they are set later.

    Args:
        tracer_provider: Where spans go.
        meter_provider: Where metrics go.
        logger_provider: Where events go.
        generation: ``"stable"`` or ``"latest"`` names; by default as the variable
            ``OTEL_SEMCONV_EXPERIMENTAL_OPT_IN`` says.
        content: Where the texts of messages are recorded: ``"none"``, ``"span"``, ``"event"`` or
            ``"both"``; by default as ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says,
            which is nowhere where it is not set.
        events: Whether an event with the details of each call is emitted; by default as
            ``OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT`` says, or where events are to have content.
        time_per_chunk: Record the time between the chunks of a stream. Otherwise a chunk costs
            nothing.

    Raises:
        InvalidRequestError: for a value that is none of these.
    """

    observes = True

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        generation: Generation | None = None,
        content: Content | None = None,
        events: bool | None = None,
        time_per_chunk: bool = False,
    ) -> None:
        self.content: Final = as_content(content)
        self.is_enabled = True
        """Set it to False, and calls pass unrecorded."""
        self.tracer = trace.get_tracer(
            names.SCOPE, tracer_provider=tracer_provider, schema_url=names.SCHEMA_URL
        )
        self.metrics = Metrics(meter_provider, as_generation(generation))
        self.logger: Logger | None = None
        if as_events(events, self.content):
            self.logger = get_logger(names.SCOPE, logger_provider=logger_provider)
        given = (tracer_provider, meter_provider, self.logger)
        self._is_given = any(each is not None for each in given)
        self._times_chunks = time_per_chunk
        self._current: ContextVar[CallRecord | None] = ContextVar("llmgate_otel", default=None)
        self._records = WeakValueDictionary[str, CallRecord]()

    def settings(
        self,
        *,
        middleware: Iterable[Middleware | str] = (),
        headers: Mapping[str, str] | HeaderSource | None = None,
    ) -> dict[str, Any]:
        """The arguments of a client that is to be recorded, together with further middleware
        (inside of this one) and headers of its own."""
        return {"middleware": [self, *middleware], "headers": self._with_own(headers)}

    def _with_own(self, own: Mapping[str, str] | HeaderSource | None) -> HeaderSource:
        if own is None:
            return self.headers
        if callable(own):
            return lambda started: {**own(started), **self.headers(started)}
        return lambda started: {**own, **self.headers(started)}

    # --- what llmgate calls ---

    def headers(self, started: AttemptStarted) -> Mapping[str, str]:
        """``traceparent`` and what else the process's propagators have, for one attempt."""
        record = self._current.get() or self._records.get(started.call_id)
        if record is None:
            headers: dict[str, str] = {}
            if get_current():  # a span around the call, which may come from afar
                inject(headers)
            return headers
        self._records[started.call_id] = record
        return record.attempt_started(started)

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """A chat, with its span."""
        record = self._begin(names.CHAT, call)
        if record is None:
            return await handler(call)
        if call.stream:
            call = replace(call, hooks=(*call.hooks, StreamWatch(record)))
        result = await self._within(record, handler, call)
        if not isinstance(result, Stream):
            record.completed(result)
            return result
        if self._times_chunks:
            result = result.map(record.chunk)
        return result.when_done(record.stream_ended)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """Embeddings, with their span."""
        record = self._begin(names.EMBEDDINGS, call)
        if record is None:
            return await handler(call)
        embeddings = await self._within(record, handler, call)
        record.embedded(embeddings)
        return embeddings

    async def rerank(self, call: RerankCall, handler: RerankHandler) -> Reranking:
        """A reranking, with its span."""
        record = self._begin(names.RERANK, call)
        if record is None:
            return await handler(call)
        reranking = await self._within(record, handler, call)
        record.reranked(reranking)
        return reranking

    async def _within(
        self, record: CallRecord, handler: Callable[[Call], Awaitable[Result]], call: Call
    ) -> Result:
        """What the handler returns, with the call's span as the current one."""
        attached, current = attach(record.context), self._current.set(record)
        try:
            return await handler(call)
        except BaseException as error:
            record.failed(error)
            raise
        finally:
            self._current.reset(current)
            detach(attached)

    # --- the beginning ---

    def _begin(self, operation: str, call: AnyCall) -> CallRecord | None:
        """The record of a call; None where nobody would see it."""
        if not self.is_enabled or self._is_silent():
            return None
        provider, slash, model = call.model.partition("/")
        model = model if slash else call.model
        asked: attributes.Attributes = {
            names.OPERATION: operation,
            names.PROVIDER: attributes.provider_name(provider if slash else ""),
            names.REQUEST_MODEL: model,
        }
        if not slash:
            del asked[names.PROVIDER]  # the response will say
        kind = SpanKind.INTERNAL if provider in names.IN_PROCESS else SpanKind.CLIENT
        span = self.tracer.start_span(f"{operation} {model}", kind=kind, attributes=asked)
        if span.is_recording():
            span.set_attributes(_details(call, asked.get(names.PROVIDER)))
        content: dict[str, Any] = {}
        if self.content != "none" and isinstance(call, ChatCall):
            content = request_content(call)
        context = set_span_in_context(span)
        return CallRecord(self, span, context, asked, content)

    def _is_silent(self) -> bool:
        """Whether nothing is recorded: there is the API alone."""
        return (
            not self._is_given
            and type(trace.get_tracer_provider()).__module__ == _TRACES
            and type(get_meter_provider()).__module__ == _METERS
        )


_TRACES, _METERS = "opentelemetry.trace", "opentelemetry.metrics._internal"
"""Where the providers of the API alone are, which record nothing."""


def _details(call: AnyCall, provider: str | None) -> attributes.Attributes:
    if isinstance(call, ChatCall):
        return attributes.of_chat_call(call, provider)
    if isinstance(call, RerankCall):
        return {}
    return attributes.of_embedding_call(call)
