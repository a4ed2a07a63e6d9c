"""The serving environment, and containers that are stopped whatever a test does."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.protocol.serving_images import IMAGES, ModelServer
from tests.emulator.containers.helpers import write_archive
from tests.support.serving import serving_environment

REPOSITORY = Path(__file__).resolve().parents[3]


OF_TORCHSERVE = [image for image in IMAGES.values() if image.server is ModelServer.TORCHSERVE]


@pytest.fixture(scope="session", params=OF_TORCHSERVE, ids=[image.name for image in OF_TORCHSERVE])
def serving(request: pytest.FixtureRequest) -> ServingEnvironment:
    """The environment of each image with TorchServe."""
    return serving_environment(request.param)


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


@pytest.fixture(scope="module")
def launch_hugging_face(
    tmp_path_factory: pytest.TempPathFactory, stop_aside: Callable[[ModelContainer], None]
) -> Iterator[Callable[..., ModelContainer]]:
    """The same with the Hugging Face image's environment, whose server is Multi Model Server."""
    yield from _launching(serving_environment(IMAGES["huggingface-2.6"]), tmp_path_factory, stop_aside)
