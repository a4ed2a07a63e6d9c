"""Packs a model's archive, and checks it without an endpoint."""
