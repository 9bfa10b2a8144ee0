"""Validators of a call's arguments, each built when it is first needed.

``schemas`` declares what they accept. It is imported only here, so that ``import llmgate`` does not
import pydantic.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

    from llmgate._core.schemas import Kind


@cache
def validator(kind: Kind, *, with_others: bool = False) -> SchemaValidator:
    """The validator of arguments of a kind. It raises pydantic's ``ValidationError``, a
    ``ValueError``.

    ``with_others`` also accepts tools, and calls of tools, of types that OpenAI does not have; that
    is slower.
    """
    from pydantic_core import SchemaValidator  # noqa: PLC0415 - first use

    from llmgate._core.schemas import schema_of  # noqa: PLC0415

    return SchemaValidator(schema_of(kind, with_others))
