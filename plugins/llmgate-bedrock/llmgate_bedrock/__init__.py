"""Amazon Bedrock for llmgate.

Public: :class:`Bedrock`. Nothing else is.
"""

from __future__ import annotations

try:
    from llmgate_bedrock.provider import Bedrock
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["Bedrock"]
