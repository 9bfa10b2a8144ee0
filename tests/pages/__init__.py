"""What the examples of the manual are run by."""
