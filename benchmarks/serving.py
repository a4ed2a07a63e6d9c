"""The serving environment, the archive and its packages."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from async_endpoint.emulator.containers.environment import ServingEnvironment, prepare_all
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName
from benchmarks.result import progress

REPOSITORY = Path(__file__).resolve().parents[1]
ARTIFACTS = REPOSITORY / "model_artifacts"
IN_SERVING = Path(__file__).resolve().parent / "in_serving"

_LOAD_SECONDS = 600.0
_PROGRAM = {"SAGEMAKER_PROGRAM": "inference.py"}


def environment(image: ImageName = DEFAULT_IMAGE) -> ServingEnvironment:
    """The environment with an image's packages, built first if it is missing."""
    place = os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", REPOSITORY / ".venv-serving")
    return prepare_all(Path(place), progress, (image,)).of(IMAGES[image])


def packed(*options: str, folder: Path = ARTIFACTS) -> Path:
    """Runs pack.py; returns the archive, or with `--packages` the folder of the packages."""
    command = [sys.executable, str(ARTIFACTS / "pack.py"), "--folder", str(folder), *options]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(run.stdout.strip())


def run_in_serving(script: str, *arguments: object, threads: int) -> str:
    """Runs a script of `in_serving/` in the serving environment, with the archive's code; returns its output."""
    path = [ARTIFACTS / "code", packed("--packages"), ARTIFACTS / "training"]
    run = subprocess.run(
        [str(environment().python), "-W", "ignore", str(IN_SERVING / script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return run.stdout


@contextmanager
def container(
    archive: Path, workdir: Path, variables: dict[str, str], threads: int, image: ImageName = DEFAULT_IMAGE
) -> Iterator[ModelContainer]:
    """Yields a container that has loaded the archive's model, and stops it."""
    instance = ModelContainer(archive, _PROGRAM | variables, environment(image), workdir, threads=threads)
    try:
        instance.start()
        instance.wait_ready(_LOAD_SECONDS)
        yield instance
    finally:
        instance.stop()


def with_handler(archive: Path, handler: Path, folder: Path) -> Path:
    """Makes a copy of an archive with another inference.py."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "unpacked", filter="data")
    shutil.copyfile(handler, folder / "unpacked" / "code" / "inference.py")
    other = folder / "model.tar.gz"
    with tarfile.open(other, "w:gz", compresslevel=1) as tar:
        for name in ("code", "my_model"):
            tar.add(folder / "unpacked" / name, name)
    return other
