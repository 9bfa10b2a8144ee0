"""Functions, for tests of tools."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

# --- functions and types as schemas ---


def weather(
    city: Annotated[str, Field(description="Where.")], unit: Literal["c", "f"] = "c"
) -> str:
    """The weather of a city.

    More of it.
    """
    return f"{city} {unit}"
