"""Faults on demand: what a local AWS is to do wrong, and how often; a fixed seed repeats it."""

import threading


class Faults:
    """The switchboard of one local AWS; thread-safe. Nothing is wrong until something is switched on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
