"""The same path as in litellm; its modules hold the names."""
