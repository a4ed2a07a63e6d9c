"""Submits each document that is put into the inbox to the endpoint, once."""
