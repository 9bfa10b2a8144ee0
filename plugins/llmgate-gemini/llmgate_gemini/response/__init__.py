"""What Gemini sends: whole responses, streams, their parts, and errors."""
