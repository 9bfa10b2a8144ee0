"""OpenAI's Responses API as an upstream of chat calls: a call into a request, and responses back.

Public, for other plugins: :class:`ResponsesDialect`, :func:`responses_request`,
:func:`decode_response` and :class:`ResponsesDecoder`.
"""

from llmgate_openai.responses.dialect import ResponsesDialect
from llmgate_openai.responses.request import encode_responses, responses_request
from llmgate_openai.responses.response import decode_response, decoder_of
from llmgate_openai.responses.stream import ResponsesDecoder

__all__ = [
    "ResponsesDecoder",
    "ResponsesDialect",
    "decode_response",
    "decoder_of",
    "encode_responses",
    "responses_request",
]
