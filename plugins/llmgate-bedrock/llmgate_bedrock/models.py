"""Bedrock's lists of models: those of the control plane, and the inference profiles; no I/O.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html,
API_ListInferenceProfiles.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.provider.kit import Fields, SideFields, read_response
from llmgate.provider.kit.paging import read_pages
from llmgate_bedrock.response.errors import error_in

__all__ = ["list_models"]


def list_models(url: str) -> Flow[list[Model]]:
    """What can be called: models on demand, and the profiles through which models are.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when a response lists no models, or there is no end of them.
    """
    response = yield HttpRequest("GET", f"{url}/foundation-models")
    found, _ = _page(response, "modelSummaries")
    by_id = {each.text("modelId"): SideFields(each.payload) for each in found}
    models = [
        _model(name, side, side)
        for name, side in by_id.items()
        if "ON_DEMAND" in (side.array("inferenceTypesSupported") or ("ON_DEMAND",))
    ]
    profiles = yield from read_pages(
        f"{url}/inference-profiles?maxResults=1000",
        "nextToken",
        lambda response: _page(response, "inferenceProfileSummaries"),
    )
    return models + [_profile(each, by_id) for each in profiles]


def _page(response: HttpResponse, key: str) -> tuple[list[Fields], str]:
    """The entries of a page, and the token of the next one."""

    def entries_and_token(payload: Any) -> tuple[list[Fields], str]:
        fields = Fields(payload)
        if key not in fields.payload:
            raise DecodeError(f"it has no {key}")
        return fields.objects(key), fields.optional_text("nextToken") or ""

    return read_response(response, entries_and_token, "the response lists no models", error_in)


def _profile(entry: Fields, by_id: Mapping[str, SideFields]) -> Model:
    """A profile, with what is said of the model behind it."""
    side, name = SideFields(entry.payload), entry.text("inferenceProfileId")
    if side.text("type") == "APPLICATION":
        name = side.text("inferenceProfileArn") or name
    arns = (str(each.get("modelArn")) for each in side.objects("models"))
    behind = (by_id.get(arn.rpartition("/")[2]) for arn in arns)
    return _model(name, side, next(filter(None, behind), SideFields(None)))


def _model(name: str, side: SideFields, behind: SideFields) -> Model:
    outputs, inputs = behind.array("outputModalities"), behind.array("inputModalities")
    found = {"chat": "TEXT" in outputs, "embedding": "EMBEDDING" in outputs} if outputs else {}
    found |= {"vision": "IMAGE" in inputs} if inputs else {}
    streams = behind.payload.get("responseStreamingSupported")
    found |= {"streaming": streams} if isinstance(streams, bool) else {}
    extra = side.others("modelId", "providerName", "inferenceProfileId")
    owner = behind.text("providerName")
    return Model(name, owned_by=owner, capabilities=found or None, extra=extra)
