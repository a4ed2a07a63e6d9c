"""One instance of a variant: it fetches the model's archive from S3 and runs the serving container on it."""

import hashlib
import logging
import re
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.clock import SystemClock
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.errors import ContainerDied
from async_endpoint.emulator.containers.health import Health
from async_endpoint.emulator.containers.model_container import Answer, ModelContainer, SizedStream
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.hosting.fleet import InstanceUnavailable
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.hosting.model import primary_container
from async_endpoint.protocol.locations import S3Location

# The one family of images whose serving stack this machine has; account, region and tag suffix vary.
_SERVED_IMAGES = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/pytorch-inference:1\.11\.0-[cg]pu-py38-.*"
)

logger = logging.getLogger(__name__)


def is_served(image: str) -> bool:
    """Whether this machine can start instances of an image, by its URI."""
    return _SERVED_IMAGES.fullmatch(image) is not None


class ModelUnavailable(InstanceUnavailable):
    """The model's archive cannot be fetched; the message says why, in AWS's words where they are known."""


class ImageUnavailable(InstanceUnavailable):
    """The container's image cannot be pulled; the message says which."""


class ArchiveCache:
    """Archives by the version that S3 holds, so that the second instance starts without a download; thread-safe."""

    def __init__(self, clients: AwsClients) -> None:
        self._backends = clients
        self._folder = clients.workdir / "archives"
        self._lock = threading.Lock()

    def fetch(self, url: str) -> Path:
        """The local copy of the archive at an `s3://` URL.

        Raises:
            ModelUnavailable: No such object, or S3 does not answer.
        """
        place = S3Location.from_uri(url)
        with self._lock:
            try:
                etag = self._backends.s3.head_object(Bucket=place.bucket, Key=place.key)["ETag"]
                name = hashlib.sha256(f"{place.uri} {etag}".encode()).hexdigest()[:16]
                path = self._folder / f"{name}.tar.gz"
                if not path.exists():
                    self._folder.mkdir(parents=True, exist_ok=True)
                    part = path.with_suffix(".part")
                    self._backends.s3.download_file(place.bucket, place.key, str(part))
                    part.rename(path)
            except (Boto3Error, BotoCoreError, ClientError) as error:
                raise ModelUnavailable(
                    f"Could not find model data at {url}. Please ensure that the role can read it. ({error})"
                ) from error
        return path


class InstanceFactory:
    """Makes the instances of a region.

    Args:
        clients: Where archives are read, and the folder in which instances work.
        serving: The Python environment that stands in for the image.
        threads: Computing threads of each instance.
        clock: AWS's clock, on which instances come up.
        times: How long they take at least.
        faults: What is to go wrong.
    """

    def __init__(
        self,
        clients: AwsClients,
        serving: ServingEnvironment,
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
        """A new instance of a model, not yet started."""
        # As on EC2 an id is never used twice: a folder, and the log in it, belongs to one instance alone.
        instance_id = f"i-0{secrets.token_hex(8)}"
        folder = self._folder / f"{endpoint_name}-{instance_id}"
        return EmulatedInstance(self, endpoint_name, instance_id, folder, model)


class EmulatedInstance:
    """One instance: archive and container; thread-safe."""

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
        """The file with everything that its container printed, which may not be there yet."""
        return self._folder / "container.log"

    @property
    def processes(self) -> tuple[int, float] | None:
        """As `ModelContainer.processes`."""
        container = self._container
        return None if container is None else container.processes

    def start(self) -> None:
        """Pull the image, fetch the archive and start the container.

        Raises:
            ImageUnavailable: The image is none of those whose serving stack this machine has.
            ModelUnavailable: The archive cannot be fetched.
        """
        definition = primary_container(self._model)
        image = definition.get("Image", "")
        if not is_served(image):
            raise ImageUnavailable(
                f"The image '{image}' could not be pulled. Please ensure that it exists and that the role can pull it. "
                "(The local AWS has the PyTorch 1.11 images: pytorch-inference:1.11.0-…-py38-….)"
            )
        url = definition.get("ModelDataUrl")
        if url is None:
            raise ModelUnavailable("The local AWS starts models from a model.tar.gz alone: give a ModelDataUrl.")
        times = self._factory.times
        with self._at_least(times.provision + self._factory.faults.start_delay(self._endpoint_name)):
            pass
        with self._at_least(times.pull):
            pass
        with self._at_least(times.download):
            archive = self._factory.archives.fetch(url)
        self._launched_at = self._factory.clock.now()
        with self._lock:
            if self._stopping.is_set():
                raise ContainerDied("The instance was stopped before it started.")
            self._folder.mkdir(parents=True, exist_ok=True)
            self._container = ModelContainer(
                archive,
                definition.get("Environment", {}),
                self._factory.serving,
                self._folder,
                threads=self._factory.threads,
            )
            self._container.start()

    def wait_ready(self, timeout: float) -> None:
        """Wait until the model answers; raises the container's reason when it never will."""
        container = self._running()
        container.wait_ready(timeout)
        self._wait_until(self._launched_at + self._factory.times.start)
        logger.info("instance %s answers after %.1f s", self.instance_id, container.startup_seconds or 0.0)

    def ping(self) -> bool:
        """Whether the container's health check passes, and some worker has, or may yet load, the model."""
        container = self._container
        return container is not None and container.ping() and container.health() is not Health.DEAD

    def invoke(
        self,
        body: bytes | SizedStream,
        *,
        content_type: str | None,
        accept: str | None,
        custom_attributes: str | None,
        inference_id: str | None,
        timeout: float,
    ) -> Answer:
        """Post one request to the container; see `ModelContainer.invoke`."""
        return self._running().invoke(
            body,
            content_type=content_type,
            accept=accept,
            custom_attributes=custom_attributes,
            inference_id=inference_id,
            timeout=timeout,
        )

    def drain(self, seconds: float) -> None:
        """Take no further request, and wait for those that are running."""
        container = self._container
        if container is not None and not container.drain(seconds):
            logger.warning("instance %s still has requests after %g s; they go to another", self.instance_id, seconds)

    def stop(self) -> None:
        """End every process of the instance; its log stays, everything else in its folder goes."""
        self._stopping.set()
        with self._lock:
            container = self._container
        if container is not None:
            container.stop()
            for folder in self._folder.iterdir():
                if folder.is_dir():
                    shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """End its container at once and without a word (SIGKILL), as a machine that is lost."""
        container = self._container
        if container is not None:
            container.kill()

    @contextmanager
    def _at_least(self, seconds: float) -> Iterator[None]:
        """Have what is done inside take so many seconds of AWS's clock, if it takes less."""
        until = self._factory.clock.now() + seconds
        yield
        self._wait_until(until)

    def _wait_until(self, moment: float) -> None:
        """Wait for a moment of AWS's clock.

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
