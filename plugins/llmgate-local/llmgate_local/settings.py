"""How a model is loaded: numbers only, so that they can be checked without llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is loaded.

    Raises:
        ValueError: a number is below 1.
    """

    context: int | None = None
    """The most tokens of one generation, prompt and answer together. By default what the model was
    trained for, and no more than 4096, for memory is taken for all of them at once."""
    threads: int | None = None
    """The threads that compute. By default half as many as there are processors."""
    parallel: int = 4
    """The most generations that run at once."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        numbers = {"context": self.context, "threads": self.threads, "parallel": self.parallel}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}")
