"""Middleware that comes with llmgate; each is usable alone, and imported where it is asked for."""
