"""Ollama's responses: a completion, the lines of a stream, and errors."""
