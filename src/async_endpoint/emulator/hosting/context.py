"""What the deployments of a region share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.hosting.data_log import DataLog
from async_endpoint.emulator.hosting.execution_roles import AnyRole, Roles
from async_endpoint.emulator.hosting.history import History
from async_endpoint.emulator.hosting.instance import Instance
from async_endpoint.emulator.hosting.instance_limits import InstanceLimits

Launch = Callable[[str, Mapping[str, Any]], Instance]


@dataclass(frozen=True)
class HostingContext:
    """What the deployments of a region share.

    Attributes:
        clients: Clients of the region's services.
        launch: Makes an instance, not yet started, for an endpoint's name and a model as CreateModel took it.
        store: Where metrics go.
        clock: AWS's clock.
        assumptions: How open questions about AWS are settled.
        faults: The faults that are switched on.
        history: The past that the console shows.
        data_log: Where instances report trouble with S3 and SNS.
        roles: Checks execution roles.
        limits: Checks the quotas on instances.
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
    limits: InstanceLimits = field(default_factory=InstanceLimits)
