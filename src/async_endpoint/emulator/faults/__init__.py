"""Faults on demand: what the local AWS does wrong, how often, and how to switch it on."""
