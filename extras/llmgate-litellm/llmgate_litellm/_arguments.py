"""The arguments of litellm's calls, taken apart: llmgate's, the body's, and the façade's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate.options import ChatParameters
from llmgate_litellm import _settings
from llmgate_litellm._names import llmgate_model, split

__all__ = ["CHAT_PARAMETERS", "Asked", "asked_for"]

CHAT_PARAMETERS = sorted(ChatParameters.__annotations__)
"""OpenAI's parameters of a chat completion, which llmgate checks and translates."""

_NEVER_SENT = frozenset(
    [
        "allowed_openai_params",
        "api_type",
        "cache",
        "caching",
        "callbacks",
        "client",
        "context_window_fallback_dict",
        "cooldown_time",
        "custom_llm_provider",
        "custom_prompt_dict",
        "disable_add_transform_inline_image_block",
        "drop_params",
        "enable_json_schema_validation",
        "failure_callback",
        "fallbacks",
        "force_timeout",
        "headers",
        "id",
        "input_cost_per_token",
        "input_cost_per_second",
        "litellm_call_id",
        "litellm_logging_obj",
        "litellm_metadata",
        "litellm_params",
        "litellm_session_id",
        "litellm_trace_id",
        "logger_fn",
        "max_budget",
        "max_workers",
        "metadata",
        "mock_response",
        "mock_tool_calls",
        "model_info",
        "model_list",
        "no-log",
        "num_retries",
        "output_cost_per_token",
        "preset_cache_key",
        "proxy_server_request",
        "request_timeout",
        "retry_policy",
        "retry_strategy",
        "rpm",
        "shared_session",
        "ssl_verify",
        "stream_timeout",
        "success_callback",
        "tags",
        "timeout",
        "tpm",
        "use_in_pass_through",
        "use_prompt_caching",
        "user_continue_message",
        "verbose",
        "_skip_mcp_handler",
    ]
)


@dataclass(slots=True)
class Asked:
    """One call: what litellm was given, and what llmgate is to be given."""

    provider: str
    model: str
    given: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    llmgate_model: str = ""
    retries: int = 2
    drop_params: bool = False

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's own words for the call, which callbacks see and no provider does."""
        return self.given.get("metadata") or {}


def asked_for(model: str, given: Mapping[str, Any]) -> Asked:
    """A call's arguments; one that is None counts as not given.

    Raises:
        BadRequestError: when no provider can be found in the model's name.
    """
    named = {name: value for name, value in given.items() if value is not None}
    provider, own = split(model, named.get("custom_llm_provider"))
    asked = Asked(provider, own, named)
    asked.retries = _retries(named)
    asked.drop_params = bool(named.get("drop_params", _settings.value("drop_params")))
    options = asked.options = _settings_of_call(named, provider)
    options["max_retries"] = asked.retries
    options["unsupported"] = "drop" if asked.drop_params else "raise"
    _add_timeout(options, named)
    _add_parameters(options, named)
    if named.get("ssl_verify", _settings.value("ssl_verify")) is not None:
        _settings.warn_of("ssl_verify", "llmgate.defaults(verify=…), before the first call")
    asked.llmgate_model = llmgate_model(provider, own, options)
    if not asked.llmgate_model.startswith("azure/"):
        options.pop("api_version", None)  # programs give it for every provider; it is Azure's
    prefix = asked.llmgate_model.partition("/")[0]
    if prefix == "bedrock":
        _add_settings_of_aws(options, named)
    found = {own: named[each] for each, own in _OF_CLOUDS.get(prefix, {}).items() if each in named}
    if found:
        options["provider_settings"] = found
    return asked


def _settings_of_call(named: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """Key, address, version and headers, of the call or of the module."""
    address = named.get("base_url") or named.get("api_base") or _settings.value("api_base")
    key = named.get("api_key") or _settings.value(f"{provider}_key") or _settings.value("api_key")
    found: dict[str, Any] = {
        "api_key": key,
        "base_url": address,
        "api_version": named.get("api_version") or _settings.value("api_version"),
        "extra_headers": {
            **(named.get("headers") or {}),
            **(named.get("extra_headers") or {}),
        },
    }
    organization = named.get("organization") or _settings.value("organization")
    if organization:
        found["extra_headers"] = {"OpenAI-Organization": organization, **found["extra_headers"]}
    return {name: value for name, value in found.items() if value}


def _add_settings_of_aws(options: dict[str, Any], named: Mapping[str, Any]) -> None:
    """The keys, the profile, the region and the address of a call to Bedrock."""
    found = {name: named[theirs] for theirs, name in _OF_AWS.items() if theirs in named}
    if found:
        options["provider_settings"] = found
    if "aws_bedrock_runtime_endpoint" in named:
        options["base_url"] = named["aws_bedrock_runtime_endpoint"]


def _retries(named: Mapping[str, Any]) -> int:
    """How often a call is made again. ``num_retries`` failures are survived, and two by default."""
    for name in ("num_retries", "max_retries"):
        if name in named:
            return int(named[name])
    default = _settings.value("num_retries")
    return 2 if default is None else int(default)


def _add_timeout(options: dict[str, Any], named: Mapping[str, Any]) -> None:
    given = named.get("timeout", named.get("request_timeout", _settings.value("request_timeout")))
    if isinstance(given, str):
        given = float(given)
    if given is not None and not isinstance(given, int | float):  # an httpx.Timeout
        limits = [getattr(given, name, None) for name in ("read", "connect", "pool", "write")]
        given = next((limit for limit in limits if limit is not None), None)
    if given is not None:
        options["timeout"] = float(given)


def _add_parameters(options: dict[str, Any], named: Mapping[str, Any]) -> None:
    """OpenAI's parameters go to llmgate; what neither knows goes into the body as it is."""
    body: dict[str, Any] = {}
    for name, value in named.items():
        if name in _OPTIONS or name in _NEVER_SENT or name.startswith("_"):
            continue
        if name in ChatParameters.__annotations__:
            options[name] = value
        else:
            body[name] = value
    body.update(named.get("extra_body") or {})
    if body:
        options["extra_body"] = body


_OF_AWS: Mapping[str, str] = {
    "aws_access_key_id": "aws_access_key_id",
    "aws_profile_name": "profile",
    "aws_region_name": "region",
    "aws_secret_access_key": "aws_secret_access_key",
    "aws_session_token": "aws_session_token",
}
"""What llmgate calls the settings of Bedrock."""
_OF_CLOUDS: Mapping[str, Mapping[str, str]] = {
    "azure": {"azure_ad_token": "token", "azure_ad_token_provider": "token_provider"},
    "vertex": {
        "vertex_credentials": "credentials",
        "vertex_location": "location",
        "vertex_project": "project",
    },
}
"""The same of those of Azure and Vertex AI."""
_OPTIONS = frozenset(
    [
        *_OF_AWS,
        *(name for names in _OF_CLOUDS.values() for name in names),
        "api_base",
        "api_key",
        "api_version",
        "aws_bedrock_runtime_endpoint",
        "base_url",
        "extra_body",
        "extra_headers",
        "max_retries",
        "messages",
        "model",
        "organization",
        "stream",
    ]
)
