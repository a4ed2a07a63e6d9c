"""Constructs: each owns the resources of one concern; the stacks wire them together."""
