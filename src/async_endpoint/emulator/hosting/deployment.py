"""One endpoint config on its way to serving, or serving: its instances, and what they write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.hosting.consumer import InstanceConsumer, ServingContainer
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.execution_roles import AnyRole, Roles
from async_endpoint.emulator.hosting.fleet import Fleet
from async_endpoint.emulator.hosting.history import History
from async_endpoint.emulator.hosting.instance_logs import DataLog
from async_endpoint.emulator.hosting.instance_metrics import InstanceMetrics
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.payloads import PayloadReader
from async_endpoint.emulator.hosting.request_queue import RequestQueue
from async_endpoint.emulator.hosting.results import ResultWriter
from async_endpoint.emulator.hosting.unavailable_instance import UnavailableInstance

_DEFAULT_STARTUP_SECONDS = 600.0
_DEFAULT_CONCURRENCY = 4  # of the unpublished default; the stacks always set it

Launch = Callable[[str, Mapping[str, Any]], ServingContainer]


@dataclass(frozen=True)
class HostingContext:
    """What the deployments of a region share.

    Attributes:
        clients: Where inputs are read and results written.
        launch: Makes an instance, not yet started, of the endpoint of a name and of a model as CreateModel took it.
        store: Where metrics go.
        clock: AWS's clock.
        assumptions: How the points are settled that AWS leaves open.
        faults: What is to go wrong.
        history: Where the page's past is kept.
        data_log: Where instances report their trouble with S3 and SNS.
        roles: What is asked of the roles in whose name endpoints work.
    """

    clients: AwsClients
    launch: Launch
    store: MetricStore
    clock: Clock
    assumptions: Assumptions = field(default_factory=Assumptions)
    faults: Faults = field(default_factory=Faults)
    history: History = field(default_factory=History)
    data_log: DataLog = field(default_factory=DataLog)
    roles: Roles = field(default_factory=AnyRole)


@dataclass(frozen=True)
class Deployment:
    """An endpoint config with its instances; an asynchronous endpoint has exactly one variant.

    Attributes:
        config: As CreateEndpointConfig took it.
        model: As CreateModel took it.
        fleet: The instances of the config's one variant.
        metrics: The endpoint's, under this variant's name.
        use: What the instances use of their machine.
        results: Where this variant's results go.
    """

    config: Mapping[str, Any]
    model: Mapping[str, Any]
    fleet: Fleet[ServingContainer]
    metrics: EndpointMetrics
    use: InstanceMetrics
    results: ResultWriter

    @classmethod
    def prepare(
        cls,
        endpoint_name: str,
        config: Mapping[str, Any],
        model: Mapping[str, Any],
        queue: RequestQueue,
        context: HostingContext,
    ) -> "Deployment":
        """A deployment without any instance yet; those it will have take their requests from `queue`."""
        variant = config["ProductionVariants"][0]
        client = config["AsyncInferenceConfig"].get("ClientConfig", {})
        metrics = EndpointMetrics(
            endpoint_name, variant["VariantName"], context.store, context.clock, context.assumptions
        )
        results = ResultWriter(
            endpoint_name,
            context.clients,
            metrics,
            context.clock,
            assumptions=context.assumptions,
            history=context.history,
            faults=context.faults,
            trouble=context.data_log.of(endpoint_name, variant["VariantName"]),
        )

        inputs = PayloadReader(queue, context.clients, metrics)

        def consume(container: ServingContainer) -> InstanceConsumer:
            return InstanceConsumer(
                queue,
                container,
                concurrency=client.get("MaxConcurrentInvocationsPerInstance", _DEFAULT_CONCURRENCY),
                inputs=inputs,
                results=results,
                metrics=metrics,
                kills=lambda: context.faults.kills(endpoint_name),
            )

        def launch() -> ServingContainer:
            shortage = context.faults.shortage(variant.get("InstanceType", "ml.m5.xlarge"))
            container = context.launch(endpoint_name, model)
            return container if shortage is None else UnavailableInstance(container, shortage, context.clock)

        startup_timeout = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _DEFAULT_STARTUP_SECONDS))
        fleet = Fleet(launch, consume, startup_timeout=startup_timeout)
        use = InstanceMetrics(endpoint_name, variant["VariantName"], context.store, context.clock)
        return cls(config, model, fleet, metrics, use, results)

    @property
    def variant(self) -> Mapping[str, Any]:
        """The production variant."""
        variant: Mapping[str, Any] = self.config["ProductionVariants"][0]
        return variant

    @property
    def output(self) -> OutputConfig:
        """Where answers go."""
        return OutputConfig.of(self.config)

    def settle(self) -> None:
        """Wait until the instances asked for are there, and none that is not; raises as `Fleet.wait_until_settled`."""
        self.fleet.wait_until_settled()

    def measure(self) -> None:
        """Publish what each instance uses of its machine, once a minute."""
        found = (container.processes for container in self.fleet.containers)
        self.use.sample(dict(processes for processes in found if processes is not None))

    def announce(self) -> None:
        """Send the topics the test message of every create, update and change of capacity."""
        self.results.test_topics(self.output)
