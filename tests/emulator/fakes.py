"""Fakes of what needs a machine's resources: instances without processes, and a region around them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.config import Config

from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.api.autoscaling_service import ApplicationAutoScaling
from async_endpoint.emulator.api.variant_capacities import VariantCapacities
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerFailed
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.hosting.execution_roles import AnyRole, Roles
from async_endpoint.emulator.hosting.history import History
from async_endpoint.emulator.hosting.instance_limits import InstanceLimits
from async_endpoint.emulator.sagemaker.control_plane import ControlPlane
from async_endpoint.emulator.server.metric_publisher import SharedMetricStore

ACCOUNT = "000000000000"
REGION = "us-east-1"
START = 1_800_000_000.0 // MINUTE * MINUTE
IMAGE = f"763104351884.dkr.ecr.{REGION}.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker"
LIMIT = 180.0  # seconds for anything that happens in another thread or process, on a busy machine too

OK = ContainerResponse(200, "application/json", b'{"total": 12}')
Handler = Callable[[bytes], ContainerResponse]


def eventually(check: Callable[[], Any], what: str, *, limit: float = LIMIT, every: float = 0.01) -> Any:
    """Returns the first true value of `check`; fails with `what` after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not (found := check()):
        assert time.monotonic() < deadline, f"{what}: not within {limit:g} s"
        time.sleep(every)
    return found


def within_limit(work: Callable[[], object], what: str) -> None:
    """Runs work that ends by itself; fails with `what` when it does not end in time."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), f"{what}: not within {LIMIT:g} s"


class FakeInstance:
    """An instance without a process, which a test controls."""

    instance_id = "i-0123456789abcdef0"
    invocations = 0
    log: Path | None = None

    def __init__(self, handler: Handler = lambda _: OK, *, ready: bool = True, failure: str | None = None) -> None:
        self.handler = handler
        self.failure = failure
        self.healthy = True
        self.ready = threading.Event()
        self.started = threading.Event()
        self.stopped = threading.Event()
        self.died = threading.Event()
        self.requests: list[Invocation] = []  # their bodies as bytes
        self.drained: list[float] = []
        if ready:
            self.ready.set()

    @property
    def alive(self) -> bool:
        return self.started.is_set() and not self.stopped.is_set() and not self.died.is_set()

    @property
    def processes(self) -> tuple[int, float] | None:
        return None  # it has none

    def start(self) -> None:
        self.started.set()

    def wait_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self.ready.wait(0.01):
            if self.stopped.is_set():
                raise ContainerFailed("The container was stopped before it was ready.")
            if time.monotonic() > deadline:
                raise ContainerFailed("The model was not ready.")
        if self.failure is not None:
            raise ContainerFailed(self.failure)

    def kill(self) -> None:
        self.died.set()

    def ping(self) -> bool:
        return self.alive and self.healthy

    def invoke(self, invocation: Invocation) -> ContainerResponse:
        body = invocation.body if isinstance(invocation.body, bytes) else invocation.body.read()
        self.requests.append(replace(invocation, body=body))
        if not self.alive:
            raise ContainerDied("The container is not running.")
        return self.handler(body)

    def hang(self, _: bytes) -> ContainerResponse:
        """A handler that works until the instance is gone."""
        while self.alive:
            time.sleep(0.005)
        raise ContainerDied("The container broke the connection off before it answered.")

    def drain(self, seconds: float) -> None:
        self.drained.append(seconds)

    def stop(self) -> None:
        self.stopped.set()


class Launches:
    """Makes the instances of endpoints: first the prepared ones, then those of `default`."""

    def __init__(self, *prepared: FakeInstance, default: Callable[[], FakeInstance] = FakeInstance) -> None:
        self.prepared = list(prepared)
        self.default = default
        self.made: list[FakeInstance] = []

    def __call__(self, endpoint_name: str, model: Mapping[str, Any]) -> FakeInstance:
        assert endpoint_name
        assert model["PrimaryContainer"]["Image"] == IMAGE
        return self.launch()

    def launch(self) -> FakeInstance:
        instance = self.prepared.pop(0) if self.prepared else self.default()
        self.made.append(instance)
        return instance

    @property
    def running(self) -> list[FakeInstance]:
        return [instance for instance in self.made if instance.alive]


class FakeClock(ManualClock):
    """A clock that a test moves, at the wall's speed."""

    speed = 1.0


@dataclass
class FakeRegion:
    """A region wired as `region.Region`, with fake instances and a clock that a test moves."""

    launches: Launches
    clients: AwsClients
    clock: FakeClock = field(default_factory=lambda: FakeClock(START))
    store: SharedMetricStore = field(default_factory=SharedMetricStore)
    account: str = ACCOUNT
    roles: Roles = field(default_factory=AnyRole)
    limits: InstanceLimits = field(default_factory=InstanceLimits)

    def __post_init__(self) -> None:
        self.context = HostingContext(
            self.clients, self.launches, self.store, self.clock, roles=self.roles, limits=self.limits
        )
        ids = iter(range(1_000_000))
        arns = ArnFactory(self.clients.region, self.account, lambda: f"id-{next(ids)}")
        self.autoscaling = ApplicationAutoScaling(
            arns, self.clock, self.store, VariantCapacities(self._find), on_alarm_state=lambda *_: None
        )
        self.sagemaker = ControlPlane(self.context, self.autoscaling)

    def _find(self, name: str) -> HostedEndpoint | None:
        return self.sagemaker.endpoint(name)

    @property
    def name(self) -> str:
        return self.clients.region

    @property
    def history(self) -> History:
        return self.context.history

    def endpoint(self, name: str) -> HostedEndpoint:
        endpoint = self.sagemaker.endpoint(name)
        assert endpoint is not None
        return endpoint

    def create(self, name: str, **config: Any) -> HostedEndpoint:
        """Returns an endpoint that was created with its model and config, after the transition."""
        self.create_config(f"{name}-config", **config)
        self.sagemaker.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": f"{name}-config"})
        assert self.endpoint(name).wait(LIMIT)
        return self.endpoint(name)

    def create_config(self, name: str, **config: Any) -> None:
        self.sagemaker.call("CreateModel", model(f"{name}-model"))
        self.sagemaker.call("CreateEndpointConfig", endpoint_config(name, f"{name}-model", **config))

    def is_gone(self, name: str) -> bool:
        return self.sagemaker.endpoint(name) is None


class UnreachableClients(AwsClients):
    """Clients of an address without a server, which give up at once."""

    @property
    def _config(self) -> Config:
        return Config(retries={"total_max_attempts": 1}, proxies={})


@contextmanager
def fake_region(
    tmp_path: Path,
    *prepared: FakeInstance,
    clients: AwsClients | None = None,
    roles: Roles | None = None,
    limits: InstanceLimits | None = None,
) -> Iterator[FakeRegion]:
    """Yields a region and stops its endpoints; without clients it must not call any service."""
    unreachable = UnreachableClients("http://localhost:1", REGION, ACCOUNT, tmp_path)
    region = FakeRegion(
        Launches(*prepared), clients or unreachable, roles=roles or AnyRole(), limits=limits or InstanceLimits()
    )
    try:
        yield region
    finally:
        for endpoint in region.sagemaker.endpoints():
            within_limit(endpoint.stop, f"the end of endpoint {endpoint.name}")


def model(name: str, url: str = "s3://models/model.tar.gz") -> dict[str, Any]:
    return {
        "ModelName": name,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": url},
        "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/execution-role",
    }


def endpoint_config(
    name: str,
    model_name: str,
    *,
    count: Any = 1,
    variant: str = "AllTraffic",
    instance_type: str = "ml.g4dn.xlarge",
    output: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": variant,
                "ModelName": model_name,
                "InitialInstanceCount": count,
                "InstanceType": instance_type,
                "InitialVariantWeight": 1.0,
                "ContainerStartupHealthCheckTimeoutInSeconds": 60,
            }
        ],
        "AsyncInferenceConfig": {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
            "OutputConfig": {"S3OutputPath": "s3://answers/results", **(output or {})},
        },
    }
