"""Compares synthesised templates: what a deploy would change, and which of it must not be deployed."""
