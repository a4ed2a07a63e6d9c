import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName
from tests.support.serving import serving_environment

REPOSITORY = Path(__file__).resolve().parents[2]
TRAINING = REPOSITORY / "model_artifacts" / "training"

RunInImage = Callable[..., "subprocess.CompletedProcess[str]"]


@cache
def packages_for(image: ImageName) -> Path:
    """The packages that the archive brings along to an image; fetched when they are not there."""
    pack = REPOSITORY / "model_artifacts" / "pack.py"
    run = subprocess.run(
        [sys.executable, pack, "--packages", "--image", image], capture_output=True, text=True, check=True, timeout=300
    )
    return Path(run.stdout.strip())


def run_in(image: ImageName, *arguments: object, cwd: Path = TRAINING) -> "subprocess.CompletedProcess[str]":
    """Runs the Python of an image's environment on some arguments, with one thread, in the training folder by default.

    It finds what a container would: the image's packages, and before them those of the archive.
    """
    return subprocess.run(
        [serving_environment(IMAGES[image]).python, "-W", "ignore", *map(str, arguments)],
        cwd=cwd,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(packages_for(image)),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module", autouse=True)
def behind_other_tests() -> Iterator[None]:
    """Lets tests of another worker go first: many of those look at a clock, while these compute for minutes."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before + 10)
    yield
    with suppress(PermissionError):  # root alone may raise it again
        os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture(scope="session")
def serving_python() -> Path:
    """The Python of the default image's environment."""
    return serving_environment().python


@pytest.fixture(scope="session")
def run_in_image() -> RunInImage:
    """Runs the Python of an image's environment, whose name is the first argument; skips if it is not built."""
    return run_in


@pytest.fixture(scope="session")
def run_in_serving() -> RunInImage:
    """Runs the Python of the default image's environment."""
    return partial(run_in, DEFAULT_IMAGE)
