"""A call in Ollama's format: the body of a request, and the messages and tools in it."""
