"""What most providers need and no vendor owns: settings, reading responses, writing requests.

Each part stands by itself; a provider takes those that fit its vendor. It knows no vendor.
"""

from llmgate.provider.kit.chunking import arguments_delta, completion_chunks, piece_chunk
from llmgate.provider.kit.history import (
    BASE64_OF_PDF,
    call_ids,
    called_functions,
    function_names,
    inline_data,
    is_answered_next,
)
from llmgate.provider.kit.paging import read_pages
from llmgate.provider.kit.parts import PartWriter
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
from llmgate.provider.kit.tokens import ask_for_token
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
    "BASE64_OF_PDF",
    "Credential",
    "Fields",
    "NameMap",
    "NativeContent",
    "PartWriter",
    "PartialObject",
    "Settings",
    "SideFields",
    "ToolChoice",
    "Vendor",
    "add_frame",
    "arguments_delta",
    "arguments_object",
    "arguments_text",
    "ask_for_token",
    "base_url",
    "call_ids",
    "called_functions",
    "check_text_only",
    "completion_chunks",
    "completion_of_events",
    "drop_others",
    "finish_reason",
    "function_names",
    "function_tools",
    "headers",
    "in_stream_error",
    "inline_data",
    "is_answered_next",
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
    "read_pages",
    "read_response",
    "read_token_count",
    "stop_list",
    "token_limit",
    "variable",
    "without_terminator",
]
