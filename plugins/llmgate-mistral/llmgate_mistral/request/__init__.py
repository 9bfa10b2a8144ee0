"""A call in Mistral's format, where that departs from OpenAI's: parameters and messages."""
