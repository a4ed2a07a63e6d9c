"""pack.py against `tarfile` with `w:gz`, as the SageMaker SDK repacks a model (`repack_model`)."""

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.models import write_artifacts
from benchmarks.result import Result, progress
from benchmarks.serving import ARTIFACTS

GOAL = 8.0
MEGABYTES = 512
MOST_MEMORY_MB = 300
MOST_SIZE = 1.01

_SDK = "import sys, tarfile\nwith tarfile.open(sys.argv[2], 'w:gz') as tar: tar.add(sys.argv[1], '.')"


def run() -> Result:
    """Packs 512 MB of weights both ways, each in its own process."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        progress(f"Making {MEGABYTES} MB of weights.")
        write_artifacts(folder / "model", MEGABYTES)
        progress("Packing with pack.py.")
        # Without packages, as the SDK's way has none.
        ours = [ARTIFACTS / "pack.py", "--folder", folder / "model", "--build", folder, "--dependencies", "install"]
        seconds, memory = _run([sys.executable, *map(str, ours)])
        size = next(folder.glob("*/model.tar.gz")).stat().st_size
        progress(f"It took {seconds:.1f} s. Packing as the SDK does, which takes a minute.")
        sdk = folder / "sdk.tar.gz"
        sdk_seconds, sdk_memory = _run([sys.executable, "-c", _SDK, str(folder / "model"), str(sdk)])
        sdk_size = sdk.stat().st_size
    return Result(
        ratio=sdk_seconds / seconds,
        goal=GOAL,
        conditions={
            f"size_at_most_{MOST_SIZE}": size / sdk_size <= MOST_SIZE,
            f"memory_at_most_{MOST_MEMORY_MB}_mb": memory <= MOST_MEMORY_MB,
        },
        figures={
            "megabytes": MEGABYTES,
            "seconds": round(seconds, 2),
            "sdk_seconds": round(sdk_seconds, 2),
            "size_ratio": round(size / sdk_size, 4),
            "memory_mb": round(memory),
            "sdk_memory_mb": round(sdk_memory),
        },
    )


def _run(command: list[str]) -> tuple[float, float]:
    """Runs a program; returns its seconds and its peak memory in MB."""
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{command[1]} failed.")
    return time.perf_counter() - began, usage.ru_maxrss / 1024
