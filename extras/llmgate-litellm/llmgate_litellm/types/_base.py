"""The base of litellm's shapes, and the usage; nothing here knows of messages or choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ConfigDict

__all__ = [
    "CompletionTokensDetailsWrapper",
    "OpenAIObject",
    "PromptTokensDetailsWrapper",
    "Usage",
    "present",
]

Plain: TypeAlias = dict[str, Any]
"""``dict`` where the class below has a method of that name."""


class OpenAIObject(BaseModel):
    """A JSON object that takes any field, and reads by attribute and by key."""

    if TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None: ...

    model_config = ConfigDict(extra="allow", protected_namespaces=(), arbitrary_types_allowed=True)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, key, value)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and hasattr(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a field, or the default where it is absent."""
        return getattr(self, key, default)

    def json(self, **kwargs: Any) -> Plain:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] # as litellm's
        """The object as a dictionary."""
        return self.model_dump(**kwargs)

    def dict(self, **kwargs: Any) -> Plain:
        """The object as a dictionary."""
        return self.model_dump(**kwargs)

    def to_dict(self, **kwargs: Any) -> Plain:
        """The object as a dictionary."""
        return self.model_dump(**kwargs)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


class PromptTokensDetailsWrapper(OpenAIObject):
    """Parts of ``prompt_tokens``."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None


class CompletionTokensDetailsWrapper(OpenAIObject):
    """Parts of ``completion_tokens``."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    text_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class Usage(OpenAIObject):
    """What was billed, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetailsWrapper | None
    completion_tokens_details: CompletionTokensDetailsWrapper | None
    if TYPE_CHECKING:
        cache_creation_input_tokens: int
        cache_read_input_tokens: int

    def __init__(
        self,
        /,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        total_tokens: int | None = None,
        prompt_tokens_details: Any = None,
        completion_tokens_details: Any = None,
        **extra: Any,
    ) -> None:
        prompt, completion = prompt_tokens or 0, completion_tokens or 0
        super().__init__(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=total_tokens or prompt + completion,
            prompt_tokens_details=prompt_tokens_details,
            completion_tokens_details=completion_tokens_details,
            **present(**extra),
        )
