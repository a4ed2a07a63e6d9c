"""The serving environment, and containers that are stopped whatever a test does."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.model_container import ModelContainer
from tests.emulator.containers.helpers import write_archive

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def serving() -> ServingEnvironment:
    path = Path(os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", REPOSITORY / ".venv-serving"))
    environment = ServingEnvironment(path.absolute())
    if not environment.python.exists():
        pytest.fail(f"No serving environment at {path}: make it with `async-endpoint local prepare`.")
    return environment


@pytest.fixture(scope="session")
def stop_aside() -> Iterator[Callable[[ModelContainer], None]]:
    """Stops a container while the next test already runs; a stop that fails, fails the session."""
    with ThreadPoolExecutor() as threads:
        stops: list[Future[None]] = []
        yield lambda instance: stops.append(threads.submit(instance.stop))
        for stop in stops:
            stop.result()


def _launching(
    serving: ServingEnvironment, folders: pytest.TempPathFactory, stop: Callable[[ModelContainer], None]
) -> Iterator[Callable[..., ModelContainer]]:
    with ExitStack() as stops:

        def start(files: dict[str, str], environment: dict[str, str] | None = None) -> ModelContainer:
            folder = folders.mktemp("instance")
            archive = write_archive(folder / "model.tar.gz", files)
            variables = {"SAGEMAKER_PROGRAM": "inference.py"} | (environment or {})
            instance = ModelContainer(archive, variables, serving, folder / "work")
            stops.callback(stop, instance)
            instance.start()
            return instance

        yield start


@pytest.fixture
def launch(
    serving: ServingEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
    stop_aside: Callable[[ModelContainer], None],
) -> Iterator[Callable[..., ModelContainer]]:
    """Starts a container on an archive of the given files; `environment` adds Model variables."""
    yield from _launching(serving, tmp_path_factory, stop_aside)


@pytest.fixture(scope="module")
def launch_for_module(
    serving: ServingEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
    stop_aside: Callable[[ModelContainer], None],
) -> Iterator[Callable[..., ModelContainer]]:
    """The same, for a container that a module's tests share."""
    yield from _launching(serving, tmp_path_factory, stop_aside)
