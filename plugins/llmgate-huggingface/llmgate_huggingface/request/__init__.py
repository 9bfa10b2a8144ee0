"""A call as Hugging Face's router and TGI take it."""
