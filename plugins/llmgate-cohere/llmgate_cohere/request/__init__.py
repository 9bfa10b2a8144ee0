"""A call in Cohere's format: the body of a request and what is in it."""
