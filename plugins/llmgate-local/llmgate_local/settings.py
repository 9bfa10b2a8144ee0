"""How a model is loaded and how long it stays: numbers only, checked without llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is loaded.

    Raises:
        ValueError: a number is too small, or none.
    """

    context: int | None = None
    """The most tokens of one completion, prompt included. By default what the model was trained
    for, and no more than 4096, since memory is taken for all of them at once."""
    threads: int | None = None
    """The threads that compute. By default half as many as there are processors."""
    parallel: int = 4
    """The most generations that run at once."""
    idle_timeout: float | None = 300.0
    """Seconds without a call after which the model is unloaded; None is no limit."""
    embeds: bool = False
    """Whether it makes embeddings, for which a model is loaded in another way."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        numbers = {"context": self.context, "threads": self.threads, "parallel": self.parallel}
        for name, number in numbers.items():
            if number is not None and (type(number) is not int or number < 1):
                raise ValueError(f"{name} must be an integer of at least 1, not {number!r}")
        idle = self.idle_timeout
        if idle is not None and not (type(idle) in (int, float) and idle > 0):
            raise ValueError(f"idle_timeout must be a number above 0, not {idle!r}")
