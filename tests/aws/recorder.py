"""Watches one endpoint every ten seconds and makes a recording of what it saw, for `tests/conformance` to replay."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tests.aws.redaction import ENDPOINT, redacted
from tests.conformance.recording import Point, Recording, Series

MINUTE = 60
EVERY_SECONDS = 10.0  # of AWS's clock
_LOOK_BACK = 20 * MINUTE  # a datapoint that comes later than that is seen at the end alone
_BEFORE = 2 * 60 * MINUTE  # what alarms had read when the recording began
_STATISTICS = ("SampleCount", "Sum", "Minimum", "Maximum")
_QUEUE = (
    "ApproximateBacklogSize", "ApproximateBacklogSizePerInstance", "ApproximateAgeOfOldestRequest",
    "HasBacklogWithoutCapacity",
)  # fmt: skip
_VARIANT = (
    "InvocationsProcessed", "InvocationFailures", "ExpiredRequests", "NotificationFailures", "RequestDownloadFailures",
    "ResponseUploadFailures", "RequestDownloadLatency", "TimeInBacklog", "TotalProcessingTime", "ModelLatency",
    "Invocation4XXErrors", "Invocation5XXErrors",
)  # fmt: skip
_INSTANCES = ("CPUUtilization", "MemoryUtilization", "GPUUtilization", "GPUMemoryUtilization", "DiskUtilization")

Clients = Callable[[str], Any]


class Clock(Protocol):
    """What a recorder needs of AWS's clock."""

    def now(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Metric:
    """One metric's name and dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    def query(self, query_id: str, statistic: str) -> dict[str, Any]:
        """Its member of GetMetricData's MetricDataQueries."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}
        return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": MINUTE, "Stat": statistic}}


def metrics_of(endpoint: str, variant: str) -> list[Metric]:
    """Every metric that an asynchronous endpoint may have."""
    queue = (("EndpointName", endpoint),)
    whole = (*queue, ("VariantName", variant))
    return [
        *(Metric("AWS/SageMaker", name, queue) for name in _QUEUE),
        *(Metric("AWS/SageMaker", name, whole) for name in _VARIANT),
        *(Metric("/aws/sagemaker/Endpoints", name, whole) for name in _INSTANCES),
    ]


@dataclass
class Recorder:
    """Looks at an endpoint, in a thread of its own from `start` to `end`; `look` is one look.

    Nothing that fails is fatal: what could not be asked for is in `trouble`.
    """

    clients: Clients
    clock: Clock
    endpoint: str
    variant: str
    recorded_from: str
    started_at: float = field(init=False)
    desired: list[list[float]] = field(default_factory=list)
    running: list[list[float]] = field(default_factory=list)
    statuses: list[list[Any]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started_at = math.floor(self.clock.now() / MINUTE) * MINUTE
        self._metrics = metrics_of(self.endpoint, self.variant)
        self._seen: dict[tuple[int, int], float] = {}  # (metric, minute) → when it was seen first
        self._values: dict[tuple[int, int], dict[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="recorder", daemon=True)
        self._states_at_start = {alarm["AlarmName"]: alarm["StateValue"] for alarm in self._alarms()}

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(timeout=120)

    def look(self, since: float | None = None) -> None:
        """Look once at the instances and at the metrics of the minutes since then, of late by default."""
        for what in (self._look_at_instances, lambda: self._look_at_metrics(since)):
            try:
                what()
            except (BotoCoreError, ClientError) as error:
                self.trouble.append(f"{self._since(self.clock.now()):g} s: {error}")

    def recording(self) -> Recording:
        """Everything seen up to now, with nothing in it that tells whose it is."""
        self.look(self.started_at - _BEFORE)
        policies, alarms = self._policies(), self._alarms()
        names = [alarm["AlarmName"] for alarm in alarms]
        recording = Recording(
            title=f"{self.endpoint}, from {datetime.fromtimestamp(self.started_at, UTC):%Y-%m-%d %H:%M} UTC",
            recorded_from=self.recorded_from,
            certainty="recorded",
            sources=["`pytest -m aws tests/aws`"],
            notes="; ".join(self.trouble) or "Every look was answered.",
            seconds=math.ceil(self._since(self.clock.now())),
            bounds=self._bounds(),
            instances_at_start=int(self.desired[0][1]) if self.desired else 0,
            policies=policies,
            alarms=[self._settings(alarm, policies) for alarm in alarms],
            initial_states={name: state for name, state in self._states_at_start.items() if name in names},
            metrics=self._series(),
            desired=self.desired[1:],
            running=self.running,
            alarm_states=sorted(change for name in names for change in self._history(name)),
            activities=self._activities(),
            endpoint=self.statuses,
            tolerance_seconds=2.0 * MINUTE,
            started_at=self.started_at,
        )
        return Recording(**{**redacted(vars(recording), self.endpoint), "metrics": recording.metrics})

    def _watch(self) -> None:
        while not self._ended.is_set():
            self.look()
            self.clock.sleep(EVERY_SECONDS)

    def _since(self, moment: float) -> float:
        return round(moment - self.started_at, 1)

    def _look_at_instances(self) -> None:
        found = self.clients("sagemaker").describe_endpoint(EndpointName=self.endpoint)
        at, (variant,) = self._since(self.clock.now()), found["ProductionVariants"]
        for series, value in (
            (self.desired, variant.get("DesiredInstanceCount", 0)),
            (self.running, variant.get("CurrentInstanceCount", 0)),
            (self.statuses, found["EndpointStatus"]),
        ):
            if not series or series[-1][1] != value:
                series.append([at, value])

    def _look_at_metrics(self, since: float | None) -> None:
        asked = self.clock.now()
        first = self.started_at - _BEFORE
        start = max(first, asked - _LOOK_BACK) if since is None and self._seen else since or first
        queries = [
            metric.query(f"m{number}_{statistic.lower()}", statistic)
            for number, metric in enumerate(self._metrics)
            for statistic in _STATISTICS
        ]
        pages = self.clients("cloudwatch").get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(asked + MINUTE, UTC),
        )  # fmt: skip
        found = [result for page in pages for result in page["MetricDataResults"]]
        at = self._since(self.clock.now())
        for result in found:
            number, _, statistic = result["Id"].removeprefix("m").partition("_")
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                key = int(number), round(moment.timestamp() - self.started_at)
                self._seen.setdefault(key, at)
                self._values.setdefault(key, {})[statistic] = value

    def _series(self) -> list[Series]:
        order = [name.lower() for name in _STATISTICS]
        return [
            Series(
                metric.namespace,
                metric.name,
                {name: ENDPOINT if value == self.endpoint else value for name, value in metric.dimensions},
                [
                    Point(minute, seen, *(self._values[number, minute].get(name, 0.0) for name in order))
                    for (which, minute), seen in sorted(self._seen.items())
                    if which == number
                ],
            )
            for number, metric in enumerate(self._metrics)
        ]

    def _of_target(self) -> dict[str, str]:
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{self.endpoint}/variant/{self.variant}",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

    def _bounds(self) -> list[int]:
        target = self._of_target()
        target["ResourceIds"] = [target.pop("ResourceId")]  # type: ignore[assignment]
        found = self.clients("application-autoscaling").describe_scalable_targets(**target)["ScalableTargets"]
        return [found[0]["MinCapacity"], found[0]["MaxCapacity"]] if found else [0, 0]

    def _policies(self) -> list[dict[str, Any]]:
        found = self.clients("application-autoscaling").describe_scaling_policies(**self._of_target())
        members = ("PolicyName", "PolicyType", "StepScalingPolicyConfiguration",
                   "TargetTrackingScalingPolicyConfiguration")  # fmt: skip
        return [{name: policy[name] for name in members if name in policy} for policy in found["ScalingPolicies"]]

    def _alarms(self) -> list[dict[str, Any]]:
        """The alarms that scale this endpoint; those that target tracking made for itself come with its policy."""
        pages = self.clients("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        mine = f":resource/sagemaker/endpoint/{self.endpoint}/"
        return [
            alarm
            for page in pages
            for alarm in page["MetricAlarms"]
            if any(mine in action for action in alarm["AlarmActions"])
            and not alarm["AlarmName"].startswith("TargetTracking-")
        ]

    @staticmethod
    def _settings(alarm: dict[str, Any], policies: list[dict[str, Any]]) -> dict[str, Any]:
        members = (
            "AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic", "Period", "Metrics", "Threshold",
            "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "TreatMissingData",
        )  # fmt: skip
        actions = [action.rpartition("policyName/")[2].partition(":")[0] for action in alarm["AlarmActions"]]
        names = {policy["PolicyName"] for policy in policies}
        kept = {name: alarm[name] for name in members if alarm.get(name) not in (None, [], "")}
        return {**kept, "AlarmActions": [action for action in actions if action in names]}

    def _history(self, name: str) -> list[list[Any]]:
        """Each change of an alarm's state since the start: when, which alarm, to what."""
        pages = self.clients("cloudwatch").get_paginator("describe_alarm_history").paginate(
            AlarmName=name, HistoryItemType="StateUpdate"
        )  # fmt: skip
        items = [item for page in pages for item in page["AlarmHistoryItems"]]
        changes: list[list[Any]] = [
            [self._since(item["Timestamp"].timestamp()), name, _new_state(item["HistorySummary"])] for item in items
        ]
        return [change for change in changes if change[0] >= 0 and change[2]]

    def _activities(self) -> list[dict[str, Any]]:
        """The scaling activities since the start, oldest first, with their times in seconds since then."""
        found = self.clients("application-autoscaling").describe_scaling_activities(**self._of_target())
        told = [
            {
                "start": self._since(each["StartTime"].timestamp()),
                "end": self._since(each["EndTime"].timestamp()) if "EndTime" in each else None,
                "status": each["StatusCode"],
                "description": each["Description"],
                "cause": each["Cause"],
                "message": each.get("StatusMessage", ""),
            }
            for each in found["ScalingActivities"]
        ]
        return sorted((each for each in told if each["start"] >= 0), key=lambda each: float(each["start"]))


def _new_state(summary: str) -> str:
    """The state of "Alarm updated from OK to ALARM", the summary of a change; empty where it tells of none."""
    new = summary.rpartition(" to ")[2].strip().rstrip(".").replace(" ", "_").upper()
    return new if new in {"OK", "ALARM", "INSUFFICIENT_DATA"} else ""
