"""A snapshot of a stage: what AWS's APIs reported at one moment. Times are aware.

A part that could not be read is in `unread`; its attribute then has its default, which says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.facts import JobsFacts, StageNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.operations.diagnose.facts import (
        Activity,
        Alarm,
        BucketFacts,
        ConfigFacts,
        EndpointFacts,
        EventSource,
        FunctionFacts,
        KeyFacts,
        ModelFacts,
        Policy,
        QueueFacts,
        RuleFacts,
        TargetFacts,
    )
    from async_endpoint.operations.diagnose.metrics import Datapoint

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Unread:
    """A read that was not possible.

    Attributes:
        part: The attribute of the snapshot.
        action: The IAM action of the call.
        why: AWS's error, in one line.
    """

    part: str
    action: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was read of a stage; see `facts` for the parts.

    Attributes:
        names: The stage's resources, as its stacks have deployed them.
        now: The time of jobs and logs, from AWS's responses.
        since: Outcomes and log lines count from here.
        endpoint: None if there is no such endpoint.
        target: None if the variant is not registered.
        activities: Scaling activities, newest first.
        alarms: By name, those of the stacks and of the scaling policies.
        datapoints: Metrics by their names, newest first.
        subscriptions: The endpoints of each topic's subscriptions; a topic that is gone has no entry.
        archive_exists: None if that is unknown.
        role_policies: The ARNs of the managed policies that the execution role has; None if there is no such role.
        role_lacks: What the stack's execution role needs and its policies do not allow, as sentences.
        table_status: None if the table is gone.
        endpoint_errors: Lines of the endpoint's log that report an error, newest first.
        scheduled_minimums: The minimum that each scheduled action sets, by the action's name.
        stack_reasons: The first reason of the last operation, by stack, where it failed or was rolled back.
        unread: What could not be read.
    """

    names: StageNames
    now: datetime
    since: datetime
    endpoint: EndpointFacts | None = None
    config: ConfigFacts | None = None
    model: ModelFacts | None = None
    target: TargetFacts | None = None
    policies: tuple[Policy, ...] = ()
    activities: tuple[Activity, ...] = ()
    alarms: Mapping[str, Alarm] = field(default_factory=dict)
    datapoints: Mapping[str, tuple[Datapoint, ...]] = field(default_factory=dict)
    subscriptions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    queues: tuple[QueueFacts, ...] = ()
    functions: tuple[FunctionFacts, ...] = ()
    event_sources: tuple[EventSource, ...] = ()
    rules: tuple[RuleFacts, ...] = ()
    buckets: tuple[BucketFacts, ...] = ()
    jobs: JobsFacts = field(default_factory=JobsFacts)
    archive_exists: bool | None = None
    role_policies: frozenset[str] | None = frozenset()
    role_lacks: tuple[str, ...] = ()
    key: KeyFacts | None = None
    table_status: str | None = None
    endpoint_errors: tuple[str, ...] = ()
    scheduled_minimums: Mapping[str, int] = field(default_factory=dict)
    stack_reasons: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    def knows(self, *parts: str) -> bool:
        """Returns whether all of these parts were read."""
        return not {each.part for each in self.unread} & set(parts)

    @property
    def clock(self) -> datetime:
        """The time of SageMaker and CloudWatch: the newest that any of their answers shows.

        AWS has one clock, so there it is `now`; that of the local AWS may run faster.
        """
        newest = [points[0].at for name, points in self.datapoints.items() if points and name != "WakeAlarmHeld"]
        changed = [self.endpoint.changed_at] if self.endpoint else []
        acted = [activity.ended_at or activity.began_at for activity in self.activities[:1]]
        return max([self.now, *newest, *changed, *acted])

    @property
    def running(self) -> int:
        """How many instances run; 0 without an endpoint."""
        return self.endpoint.running if self.endpoint else 0

    def latest(self, metric: str, *, within: timedelta = timedelta(minutes=10)) -> float | None:
        """Returns the newest value of a metric, None if it has none in that time."""
        points = self.datapoints.get(metric, ())
        return points[0].value if points and self.clock - points[0].at <= within else None

    def highest(self, metric: str, *, within: timedelta) -> float | None:
        """Returns the highest value of a metric in the time before now; None if it has none."""
        values = [point.value for point in self.datapoints.get(metric, ()) if self.clock - point.at <= within]
        return max(values, default=None)

    @property
    def waiting(self) -> int:
        """How many requests wait or run at SageMaker: by the backlog's metric or the jobs table, whichever is more."""
        return max(int(self.latest("ApproximateBacklogSize") or 0), self.jobs.submitted)
