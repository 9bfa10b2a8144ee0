"""The provider: settings, and the flows that make a prediction and wait for its end. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.provider import Decoder, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret, is_object
from llmgate.provider.kit import (
    Credential,
    Settings,
    Vendor,
    base_url,
    json_request,
    key_from,
    variable,
)
from llmgate.types import Chunk, Completion
from llmgate_replicate.models import Model, describe, look_up, parse_reference
from llmgate_replicate.request.body import Encoded, encode, read_question
from llmgate_replicate.request.templates import Template
from llmgate_replicate.response.body import Prediction, decode, is_over, read_prediction
from llmgate_replicate.response.errors import replicate_error
from llmgate_replicate.response.stream import EventDecoder, WholeDecoder

__all__ = ["Replicate"]

_VENDOR = Vendor(
    name="Replicate",
    hosts=("replicate.com", "replicate.net"),  # streams have addresses of the latter
    base_url="https://api.replicate.com",
    base_url_variables=("REPLICATE_BASE_URL",),
    endings=("/v1",),
    credentials={"api_key": Credential(("REPLICATE_API_TOKEN", "REPLICATE_API_KEY"))},
)
_MOST_MODELS = 64
_LONGEST_PAUSE = 3.0
_PAUSE_FOR_STATE = 0.1
"""With ``Prefer: wait`` the output often comes just before the prediction's final state."""
_PARAMETERS: Mapping[Support, tuple[str, ...]] = {
    Support.NATIVE: (
        *("frequency_penalty", "presence_penalty", "seed", "temperature", "top_p", "verbosity"),
    ),
    Support.TRANSLATED: ("max_completion_tokens", "max_tokens", "reasoning_effort", "stop"),
    Support.EMULATED: ("parallel_tool_calls", "response_format", "tool_choice", "tools"),
}


class Replicate(Provider):
    """Language models on Replicate.

    A model's schema is read before its first prediction, and kept for the life of this object. A
    key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The token; by default ``REPLICATE_API_TOKEN`` or ``REPLICATE_API_KEY``.
        base_url: The API's address; by default ``REPLICATE_BASE_URL``, or Replicate's.
        wait: For how many whole seconds (0 to 60) the request that makes a prediction may wait for
            its end. A caller who gives up meanwhile cannot cancel the prediction, whose id has not
            come yet. Streams never wait.
        poll_interval: Seconds before the state is asked for again, which grow to three; by default
            ``REPLICATE_POLL_INTERVAL``, or 0.5.
        cancel_after: How long Replicate lets a prediction live, such as ``"5m"``: a safety net for
            callers that vanish.
        schemas: Models' ``openapi_schema`` by the model's name, where it is known beforehand or is
            not to be had, as for a bare version.
        templates: Chat templates by glob patterns of models' names: callables that are handed
            ``[{"role": …, "content": …}, …]`` and return the prompt.

    Raises:
        InvalidRequestError: when a setting is not valid.
    """

    protocol = 2
    name = "replicate"
    models: ClassVar[tuple[str, ...]] = (
        "meta/llama-2-*",
        "meta/meta-llama-*",
        f"*/*:{'?' * 64}",
    )
    parameters: ClassVar[Mapping[str, Support] | None] = {
        name: support for support, names in _PARAMETERS.items() for name in names
    }

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        wait: int = 1,
        poll_interval: float | None = None,
        cancel_after: str | None = None,
        schemas: Mapping[str, Any] | None = None,
        templates: Mapping[str, Template] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._settings = Settings(
            _VENDOR,
            api_key=api_key,
            base_url=base_url,
            wait=wait,
            poll_interval=poll_interval,
            cancel_after=cancel_after,
            schemas=schemas,
            templates=templates,
        )
        self._wait = _whole_seconds(wait)
        self._poll_interval = _interval(poll_interval)
        self._cancel_after = cancel_after
        self._schemas = dict(schemas or {})
        self._templates = dict(templates or {})
        self._models: dict[str, Model] = {}

    def configured(self, **settings: Any) -> Replicate:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    # --- flows ---

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """Make a prediction, wait for its end, and read it."""
        question = read_question(call)
        model = yield from self._model(call.model)
        encoded = encode(question, model, self._templates)
        response = yield self._create(model, encoded, wait=self._wait)
        response = yield from self._ended(read_prediction(response), response)
        completion = decode(
            response, encoded.reader(), model=call.model, limit=encoded.limit, report=call.report
        )
        return question.emulation.completion(completion) if question.emulation else completion

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """Make a prediction, and open its stream; a model without one gives all at once."""
        question = read_question(call)
        model = yield from self._model(call.model)
        encoded = encode(question, model, self._templates)
        response = yield self._create(model, encoded, wait=0)
        prediction = read_prediction(response)
        decoder: Decoder[Chunk]
        if (yield from self._has_opened(prediction)):
            decoder = EventDecoder(prediction, encoded.reader(), model=call.model)
        else:
            reason = "the model has no stream: its text comes as one piece"
            call.report.add("emulated", "stream", reason, given=True)
            yield from self._ended(prediction, response)
            yield self._get(prediction, stream=True)
            decoder = WholeDecoder(
                encoded.reader(), model=call.model, limit=encoded.limit, report=call.report
            )
        return question.emulation.decoder(decoder) if question.emulation else decoder

    def _model(self, name: str) -> Flow[Model]:
        """The model of that name: known, described in the settings, or looked up."""
        model = self._models.get(name)
        if model is None:
            reference = parse_reference(name)
            if name in self._schemas:
                model = describe(reference, self._schemas[name])
            else:
                model = yield from look_up(reference, self._settings.url)
            while len(self._models) >= _MOST_MODELS:
                self._models.pop(next(iter(self._models)), None)
            self._models[name] = model
        return model

    def _ended(self, prediction: Prediction, response: HttpResponse) -> Flow[HttpResponse]:
        """The response with a prediction's last state, asked for until it is that."""
        pauses = self._pauses(prediction)
        while not is_over(prediction):
            response = yield self._get(prediction, delay=next(pauses))
            prediction = {**read_prediction(response), "id": prediction["id"]}
        return response

    def _has_opened(self, prediction: Prediction) -> Flow[bool]:
        """Whether the prediction has a stream, which is then the response that was left open."""
        url = _stream_url(prediction)
        if url is None or _has_failed(prediction):
            return False
        response = yield HttpRequest(
            "GET",
            url,
            {"accept": "text/event-stream", "cache-control": "no-store"},
            stream=True,
            on_abandon=self._cancel(prediction),
        )
        kind = response.headers.get("content-type", "text/event-stream")
        return kind.lower().startswith("text/event-stream")  # or the address has expired

    def _pauses(self, prediction: Prediction) -> Iterator[float]:
        if prediction.get("output") is not None:
            yield min(_PAUSE_FOR_STATE, self._poll_interval)
        pause = self._poll_interval
        while True:
            yield pause
            pause = min(pause * 1.5, max(_LONGEST_PAUSE, self._poll_interval))

    # --- requests ---

    def _create(self, model: Model, encoded: Encoded, *, wait: int) -> HttpRequest:
        """The request that makes a prediction. Made twice, it is billed twice."""
        headers: dict[str, str] = {}
        if wait:
            headers["prefer"] = f"wait={wait}"
        if self._cancel_after:
            headers["cancel-after"] = self._cancel_after
        request = json_request(self._settings.url(model.path), encoded.body, headers)
        return replace(request, idempotent=False)

    def _get(
        self, prediction: Prediction, *, delay: float = 0.0, stream: bool = False
    ) -> HttpRequest:
        return HttpRequest(
            "GET",
            self._url(prediction),
            {"accept": "application/json"},
            delay=delay,
            stream=stream,
            on_abandon=None if stream else self._cancel(prediction),
        )

    def _cancel(self, prediction: Prediction) -> HttpRequest:
        return HttpRequest("POST", self._url(prediction, "/cancel"))

    def _url(self, prediction: Prediction, action: str = "") -> str:
        """Made from the id: an address in a response must not lead the token elsewhere."""
        identifier = quote(prediction["id"], safe="")
        return self._settings.url(f"/v1/predictions/{identifier}{action}")

    # --- credentials and errors ---

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the token, if it goes to the API or to one of Replicate's own hosts."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return replicate_error(response)

    def __repr__(self) -> str:
        return f"Replicate(base_url={self._settings.shown_url!r})"


def _stream_url(prediction: Prediction) -> str | None:
    urls = prediction.get("urls")
    url = urls.get("stream") if is_object(urls) else None
    if not isinstance(url, str):
        return None
    try:
        base_url(url)
    except InvalidRequestError:
        return None
    return url


def _has_failed(prediction: Prediction) -> bool:
    """Whether there is nothing to stream: the prediction itself says why."""
    return is_over(prediction) and prediction["status"] != "succeeded"


# --- settings -----------------------------------------------------------------------------


def _whole_seconds(wait: Any) -> int:
    if isinstance(wait, bool) or not isinstance(wait, int) or not 0 <= wait <= 60:
        reason = f"must be whole seconds from 0 to 60, not {wait!r:.60}"
        raise InvalidRequestError(reason, path="wait")
    return wait


def _interval(given: Any) -> float:
    text = (variable("REPLICATE_POLL_INTERVAL") or "0.5") if given is None else given
    try:
        seconds = float(text)
    except (TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds <= 60:
        reason = f"must be seconds from 0 to 60, not {text!r:.60}"
        raise InvalidRequestError(reason, path="poll_interval")
    return seconds
