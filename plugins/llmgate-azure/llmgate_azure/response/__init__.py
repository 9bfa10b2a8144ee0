"""What Azure sends beside OpenAI's responses: its errors."""
