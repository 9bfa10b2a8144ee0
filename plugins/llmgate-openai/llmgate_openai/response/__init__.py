"""What OpenAI and its imitators send: whole responses, streams, their parts, and errors."""
