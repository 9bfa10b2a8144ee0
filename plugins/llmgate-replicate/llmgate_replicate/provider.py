"""The provider: settings, and the flows that make a prediction and wait for its end. No I/O."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from llmgate.errors import InvalidRequestError, MissingKeyError, ProviderError
from llmgate.provider import Decoder, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import (
    Flow,
    HttpRequest,
    HttpResponse,
    Secret,
    base_url_parts,
    encode_json,
    shown_url,
)
from llmgate.types import Chunk, Completion
from llmgate_replicate.decode import Prediction, decode, is_over, read_prediction
from llmgate_replicate.encode import Encoded, encode, read_question
from llmgate_replicate.errors import replicate_error
from llmgate_replicate.models import Model, describe, look_up, parse_reference
from llmgate_replicate.stream import EventDecoder, WholeDecoder
from llmgate_replicate.templates import Template

__all__ = ["Replicate"]

_OFFICIAL = "https://api.replicate.com"
_OWN_HOSTS = (".replicate.com", ".replicate.net")
"""Where streams are served; their addresses come from the API and are never made here."""
_MOST_MODELS = 64
_LONGEST_PAUSE = 3.0
_PAUSE_FOR_STATE = 0.1
"""With ``Prefer: wait`` the output often comes just before the prediction's final state."""


class Replicate(Provider):
    """Language models on Replicate.

    A model's schema is read before its first prediction, and kept for the life of this object.

    Args:
        api_key: The token; by default ``REPLICATE_API_TOKEN`` or ``REPLICATE_API_KEY``. These are
            not sent to a host that is named here and is not Replicate's.
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
        InvalidRequestError: when a setting cannot be one.
    """

    protocol = 2
    name = "replicate"
    models: ClassVar[tuple[str, ...]] = (
        "meta/llama-2-*",
        "meta/meta-llama-*",
        f"*/*:{'?' * 64}",
    )
    parameters: ClassVar[Mapping[str, Support] | None] = {
        "frequency_penalty": Support.NATIVE,
        "max_completion_tokens": Support.TRANSLATED,
        "max_tokens": Support.TRANSLATED,
        "parallel_tool_calls": Support.EMULATED,
        "presence_penalty": Support.NATIVE,
        "reasoning_effort": Support.TRANSLATED,
        "response_format": Support.EMULATED,
        "seed": Support.NATIVE,
        "stop": Support.TRANSLATED,
        "temperature": Support.NATIVE,
        "tool_choice": Support.EMULATED,
        "tools": Support.EMULATED,
        "top_p": Support.NATIVE,
        "verbosity": Support.NATIVE,
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
        address = os.environ.get("REPLICATE_BASE_URL") or _OFFICIAL
        self._base_url = _base_url_of(address if base_url is None else base_url)
        self._scheme, self._host = _scheme_and_host(self._base_url)
        self._is_official = f".{self._host}".endswith(_OWN_HOSTS)
        key = _secret(api_key)
        if key is None and (base_url is None or self._is_official):
            key = _key_in_environment()
        self._key = key
        self._wait = _whole_seconds(wait)
        self._poll_interval = _interval(poll_interval)
        self._cancel_after = cancel_after
        self._schemas = dict(schemas or {})
        self._templates = dict(templates or {})
        self._settings: dict[str, Any] = {
            "api_key": None if api_key is None else key,  # another host may not be sent it
            "base_url": base_url,
            "wait": wait,
            "poll_interval": poll_interval,
            "cancel_after": cancel_after,
            "schemas": schemas,
            "templates": templates,
        }
        self._models: dict[str, Model] = {}

    def configured(self, **settings: Any) -> Replicate:
        """The same provider with some of its settings changed."""
        return type(self)(**{**self._settings, **settings})

    # --- flows ---

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """Make a prediction, wait for its end, and read it."""
        question = read_question(call)
        model = yield from self._model(call.model)
        encoded = encode(question, model, self._templates)
        reply = yield from self._ended(model, encoded)
        completion = decode(reply, encoded.reader(), model=call.model, limit=encoded.limit)
        return question.emulation.completion(completion) if question.emulation else completion

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """Make a prediction, and open its stream; a model without one gives all at once."""
        question = read_question(call)
        model = yield from self._model(call.model)
        encoded = encode(question, model, self._templates)
        reply = yield self._create(model, encoded, wait=0)
        prediction = read_prediction(reply)
        decoder: Decoder[Chunk]
        if (yield from self._has_opened(prediction)):
            decoder = EventDecoder(prediction, encoded.reader(), model=call.model)
        else:
            reason = "the model has no stream: its answer comes as one piece"
            call.report.add("emulated", "stream", reason, given=True)
            yield from self._settled(prediction, reply)
            yield self._get(prediction, stream=True)
            decoder = WholeDecoder(encoded.reader(), model=call.model, limit=encoded.limit)
        return question.emulation.decoder(decoder) if question.emulation else decoder

    def _model(self, name: str) -> Flow[Model]:
        """The model of that name: known, described in the settings, or looked up."""
        model = self._models.get(name)
        if model is None:
            reference, api = parse_reference(name), f"{self._base_url}/v1"
            if name in self._schemas:
                model = describe(reference, api, self._schemas[name])
            else:
                model = yield from look_up(reference, api)
            while len(self._models) >= _MOST_MODELS:
                self._models.pop(next(iter(self._models)), None)
            self._models[name] = model
        return model

    def _ended(self, model: Model, encoded: Encoded) -> Flow[HttpResponse]:
        """The reply with a new prediction's last state."""
        reply = yield self._create(model, encoded, wait=self._wait)
        return (yield from self._settled(read_prediction(reply), reply))

    def _settled(self, prediction: Prediction, reply: HttpResponse) -> Flow[HttpResponse]:
        """The reply with a prediction's last state, asked for until it is that."""
        pauses = self._pauses(prediction)
        while not is_over(prediction):
            reply = yield self._get(prediction, delay=next(pauses))
            prediction = {**read_prediction(reply), "id": prediction["id"]}
        return reply

    def _has_opened(self, prediction: Prediction) -> Flow[bool]:
        """Whether the prediction has a stream, which is then the reply that was left open."""
        url = _stream_url(prediction)
        if url is None or _has_failed(prediction):
            return False
        reply = yield HttpRequest(
            "GET",
            url,
            {"accept": "text/event-stream", "cache-control": "no-store"},
            stream=True,
            on_abandon=self._cancel(prediction),
        )
        kind = reply.headers.get("content-type", "text/event-stream")
        return kind.lower().startswith("text/event-stream")  # else the address has expired

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
        headers = {"content-type": "application/json"}
        if wait:
            headers["prefer"] = f"wait={wait}"
        if self._cancel_after:
            headers["cancel-after"] = self._cancel_after
        return HttpRequest("POST", model.url, headers, encode_json(encoded.body), idempotent=False)

    def _get(
        self, prediction: Prediction, *, delay: float = 0.0, stream: bool = False
    ) -> HttpRequest:
        return HttpRequest(
            "GET",
            self._address(prediction),
            {"accept": "application/json"},
            delay=delay,
            stream=stream,
            on_abandon=None if stream else self._cancel(prediction),
        )

    def _cancel(self, prediction: Prediction) -> HttpRequest:
        return HttpRequest("POST", f"{self._address(prediction)}/cancel")

    def _address(self, prediction: Prediction) -> str:
        """Made from the id: an address in a reply must not lead the token elsewhere."""
        return f"{self._base_url}/v1/predictions/{quote(prediction['id'], safe='')}"

    # --- credentials and errors ---

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the token, if it goes to the API or to one of Replicate's own hosts."""
        scheme, host = _scheme_and_host(request.url)
        is_own = self._is_official and host.endswith(_OWN_HOSTS)
        if not (is_own or host == self._host) or scheme not in ("https", self._scheme):
            return request
        if self._key is None:
            if self._is_official and not request.has_header("authorization"):
                raise MissingKeyError(
                    "Replicate needs a token: set REPLICATE_API_TOKEN or pass api_key="
                )
            return request
        return request.with_headers({"authorization": f"Bearer {self._key.reveal()}"})

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return replicate_error(reply)

    def __repr__(self) -> str:
        return f"Replicate(base_url={shown_url(self._base_url)!r})"


def _stream_url(prediction: Prediction) -> str | None:
    urls: Any = prediction.get("urls")
    url = urls.get("stream") if isinstance(urls, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return url if isinstance(url, str) and _scheme_and_host(url)[0] in ("https", "http") else None


def _has_failed(prediction: Prediction) -> bool:
    """Whether there is nothing to stream: the prediction itself says why."""
    return is_over(prediction) and prediction["status"] != "succeeded"


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Scheme and host of a URL; nothing of one that is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read it, since only that checks it
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


# --- settings -----------------------------------------------------------------------------


def _base_url_of(address: str) -> str:
    """An address as it was pasted, without the version that is appended to it."""
    parts = base_url_parts(address)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _secret(key: str | Secret | None) -> Secret | None:
    return key if key is None or isinstance(key, Secret) else Secret(key)


def _key_in_environment() -> Secret | None:
    names = ("REPLICATE_API_TOKEN", "REPLICATE_API_KEY")
    return next((Secret(key) for name in names if (key := os.environ.get(name))), None)


def _whole_seconds(wait: Any) -> int:
    if isinstance(wait, bool) or not isinstance(wait, int) or not 0 <= wait <= 60:
        raise InvalidRequestError(
            f"expected whole seconds from 0 to 60, got {wait!r:.60}", path="wait"
        )
    return wait


def _interval(given: Any) -> float:
    text = os.environ.get("REPLICATE_POLL_INTERVAL") or "0.5" if given is None else given
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= 60:
        raise InvalidRequestError(
            f"expected seconds from 0 to 60, got {text!r:.60}", path="poll_interval"
        )
    return seconds
