"""Bedrock's lists of models: those of the control plane, and the inference profiles; no I/O.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html,
API_ListInferenceProfiles.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, is_object
from llmgate.provider.kit import Fields, SideFields, add_frame, read_json
from llmgate_bedrock.response.errors import error_in

__all__ = ["list_models"]

_PAGE = 1000
_MOST_PAGES = 100
_ON_DEMAND = "ON_DEMAND"


def list_models(url: str) -> Flow[list[Model]]:
    """What can be called: models on demand, and the profiles through which models are.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when a response lists no models, or there is no end of them.
    """
    response = yield HttpRequest("GET", f"{url}/foundation-models")
    found = _entries(response, "modelSummaries")
    profiles: list[Fields] = []
    token = ""
    for _ in range(_MOST_PAGES):
        page = f"&nextToken={quote(token, safe='')}" if token else ""
        response = yield HttpRequest("GET", f"{url}/inference-profiles?maxResults={_PAGE}{page}")
        profiles += _entries(response, "inferenceProfileSummaries")
        token = SideFields(read_json(response.body)).text("nextToken") or ""
        if not token:
            break
    else:
        raise DecodeError(f"the list of profiles has no end: {_MOST_PAGES} pages were read")
    by_id = {each.text("modelId"): each for each in found}
    callable_models = [_model(each) for each in found if _is_on_demand(each.payload)]
    return [*callable_models, *(_profile(each, by_id) for each in profiles)]


def _entries(response: HttpResponse, key: str) -> list[Fields]:
    payload = read_json(response.body)
    try:
        fields = Fields(payload)
        if key not in fields.payload:
            error = error_in(payload)
            if error is not None:
                error.in_stream = False
                raise error
            raise DecodeError(f"it has no {key}")
        return fields.objects(key)
    except DecodeError as failure:
        add_frame(failure, "the response lists no models", response.body)
        raise


def _is_on_demand(payload: Mapping[str, Any]) -> bool:
    kinds = SideFields(payload).array("inferenceTypesSupported")
    return not kinds or _ON_DEMAND in kinds


def _model(entry: Fields) -> Model:
    side = SideFields(entry.payload)
    return Model(
        entry.text("modelId"),
        owned_by=side.text("providerName"),
        capabilities=_capabilities(side) or None,
        extra=side.others("modelId", "providerName"),
    )


def _profile(entry: Fields, by_id: Mapping[str, Fields]) -> Model:
    """A profile, with what is said of the model behind it."""
    side = SideFields(entry.payload)
    identifier = entry.text("inferenceProfileId")
    if side.text("type") == "APPLICATION":
        identifier = side.text("inferenceProfileArn") or identifier
    arns = (str(each.get("modelArn")) for each in side.array("models") if is_object(each))
    base = next((by_id[name] for arn in arns if (name := arn.rpartition("/")[2]) in by_id), None)
    model = SideFields(None if base is None else base.payload)
    return Model(
        identifier,
        owned_by=model.text("providerName"),
        capabilities=_capabilities(model) or None,
        extra=side.others("inferenceProfileId"),
    )


def _capabilities(side: SideFields) -> dict[str, bool]:
    outputs, inputs = side.array("outputModalities"), side.array("inputModalities")
    found: dict[str, bool] = {}
    if outputs:
        found = {"chat": "TEXT" in outputs, "embedding": "EMBEDDING" in outputs}
    if inputs:
        found["vision"] = "IMAGE" in inputs
    if isinstance(side.payload.get("responseStreamingSupported"), bool):
        found["streaming"] = side.payload["responseStreamingSupported"]
    return found
