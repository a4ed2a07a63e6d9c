"""The memory of a process, as Linux counts it."""

from pathlib import Path


def megabytes_of_process(pid, name):
    """A figure of its memory: VmRSS, what it has, or VmHWM, the most that it had."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
