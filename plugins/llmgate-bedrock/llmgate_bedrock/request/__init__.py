"""A call in the format of Converse: the body of a request and what is in it."""
