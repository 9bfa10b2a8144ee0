"""Mistral's responses, where they depart from OpenAI's: failures and models."""
