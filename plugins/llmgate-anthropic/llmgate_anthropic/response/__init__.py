"""Responses in the format of Anthropic's Messages: whole, streamed, and errors."""
