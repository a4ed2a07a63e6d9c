"""Starts the real serving toolkit as the first process of a container. A script, run by the overlay's Python 3.8.

    python launcher.py TORCHSERVE_CONFIGURATION_FILE

In an image the toolkit is process 1 and alone; here it shares the machine. Three things differ from its own entry
point (`sagemaker_pytorch_serving_container.serving.main`), none of them in what it does: the configuration file that
it writes under /etc goes to the path given; orphans come to it, as to a process 1; and its search for TorchServe
looks at its own children instead of at every process of the machine.
"""

from __future__ import annotations

import ctypes
import importlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAUSE = 0.05  # seconds; the toolkit asks again and again without one until TorchServe is there


class _OwnProcesses:
    """Stands in for the psutil module where the toolkit looks for TorchServe."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil

    def process_iter(self) -> Iterator[Any]:
        """Living children: `torchserve --start` leaves a zombie, at which the toolkit's search would fail.

        TorchServe counts from when that program has ended and it became a child itself: the toolkit waits for its end,
        and only a parent can (a process found earlier stays a zombie, and the toolkit waits for ever).
        """
        time.sleep(_PAUSE)
        for process in self._psutil.Process().children():
            try:
                process.cmdline()
            except self._psutil.Error:
                continue
            yield process


def main(configuration_file: str) -> None:
    """Run the toolkit until TorchServe ends."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # should the supervisor itself be killed
    torchserve: Any = importlib.import_module("sagemaker_pytorch_serving_container.torchserve")
    torchserve.TS_CONFIG_FILE = configuration_file
    torchserve.psutil = _OwnProcesses(torchserve.psutil)
    importlib.import_module("sagemaker_pytorch_serving_container.serving").main()


if __name__ == "__main__":
    main(sys.argv[1])
