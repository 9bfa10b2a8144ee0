"""What is recorded of one call: its span, one below it for each attempt, and its end.

It sees no socket and changes no call; who calls it, and when, is the middleware's matter.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.propagate import inject
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from llmgate.embeddings import Embeddings
from llmgate.errors import LLMGateError, excerpt
from llmgate.hooks import AttemptEnded, AttemptStarted, Event, FirstToken
from llmgate.middleware import StreamEnd
from llmgate.reranking import Reranking
from llmgate.types import Attempt, Chunk, Completion
from llmgate_otel import attributes, names
from llmgate_otel.content import as_attributes, response_content

if TYPE_CHECKING:
    from llmgate_otel.middleware import OpenTelemetry

__all__ = ["CallRecord", "StreamWatch"]

_NANOSECONDS = 1_000_000_000


class CallRecord:
    """One call while it runs. ``asked`` is what it was asked with, ``content`` its messages."""

    def __init__(
        self,
        telemetry: OpenTelemetry,
        span: Span,
        context: Context,
        asked: attributes.Attributes,
        content: dict[str, Any],
    ) -> None:
        self.span = span
        self.context = context
        self._telemetry = telemetry
        self._asked = asked
        self._content = content
        self._began = time.monotonic()
        self._first_chunk: float | None = None
        self._last_chunk = self._began
        self._attempts: dict[int, tuple[Span, int]] = {}
        self._address: attributes.Attributes | None = None

    # --- its attempts ---

    def attempt_started(self, started: AttemptStarted) -> dict[str, str]:
        """Begin the span of an attempt; the headers that carry it."""
        request = started.request
        if self._address is None:
            self._address = attributes.of_address(request.url)
        found: attributes.Attributes = {
            names.HTTP_METHOD: request.method,
            names.HTTP_URL: request.url,
            **self._address,
        }
        if started.number > 1:
            found[names.HTTP_RESEND_COUNT] = started.number - 1
        began = int(started.at * _NANOSECONDS)
        span = self._telemetry.tracer.start_span(
            request.method, self.context, SpanKind.CLIENT, found, start_time=began
        )
        before = self._attempts.get(started.number)
        if before is not None:  # of the same call, to another provider
            before[0].end()
        self._attempts[started.number] = span, began
        headers: dict[str, str] = {}
        inject(headers, set_span_in_context(span, self.context))
        return headers

    def attempt_ended(
        self, number: int, seconds: float, status: int | None, error: str | None
    ) -> None:
        """End the span of an attempt."""
        span, began = self._attempts.pop(number, (None, 0))
        if span is None:
            return
        if status is not None:
            span.set_attribute(names.HTTP_STATUS, status)
        if error is not None:
            span.set_attribute(names.ERROR_TYPE, error if status is None else str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + int(seconds * _NANOSECONDS))

    def _attempts_ended(self, attempts: Iterable[Attempt]) -> None:
        for each in attempts:
            self.attempt_ended(each.number, each.seconds, each.status, each.error)
        for span, _ in self._attempts.values():
            span.end()
        self._attempts.clear()

    # --- its chunks ---

    def first_chunk(self, seconds: float) -> None:
        """The first chunk is here, so long after the call began."""
        self._first_chunk = seconds
        self._last_chunk = time.monotonic()

    def chunk(self, chunk: Chunk) -> Chunk:
        """Record the time since the chunk before; asked for by ``time_per_chunk`` alone."""
        now = time.monotonic()
        passed, self._last_chunk = now - self._last_chunk, now
        self._telemetry.metrics.per_chunk.record(passed, self._asked, context=self.context)
        return chunk

    # --- its end ---

    def completed(self, completion: Completion) -> None:
        """End it with a whole response."""
        self._attempts_ended(completion.attempts)
        self._end(completion.provider, completion, attributes.of_usage(completion.usage))

    def embedded(self, embeddings: Embeddings) -> None:
        """End it with embeddings."""
        self._attempts_ended(embeddings.attempts)
        self.span.set_attribute(names.RESPONSE_MODEL, embeddings.model)
        used = attributes.of_usage(embeddings.usage)
        used.pop(names.OUTPUT_TOKENS, None)
        self._end(embeddings.provider, None, used)

    def reranked(self, reranking: Reranking) -> None:
        """End it with documents in their order."""
        self._attempts_ended(reranking.attempts)
        if reranking.model:
            self.span.set_attribute(names.RESPONSE_MODEL, reranking.model)
        tokens = None if reranking.usage is None else reranking.usage.prompt_tokens
        used = {} if tokens is None else {names.INPUT_TOKENS: tokens}
        self._end(reranking.provider, None, used)

    def stream_ended(self, end: StreamEnd) -> None:
        """End it as its stream ended; one that was left early is no failure."""
        completion, error = end.completion, end.error
        provider = "" if completion is None else completion.provider
        self._attempts_ended(() if completion is None else completion.attempts)
        if error is not None:
            self._mark(error)
        self._end(provider, completion, attributes.of_usage(end.usage))

    def failed(self, error: BaseException) -> None:
        """End it with an error or a cancellation."""
        own = error if isinstance(error, LLMGateError) else None
        self._attempts_ended(() if own is None else own.attempts)
        self._mark(error)
        self._end("" if own is None else own.provider or "", None, {})

    def _mark(self, error: BaseException) -> None:
        kind = attributes.error_type(error)
        self._asked = {**self._asked, names.ERROR_TYPE: kind}
        self.span.set_attribute(names.ERROR_TYPE, kind)
        said = excerpt(str(error), 500)
        self.span.set_status(Status(StatusCode.ERROR, said))
        if self._telemetry.logger is not None:
            self._telemetry.logger.emit(
                event_name=names.EXCEPTION_EVENT,
                severity_number=SeverityNumber.WARN,
                attributes={
                    **self._asked,
                    names.EXCEPTION_TYPE: kind,
                    names.EXCEPTION_MESSAGE: said,
                },
                context=self.context,
            )

    def _end(
        self, provider: str, completion: Completion | None, used: attributes.Attributes
    ) -> None:
        telemetry, seconds = self._telemetry, time.monotonic() - self._began
        measured = self._measured(provider, completion)
        name = measured.get(names.PROVIDER)
        about = {} if completion is None else attributes.of_completion(completion, name)
        content = self._content
        if completion is not None and telemetry.content != "none":
            content = {**content, **response_content(completion)}
        if self.span.is_recording():
            found = {**about, **used, **measured}
            if self._first_chunk is not None:
                found[names.FIRST_CHUNK] = self._first_chunk
            if telemetry.content in ("span", "both"):
                found |= as_attributes(content)
            self.span.set_attributes(found)
        telemetry.metrics.record(seconds, self._first_chunk, used, measured, self.context)
        if telemetry.logger is not None:
            self._emit(telemetry.logger, {**about, **used, **measured}, content)
        self.span.end()

    def _measured(self, provider: str, completion: Completion | None) -> attributes.Attributes:
        """The attributes of metrics: whose call it was, and with which outcome."""
        found = {**self._asked, **(self._address or {})}
        if provider:
            found[names.PROVIDER] = attributes.provider_name(provider)
        if completion is not None and completion.model:
            found[names.RESPONSE_MODEL] = completion.model
        return found

    def _emit(self, logger: Logger, found: attributes.Attributes, content: dict[str, Any]) -> None:
        has_content = self._telemetry.content in ("event", "both")
        logger.emit(
            event_name=names.DETAILS_EVENT,
            severity_number=SeverityNumber.INFO,
            attributes={**found, **(content if has_content else {})},
            context=self.context,
        )


class StreamWatch:
    """A hook that sees a stream's first chunk and the ends of its attempts where they happen, and
    wants no event delivered."""

    def __init__(self, record: CallRecord) -> None:
        self._record = record

    def wants(self, event: Event, /) -> bool:
        """Note what the event says; it is not queued for this hook."""
        if isinstance(event, FirstToken):
            self._record.first_chunk(event.seconds)
        elif isinstance(event, AttemptEnded):
            error = None if event.error is None else attributes.error_type(event.error)
            self._record.attempt_ended(event.number, event.seconds, event.status, error)
        return False

    def __call__(self, event: Event) -> None:
        """Nothing: another hook wanted it."""
