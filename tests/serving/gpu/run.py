"""Runs the handlers in half precision on this machine's GPU, compares their results with the CPU's, and prints both.

The one command of a folder that bundle.py has made, on a machine that needs no network: `python3.12 run.py`. It makes a
virtual environment in a temporary folder and installs the folder's wheels into it, and nothing from elsewhere.

Exit status: 0 the results are the same, 1 they differ, 2 nothing was compared, for example as there is no GPU.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
WHEELS, MODEL, SAMPLES = "wheels", "model", "samples"
PYTHON = (3, 12)  # the image's
SAME, DIFFERENT, NOT_COMPARED = 0, 1, 2
# Half precision has 11 significant bits: every step of the network rounds by up to 2**-12 of a value, and a confidence
# is a product of some tokens' probabilities, which calibration may stretch. On the CPU in half precision the largest
# difference on these samples is 0.0114 (docs/performance.md). A GPU adds in another order: it gets somewhat more.
TOLERANCE = 0.02
# Of a result, what is no result of the network: how long it took, and with how many other pages.
IGNORED = frozenset({"seconds", "read_together", "model_version"})
_HAS_CUDA = "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"


def main() -> int:
    """Installs, runs on both devices, and prints the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", help="a Python that has the packages already; nothing is installed")
    parser.add_argument(
        "--device",
        choices=("cuda", "half", "cpu"),
        default="cuda",
        help="what to compare with the CPU: a GPU, the CPU in half precision, or the CPU once more",
    )
    chosen = parser.parse_args()
    if not chosen.python and sys.version_info[:2] != PYTHON:
        print(f"Nothing was compared: the wheels are for Python {PYTHON[0]}.{PYTHON[1]}: run this with that.")
        return NOT_COMPARED
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        python = chosen.python or _installed(Path(folder, "environment"))
        if chosen.device == "cuda" and (reason := why_no_gpu(python)):
            print(f"Skipped, nothing was compared: {reason}")
            return NOT_COMPARED
        cpu = measured(python, "cpu", Path(folder))
        other = measured(python, chosen.device, Path(folder))
    compare_results = importlib.import_module("compare_results")  # bundle.py puts it beside this file
    rules = compare_results.Rules(TOLERANCE, IGNORED)
    status, lines = compared(cpu, other, lambda old, new: compare_results.compare_results(old, new, rules))
    print("\n".join(lines))
    return status


def why_no_gpu(python: str) -> str:
    """Returns why a Python's torch has no CUDA device; empty if it has one."""
    done = subprocess.run([python, "-c", _HAS_CUDA], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"torch cannot be imported ({last})."
    version, cuda, available = done.stdout.split()
    return "" if available == "True" else f"torch {version} (CUDA {cuda}) finds no CUDA device on this machine."


def measured(python: str, device: str, folder: Path) -> dict[str, Any]:
    """Runs measure.py on a device, and returns its report."""
    print(f"Running the handlers on {device} ...", file=sys.stderr, flush=True)
    output = folder / f"{device}.json"
    arguments = [str(HERE / "measure.py"), device, str(HERE / MODEL), str(HERE / SAMPLES), str(output)]
    subprocess.run([python, *arguments], check=True, stdout=sys.stderr)
    report: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return report


def compared(
    cpu: dict[str, Any], other: dict[str, Any], compare: Callable[[bytes, bytes], Any]
) -> tuple[int, list[str]]:
    """Returns the exit status and the lines of the comparison.

    Args:
        cpu: The report of measure.py on the CPU.
        other: Its report on the other device.
        compare: Compares two results, as compare_results.py does.
    """
    lines = _beside_each_other(cpu, other)
    equal, differences, largest, at, values = 0, [], 0.0, "", 0
    for name, old in cpu["results"].items():
        found = compare(json.dumps(old).encode(), json.dumps(other["results"][name]).encode())
        values += found.fields + found.numbers
        equal += not found.differences
        differences += [f"  {name}, {each.field}: {each.old!r} -> {each.new!r}" for each in found.differences]
        if found.largest > largest:
            largest, at = found.largest, f" ({name}, {found.largest_at})"
    count = len(cpu["results"])
    errors = [name for name, result in cpu["results"].items() if "error" in result]
    lines += [
        "",
        f"{equal} of {count} documents have equal fields, and confidences within {TOLERANCE:g}.",
        f"The largest difference between two numbers is {largest:.4f}{at}.",
        *differences,
    ]
    if differences:
        return DIFFERENT, lines
    if not values or errors:
        failed = f": {len(errors)} documents have no result, such as {errors[0]}" if errors else ""
        return NOT_COMPARED, [*lines, f"That is no comparison of all results{failed}."]
    return SAME, lines


def _beside_each_other(cpu: dict[str, Any], other: dict[str, Any]) -> list[str]:
    rows = [
        ("", "CPU", "other"),
        ("device", cpu["device"], other["device"]),
        ("precision", cpu["precision"], other["precision"]),
        ("torch", cpu["torch"], other["torch"]),
        ("seconds to load", cpu["load_seconds"], other["load_seconds"]),
        *(
            (f"documents a second, {batch} at once", rate, other["documents_per_second"][batch])
            for batch, rate in cpu["documents_per_second"].items()
        ),
        ("memory, MB", cpu["memory_mb"], other["memory_mb"]),
    ]
    if "gpu_memory_mb" in other:
        rows.append(("memory of the GPU, MB", "-", other["gpu_memory_mb"]))
    return [f"{name:<34} {one!s:>18} {two!s:>24}".rstrip() for name, one, two in rows]


def _installed(folder: Path) -> str:
    """Returns the Python of a new environment with the wheels, and with the machine's packages for what is left out."""
    print("Installing the wheels ...", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    wheels = sorted(map(str, (HERE / WHEELS).glob("*.whl")))
    options = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--find-links", str(HERE / WHEELS))
    subprocess.run([python, "-m", "pip", "install", *options, *wheels], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
