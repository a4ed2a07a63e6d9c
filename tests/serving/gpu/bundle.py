"""Puts all that a GPU test needs into one folder, to be taken to a machine that reaches nothing.

    .venv/bin/python tests/serving/gpu/bundle.py FOLDER [--without torch] [--samples 100]

The folder gets the model as it is packed for the image, with the packages that come with it; wheels of the image's own
packages; samples; and run.py, the one command there. Fetching needs the image's environment
(`async-endpoint local prepare --image pytorch-2.6`). `--without torch` leaves out torch and the CUDA libraries, 2.5 GB
of wheels, for a machine that has them; `--without NAME` any other package.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
IMAGE = "pytorch-2.6"
CONTAINERS = ROOT / "src" / "async_endpoint" / "emulator" / "containers"
COMPARING = ROOT / "src" / "async_endpoint" / "operations" / "model" / "compare_results.py"
PYTHON = str(ROOT / f".venv-serving-{IMAGE}" / "bin" / "python")
# What only a model server needs, and pip itself.
SERVER = {"torchserve", "torch-model-archiver", "pip", "setuptools", "wheel"}
# The image's lock has of torch what a CPU needs; a GPU needs all that torch's wheel asks for.
TORCH = {"torch", "torchvision"}


def main() -> None:
    """Fills the folder, and prints what to do there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the folder to make; it must not exist")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="a package to leave out")
    parser.add_argument("--samples", type=int, default=100, help="how many of samples/receipts to take")
    parser.add_argument("--python", default=PYTHON, help="the Python 3.12 whose pip fetches the wheels")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True)
    copy_files(chosen.folder, chosen.samples)
    unpack_model(chosen.folder / "model")
    fetch_wheels(chosen.folder / "wheels", set(chosen.without), chosen.python)
    size = sum(path.stat().st_size for path in chosen.folder.rglob("*") if path.is_file())
    print(f"{chosen.folder}: {size / 1e6:.0f} MB. On the machine with the GPU: python3.12 {chosen.folder.name}/run.py")


def copy_files(folder: Path, samples: int) -> None:
    """Copies the programs and the first samples."""
    for path in (HERE / "run.py", HERE / "measure.py", COMPARING):
        shutil.copy(path, folder)
    (folder / "samples").mkdir()
    receipts = sorted((ROOT / "samples" / "receipts").glob("*.jpg"))
    for path in receipts[:samples]:
        shutil.copy(path, folder / "samples")


def unpack_model(folder: Path) -> None:
    """Packs the bundled model for the image, and unpacks it as SageMaker does."""
    command = [sys.executable, str(ROOT / "model_artifacts" / "pack.py"), "--image", IMAGE]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    with tarfile.open(done.stdout.strip()) as archive:
        archive.extractall(folder, filter="data")


def fetch_wheels(folder: Path, without: set[str], python: str) -> None:
    """Fetches the wheels of the image's packages at the lock's versions, and of all that torch asks for."""
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ \n]+)", _lock(), re.MULTILINE))
    own = {name: version for name, version in locked.items() if name not in SERVER | TORCH | without}
    if is_without_torch := "torch" in without:
        own = {name: version for name, version in own.items() if not name.startswith("nvidia-")}
    wheel = [python, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--wheel-dir", str(folder)]
    subprocess.run([*wheel, "--no-deps", *(f"{name}=={version}" for name, version in own.items())], check=True)
    if not is_without_torch:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
            constraints.write("".join(f"{name}=={version}\n" for name, version in locked.items()))
            constraints.flush()
            torch = [f"{name}=={locked[name]}" for name in sorted(TORCH)]
            subprocess.run([*wheel, "--constraint", constraints.name, *torch], check=True)


def _lock() -> str:
    return (CONTAINERS / "images" / f"{IMAGE}.lock").read_text(encoding="ascii")


if __name__ == "__main__":
    main()
