"""Prices, under litellm's path."""

from llmgate_litellm._cost import completion_cost, cost_per_token

__all__ = ["completion_cost", "cost_per_token"]
