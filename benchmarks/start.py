"""From a container's start to its first right result: packages in the archive, against installed at the start.

The second is what `code/requirements.txt` costs on every new instance: pip fetches and installs, each time with an
empty cache, before TorchServe is started at all. Here it fetches from the index that this machine is configured with.
"""

import json
import os
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY, environment, packed
from stacks.serving_limits import ServingLimits
from stacks.settings.model import INCLUDED, INSTALL
from stacks.settings.serving import ServingSettings

GOAL = 5.0
ROUNDS = {INCLUDED: 3, INSTALL: 1}
_SECONDS = 900.0


def run() -> Result:
    """Starts containers both ways, each until its first right result; takes the median of three of the fast way."""
    environment()
    medians: dict[str, float] = {}
    sizes: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        for dependencies, rounds in ROUNDS.items():
            archive = packed("--dependencies", dependencies)
            sizes[dependencies] = archive.stat().st_size / 1e6
            seconds = []
            for turn in range(rounds):
                seconds.append(_start(archive, Path(place) / f"{dependencies}-{turn}"))
                progress(f"{dependencies}: {seconds[-1]:.1f} s")
            medians[dependencies] = sorted(seconds)[rounds // 2]
    return Result(
        ratio=medians[INSTALL] / medians[INCLUDED],
        goal=GOAL,
        figures={
            "included_seconds": round(medians[INCLUDED], 1),
            "install_seconds": round(medians[INSTALL], 1),
            "included_archive_mb": round(sizes[INCLUDED], 1),
            "install_archive_mb": round(sizes[INSTALL], 1),
        },
    )


def _start(archive: Path, workdir: Path) -> float:
    """Seconds until the first right result."""
    receipts = REPOSITORY / "samples" / "receipts"
    row = json.loads((receipts / "answers.jsonl").read_text(encoding="utf-8").splitlines()[0])
    image = (receipts / row.pop("file")).read_bytes()
    variables = {"SAGEMAKER_PROGRAM": "inference.py"} | ServingLimits(ServingSettings()).environment
    threads = len(os.sched_getaffinity(0))
    instance = ModelContainer(archive, variables, environment(), workdir, threads=threads)
    began = time.perf_counter()
    try:
        instance.start()
        instance.wait_ready(_SECONDS)
        result = instance.invoke(Invocation(image, content_type="application/x-image", timeout=_SECONDS))
        seconds = time.perf_counter() - began
    finally:
        instance.stop()
    if result.status != HTTPStatus.OK or json.loads(result.body)["predictions"] != [row]:
        raise RuntimeError(f"The first result is wrong: {result.status} {result.body[:300]!r}")
    return seconds
