"""Responses in the format of Converse: whole, streamed, and errors."""
