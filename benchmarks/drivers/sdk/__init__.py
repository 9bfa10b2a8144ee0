"""Drivers of the peers. No checker sees these packages, since each lives in its own environment."""
