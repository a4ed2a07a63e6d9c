"""One endpoint config with its instances, whether it serves, starts or leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from async_endpoint.emulator.hosting.consumer import InstanceConsumer
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.fleet import Fleet
from async_endpoint.emulator.hosting.instance import Instance
from async_endpoint.emulator.hosting.instance_metrics import InstanceMetrics
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.payloads import PayloadReader
from async_endpoint.emulator.hosting.request_queue import RequestQueue
from async_endpoint.emulator.hosting.results import ResultWriter
from async_endpoint.emulator.hosting.unavailable_instance import UnavailableInstance

_DEFAULT_STARTUP_SECONDS = 600.0
_DEFAULT_CONCURRENCY = 4  # AWS does not publish its default; the stacks always set a value
_DEFAULT_INSTANCE_TYPE = "ml.m5.xlarge"


@dataclass(frozen=True, eq=False)
class Deployment:
    """An endpoint config with its instances; an asynchronous endpoint has exactly one variant.

    Attributes:
        config: As CreateEndpointConfig took it.
        model: As CreateModel took it.
        fleet: The variant's instances.
        metrics: The endpoint's metrics, under this variant's name.
        instance_metrics: The metrics of the variant's instances.
        results: Writes the results of this variant.
    """

    config: Mapping[str, Any]
    model: Mapping[str, Any]
    fleet: Fleet
    metrics: EndpointMetrics
    instance_metrics: InstanceMetrics
    results: ResultWriter

    @classmethod
    def from_config(
        cls,
        endpoint_name: str,
        config: Mapping[str, Any],
        model: Mapping[str, Any],
        queue: RequestQueue,
        context: HostingContext,
    ) -> "Deployment":
        """Returns a deployment without any instance yet; its instances will take their requests from `queue`."""
        variant = config["ProductionVariants"][0]
        variant_name, clock = variant["VariantName"], context.clock
        client = config["AsyncInferenceConfig"].get("ClientConfig", {})
        metrics = EndpointMetrics(endpoint_name, variant_name, context.store, clock, context.assumptions)
        results = ResultWriter(endpoint_name, variant_name, context, metrics)
        payloads = PayloadReader(queue, context.clients, metrics)

        def consume(instance: Instance) -> InstanceConsumer:
            return InstanceConsumer(
                queue,
                instance,
                concurrency=client.get("MaxConcurrentInvocationsPerInstance", _DEFAULT_CONCURRENCY),
                payloads=payloads,
                results=results,
                metrics=metrics,
                kills=lambda: context.faults.kills(endpoint_name),
            )

        def launch() -> Instance:
            shortage = context.faults.shortage(variant.get("InstanceType", _DEFAULT_INSTANCE_TYPE))
            instance = context.launch(endpoint_name, model)
            return instance if shortage is None else UnavailableInstance(instance.instance_id, shortage, clock)

        startup_timeout = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _DEFAULT_STARTUP_SECONDS))
        fleet = Fleet(launch, consume, startup_timeout=startup_timeout)
        context.limits.add(fleet, variant.get("InstanceType", _DEFAULT_INSTANCE_TYPE))
        instance_metrics = InstanceMetrics(endpoint_name, variant_name, context.store, clock)
        return cls(config, model, fleet, metrics, instance_metrics, results)

    @property
    def variant(self) -> Mapping[str, Any]:
        """The production variant."""
        variant: Mapping[str, Any] = self.config["ProductionVariants"][0]
        return variant

    @property
    def variant_name(self) -> str:
        """VariantName."""
        return str(self.variant["VariantName"])

    @property
    def instance_type(self) -> str:
        """InstanceType."""
        return str(self.variant.get("InstanceType", _DEFAULT_INSTANCE_TYPE))

    @property
    def output(self) -> OutputConfig:
        """Where results go."""
        return OutputConfig.from_endpoint_config(self.config)

    def measure(self) -> None:
        """Publishes what each instance in service uses of its machine, once a minute."""
        found = (member.instance.processes for member in self.fleet.members if member.in_service)
        self.instance_metrics.sample(dict(processes for processes in found if processes is not None))

    def announce(self) -> None:
        """Sends the topics the test message that follows every create, update and change of capacity."""
        self.results.test_topics(self.output)
