import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TRAINING = REPOSITORY / "model_artifacts" / "training"


@pytest.fixture(scope="session")
def serving_python() -> Path:
    """The Python of the serving environment, which holds the image's pins."""
    environment = Path(os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", REPOSITORY / ".venv-serving"))
    python = environment / "bin" / "python"
    if not python.exists():
        pytest.fail(f"No serving environment at {environment}: make it with `async-endpoint local prepare`.")
    return python


@pytest.fixture(scope="session")
def packages() -> Path:
    """The packages that the archive brings along; fetched when they are not there."""
    pack = REPOSITORY / "model_artifacts" / "pack.py"
    run = subprocess.run([sys.executable, pack, "--packages"], capture_output=True, text=True, check=True, timeout=300)
    return Path(run.stdout.strip())


@pytest.fixture(scope="session")
def run_in_serving(serving_python: Path, packages: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs the serving environment's Python on some arguments, with one thread, in the training folder by default.

    It finds what a container would: the image's packages, and before them those of the archive.
    """

    def run(*arguments: object, cwd: Path = TRAINING) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [serving_python, "-W", "ignore", *map(str, arguments)],
            cwd=cwd,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(packages),
            },
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run
