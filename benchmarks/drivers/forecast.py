"""The class that a case has the model answer in; its schema is ``benchmarks.payloads.SCHEMA``."""

from __future__ import annotations

from pydantic import BaseModel

__all__ = ["Forecast"]


class Forecast(BaseModel):
    """A forecast."""

    city: str
    days: int
    wind: float
    warnings: list[str]
