"""A call as the inputs of a prediction."""
