"""Deploys an endpoint and checks what serves afterwards."""
