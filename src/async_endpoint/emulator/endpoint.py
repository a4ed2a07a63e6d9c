"""One hosted endpoint: its queue, its deployments, and the states that it goes through."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from async_endpoint.emulator.baking import Baking
from async_endpoint.emulator.deployment import Deployment, Site
from async_endpoint.emulator.errors import AwsError, ValidationError, ValidationException
from async_endpoint.emulator.fleet import InstanceUnavailable, LaunchFailed
from async_endpoint.emulator.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import LocationError, S3Location

logger = logging.getLogger(__name__)


class HostedEndpoint:
    """An asynchronous endpoint; thread-safe.

    Its queue outlives instances and updates. Every transition runs in a thread of its own, one at a time: `wait` joins
    it. An update replaces all instances at once; what they were working on goes back into the queue.

    Args:
        name: The endpoint's name.
        site: Where it runs. The age of a request, which RequestTTLSeconds limits, is counted on the site's clock.
    """

    def __init__(self, name: str, site: Site) -> None:
        self.name = name
        self.arn = f"arn:aws:sagemaker:{site.backends.region}:{site.backends.account}:endpoint/{name}"
        # Since when there is it, since when it is as it is, and when its last transition began.
        self.created_at = self.modified_at = self.began_at = site.clock.now()
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.weight: float | None = None  # that UpdateEndpointWeightsAndCapacities gave the variant
        self.deployment: Deployment | None = None
        self.deployment_config: Mapping[str, Any] | None = None
        self.queue = RequestQueue()
        self._site = site
        self._lock = threading.Lock()  # held where status and `_settled` are looked at and changed together
        self._settled = threading.Event()
        self._settled.set()
        self._first_config: Mapping[str, Any] | None = None
        self._rolling_out: Deployment | None = None
        self._ended = False
        self._desired_at_stop = 0
        self._left: list[QueuedRequest] = []

    @property
    def config(self) -> Mapping[str, Any]:
        """The endpoint config that serves; during the first deployment the one on its way."""
        if self.deployment is not None:
            return self.deployment.config
        return self._first_config or {}

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """The deployment that serves, if any does, and then the one that is to take over, if it is another."""
        serving, coming = self.deployment, self._rolling_out
        return tuple(item for item in (serving, None if coming is serving else coming) if item is not None)

    @property
    def pending(self) -> Deployment | None:
        """The deployment that comes up, while the endpoint is created or updated."""
        coming = self._rolling_out
        return coming if self.status in {"Creating", "Updating"} and coming is not self.deployment else None

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
        """Bring up the config's instances beside those that serve, then let them take over; returns at once.

        When the new instances fail, the old ones go on (or, at the first deployment, the status becomes Failed).

        Args:
            config: The endpoint config, as CreateEndpointConfig took it.
            model: Its variant's model, as CreateModel took it.
            keep_count: Begin with as many instances as are desired now, zero included, and not with the config's
                InitialInstanceCount.
            keep_weight: Likewise, with the weight that the variant has now.
            deployment_config: DeploymentConfig, whose alarms send an update back.

        Raises:
            ValidationException: A transition is under way, or the endpoint is Failed.
        """
        deployment = Deployment.prepare(self.name, config, model, self.queue, self._site)
        self._begin()
        self.deployment_config = deployment_config
        self._first_config = self._first_config or config
        self._rolling_out = deployment
        count = deployment.variant["InitialInstanceCount"]
        if keep_count and self.deployment is not None:
            count = self.deployment.fleet.desired
        weight = self.weight if keep_weight else None
        self._in_background(lambda: self._roll_out(deployment, count, weight))

    def set_capacity(self, count: int | None = None, weight: float | None = None) -> None:
        """Change the number of instances or the variant's weight; None leaves one as it is. Returns at once.

        Zero instances keep the queue.

        Raises:
            ValidationException: A transition is under way, or the endpoint is Failed.
        """
        self._begin()
        serving = self.deployment
        assert serving is not None  # noqa: S101 - what is neither in a transition nor Failed does serve
        self.weight = self.weight if weight is None else weight
        if count is not None:
            serving.fleet.resize(count)
        self._in_background(lambda: self._settle(serving))

    def begin_delete(self) -> None:
        """Set the status to Deleting.

        Raises:
            ValidationException: A transition is under way, a deletion included; AWS refuses all the same.
        """
        with self._lock:
            self._refuse_in_progress()
            self._settled.clear()
            self.status = "Deleting"

    def delete(self) -> None:
        """Stop every instance; returns when they are gone.

        Requests that are left fail, so that each has its outcome. What AWS does with them is not documented.
        """
        if self.deployment is not None:
            self.deployment.fleet.stop()
            for item in self.queue.close():
                reason = "ClientError: The endpoint was deleted before the request was processed."
                self.deployment.outcomes.failed(item, reason, reason.encode(), "text/plain")
        self._settled.set()

    def stop(self) -> None:
        """Stop every instance because the local AWS ends; returns when they are gone and requests are back.

        From then on every request is refused as one to send again, and `state` says how things stood.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._desired_at_stop = 0 if self.deployment is None else self.deployment.fleet.desired
        for deployment in self.deployments:
            deployment.fleet.stop()
        self._left = self.queue.close()

    def state(self) -> dict[str, Any]:
        """The endpoint as plain JSON for `restore`; to be called after `stop`."""
        deployment = self.deployment or self._rolling_out
        return {
            "name": self.name,
            "created_at": self.created_at,
            "modified_at": self.modified_at,
            "status": self.status,
            "failure_reason": self.failure_reason,
            "deployment_config": self.deployment_config,
            "config": None if deployment is None else deployment.config,
            "model": None if deployment is None else deployment.model,
            "desired": self._desired_at_stop,
            "weight": self.weight,
            "serves": self.deployment is not None,
            "queue": [item.as_json() for item in self._left],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.created_at, self.modified_at = state["created_at"], state["modified_at"]
        self.failure_reason, self.deployment_config = state["failure_reason"], state["deployment_config"]
        self.weight = state.get("weight")
        self.queue.restore(QueuedRequest.from_json(kept) for kept in state["queue"])
        config, model, status = state["config"], state["model"], state["status"]
        if not state["serves"]:
            if status == "Creating":
                self.deploy(config, model, deployment_config=self.deployment_config)
            else:
                self._first_config, self.status = config, status
            return
        self.deployment = Deployment.prepare(self.name, config, model, self.queue, self._site)
        if status == "Deleting":
            self.status = status
            self._settled.clear()
            return
        if status in {"Updating", "RollingBack"}:
            self.failure_reason = "The local AWS was stopped during the update: the old configuration goes on."
        self.status = "InService"
        self.deployment.fleet.resume(state["desired"])

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
        if deployment is None or self.status == "Deleting":
            raise self._not_in_service()
        if request.input_location is not None:
            try:
                S3Location.parse(request.input_location)
            except LocationError as error:
                raise ValidationError(f"Invalid InputLocation: {error}") from error
        if self.queue.is_full:
            raise AwsError("The endpoint's queue is full: try again later.", "ServiceUnavailable", 503)
        output_location, failure_location = deployment.output.locations(request)
        received_at = self._site.clock.now()
        item = QueuedRequest(request, output_location, failure_location, received_at, deployment.output)
        if not self.queue.put(item):
            if self._ended:
                raise AwsError("The local AWS is ending.", "ServiceUnavailable", 503)
            raise self._not_in_service()
        return item

    # -- the passing of time -------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Publish the state of the queue, expire what waited too long, replace instances that died."""
        deployment = self.deployment
        if deployment is None:
            return
        now = self._site.clock.now()
        oldest = self.queue.oldest_received_at()
        deployment.metrics.sample(
            waiting=self.queue.waiting,
            in_flight=self.queue.in_flight,
            instances=deployment.fleet.running,
            oldest_age=0.0 if oldest is None else now - oldest,
        )
        self._site.history.sample(
            self.name,
            now,
            waiting=self.queue.waiting,
            in_flight=self.queue.in_flight,
            instances=deployment.fleet.running,
            desired=deployment.fleet.desired,
        )
        deployment.fleet.replace_dead()
        if expired := self.queue.take_expired(now):
            # In a thread of its own: a long queue that expires must not hold up the region's clock.
            threading.Thread(target=self._expire, args=(deployment, expired), name="expiry", daemon=True).start()

    def measure(self) -> None:
        """Publish what the instances use of their machines; for each minute of AWS's clock."""
        if (deployment := self.deployment) is not None:
            deployment.measure()

    # -- inside --------------------------------------------------------------------------------------------------

    def _roll_out(self, deployment: Deployment, count: int, weight: float | None) -> str | None:
        """Let a deployment take over under a weight, None for its config's; answers why it could not."""
        if refusal := self._site.roles.refuse_endpoint(deployment.model, deployment.output):
            return refusal
        deployment.fleet.resize(count)
        try:
            deployment.settle()
        except LaunchFailed as error:
            if self.deployment is not None and not self._ended:
                self.status = "RollingBack"
            deployment.fleet.stop()
            if isinstance(error.__cause__, InstanceUnavailable):
                return str(error)
            return (
                f"The primary container for production variant {deployment.variant['VariantName']} "
                f"did not pass the ping health check. {error}"
            )
        replaced, self.deployment = self.deployment, deployment
        if replaced is not None:
            baking = Baking.of(self.deployment_config or {}, self._site)
            if alarm := baking.alarm_that_goes_off(until_ended=lambda: self._ended):
                self.status, self.deployment = "RollingBack", replaced
                deployment.fleet.stop(drain=True)
                replaced.announce()
                return f"The following alarms were in ALARM during the deployment: [{alarm}]. It was rolled back."
            replaced.fleet.stop(drain=True)
        self.weight = weight
        deployment.announce()
        return None

    def _settle(self, deployment: Deployment) -> str | None:
        """Wait for a change of capacity; answers why it is not complete."""
        reason = None
        try:
            deployment.settle()
        except LaunchFailed as error:
            reason = str(error)
        deployment.announce()
        return reason

    def _expire(self, deployment: Deployment, expired: Iterable[QueuedRequest]) -> None:
        for item in expired:
            reason = f"ClientError: The request expired after {item.request.request_ttl_seconds} seconds in the queue."
            deployment.outcomes.failed(item, reason, reason.encode(), "text/plain", status="Expired")

    def _begin(self) -> None:
        """Start a transition."""
        with self._lock:
            self._refuse_in_progress()
            if self.status == "Failed":
                raise ValidationException(f'Endpoint "{self.arn}" is Failed: it can only be deleted.')
            self._settled.clear()
            self.began_at = self._site.clock.now()
            self.status = "Creating" if self.deployment is None else "Updating"

    def _refuse_in_progress(self) -> None:
        if not self._settled.is_set() or self.status == "Deleting":
            raise ValidationException(f'Cannot update in-progress endpoint "{self.arn}".')

    def _in_background(self, work: Callable[[], str | None]) -> None:
        """Run the transition that has begun; status and end of it change together, as one sees them together."""

        def run() -> None:
            try:
                reason = work()
            except Exception:
                logger.exception("endpoint %s: a transition failed", self.name)
                reason = "InternalFailure: see the log of the local AWS."
            with self._lock:
                if self._ended:  # it failed because the instances were stopped: the next life takes it up
                    self._settled.set()
                    return
                self.failure_reason = reason
                if self.deployment is not None:
                    self._rolling_out = None
                self.modified_at = self._site.clock.now()
                self.status = "Failed" if self.deployment is None else "InService"
                self._settled.set()

        threading.Thread(target=run, name=f"endpoint-{self.name}", daemon=True).start()

    def _not_in_service(self) -> ValidationError:
        return ValidationError(f"Endpoint {self.name} of account {self._site.backends.account} is not in service.")
