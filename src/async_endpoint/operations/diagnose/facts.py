"""The parts of a snapshot, as AWS reports them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


_OPEN = frozenset({"Pending", "InProgress"})


@dataclass(frozen=True)
class Resource:
    """A resource of a stack: its type, logical id and physical id."""

    type: str
    logical_id: str
    physical_id: str

    @property
    def name(self) -> str:
        """The last part of an ARN, or the physical id itself."""
        return self.physical_id.rpartition("/")[2] if self.physical_id.startswith("arn:") else self.physical_id


@dataclass(frozen=True, kw_only=True)
class StageNames:
    """A stage's stacks and what they have deployed.

    Attributes:
        label: How commands name it, such as `--stage dev`.
        region: The stacks' region.
        statuses: The status of each stack, by its name.
        outputs: The outputs of all stacks.
        resources: Of all stacks.
    """

    label: str
    region: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()

    def of_type(self, kind: str) -> tuple[Resource, ...]:
        """Returns the resources of a CloudFormation type."""
        return tuple(each for each in self.resources if each.type == kind)

    def only(self, kind: str) -> Resource | None:
        """Returns the first resource of a type; None if the stacks have none."""
        return next(iter(self.of_type(kind)), None)

    @property
    def endpoint(self) -> str:
        """The endpoint's name; empty if no stack has one."""
        found = self.only("AWS::SageMaker::Endpoint")
        return self.outputs.get("EndpointName") or (found.name if found else "")

    @property
    def alarms(self) -> tuple[str, ...]:
        """The names of the stacks' alarms."""
        return tuple(each.physical_id for each in self.of_type("AWS::CloudWatch::Alarm"))

    @property
    def deployed_config(self) -> str | None:
        """The name of the deployed endpoint configuration."""
        found = self.only("AWS::SageMaker::EndpointConfig")
        return found.name if found else None


@dataclass(frozen=True, kw_only=True)
class EndpointFacts:
    """DescribeEndpoint; `pending_since` is when a deployment in progress began."""

    status: str
    config: str
    running: int
    desired: int
    changed_at: datetime
    pending_since: datetime | None = None
    failure_reason: str | None = None
    variant: str = "AllTraffic"


@dataclass(frozen=True, kw_only=True)
class ConfigFacts:
    """DescribeEndpointConfig."""

    instance_type: str
    model: str
    concurrency: int | None = None
    topics: tuple[str, ...] = ()
    output_paths: tuple[str, ...] = ()  # of results and failures


@dataclass(frozen=True)
class ModelFacts:
    """DescribeModel: the archive's location, if it is an object, and the execution role's ARN."""

    archive: str | None
    role: str


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    """DescribeScalableTargets."""

    minimum: int
    maximum: int
    in_suspended: bool = False
    out_suspended: bool = False
    schedules_suspended: bool = False


@dataclass(frozen=True)
class Policy:
    """A scaling policy: its name, ARN and target, None for a step policy, and the names of the alarms that it owns."""

    name: str
    arn: str
    target_value: float | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Activity:
    """A scaling activity; `message` is its StatusMessage."""

    began_at: datetime
    status: str
    message: str
    description: str
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether its change is still in progress."""
        return self.status in _OPEN

    @property
    def is_conflict(self) -> bool:
        """Whether another change was under way, so that scaling tries again."""
        return "in-progress endpoint" in self.message


@dataclass(frozen=True)
class Watched:
    """A metric that an alarm watches."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A metric alarm; `expression` is that of its metric math."""

    name: str
    state: str
    reason: str
    actions_enabled: bool
    actions: tuple[str, ...]
    watched: tuple[Watched, ...]
    changed_at: datetime
    description: str = ""
    expression: str = ""


@dataclass(frozen=True, kw_only=True)
class QueueFacts:
    """A worker's queue and its DLQ, or a DLQ of events alone.

    Attributes:
        worker: Such as `intake`; `events` and `webhook` have no queue, only a DLQ.
        waiting: Messages that wait; None if there is no such queue.
        takes_messages: Whether the queue's policy lets anybody send to it.
        redrives: Whether the queue sends to its DLQ what fails.
        dead: Dead letters.
        reasons: What is known about a sample of them, one sentence each.
    """

    worker: str
    waiting: int | None
    takes_messages: bool = True
    redrives: bool = True
    dead: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FunctionFacts:
    """A function of the workflow stack.

    Attributes:
        logical_id: Its logical id, which begins with its part: Intake, Results, Reconciler, Notifier or Watchdog.
        state: Its state; `Missing` if it does not exist.
        reserved: Its reserved concurrency; None if nothing is reserved.
        environment: Its environment variables.
        takes_events: Whether its policy lets anybody invoke it, as a rule of EventBridge has to be.
        errors: Lines of its log that report an error, newest first.
    """

    logical_id: str
    name: str
    state: str = "Active"
    reserved: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    log_group: str = ""
    takes_events: bool = True
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventSource:
    """An event source mapping: its id, the function that the stack connects, its state (`Missing` if it is gone)."""

    uuid: str
    logical_id: str
    state: str


@dataclass(frozen=True)
class RuleFacts:
    """A rule of EventBridge: its state (`Missing` if it is gone), the ARNs of its targets, and its own."""

    logical_id: str
    name: str
    state: str
    targets: tuple[str, ...] = ()
    arn: str = ""


@dataclass(frozen=True, kw_only=True)
class BucketFacts:
    """A bucket of the stage.

    Attributes:
        name: Its name; it is gone if `exists` is False.
        denials: Statements of its policy that deny reads or writes of objects, other than those without TLS.
        sends_events: Whether it sends events to EventBridge; None if it need not.
    """

    name: str
    exists: bool = True
    denials: tuple[str, ...] = ()
    sends_events: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that ended without a result."""

    job_id: str
    state: str
    reason: str
    ended_at: str


@dataclass(frozen=True, kw_only=True)
class JobsFacts:
    """Jobs by state.

    Attributes:
        submitted: How many are SUBMITTED, counted up to a thousand.
        received: How many are RECEIVED, those that wait for admission included.
        admission: How many of these wait for admission.
        oldest_submitted: When the oldest of the submitted was submitted.
        oldest_received: When the oldest of the received arrived.
        ended: Those that failed or expired since the snapshot's `since`, newest first.
    """

    submitted: int = 0
    received: int = 0
    admission: int = 0
    oldest_submitted: datetime | None = None
    oldest_received: datetime | None = None
    ended: tuple[Ended, ...] = ()


@dataclass(frozen=True)
class KeyFacts:
    """The stage's KMS key."""

    key_id: str
    state: str
