"""Responses of Hugging Face, where they depart from OpenAI's: errors and models."""
