"""A call in Gemini's format: the body of a request, its contents, its tools and its schemas."""
