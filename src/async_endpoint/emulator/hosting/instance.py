"""One instance of a variant: a machine with a model container on it."""

import logging
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from async_endpoint.clock import SystemClock
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironment, ServingEnvironments
from async_endpoint.emulator.containers.errors import ContainerDied
from async_endpoint.emulator.containers.health import Health
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.hosting.archive_cache import ArchiveCache
from async_endpoint.emulator.hosting.errors import ImageUnavailable, ModelUnavailable
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.hosting.model import primary_container
from async_endpoint.protocol.serving_images import IMAGES, ServingImage, image_of

logger = logging.getLogger(__name__)


class Instance(Protocol):
    """What fleets and consumers need of an instance; `EmulatedInstance` and `UnavailableInstance` are two."""

    @property
    def instance_id(self) -> str:
        """The id, unique among all instances that ever were."""

    @property
    def alive(self) -> bool:
        """Whether its container's process runs."""

    @property
    def invocations(self) -> int:
        """The number of requests that it is processing."""

    @property
    def log(self) -> Path | None:
        """The file of its container's output, which may not exist yet; None where there is no output."""

    @property
    def processes(self) -> tuple[int, float] | None:
        """The root process id and its launch time in seconds of the monotonic clock; None without processes."""

    def start(self) -> None:
        """Starts the container; may take as long as downloading and unpacking the model."""

    def wait_ready(self, timeout: float) -> None:
        """Waits until the model is ready, for up to `timeout` seconds; raises the reason when it never will be."""

    def ping(self) -> bool:
        """Returns whether the health check passes."""

    def invoke(self, invocation: Invocation) -> ContainerResponse:
        """Posts one request to the container and returns the response.

        Raises:
            ContainerTimeout: There was no response in time.
            ContainerDied: The container is gone, or closed the connection before it responded.
        """

    def drain(self, seconds: float) -> None:
        """Takes no more requests; returns when the running ones have finished, or after so many seconds."""

    def stop(self) -> None:
        """Ends every process of the instance, also while it starts; a second call does nothing."""

    def kill(self) -> None:
        """Ends the container at once (SIGKILL), like a machine that fails."""


class InstanceFactory:
    """Makes the instances of a region.

    Args:
        clients: Where archives are downloaded, and the folder in which instances work.
        serving: The Python environments that stand in for the images.
        threads: Computing threads of each instance.
        clock: AWS's clock, which times the start of instances.
        times: The shortest time of each stage of a start.
        faults: The faults that are switched on.
    """

    def __init__(
        self,
        clients: AwsClients,
        serving: ServingEnvironments,
        *,
        threads: int,
        clock: SystemClock | None = None,
        times: InstanceTimes | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.times = times or InstanceTimes()
        self.faults = faults or Faults()
        self.archives = ArchiveCache(clients)
        self.serving = serving
        self.threads = threads
        self._folder = clients.workdir / "instances"

    def make(self, endpoint_name: str, model: Mapping[str, Any]) -> "EmulatedInstance":
        """Returns a new instance of a model, not yet started."""
        # As on EC2 an id is never used twice: a folder, and the log in it, belongs to one instance alone.
        instance_id = f"i-0{secrets.token_hex(8)}"
        folder = self._folder / f"{endpoint_name}-{instance_id}"
        return EmulatedInstance(self, endpoint_name, instance_id, folder, model)


class EmulatedInstance:
    """An instance whose container is a process tree of this machine; thread-safe."""

    def __init__(
        self, factory: InstanceFactory, endpoint_name: str, instance_id: str, folder: Path, model: Mapping[str, Any]
    ) -> None:
        self._endpoint_name = endpoint_name
        self.instance_id = instance_id
        self._factory = factory
        self._folder = folder
        self._model = model
        self._lock = threading.Lock()
        self._container: ModelContainer | None = None
        self._launched_at = 0.0
        self._stopping = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether the container's process runs."""
        container = self._container
        return container is not None and container.alive

    @property
    def invocations(self) -> int:
        """As `ModelContainer.invocations`."""
        container = self._container
        return 0 if container is None else container.invocations

    @property
    def log(self) -> Path | None:
        """The file of its container's output, which may not exist yet."""
        return self._folder / "container.log"

    @property
    def processes(self) -> tuple[int, float] | None:
        """As `ModelContainer.processes`."""
        container = self._container
        return None if container is None else container.processes

    def start(self) -> None:
        """Pulls the image, downloads the archive and starts the container.

        Raises:
            ImageUnavailable: This machine does not have the image's serving environment.
            ModelUnavailable: The archive cannot be downloaded.
        """
        definition = primary_container(self._model)
        image = _image(definition)
        url = _archive_url(definition)
        times = self._factory.times
        with self._at_least(times.provision + self._factory.faults.start_delay(self._endpoint_name)):
            pass
        with self._at_least(times.pull):
            pass
        with self._at_least(times.download):
            archive = self._factory.archives.fetch(url)
        serving = _built(self._factory.serving.of(image))
        self._launched_at = self._factory.clock.now()
        with self._lock:
            if self._stopping.is_set():
                raise ContainerDied("The instance was stopped before it started.")
            self._folder.mkdir(parents=True, exist_ok=True)
            self._container = ModelContainer(
                archive,
                definition.get("Environment", {}),
                serving,
                self._folder,
                threads=self._factory.threads,
                isolated=self._model.get("EnableNetworkIsolation", False),
            )
            self._container.start()

    def wait_ready(self, timeout: float) -> None:
        """Waits until the model is ready; raises the container's reason when it never will be."""
        container = self._running()
        container.wait_ready(timeout)
        self._wait_until(self._launched_at + self._factory.times.start)
        logger.info("instance %s is ready after %.1f s", self.instance_id, container.startup_seconds or 0.0)

    def ping(self) -> bool:
        """Returns whether the health check passes and a worker has loaded, or may still load, the model."""
        container = self._container
        return container is not None and container.ping() and container.health() is not Health.DEAD

    def invoke(self, invocation: Invocation) -> ContainerResponse:
        """Posts one request to the container; see `ModelContainer.invoke`."""
        return self._running().invoke(invocation)

    def drain(self, seconds: float) -> None:
        """Takes no more requests and waits for the running ones."""
        container = self._container
        if container is not None and not container.drain(seconds):
            logger.warning(
                "instance %s still has requests after %g s; they go back to the queue", self.instance_id, seconds
            )

    def stop(self) -> None:
        """Ends every process of the instance and deletes all in its folder but the log."""
        self._stopping.set()
        with self._lock:
            container = self._container
        if container is not None:
            container.stop()
            for folder in self._folder.iterdir():
                if folder.is_dir():
                    shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """Kills the container (SIGKILL), like a machine that fails."""
        container = self._container
        if container is not None:
            container.kill()

    @contextmanager
    def _at_least(self, seconds: float) -> Iterator[None]:
        """Makes the block take at least so many seconds of AWS's clock."""
        until = self._factory.clock.now() + seconds
        yield
        self._wait_until(until)

    def _wait_until(self, moment: float) -> None:
        """Waits for a moment of AWS's clock.

        Raises:
            ContainerDied: The instance was stopped meanwhile.
        """
        clock = self._factory.clock
        if self._stopping.wait(max(0.0, clock.wall_seconds(moment - clock.now()))):
            raise ContainerDied("The instance was stopped before it started.")

    def _running(self) -> ModelContainer:
        container = self._container
        if container is None:
            raise ContainerDied("The instance has no container.")
        return container


def _image(definition: Mapping[str, Any]) -> ServingImage:
    """Returns the image of a container's definition.

    Raises:
        ImageUnavailable: This machine has no environment for it.
    """
    uri = definition.get("Image", "")
    image = image_of(uri)
    if image is None:
        raise ImageUnavailable(
            f"The image '{uri}' could not be pulled. Please ensure that it exists and that the role can pull it. "
            f"(The local AWS has these images: {', '.join(map(_shown, IMAGES.values()))}.)"
        )
    return image


def _built(environment: ServingEnvironment) -> ServingEnvironment:
    """Returns an environment that is complete.

    Raises:
        ImageUnavailable: It is not.
    """
    if environment.ready:
        return environment
    name = environment.image.name
    raise ImageUnavailable(
        f"The image {name} could not be pulled: its serving environment is not built here. Build it with "
        f"`async-endpoint local prepare --image {name}`, then create the endpoint again."
    )


def _shown(image: ServingImage) -> str:
    return " and ".join(f"{image.repository}:{tag}" for tag in image.tags.values())


def _archive_url(definition: Mapping[str, Any]) -> str:
    """Returns the URL of the archive of a container's definition.

    Raises:
        ModelUnavailable: The definition has no archive.
    """
    url: str | None = definition.get("ModelDataUrl")
    if url is None:
        raise ModelUnavailable("The local AWS starts models from a model.tar.gz alone: give a ModelDataUrl.")
    return url
