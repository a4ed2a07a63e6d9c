"""`cdk synth` with a 700 MB model: against a plain CDK asset of its archive, and against the small model."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.models import write_artifacts
from benchmarks.result import Result, progress
from benchmarks.serving import ARTIFACTS, REPOSITORY, packed

GOAL = 0.5
MOST_OF_SMALL = 1.3
MOST_GROWTH_MB = 1.0
MEGABYTES = 700
ROUNDS = 3


def run() -> Result:
    """Synthesises in turns with the CDK CLI, three times each, and takes the medians."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        progress(f"Making {MEGABYTES} MB of weights, and their archive for the plain asset.")
        write_artifacts(folder / "large", MEGABYTES)
        archive = packed("--build", str(folder), folder=folder / "large")
        ways = {
            "ours": ("ours", folder / "large"),
            "asset": ("asset", folder / "large"),
            "small": ("ours", ARTIFACTS),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        megabytes: dict[str, float] = {}
        first = _synth(*ways["ours"], archive, folder / "out")
        progress(f"The first synth, which reads the model once, took {first:.1f} s.")
        for turn in range(ROUNDS):
            for name, (kind, artifacts) in ways.items():
                shutil.rmtree(folder / "out", ignore_errors=True)
                seconds[name].append(_synth(kind, artifacts, archive, folder / "out"))
                megabytes[name] = sum(path.stat().st_size for path in (folder / "out").rglob("*")) / 1e6
                progress(f"{turn + 1} of {ROUNDS}, {name}: {seconds[name][-1]:.1f} s")
    median = {name: sorted(values)[ROUNDS // 2] for name, values in seconds.items()}
    growth = megabytes["ours"] - megabytes["small"]
    return Result(
        ratio=median["ours"] / median["asset"],
        goal=GOAL,
        at_most=True,
        conditions={
            f"at_most_{MOST_OF_SMALL}_of_the_small_model": median["ours"] <= MOST_OF_SMALL * median["small"],
            f"cdk_out_grows_at_most_{MOST_GROWTH_MB:g}_mb": growth <= MOST_GROWTH_MB,
        },
        figures={
            "seconds": round(median["ours"], 2),
            "asset_seconds": round(median["asset"], 2),
            "small_seconds": round(median["small"], 2),
            "first_seconds": round(first, 2),
            "of_the_small_model": round(median["ours"] / median["small"], 3),
            "cdk_out_growth_mb": round(growth, 3),
            "asset_cdk_out_mb": round(megabytes["asset"], 1),
        },
    )


def _synth(kind: str, artifacts: Path, archive: Path, out: Path) -> float:
    app = f"{sys.executable} {Path(__file__).with_name('synth_app.py')} {kind} {artifacts} {archive}"
    began = time.perf_counter()
    subprocess.run(
        [REPOSITORY / "node_modules" / ".bin" / "cdk", "synth", "--quiet", "--app", app, "--output", out],
        cwd=REPOSITORY,
        stdout=sys.stderr,
        check=True,
    )
    return time.perf_counter() - began
