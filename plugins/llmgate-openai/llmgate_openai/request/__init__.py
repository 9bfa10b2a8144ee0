"""A call in OpenAI's format: the body of a request and the messages in it."""
