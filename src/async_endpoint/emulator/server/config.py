"""What every region of one local AWS shares."""

from dataclasses import dataclass, field
from pathlib import Path

from async_endpoint.clock import SystemClock
from async_endpoint.emulator.api.service_quotas import InstanceQuotas
from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.server.queue_metrics import OldestMessages


@dataclass(frozen=True)
class ServerConfig:
    """The configuration of a local AWS.

    Attributes:
        endpoint_url: The URL of every service.
        workdir: A folder for the files of instances.
        serving: The Python environments in the place of the images.
        clock: AWS's clock.
        threads: Computing threads of each instance.
        assumptions: How the points are settled that AWS leaves open.
        times: The shortest times that instances take to come up.
        faults: The faults that are switched on.
        quotas: The quotas on instances.
        oldest_messages: Returns when the oldest message of each queue came there.
        instance_price: USD for an hour of one instance, for the pages; None shows no money.
    """

    endpoint_url: str
    workdir: Path
    serving: ServingEnvironments
    clock: SystemClock
    threads: int
    assumptions: Assumptions = field(default_factory=Assumptions)
    times: InstanceTimes = field(default_factory=InstanceTimes)
    faults: Faults = field(default_factory=Faults)
    quotas: InstanceQuotas = field(default_factory=InstanceQuotas)
    oldest_messages: OldestMessages = lambda _account, _region: {}
    instance_price: float | None = None
