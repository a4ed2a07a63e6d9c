"""Starts the real serving toolkit as the first process of a container. A script, run by the overlay's Python.

    python toolkit_program.py torchserve|multi-model-server CONFIGURATION_FILE

In an image the toolkit is process 1 and alone; here it shares the machine. Three things differ from its own entry
point (`serving.main` of sagemaker_pytorch_serving_container or sagemaker_huggingface_inference_toolkit): it writes the
server's configuration to the given path instead of below /etc; it adopts orphans, as a process 1 does; and it searches
for the server among its own children instead of all processes of the machine.
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
_PAUSE = 0.05  # seconds; without it the toolkit polls without a pause until the server is there


class _OwnProcesses:
    """Replaces the psutil module where the toolkit looks for its server."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil

    def __getattr__(self, name: str) -> Any:
        """Returns everything else of the module."""
        return getattr(self._psutil, name)

    def process_iter(self) -> Iterator[Any]:
        """Yields living children: the program that starts it leaves a zombie, at which the search would fail.

        The server is among them once that program has exited and the server became a child itself. The toolkit waits
        for its exit, which only a parent can: a process found earlier stays a zombie, and the toolkit waits for ever.
        """
        time.sleep(_PAUSE)
        for process in self._psutil.Process().children():
            try:
                process.cmdline()
            except self._psutil.Error:
                continue
            yield process


def _start_torchserve(configuration_file: str) -> None:
    torchserve: Any = importlib.import_module("sagemaker_pytorch_serving_container.torchserve")
    torchserve.TS_CONFIG_FILE = configuration_file
    torchserve.psutil = _OwnProcesses(torchserve.psutil)
    importlib.import_module("sagemaker_pytorch_serving_container.serving").main()


def _start_multi_model_server(configuration_file: str) -> None:
    serving: Any = importlib.import_module("sagemaker_huggingface_inference_toolkit.serving")
    common: Any = importlib.import_module("sagemaker_inference.model_server")
    # The one writes the file, the other hands it to the server.
    common.MMS_CONFIG_FILE = serving.mms_model_server.MMS_CONFIG_FILE = configuration_file
    common.psutil = _OwnProcesses(common.psutil)
    serving.main()


_STARTS = {"torchserve": _start_torchserve, "multi-model-server": _start_multi_model_server}


def main(server: str, configuration_file: str) -> None:
    """Runs the toolkit until the server exits."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # should the supervisor itself be killed
    _STARTS[server](configuration_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
