"""What a region's page shows of the past: endpoints over time, and the documents that ended last."""

import threading


class History:
    """A bounded memory; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
