"""One hosted endpoint: its queue, the requests that it accepts, and what it shows as time passes."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from async_endpoint.emulator.errors import AwsError, ValidationError
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint_status import EndpointStatus, StatusTracker
from async_endpoint.emulator.hosting.expiry import RequestExpirer
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.rollout import Rollout
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import LocationError, S3Location

# For a transition to notice that the local AWS stops: it may wait 30 s for requests.
_STOP_SECONDS = 40.0


class HostedEndpoint:
    """An asynchronous endpoint; thread-safe. Its queue outlives instances and updates.

    Args:
        name: The endpoint's name.
        context: What the deployments of the region share. RequestTTLSeconds counts on its clock.
    """

    def __init__(self, name: str, context: HostingContext) -> None:
        self.name = name
        self.arn = f"arn:aws:sagemaker:{context.clients.region}:{context.clients.account}:endpoint/{name}"
        self.queue = RequestQueue()
        self._context = context
        self._status = StatusTracker(self.arn, context.clock)
        self._rollout = Rollout(self._status, context)
        self._expirer = RequestExpirer(self.queue)
        self._left: list[QueuedRequest] = []  # without an outcome when the local AWS stopped

    # -- what it shows -------------------------------------------------------------------------------------------

    @property
    def status(self) -> EndpointStatus:
        """EndpointStatus."""
        return self._status.status

    @property
    def failure_reason(self) -> str | None:
        """Why the last transition failed, if it did."""
        return self._status.failure_reason

    @property
    def created_at(self) -> float:
        """When it was created, in epoch seconds on AWS's clock like the next two."""
        return self._status.created_at

    @property
    def modified_at(self) -> float:
        """When its last transition ended."""
        return self._status.modified_at

    @property
    def began_at(self) -> float:
        """When its last transition began."""
        return self._status.began_at

    @property
    def weight(self) -> float | None:
        """The variant's weight by UpdateEndpointWeightsAndCapacities; None for the config's."""
        return self._rollout.weight

    @property
    def deployment(self) -> Deployment | None:
        """The deployment that serves; None during the first one."""
        return self._rollout.serving

    @property
    def pending(self) -> Deployment | None:
        """The deployment that starts, while the endpoint is created or updated."""
        return self._rollout.pending

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """Every deployment that may have instances, the one that serves first."""
        return self._rollout.deployments

    @property
    def deployment_config(self) -> Mapping[str, Any] | None:
        """DeploymentConfig of the last deployment."""
        return self._rollout.deployment_config

    @property
    def config(self) -> Mapping[str, Any]:
        """The endpoint config that serves; during the first deployment the one that is to serve."""
        return self._rollout.config

    @property
    def is_changing(self) -> bool:
        """Whether a transition runs, or instances are still to come back after a stop of the local AWS."""
        recovers = self.deployment is not None and self.deployment.fleet.is_recovering
        return self.status is not EndpointStatus.IN_SERVICE or not self._status.is_running or recovers

    # -- transitions ---------------------------------------------------------------------------------------------

    def deploy(
        self,
        config: Mapping[str, Any],
        model: Mapping[str, Any],
        *,
        keep_count: bool = False,
        keep_weight: bool = False,
        deployment_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Starts the config's instances beside those that serve, then lets them take over; returns at once.

        If the new instances fail, the old ones continue (or, at the first deployment, the status becomes Failed).

        Args:
            config: The endpoint config, as CreateEndpointConfig took it.
            model: Its variant's model, as CreateModel took it.
            keep_count: Start as many instances as are desired now, zero included, instead of InitialInstanceCount.
            keep_weight: Keep the variant's present weight instead of the config's.
            deployment_config: DeploymentConfig, whose alarms roll an update back.

        Raises:
            ValidationException: A transition runs, or the endpoint is Failed.
            ResourceLimitExceeded: The quota does not allow the new instances beside those that serve.
            AwsError: The local AWS starts or stops; ServiceUnavailable.
        """
        deployment = Deployment.from_config(self.name, config, model, self.queue, self._context)
        with self._status.lock:
            self._status.reject_change()
            count = self._rollout.first_count(deployment, keep_count=keep_count)
            self._context.limits.check(deployment.instance_type, count)
            self._rollout.deploy(
                deployment, keep_count=keep_count, keep_weight=keep_weight, deployment_config=deployment_config
            )

    def set_capacity(self, count: int | None = None, weight: float | None = None) -> None:
        """Changes the number of instances or the variant's weight; None keeps it. Returns at once.

        Zero instances keep the queue.

        Raises:
            ValidationException: A transition runs, or the endpoint is Failed.
            ResourceLimitExceeded: The quota does not allow so many instances.
            AwsError: The local AWS starts or stops; ServiceUnavailable.
        """
        with self._status.lock:
            self._status.reject_change()
            if count is not None and self.deployment is not None:
                self._context.limits.check(self.deployment.instance_type, count - self.deployment.fleet.desired)
            self._rollout.set_capacity(count, weight)

    def begin_delete(self) -> None:
        """Sets the status to Deleting.

        Raises:
            ValidationException: A transition runs, a deletion included; AWS rejects that, too.
            AwsError: The local AWS starts or stops; ServiceUnavailable.
        """
        self._status.begin_delete()

    def delete(self) -> bool:
        """Stops every instance; returns when they are gone, False if the local AWS stopped first.

        The remaining requests fail, so that each has an outcome. What AWS does with them is not documented.
        """
        try:
            if self.deployment is not None:
                self.deployment.fleet.stop()
                self._expirer.wait()
                self._left += self._expirer.fail(self.queue.close(), self.deployment.results)
                self.deployment.results.wait()
        finally:
            self._status.end_delete()
        return not self._status.is_stopped

    def wait(self, timeout: float) -> bool:
        """Waits until no transition runs; returns False if that takes longer than `timeout` seconds."""
        return self._status.wait(timeout)

    # -- stop and restart of the local AWS -----------------------------------------------------------------------

    def stop(self) -> None:
        """Stops every instance because the local AWS stops; returns when their requests are back in the queue.

        From then on changes and requests are rejected as ones to send again, and `state` has what is to be kept.
        """
        deployments = self._rollout.stop()
        if deployments is None:
            return
        for deployment in deployments:
            deployment.fleet.stop()
        self._expirer.stop()
        self._status.wait(_STOP_SECONDS)
        for deployment in deployments:
            deployment.results.wait()
        self._left += self.queue.close()

    def state(self) -> dict[str, Any]:
        """Returns the endpoint as plain JSON for `restore`; to be called after `stop`."""
        queue = [item.as_json() for item in self._left]
        return {"name": self.name, **self._status.state(), **self._rollout.state(), "queue": queue}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Reads what `state` returned; nothing starts, and no change is accepted, until `resume`."""
        deployment = Deployment.from_config(self.name, state["config"], state["model"], self.queue, self._context)
        self._status.restore(state)
        self._rollout.restore(state, deployment)
        self.queue.restore(QueuedRequest.from_json(kept) for kept in state["queue"])

    def resume(self) -> None:
        """Starts what `restore` read, except a deletion; to be called when the local AWS accepts requests."""
        if self._status.resume():
            self._rollout.resume()

    # -- requests ------------------------------------------------------------------------------------------------

    def accept(self, request: InvocationRequest) -> QueuedRequest:
        """Queues a request; returns it with the locations of its outcome.

        Raises:
            ValidationError: The input location is not in S3, or the endpoint does not accept requests now.
            AwsError: The queue is full, or the local AWS stops; ServiceUnavailable.
        """
        deployment = self.deployment
        if deployment is None or self.status is EndpointStatus.DELETING:
            raise self._not_in_service()
        if request.input_location is not None:
            try:
                S3Location.from_uri(request.input_location)
            except LocationError as error:
                raise ValidationError(f"Invalid InputLocation: {error}") from error
        if self.queue.is_full:
            raise _unavailable("The endpoint's queue is full: try again later.")
        output_location, failure_location = deployment.output.locations(request)
        received_at = self._context.clock.now()
        item = QueuedRequest(request, output_location, failure_location, received_at, time.time(), deployment.output)
        if not self.queue.put(item):
            raise _unavailable("The local AWS is stopping.") if self._status.is_stopped else self._not_in_service()
        return item

    # -- the passing of time -------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Publishes the state of the queue, expires requests past their TTL, and replaces instances that died."""
        deployment = self.deployment
        if deployment is None:
            return
        now = self._context.clock.now()
        waiting, in_flight = self.queue.waiting, self.queue.in_flight
        instances = sum(each.fleet.running for each in self.deployments)
        oldest = self.queue.oldest_received_at()
        age = 0.0 if oldest is None else now - oldest
        deployment.metrics.sample(waiting=waiting, in_flight=in_flight, instances=instances, oldest_age=age)
        desired = deployment.fleet.desired
        self._context.history.sample(
            self.name, now, waiting=waiting, in_flight=in_flight, instances=instances, desired=desired
        )
        for each in self.deployments:
            each.fleet.replace_dead()
        self._expirer.expire(now, deployment.results)

    def measure(self) -> None:
        """Publishes what the instances use of their machines; to be called each minute of AWS's clock."""
        for deployment in self.deployments:
            deployment.measure()

    def _not_in_service(self) -> ValidationError:
        return ValidationError(f"Endpoint {self.name} of account {self._context.clients.account} is not in service.")


def _unavailable(message: str) -> AwsError:
    return AwsError(message, "ServiceUnavailable", HTTPStatus.SERVICE_UNAVAILABLE)
