"""Endpoints at work: deployments, fleets, instances, the request queue, and the results that they write."""
