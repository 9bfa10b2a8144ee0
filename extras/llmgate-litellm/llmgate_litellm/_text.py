"""``/completions`` of hosts of OpenAI's format: a prompt, and the text that goes on.

The call goes through llmgate's engine: it is a chat call whose request is sent to the other route.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import urlsplit

import llmgate
from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import Provider, Signing
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, is_array, is_object
from llmgate.provider.kit import read_json
from llmgate.types import Choice, Completion, Message, Usage
from llmgate_litellm._arguments import Asked, asked_for
from llmgate_litellm._convert import plain, usage_of
from llmgate_litellm._errors import translated
from llmgate_litellm.types.utils import TextChoices, TextCompletionResponse

__all__ = ["atext_completion", "text_completion"]

_NAME = "text"
_MESSAGES = [{"role": "user", "content": "a prompt"}]  # what is sent is the prompt itself


def text_completion(prompt: Any = "", model: str = "", **kwargs: Any) -> TextCompletionResponse:
    """The text that goes on after a prompt.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``; NotImplementedError for a stream.
    """
    asked, options = _call(prompt, model, kwargs)
    try:
        with llmgate.Client(providers={_NAME: _TextProvider(asked)}) as client:
            answer = client.completion(f"{_NAME}/{asked.model}", _MESSAGES, **options)
    except llmgate.LLMGateError as error:
        raise translated(error, asked.model, asked.provider) from error
    return _response(answer, asked)


async def atext_completion(
    prompt: Any = "", model: str = "", **kwargs: Any
) -> TextCompletionResponse:
    """:func:`text_completion` for async code.

    Raises:
        Exception: of a class in ``llmgate_litellm.exceptions``; NotImplementedError for a stream.
    """
    asked, options = _call(prompt, model, kwargs)
    try:
        async with llmgate.Client(providers={_NAME: _TextProvider(asked)}) as client:
            answer = await client.acompletion(f"{_NAME}/{asked.model}", _MESSAGES, **options)
    except llmgate.LLMGateError as error:
        raise translated(error, asked.model, asked.provider) from error
    return _response(answer, asked)


def _call(prompt: Any, model: str, kwargs: Mapping[str, Any]) -> tuple[Asked, dict[str, Any]]:
    if kwargs.get("stream"):
        raise NotImplementedError(
            "text_completion(stream=True) is not to be had here: use completion(stream=True)"
        )
    asked = asked_for(model, kwargs)
    body = {**asked.options.pop("extra_body", {}), "prompt": prompt}
    options: dict[str, Any] = {
        name: asked.options.pop(name)
        for name in ("max_retries", "timeout", "extra_headers")
        if name in asked.options
    }
    return asked, {**options, "extra_body": body}


class _TextProvider(Provider):
    """The provider of a host of OpenAI's format, asked on its other route."""

    protocol = 2
    name = _NAME
    parameters = None

    def __init__(self, asked: Asked) -> None:
        """The provider with the key and the address of this call."""
        name = asked.llmgate_model.partition("/")[0]
        points = entry_points(group="llmgate.providers", name=name)
        settings = {
            key: asked.options[key]
            for key in ("api_key", "base_url", "api_version")
            if key in asked.options
        }
        self._inner: Provider = next(iter(points)).load()(**settings)
        self._sent = {
            key: value
            for key, value in asked.options.items()
            if key in ChatParameters.__annotations__
        }

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        request = next(self._inner.complete(call))
        if not urlsplit(request.url).path.endswith("/chat/completions"):
            raise InvalidRequestError(
                f"{self._inner.name} has no /completions: call completion()", path="model"
            )
        body = {"model": call.model, **self._sent, **call.extra_body}
        response = yield replace(
            request,
            url=request.url.replace("/chat/completions", "/completions", 1),
            body=json.dumps(body).encode(),
        )
        return _decoded(response)

    def stream(self, call: ProviderCall) -> Flow[Any]:
        """Never asked for."""
        raise NotImplementedError

    async def authorize(self, request: HttpRequest, signing: Signing, /) -> HttpRequest:
        """The request with the provider's key."""
        return await self._inner.authorize(request, signing)

    def error(self, response: HttpResponse) -> ProviderError:
        """What the provider says of it."""
        return self._inner.error(response)


def _decoded(response: HttpResponse) -> Completion:
    payload = read_json(response.body)
    choices: Any = payload.get("choices") if is_object(payload) else None
    if not (is_array(choices) and all(map(is_object, choices))):
        raise llmgate.DecodeError("the response is no text completion", frame=response.body)
    usage = payload.get("usage")
    return Completion(
        [
            Choice(
                Message(each.get("text")),
                each.get("index", 0),
                each.get("finish_reason"),
                each.get("logprobs"),
            )
            for each in choices
        ],
        id=payload.get("id") or "",
        created=payload.get("created") or 0,
        model=payload.get("model") or "",
        usage=Usage.model_validate(usage) if is_object(usage) else None,
    )


def _response(answer: Any, asked: Asked) -> TextCompletionResponse:
    return TextCompletionResponse(
        id=answer.id,
        created=answer.created,
        model=answer.model or asked.model,
        choices=[
            TextChoices(
                finish_reason=choice.finish_reason,
                index=choice.index,
                text=choice.message.content,
                logprobs=plain(choice.logprobs),
            )
            for choice in answer.choices
        ],
        usage=None if answer.usage is None else usage_of(answer.usage),
    )
