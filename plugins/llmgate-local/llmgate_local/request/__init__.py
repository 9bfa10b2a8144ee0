"""A call as llama.cpp's server takes it."""
