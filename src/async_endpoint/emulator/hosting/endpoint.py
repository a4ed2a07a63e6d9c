"""One hosted endpoint: its queue, its deployments, and the states that it goes through."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from async_endpoint.emulator.errors import AwsError, ValidationError, ValidationException
from async_endpoint.emulator.hosting.deployment import Deployment, HostingContext
from async_endpoint.emulator.hosting.expiry import RequestExpirer
from async_endpoint.emulator.hosting.fleet import InstanceUnavailable, LaunchFailed
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.rollback import RollbackWatch, rollback_alarms
from async_endpoint.emulator.hosting.unavailable_instance import CapacityNeverCame
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import LocationError, S3Location

_END_SECONDS = 40.0  # for a transition to see that the local AWS ends: it may wait for requests for 30 s

logger = logging.getLogger(__name__)


class HostedEndpoint:
    """An asynchronous endpoint; thread-safe.

    Its queue outlives instances and updates. Every transition runs in a thread of its own, one at a time: `wait` joins
    it. An update brings its instances up beside those that serve; all of them take requests from the one queue.

    Args:
        name: The endpoint's name.
        context: Where it runs. The age of a request, which RequestTTLSeconds limits, is counted on the context's clock.
    """

    def __init__(self, name: str, context: HostingContext) -> None:
        self.name = name
        self.arn = f"arn:aws:sagemaker:{context.clients.region}:{context.clients.account}:endpoint/{name}"
        # Since when there is it, since when it is as it is, and when its last transition began.
        self.created_at = self.modified_at = self.began_at = context.clock.now()
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.weight: float | None = None  # that UpdateEndpointWeightsAndCapacities gave the variant
        self.deployment: Deployment | None = None
        self.deployment_config: Mapping[str, Any] | None = None
        self.queue = RequestQueue()
        self._site = context
        self._lock = threading.Lock()  # held where status and `_settled` are looked at and changed together
        self._settled = threading.Event()
        self._settled.set()
        self._first: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None  # config and model of the creation
        self._rolling_out: Deployment | None = None
        self._leaving: Deployment | None = None
        self._expirer = RequestExpirer(self.queue)
        self._is_open = True  # for changes: neither waiting for `resume` nor ended
        self._ended = False
        self._desired_at_stop = 0
        self._left: list[QueuedRequest] = []

    @property
    def config(self) -> Mapping[str, Any]:
        """The endpoint config that serves; during the first deployment the one on its way."""
        if self.deployment is not None:
            return self.deployment.config
        return {} if self._first is None else self._first[0]

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """Every deployment that may have instances: the one that serves, then one that comes up or goes."""
        found: list[Deployment] = []
        for each in (self.deployment, self._rolling_out, self._leaving):
            if each is not None and each not in found:
                found.append(each)
        return tuple(found)

    @property
    def is_changing(self) -> bool:
        """Whether anything about its instances is under way, their return after a stop included."""
        serving = self.deployment
        return self.status != "InService" or not self._is_open or (serving is not None and serving.fleet.is_coming_back)

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
            AwsError: The local AWS starts or ends; ServiceUnavailable.
        """
        deployment = Deployment.prepare(self.name, config, model, self.queue, self._site)
        self._begin(deployment)
        self.deployment_config = deployment_config
        self._first = self._first or (config, model)
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
            AwsError: The local AWS starts or ends; ServiceUnavailable.
        """
        self._begin()
        serving = self.deployment
        assert serving is not None  # noqa: S101 - what is neither in a transition nor Failed does serve
        self.weight = self.weight if weight is None else weight
        before = serving.fleet.desired
        if count is not None:
            serving.fleet.resize(count)
        self._in_background(lambda: self._settle(serving, before, count))

    def begin_delete(self) -> None:
        """Set the status to Deleting.

        Raises:
            ValidationException: A transition is under way, a deletion included; AWS refuses all the same.
            AwsError: The local AWS starts or ends; ServiceUnavailable.
        """
        with self._lock:
            self._refuse_in_progress()
            self._settled.clear()
            self.status = "Deleting"

    def delete(self) -> bool:
        """Stop every instance; returns when they are gone, False if the local AWS ended first.

        Requests that are left fail, so that each has its outcome. What AWS does with them is not documented.
        """
        try:
            if self.deployment is not None:
                self.deployment.fleet.stop()
                self._expirer.wait()
                self._left += self._expirer.fail(self.queue.close(), self.deployment.results)
                self.deployment.results.wait()
        finally:
            self._settled.set()
        return not self._ended

    def stop(self) -> None:
        """Stop every instance because the local AWS ends; returns when they are gone and requests are back.

        From then on changes and requests are refused as ones to send again, and `state` says how things stood.
        """
        with self._lock:
            if self._ended:
                return
            self._ended, self._is_open = True, False
            self._desired_at_stop = 0 if self.deployment is None else self.deployment.fleet.desired
            deployments = self.deployments
        for deployment in deployments:
            deployment.fleet.stop()
        self._expirer.end()
        self._settled.wait(_END_SECONDS)
        for deployment in deployments:
            deployment.results.wait()
        self._left += self.queue.close()

    def state(self) -> dict[str, Any]:
        """The endpoint as plain JSON for `restore`; to be called after `stop`."""
        first_model = None if self._first is None else self._first[1]
        return {
            "name": self.name,
            "created_at": self.created_at,
            "modified_at": self.modified_at,
            "status": self.status,
            "failure_reason": self.failure_reason,
            "deployment_config": self.deployment_config,
            "config": self.config,
            "model": first_model if self.deployment is None else self.deployment.model,
            "update_given_up": self.deployment is not None and self._rolling_out not in (None, self.deployment),
            "desired": self._desired_at_stop,
            "weight": self.weight,
            "serves": self.deployment is not None,
            "queue": [item.as_json() for item in self._left],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in what `state` gave; nothing starts, and nothing can be changed, until `resume`."""
        self._is_open = False
        self.created_at, self.modified_at = state["created_at"], state["modified_at"]
        self.failure_reason, self.deployment_config = state["failure_reason"], state["deployment_config"]
        self.weight = state["weight"]
        self.queue.restore(QueuedRequest.from_json(kept) for kept in state["queue"])
        config, model, status = state["config"], state["model"], state["status"]
        self._first = (config, model)
        self.status = status
        if not state["serves"]:
            return
        self.deployment = Deployment.prepare(self.name, config, model, self.queue, self._site)
        self._desired_at_stop = state["desired"]
        if status == "Deleting":
            return
        if state["update_given_up"] and status != "RollingBack":  # which has told its reason
            self.failure_reason = "The local AWS was stopped during the update: the old configuration goes on."
        self.status = "InService"

    def resume(self) -> None:
        """Start what `restore` took in, but for a deletion; to be called when the local AWS answers."""
        with self._lock:
            if self._ended:
                return
            self._is_open = True
            if self.status == "Deleting":
                self._settled.clear()
        if self.deployment is None:
            if self.status == "Creating" and self._first is not None:
                config, model = self._first
                self.deploy(config, model, deployment_config=self.deployment_config)
        elif self.status == "InService":
            self.deployment.fleet.resume(self._desired_at_stop)

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
                S3Location.from_uri(request.input_location)
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
        running = sum(each.fleet.running for each in self.deployments)
        oldest = self.queue.oldest_received_at()
        deployment.metrics.sample(
            waiting=self.queue.waiting,
            in_flight=self.queue.in_flight,
            instances=running,
            oldest_age=0.0 if oldest is None else now - oldest,
        )
        self._site.history.sample(
            self.name,
            now,
            waiting=self.queue.waiting,
            in_flight=self.queue.in_flight,
            instances=running,
            desired=deployment.fleet.desired,
        )
        for each in self.deployments:
            each.fleet.replace_dead()
        self._expirer.expire(now, deployment.results)

    def measure(self) -> None:
        """Publish what the instances use of their machines; for each minute of AWS's clock."""
        for deployment in self.deployments:
            deployment.measure()

    # -- inside --------------------------------------------------------------------------------------------------

    def _roll_out(self, deployment: Deployment, count: int, weight: float | None) -> str | None:
        """Let a deployment take over under a weight, None for its config's; answers why it could not."""
        alarms = rollback_alarms(self.deployment_config or {})
        if refusal := self._site.roles.refuse_endpoint(deployment.model, deployment.output, alarms):
            return refusal
        deployment.fleet.resize(count)
        try:
            deployment.settle()
        except LaunchFailed as error:
            reason = str(error)
            if not isinstance(error.__cause__, InstanceUnavailable):
                reason = (
                    f"The primary container for production variant {deployment.variant['VariantName']} "
                    f"did not pass the ping health check. {error}"
                )
            self._roll_back(reason)
            deployment.fleet.stop()
            return reason
        replaced = self.deployment
        if replaced is not None:
            baking = RollbackWatch.of(self.deployment_config or {}, self._site)
            if alarm := baking.alarm_that_goes_off(until_ended=lambda: self._ended):
                reason = f"The following alarms were in ALARM during the deployment: [{alarm}]. It was rolled back."
                self._roll_back(reason)
                deployment.fleet.stop(drain=True)
                replaced.announce()
                return reason
        with self._lock:
            if self._ended:
                return None  # the next life goes on with the old one, and gives this one up
            self.deployment, self.weight, self._leaving = deployment, weight, replaced
            self.failure_reason = None
        if replaced is not None:
            replaced.fleet.stop(drain=True)
            self._leaving = None
        deployment.announce()
        return None

    def _roll_back(self, reason: str) -> None:
        """Show that the old configuration goes on, where there is one."""
        with self._lock:
            if self.deployment is not None and not self._ended:
                self.status, self.failure_reason = "RollingBack", reason

    def _settle(self, deployment: Deployment, before: int, wanted: int | None) -> str | None:
        """Wait for a change of capacity; answers why it is not complete.

        It then stays at what has come up, but not below what was there: an instance that died meanwhile is the fleet's
        to replace. No reason is given for instances that were awaited in vain, as users of AWS report.
        """
        reason = None
        try:
            if wanted is not None:
                deployment.settle()
        except LaunchFailed as error:
            reason = None if isinstance(error.__cause__, CapacityNeverCame) else str(error)
            if not self._ended:
                deployment.fleet.resize(max(deployment.fleet.running, min(before, wanted or 0)))
        deployment.announce()
        return reason

    def _begin(self, coming: Deployment | None = None) -> None:
        """Start a transition, towards another deployment if one is given."""
        with self._lock:
            self._refuse_in_progress()
            if self.status == "Failed":
                raise ValidationException(f'Endpoint "{self.arn}" is Failed: it can only be deleted.')
            self._settled.clear()
            self._rolling_out = coming
            self.began_at = self._site.clock.now()
            self.status = "Creating" if self.deployment is None else "Updating"

    def _refuse_in_progress(self) -> None:
        if not self._is_open:
            raise AwsError("The local AWS starts or ends: try again.", "ServiceUnavailable", 503)
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
        return ValidationError(f"Endpoint {self.name} of account {self._site.clients.account} is not in service.")
