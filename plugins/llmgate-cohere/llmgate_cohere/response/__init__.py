"""Cohere's responses, whole and streamed, and its errors, in OpenAI's shape."""
