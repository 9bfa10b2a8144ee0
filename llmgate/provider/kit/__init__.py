"""What most providers need and no vendor owns: settings, reading responses, writing requests.

Each part stands by itself; a provider takes those that fit its vendor. It knows no vendor. What few
providers need is in modules of its own: ``history``, ``paging``, ``parts``, ``tokens``.
"""

from llmgate.provider.kit.chunking import arguments_delta, completion_chunks, piece_chunk
from llmgate.provider.kit.reading import (
    Fields,
    NativeContent,
    PartialObject,
    add_frame,
    arguments_text,
    finish_reason,
    in_stream_error,
    parsed_arguments,
    read_json,
    read_response,
    read_token_count,
)
from llmgate.provider.kit.settings import Credential, Settings, Vendor
from llmgate.provider.kit.side_fields import SideFields
from llmgate.provider.kit.unusual_framing import (
    completion_of_events,
    is_done_mark,
    is_event_stream,
    without_terminator,
)
from llmgate.provider.kit.values import base_url, headers, key_from, variable
from llmgate.provider.kit.writing import (
    NameMap,
    ToolChoice,
    arguments_object,
    check_text_only,
    drop_others,
    function_tools,
    json_request,
    merge_body,
    own_data,
    parameter,
    stop_list,
    token_limit,
)

__all__ = [
    "Credential",
    "Fields",
    "NameMap",
    "NativeContent",
    "PartialObject",
    "Settings",
    "SideFields",
    "ToolChoice",
    "Vendor",
    "add_frame",
    "arguments_delta",
    "arguments_object",
    "arguments_text",
    "base_url",
    "check_text_only",
    "completion_chunks",
    "completion_of_events",
    "drop_others",
    "finish_reason",
    "function_tools",
    "headers",
    "in_stream_error",
    "is_done_mark",
    "is_event_stream",
    "json_request",
    "key_from",
    "merge_body",
    "own_data",
    "parameter",
    "parsed_arguments",
    "piece_chunk",
    "read_json",
    "read_response",
    "read_token_count",
    "stop_list",
    "token_limit",
    "variable",
    "without_terminator",
]
