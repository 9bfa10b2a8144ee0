"""Mutants of real providers, made by rule, which the conformance kit is to find."""
