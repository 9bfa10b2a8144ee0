"""A call in the format of Anthropic's Messages: the body of a request and what is in it."""
