"""The cache, under litellm's path."""

from llmgate_litellm._cache import Cache

__all__ = ["Cache"]
