"""Names the cause when a stage does not wake, does not sleep, is slow, expensive, or fails.

`reads` gathers one snapshot of what AWS's APIs report, `rules` are pure functions over it.
"""
