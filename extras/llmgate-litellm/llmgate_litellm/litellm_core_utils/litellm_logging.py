"""The class that some frameworks import; llmgate's hooks and callbacks do its work."""

from typing import Any

__all__ = ["Logging"]


class Logging:
    """It takes any arguments and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Nothing is kept."""
