"""Advice on arguments, settings and messages of other libraries, for errors.

It knows only names and shapes, and is imported when an error is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from llmgate.errors import excerpt

_HOSTS_OWN = (
    "it is no parameter of OpenAI's format; for what only one host or model understands, see "
    "docs/calls.md"
)
_PROVIDER = "the provider is the first part of the model's name, as in model='provider/name'"
_CLIENT = "it is a setting of a client: llmgate.Client(verify=…, proxy=…, limit=…, transport=…)"
_MIDDLEWARE = "middleware of a client: llmgate.Client(middleware=[…])"
_PRICES = "prices are a client's: llmgate.Client(prices={…}), see docs/cost.md"
_OWN_PROMPT = "write it as a message: {'role': 'system', 'content': …}"
_LIMITS = "use timeout=, in seconds for the whole call, or llmgate.Timeout(first_token=…, idle=…)"
_HOOKS = "use hooks=[…], callables that are given each event: see docs/logging-and-traces.md"

_SENTENCES: Mapping[str, str] = {
    "use max_retries=": (
        "num_retries retries retry_count max_retry max_attempts retry_attempts number_of_retries"
    ),
    "use Client(retry=llmgate.RetryPolicy(…)), or max_retries= for one call": (
        "retry retry_policy retry_strategy retry_on retry_delay retry_after cooldown_time "
        "allowed_fails"
    ),
    _LIMITS: (
        "request_timeout stream_timeout read_timeout connect_timeout timeout_seconds timeout_ms "
        "api_timeout deadline"
    ),
    "use extra_headers=": (
        "headers default_headers http_headers additional_headers custom_headers "
        "idempotency_key betas"
    ),
    "write the query into base_url=": "extra_query default_query query_params",
    "use base_url=": ("endpoint api_url api_endpoint url host base api_host server_url base_path"),
    "use api_key=": ("key apikey token api_token auth_token credentials"),
    "use provider_settings={…}, with the names that the provider's package has": (
        "organization organization_id org_id project project_id region region_name location "
        "credentials_path access_key_id secret_access_key session_token profile_name ad_token "
        "ad_token_provider"
    ),
    _PROVIDER: (
        "custom_llm_provider llm_provider provider providers api_type vendor backend platform "
        "engine deployment deployment_id deployment_name model_provider"
    ),
    "the model's name is the argument model=": "model_name model_id modelid",
    "give a list of models, as in model=['one/name', 'other/name']: see docs/routing.md": (
        "fallbacks fallback fallback_models default_fallbacks context_window_fallbacks "
        "context_window_fallback_dict content_policy_fallbacks"
    ),
    f"the cache is {_MIDDLEWARE}, see docs/cache.md": (
        "caching cache cache_key cache_ttl use_cache no_cache enable_cache cache_params"
    ),
    "name routes at the client: llmgate.Client(models={'name': [Target(…), …]}), see "
    "docs/routing.md": (
        "model_list router routing_strategy deployments router_settings model_alias_map"
    ),
    f"limits are {_MIDDLEWARE}, see docs/limits.md": (
        "max_budget budget rpm tpm rate_limit rate_limiter"
    ),
    "to test without a provider, see docs/testing.md": (
        "mock_response mock_tool_calls mock_timeout mock_delay mock dry_run"
    ),
    "use unsupported='drop', which is the default, or 'raise'": (
        "drop_params additional_drop_params allowed_openai_params modify_params"
    ),
    "for many calls use llmgate.abatch(…, concurrency=…), see docs/many-calls.md; Client(limit=…) "
    "bounds the connections to a host": (
        "max_workers max_concurrency max_parallel_requests concurrency num_workers batch_size "
        "threads"
    ),
    _HOOKS: (
        "callbacks callback success_callback failure_callback input_callback logger log logging "
        "debug set_verbose on_token on_chunk stream_handler event_handlers"
    ),
    "use labels={…}": "tags trace_id session_id span_id run_name generation_name",
    _PRICES: (
        "input_cost_per_token output_cost_per_token input_cost_per_second base_model cost "
        "model_info"
    ),
    "give each parameter as an argument of its own": (
        "model_kwargs completion_kwargs kwargs params parameters config options generation_config "
        "generationconfig settings optional_params"
    ),
    _OWN_PROMPT: ("system system_prompt system_message system_instruction instructions preamble"),
    "use messages=[{'role': 'user', 'content': …}]": (
        "prompt input inputs text message contents content query question history"
    ),
    "use max_tokens= or max_completion_tokens=": (
        "max_output_tokens max_new_tokens max_tokens_to_sample max_length num_predict n_predict "
        "max_gen_len maxoutputtokens max_completion_length"
    ),
    "use stop=": ("stop_sequences stop_words stop_tokens stop_strings stopsequences eos_token"),
    "use seed=": "random_seed random_state",
    "use n=": ("num_completions num_generations candidate_count num_return_sequences best_of"),
    "use reasoning_effort=": (
        "thinking thinking_config thinking_budget reasoning effort budget_tokens enable_thinking"
    ),
    "use response_format=, which takes a class as well": (
        "response_model response_schema response_mime_type output_schema output_type json_mode "
        "json_schema json_object format text_format output_format schema"
    ),
    "use stream=True": "streaming stream_mode do_stream is_stream",
    "use stream_options={'include_usage': True}; stream.usage has the usage without it, too": (
        "stream_usage include_usage"
    ),
    "use tools= and tool_choice=": "available_tools tool_config toolconfig tool_calls",
    _CLIENT: (
        "verify ssl_verify verify_ssl ssl_context ca_bundle cert proxy proxies http_proxy "
        "trust_env "
        "http_client async_client client session aiohttp_session shared_session transport pool "
        "limit"
    ),
    "call acompletion with await, or completion without": ("acompletion is_async async use_async"),
    "status, headers and the raw body are on the completion: .headers, .request_id, .raw": (
        "with_raw_response return_raw raw_response raw"
    ),
    f"use {_MIDDLEWARE}, see docs/middleware.md": ("middleware middlewares plugins guardrails"),
    _HOSTS_OWN: (
        "top_k topk top_a min_p typical_p tfs_z repetition_penalty repeat_penalty length_penalty "
        "num_ctx mirostat num_beams use_beam_search do_sample keep_alive echo suffix "
        "logit_processor "
        "guided_json guided_choice guided_regex grammar chat_template chat_template_kwargs "
        "safe_prompt safety_settings safety_mode transforms route models ignore_eos "
        "skip_special_tokens "
        "documents connectors search_parameters cache_control context_management mcp_servers"
    ),
}
_BY_NAME: Mapping[str, str] = {
    name: sentence for sentence, names in _SENTENCES.items() for name in names.split()
}
_EARLY = frozenset({"api_base", "forceTimeout", "force_timeout", "logger_fn", "verbose"})
"""Arguments that are accepted, but that new code should not use."""


def describe_argument(name: str, known: Collection[str]) -> str:
    """The advice for a keyword that a function does not have.

    Args:
        name: The keyword.
        known: The keywords that it has.
    """
    plain = _plain(name)
    meant = {_plain(each): each for each in known if each not in _EARLY}
    sentence = _BY_NAME.get(plain)
    if plain in meant:  # another spelling, such as maxTokens
        return f"did you mean {meant[plain]}?"
    if plain == "top_k" and "top_n" in known:
        return "use top_n="
    if sentence is None and plain.startswith("litellm"):
        return "it is an argument of another library, and not part of llmgate"
    if sentence is not None:
        return sentence
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    near = get_close_matches(plain, {**_BY_NAME, **meant}, n=1, cutoff=0.8)
    rest = plain.partition("_")[2]  # after a vendor's name, as in acme_api_key
    near = near or [each for each in (rest,) if each in meant or each in _BY_NAME]
    if not near:
        return "docs/calls.md lists the arguments, and says how to send what only one host has"
    if near[0] in meant:
        return f"did you mean {meant[near[0]]}?"
    return f"if it is {near[0]} that you mean: {_BY_NAME[near[0]]}"


def _plain(name: str) -> str:
    """A name in one spelling: ``maxTokens`` and ``max-tokens`` are the same."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in name)
    return words.lower().replace("-", "_").replace("__", "_").strip("_")


# --- settings of the module ---------------------------------------------------------------

_MODULE: Mapping[str, str] = {
    "give api_key= with a call, or set the provider's variable, such as OPENAI_API_KEY": (
        "api_key key"
    ),
    "give base_url= with a call, or set the provider's variable, such as OPENAI_BASE_URL": (
        "api_base base_url"
    ),
    "call llmgate.defaults(max_retries=…) before the first call": "num_retries max_retries",
    "call llmgate.defaults(timeout=…) before the first call": "request_timeout timeout",
    "call llmgate.defaults(hooks=[…]) before the first call": (
        "success_callback failure_callback callbacks input_callback service_callback log logger "
        "set_verbose verbose debug"
    ),
    "call llmgate.defaults(unsupported=…) before the first call": "drop_params modify_params",
    "call llmgate.defaults(headers=…) before the first call": "headers default_headers",
    "call llmgate.defaults(verify=…) before the first call": "ssl_verify verify",
    "call llmgate.defaults(proxy=…) before the first call": "proxy proxies",
    "call llmgate.defaults(middleware=[…]) before the first call; see docs/middleware.md": (
        "cache caching fallbacks model_fallbacks context_window_fallbacks model_list max_budget "
        "model_alias_map guardrails"
    ),
    "llmgate sends no telemetry": "telemetry",
}
_BY_SETTING: Mapping[str, str] = {
    name: sentence for sentence, names in _MODULE.items() for name in names.split()
}


_OF_A_CLIENT: Mapping[str, str] = {
    "a client serves every provider: give it with a call, or make that provider, as in "
    "providers={'name': Provider(api_key=…)}": (
        "api_key key base_url api_base api_version organization project region default_query"
    ),
    "a client serves every model: give it with a call": (
        "model messages temperature max_tokens stream tools response_format labels"
    ),
    "use headers=": "default_headers extra_headers",
    "use max_retries=": "num_retries retries",
    "use proxy=, verify=, limit= or transport=": (
        "http_client session connector ssl ssl_verify proxies max_connections limits"
    ),
    "use middleware=[…]": "cache fallbacks rate_limit rate_limits",
}
_BY_CLIENT: Mapping[str, str] = {
    name: sentence for sentence, names in _OF_A_CLIENT.items() for name in names.split()
}


def describe_client_setting(name: str, known: Collection[str]) -> str:
    """What to write in place of an unknown setting of a client; ``known`` are the settings it
    has."""
    from difflib import get_close_matches  # noqa: PLC0415 - as above

    near = get_close_matches(_plain(name), known, n=1)
    found = _BY_CLIENT.get(_plain(name))
    return found or (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}")


def describe_setting(name: str) -> str:
    """Where a setting belongs that somebody tried to set as an attribute of the module."""
    rest = name.partition("_")[2]  # after a vendor's name
    sentences = (_BY_SETTING.get(name), _BY_NAME.get(_plain(name)), _BY_SETTING.get(rest))
    found = next(filter(None, sentences), None)
    return found or "settings are those of a client, or of llmgate.defaults(…)"


# --- messages -----------------------------------------------------------------------------

_SHAPES: Iterable[tuple[frozenset[str], str]] = (
    (frozenset({"choices"}), "a completion is not a message: append response.choices[0].message"),
    (frozenset({"message"}), "a choice is not a message: append its .message"),
    (
        frozenset({"delta"}),
        "a part of a stream is not a message: append the stream's completion().choices[0].message",
    ),
)


def describe_foreign_message(message: Any) -> str | None:
    """Advice for a value that stands in place of a message, if its library is known."""
    if hasattr(message, "model_dump") and not isinstance(message, type):
        message = message.model_dump()
    if isinstance(message, Mapping):
        keys: set[Any] = {*message}
        found = (text for names, text in _SHAPES if names <= keys and "role" not in keys)
        return next(found, None)
    if hasattr(message, "__await__"):
        return "a call that was not awaited is not a message: await it"
    if hasattr(message, "next_batch"):  # an async or a sync stream
        return (
            "a stream is not a message: append its completion().choices[0].message, with await "
            "before completion() where the stream is async"
        )
    if isinstance(message, str):
        return f"expected a dictionary, got str; write {_as_message(message)}"
    if isinstance(message, tuple):
        return 'expected a dictionary, got tuple; write {"role": "user", "content": "…"}'
    return None


def describe_messages(messages: Any, model: Any = None) -> str:
    """What to write in place of a value that is not a list of messages, given beside this model."""
    if isinstance(messages, str):
        if any(not isinstance(each, str) for each in _several(model)):
            return "; the model comes first: completion(model, messages)"
        return f"; write [{_as_message(messages)}]"
    advice = describe_foreign_message(messages)
    if advice is not None:
        return f"; {advice}"
    is_message = hasattr(messages, "role") or isinstance(messages, Mapping)
    return "; write [message] for one message" if is_message else ""


def _several(model: Any) -> Iterable[Any]:
    return cast("Iterable[Any]", model) if isinstance(model, list | tuple) else ()


def _as_message(text: str) -> str:
    return f'{{"role": "user", "content": "{excerpt(text, 40)}"}}'
