"""Starts the real serving toolkit as the first process of a container. A script, run by the overlay's Python 3.8.

    python toolkit_program.py TORCHSERVE_CONFIGURATION_FILE

In an image the toolkit is process 1 and alone; here it shares the machine. Three things differ from its own entry
point (`sagemaker_pytorch_serving_container.serving.main`): it writes the configuration file to the given path instead
of below /etc; it adopts orphans, as a process 1 does; and it searches for TorchServe among its own children instead of
all processes of the machine.
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
_PAUSE = 0.05  # seconds; without it the toolkit polls without a pause until TorchServe is there


class _OwnProcesses:
    """Replaces the psutil module where the toolkit looks for TorchServe."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil

    def process_iter(self) -> Iterator[Any]:
        """Yields living children: `torchserve --start` leaves a zombie, at which the toolkit's search would fail.

        TorchServe is among them once that program has exited and TorchServe became a child itself. The toolkit waits
        for its exit, which only a parent can: a process found earlier stays a zombie, and the toolkit waits for ever.
        """
        time.sleep(_PAUSE)
        for process in self._psutil.Process().children():
            try:
                process.cmdline()
            except self._psutil.Error:
                continue
            yield process


def main(configuration_file: str) -> None:
    """Runs the toolkit until TorchServe exits."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # should the supervisor itself be killed
    torchserve: Any = importlib.import_module("sagemaker_pytorch_serving_container.torchserve")
    torchserve.TS_CONFIG_FILE = configuration_file
    torchserve.psutil = _OwnProcesses(torchserve.psutil)
    importlib.import_module("sagemaker_pytorch_serving_container.serving").main()


if __name__ == "__main__":
    main(sys.argv[1])
