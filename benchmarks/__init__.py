"""Each speed claim of this project as a ratio against a named alternative, measured side by side in one run.

`python -m benchmarks NAME` runs one; `python -m benchmarks` lists them. docs/performance.md has what they measured.
"""
