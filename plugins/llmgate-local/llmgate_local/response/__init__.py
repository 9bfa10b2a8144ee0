"""What llama.cpp's server responds with."""
