"""Submits each document in the inbox to the endpoint, once."""
