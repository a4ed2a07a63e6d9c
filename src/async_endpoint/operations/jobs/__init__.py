"""Operates on the jobs of a deployed stage: another attempt, cancellation, dead-lettered messages, a job's history."""
