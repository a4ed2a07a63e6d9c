"""One hosted endpoint: its queue, its instances, and the states that it goes through."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.consumer import InstanceConsumer
from async_endpoint.emulator.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.errors import ValidationError, ValidationException
from async_endpoint.emulator.fleet import Consumer, Container, Fleet, LaunchFailed
from async_endpoint.emulator.instances import InstanceFactory, ModelInstance
from async_endpoint.emulator.outcomes import Outcomes
from async_endpoint.emulator.output_config import OutputConfig
from async_endpoint.emulator.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import LocationError, S3Location
from async_endpoint.scaling.clock import Clock
from async_endpoint.scaling.metrics import MetricStore

_DEFAULT_STARTUP_SECONDS = 600.0
_DEFAULT_CONCURRENCY = 4  # of the unpublished default; the stacks always set it

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployment:
    """An endpoint config on its way to serving, or serving.

    Attributes:
        config: As CreateEndpointConfig took it.
        model: As CreateModel took it.
        fleet: The instances of the config's one variant.
        startup_timeout: Seconds that an instance may take until it answers; the wall's clock, as real processes start.
    """

    config: Mapping[str, Any]
    model: Mapping[str, Any]
    fleet: Fleet
    startup_timeout: float

    @property
    def variant(self) -> Mapping[str, Any]:
        """The production variant; an asynchronous endpoint has exactly one."""
        variant: Mapping[str, Any] = self.config["ProductionVariants"][0]
        return variant


class HostedEndpoint:
    """An asynchronous endpoint; thread-safe.

    Its queue outlives instances and updates. Every transition runs in a thread of its own: `wait` joins it.
    """

    def __init__(
        self, name: str, backends: Backends, factory: InstanceFactory, store: MetricStore, clock: Clock
    ) -> None:
        self.name = name
        self.created_at = self.modified_at = clock.now()
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.deployment: Deployment | None = None
        self.queue = RequestQueue()
        self._backends = backends
        self._factory = factory
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._first_config: Mapping[str, Any] | None = None
        self._rolling_out: Deployment | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """The endpoint config that serves; during the first deployment the one on its way."""
        if self.deployment is not None:
            return self.deployment.config
        return self._first_config or {}

    # -- transitions ---------------------------------------------------------------------------------------------

    def deploy(self, config: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        """Bring up the config's instances beside those that serve, then let them take over; returns at once.

        When the new instances fail, the old ones go on (or, at the first deployment, the status becomes Failed).
        """
        deployment = self._prepare(config, model)
        self._begin("Creating" if self.deployment is None else "Updating")
        self._first_config = self._first_config or config
        self._in_background(lambda: self._roll_out(deployment))

    def set_capacity(self, count: int) -> None:
        """Change the number of instances; returns at once. Zero keeps the queue and stops every instance."""
        deployment = self._serving()
        self._begin("Updating")
        deployment.fleet.resize(count)
        self._in_background(lambda: self._settle(deployment))

    def begin_delete(self) -> bool:
        """Set the status to Deleting; False if that has happened before."""
        with self._lock:
            begun, self.status = self.status != "Deleting", "Deleting"
            return begun

    def delete(self) -> None:
        """Stop every instance; returns when they are gone."""
        self._settled.wait()
        self.status = "Deleting"
        if self.queue.backlog:
            logger.warning("endpoint %s is deleted with %d requests without an outcome", self.name, self.queue.backlog)
        if self.deployment is not None:
            self.deployment.fleet.stop()

    def stop(self) -> None:
        """Stop every instance because the local AWS ends; returns when they are gone."""
        deployments = {id(item): item for item in (self.deployment, self._rolling_out) if item is not None}
        for deployment in deployments.values():
            deployment.fleet.stop()

    def wait(self, timeout: float) -> bool:
        """Wait until no transition is under way; False if `timeout` seconds were not enough."""
        return self._settled.wait(timeout)

    # -- requests ------------------------------------------------------------------------------------------------

    def accept(self, request: InvocationRequest) -> QueuedRequest:
        """Queue a request; the answer names where its outcome will be.

        Raises:
            ValidationError: The input location is not in S3, or the endpoint is not one to invoke now.
        """
        deployment = self.deployment
        if deployment is None or self.status in ("Creating", "Failed", "Deleting"):
            raise ValidationError(f"Endpoint {self.name} of account {self._backends.account} is not in service.")
        if request.input_location is not None:
            try:
                S3Location.parse(request.input_location)
            except LocationError as error:
                raise ValidationError(f"Invalid InputLocation: {error}") from error
        output = OutputConfig.of(deployment.config)
        output_location, failure_location = output.locations(request)
        item = QueuedRequest(request, output_location, failure_location, self._clock.now(), output)
        self.queue.put(item)
        return item

    # -- the passing of time -------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Publish the state of the queue, expire what waited too long, replace instances that died."""
        deployment = self.deployment
        if deployment is None:
            return
        now = self._clock.now()
        metrics = self._metrics(deployment)
        oldest = self.queue.oldest_received_at()
        metrics.sample(
            backlog=self.queue.backlog,
            instances=deployment.fleet.running,
            oldest_age=0.0 if oldest is None else now - oldest,
        )
        deployment.fleet.replace_dead()
        for item in self.queue.take_expired(now):
            reason = f"ClientError: The request expired after {item.request.request_ttl_seconds} seconds in the queue."
            self._outcomes(deployment).failed(item, reason, reason.encode(), "text/plain", status="Expired")

    def describe_variant(self) -> dict[str, Any] | None:
        """The variant as DescribeEndpoint shows it; None before the first deployment serves."""
        deployment = self.deployment
        if deployment is None:
            return None
        image = deployment.model["PrimaryContainer"]["Image"]
        return {
            "VariantName": deployment.variant["VariantName"],
            "DeployedImages": [
                {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.modified_at},
            ],
            "CurrentWeight": float(deployment.variant.get("InitialVariantWeight", 1.0)),
            "DesiredWeight": float(deployment.variant.get("InitialVariantWeight", 1.0)),
            "CurrentInstanceCount": deployment.fleet.running,
            "DesiredInstanceCount": deployment.fleet.desired,
        }

    # -- inside --------------------------------------------------------------------------------------------------

    def _prepare(self, config: Mapping[str, Any], model: Mapping[str, Any]) -> Deployment:
        variant = config["ProductionVariants"][0]
        client = config.get("AsyncInferenceConfig", {}).get("ClientConfig", {})
        concurrency = client.get("MaxConcurrentInvocationsPerInstance", _DEFAULT_CONCURRENCY)
        metrics = EndpointMetrics(self.name, variant["VariantName"], self._store, self._clock)
        outcomes = Outcomes(self.name, self._backends, metrics, self._clock)

        def consume(container: Container) -> Consumer:
            assert isinstance(container, ModelInstance)  # noqa: S101 - the factory below makes no other
            return InstanceConsumer(
                self.queue,
                container,
                concurrency=concurrency,
                backends=self._backends,
                outcomes=outcomes,
                metrics=metrics,
            )

        startup_timeout = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _DEFAULT_STARTUP_SECONDS))
        fleet = Fleet(lambda: self._factory.make(self.name, model), consume, startup_timeout=startup_timeout)
        return Deployment(config, model, fleet, startup_timeout)

    def _roll_out(self, deployment: Deployment) -> None:
        self._rolling_out = deployment
        deployment.fleet.resize(deployment.variant["InitialInstanceCount"])
        try:
            deployment.fleet.wait_until_settled(deployment.startup_timeout)
        except LaunchFailed as error:
            deployment.fleet.stop()
            self.failure_reason = (
                f"The primary container for production variant {deployment.variant['VariantName']} "
                f"did not pass the ping health check. {error}"
            )
            self.status = "Failed" if self.deployment is None else "InService"
            return
        replaced, self.deployment = self.deployment, deployment
        self.failure_reason = None
        self.status = "InService"
        self._outcomes(deployment).test_topics(OutputConfig.of(deployment.config))
        if replaced is not None:
            replaced.fleet.stop()

    def _settle(self, deployment: Deployment) -> None:
        try:
            deployment.fleet.wait_until_settled(deployment.startup_timeout)
        except LaunchFailed as error:
            self.failure_reason = str(error)
        else:
            self.failure_reason = None
        self.status = "InService"
        self._outcomes(deployment).test_topics(OutputConfig.of(deployment.config))

    def _begin(self, status: str) -> None:
        with self._lock:
            if self._settled.is_set() or self.deployment is None:
                self._settled.clear()
                self.status = status
                return
        raise ValidationException(f"Cannot update in-progress endpoint {self.name}.")

    def _serving(self) -> Deployment:
        if self.deployment is None:
            raise ValidationException(f"Cannot update endpoint {self.name}: its status is {self.status}.")
        return self.deployment

    def _in_background(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception:
                logger.exception("endpoint %s: a transition failed", self.name)
                self.failure_reason = "InternalFailure: see the log of the local AWS."
                self.status = "Failed" if self.deployment is None else "InService"
            finally:
                self.modified_at = self._clock.now()
                self._settled.set()

        threading.Thread(target=run, name=f"endpoint-{self.name}-{uuid4().hex[:6]}", daemon=True).start()

    def _metrics(self, deployment: Deployment) -> EndpointMetrics:
        return EndpointMetrics(self.name, deployment.variant["VariantName"], self._store, self._clock)

    def _outcomes(self, deployment: Deployment) -> Outcomes:
        return Outcomes(self.name, self._backends, self._metrics(deployment), self._clock)
