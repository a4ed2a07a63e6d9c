"""Announces the outcome of each job as an event of EventBridge, from the stream of the jobs table."""
