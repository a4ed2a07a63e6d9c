"""The environment variables of a container: the Model's own, and those that separate containers on one machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from async_endpoint.emulator.containers.environment import Overlay

# A container sees only these variables of the host: no credentials, no Python or pip settings.
_INHERITED = (
    "JAVA_HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ",
    "PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE",  # the company's root certificates
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",  # without which numpy's OpenBLAS fails on some processors
)  # fmt: skip

# A quick start matters more than peak throughput: C1 only, the serial collector, a small heap at first.
_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -Xms32m -Xmx1g"


@dataclass(frozen=True)
class Folders:
    """The folders of one container, private to it.

    Attributes:
        base: /opt/ml of the image.
        home: Its HOME.
        run: Its working directory, where the toolkit may make a model store.
        logs: The model server's own log files.
        scratch: Temporary files and sockets.
    """

    base: Path
    home: Path
    run: Path
    logs: Path
    scratch: Path

    @classmethod
    def from_workdir(cls, workdir: Path, scratch: Path) -> "Folders":
        """Makes the folders below one container's folder; only the scratch folder is elsewhere."""
        base, home, run, logs = (workdir / name for name in ("ml", "home", "run", "logs"))
        for folder in (base, home, run, logs):
            folder.mkdir(exist_ok=True)
        return cls(base=base, home=home, run=run, logs=logs, scratch=scratch)


def container_environment(
    model: Mapping[str, str], *, overlay: Overlay, folders: Folders, server: Mapping[str, str], threads: int
) -> dict[str, str]:
    """Returns all variables of a container's processes.

    The Model's variables override the defaults. Those that separate the container from the rest of the machine
    override the Model's: addresses, folders, the interpreter, and the number of threads.

    Args:
        model: The Model's `Environment`.
        overlay: The container's own environment.
        folders: Its folders.
        server: The variables that give its model server addresses (`ModelServer.variables`).
        threads: How many threads each numerical library may use in one worker.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    defaults = {
        # One worker, as on an instance with one GPU; unset, the server would start one per core of this machine.
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return inherited | defaults | dict(model) | _separating(overlay, folders) | dict(server) | _thread_caps(threads)


def _separating(overlay: Overlay, folders: Folders) -> dict[str, str]:
    return {
        "PATH": f"{overlay.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folders.home),
        "TMPDIR": str(folders.scratch),
        "TEMP": str(folders.scratch),  # the model servers' name for it; their workers' sockets are there
        "SAGEMAKER_BASE_DIR": str(folders.base),
        "LOG_LOCATION": str(folders.logs),
        "METRICS_LOCATION": str(folders.logs),
        "JDK_JAVA_OPTIONS": _JAVA_OPTIONS,
    }


def _thread_caps(threads: int) -> dict[str, str]:
    names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "RAYON")
    return {f"{name}_NUM_THREADS": str(threads) for name in names}
