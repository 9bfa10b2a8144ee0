"""Predictions and their streams as completions and chunks, and their errors."""
