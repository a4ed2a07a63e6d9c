"""A healthy stage as a snapshot, in the shapes that AWS reports, for the tests of rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from async_endpoint.operations.diagnose.facts import (
    Activity,
    Alarm,
    BucketFacts,
    ConfigFacts,
    EndpointFacts,
    EventSource,
    FunctionFacts,
    JobsFacts,
    ModelFacts,
    Policy,
    QueueFacts,
    Resource,
    RuleFacts,
    StageNames,
    TargetFacts,
    Watched,
)
from async_endpoint.operations.diagnose.metrics import Datapoint
from async_endpoint.operations.diagnose.snapshot import Snapshot

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NAME = "donut-async-dev"
_ARN = "arn:aws:sns:ap-northeast-1:000000000000"
_POLICY = f"arn:aws:autoscaling:ap-northeast-1:0:scalingPolicy:1:resource/sagemaker/endpoint/{NAME}/variant/AllTraffic"
WAKE, SLEEP = f"{_POLICY}:policyName/wake-from-zero", f"{_POLICY}:policyName/sleep-when-idle"
BACKLOG = f"{_POLICY}:policyName/backlog-per-instance"
ROLE_POLICY = "arn:aws:iam::000000000000:policy/ExecutionPermissions"
QUEUE_ARN = "arn:aws:sqs:ap-northeast-1:000000000000:results"
RULES_OF_EVENTS = "arn:aws:events:ap-northeast-1:000000000000:rule"
_FUNCTIONS = "arn:aws:lambda:ap-northeast-1:000000000000:function"
TOPICS = (f"{_ARN}:success-Success1", f"{_ARN}:error-Error1")
QUEUES = "https://sqs.ap-northeast-1.amazonaws.com/000000000000"

NAMES = StageNames(
    label="--stage dev",
    region="ap-northeast-1",
    statuses={f"async-endpoint-dev-{kind}": "UPDATE_COMPLETE" for kind in ("foundation", "endpoint", "workflow")},
    outputs={
        "EndpointName": NAME,
        "JobsTableName": "jobs",
        "AlarmTopicArn": "topic",
        "InboxLocation": "s3://inputs/inbox/",
        "InputBucketName": "inputs",
        "OutputBucketName": "outputs",
        **{f"{kind}QueueUrl": f"{QUEUES}/{kind.lower()}" for kind in ("Intake", "Urgent", "Results")},
        **{f"{kind}DeadLettersUrl": f"{QUEUES}/{kind.lower()}-dead" for kind in ("Intake", "Urgent", "Results")},
    },
    resources=(
        Resource("AWS::SageMaker::Endpoint", "Endpoint", f"arn:aws:sagemaker:r:0:endpoint/{NAME}"),
        Resource("AWS::SageMaker::EndpointConfig", "Config", "arn:aws:sagemaker:r:0:endpoint-config/config-1"),
        Resource("AWS::ApplicationAutoScaling::ScalableTarget", "ScalingTarget", "target"),
        Resource("AWS::ApplicationAutoScaling::ScalingPolicy", "ScalingWakePolicy", WAKE),
        Resource("AWS::ApplicationAutoScaling::ScalingPolicy", "ScalingSleepPolicy", SLEEP),
        Resource("AWS::ApplicationAutoScaling::ScalingPolicy", "ScalingBacklogPolicy", BACKLOG),
        Resource("AWS::CloudWatch::Alarm", "ScalingWakeAlarm2493FE04", "WakeAlarm"),
        Resource("AWS::CloudWatch::Alarm", "ScalingSleepAlarmE27DED58", "SleepAlarm"),
        Resource("AWS::CloudWatch::Alarm", "AlarmsFailures7BE837BE", "Failures"),
        Resource("AWS::IAM::Role", "ExecutionRole", "execution"),
        Resource("AWS::IAM::ManagedPolicy", "ExecutionPermissions", ROLE_POLICY),
        Resource("AWS::KMS::Key", "Key", "key-1"),
        Resource("AWS::Lambda::Function", "IntakeFunction1A6D016E", "intake"),
        Resource("AWS::Lambda::EventSourceMapping", "IntakeFunctionSource", "uuid-1"),
        Resource("AWS::Events::Rule", "Uploads4F6EB0FD", "uploads"),
    ),
)


def alarm(name: str, action: str, metric: str = "ApproximateBacklogSize", **dimensions: str) -> Alarm:
    return Alarm(
        name=name,
        state="OK",
        reason="Threshold not crossed",
        actions_enabled=True,
        actions=(action,),
        watched=(Watched("AWS/SageMaker", metric, {"EndpointName": NAME} | dimensions),),
        changed_at=NOW - timedelta(hours=5),
        description="What happened. Runbook: docs/operations.md#requests-fail in the repository",
        expression="IF((cpu >= 80) + (gpu >= 20), 0)" if name == "SleepAlarm" else "",
    )


def function(part: str, **changes: Any) -> FunctionFacts:
    environment = {"REQUEST_TTL_SECONDS": "21600", "INVOCATION_TIMEOUT_SECONDS": "721"}
    made = FunctionFacts(logical_id=f"{part}Function1A6D016E", name=part.lower(), environment=environment)
    return replace(made, **changes)


def points(value: float, *, minutes: int = 120, newest: int = 2) -> tuple[Datapoint, ...]:
    """A datapoint a minute, the newest of them so many minutes old."""
    return tuple(Datapoint(NOW - timedelta(minutes=at), value) for at in range(newest, minutes))


ENDPOINT = EndpointFacts(
    status="InService", config="config-1", running=0, desired=0, changed_at=NOW - timedelta(hours=4)
)
ASLEEP = Snapshot(
    names=NAMES,
    now=NOW,
    since=NOW - timedelta(hours=1),
    endpoint=ENDPOINT,
    config=ConfigFacts(instance_type="ml.g4dn.xlarge", model="model-1", concurrency=16, topics=TOPICS),
    model=ModelFacts("s3://assets/model.tar.gz", "arn:aws:iam::000000000000:role/execution"),
    target=TargetFacts(minimum=0, maximum=2),
    policies=(
        Policy("wake-from-zero", WAKE),
        Policy("sleep-when-idle", SLEEP),
        Policy("backlog-per-instance", "tracking", 5.0, ("AlarmHigh-1",)),
    ),
    activities=(
        Activity(
            began_at=NOW - timedelta(hours=4),
            ended_at=NOW - timedelta(hours=4),
            status="Successful",
            message="Successfully set desired instance count to 0.",
            description="Setting desired instance count to 0.",
        ),
    ),
    alarms={
        "WakeAlarm": alarm("WakeAlarm", WAKE),
        "SleepAlarm": alarm("SleepAlarm", SLEEP),
        "AlarmHigh-1": alarm("AlarmHigh-1", "scalingPolicy:tracking", "ApproximateBacklogSizePerInstance"),
        "Failures": alarm("Failures", "topic", "InvocationFailures", VariantName="AllTraffic"),
    },
    datapoints={"ApproximateBacklogSize": points(0), "HasBacklogWithoutCapacity": points(0)},
    subscriptions=dict.fromkeys(TOPICS, frozenset({QUEUE_ARN})),
    queues=tuple(QueueFacts(worker=worker, waiting=0) for worker in ("intake", "urgent", "results")),
    functions=tuple(function(part) for part in ("Intake", "Results", "Reconciler", "Notifier", "Watchdog")),
    event_sources=(EventSource("uuid-1", "IntakeFunctionSource", "Enabled"),),
    rules=(
        RuleFacts("Uploads4F6EB0FD", "uploads", "ENABLED", (QUEUE_ARN,)),
        RuleFacts("WatchdogScheduleD5E067EF", "watchdog", "ENABLED", (f"{_FUNCTIONS}:watchdog",)),
        RuleFacts("ReconcilerSchedule268E3F59", "reconciler", "ENABLED", (f"{_FUNCTIONS}:reconciler",)),
    ),
    buckets=(BucketFacts(name="inputs", sends_events=True), BucketFacts(name="outputs")),
    archive_exists=True,
    role_policies=frozenset({ROLE_POLICY}),
    table_status="ACTIVE",
)


def rule(logical_id: str) -> RuleFacts:
    """An enabled rule without a target."""
    name = logical_id[:-8]
    return RuleFacts(logical_id, name, "ENABLED", arn=f"{RULES_OF_EVENTS}/{name}")


def changed(**changes: Any) -> Snapshot:
    """The sleeping stage with other parts."""
    return replace(ASLEEP, **changes)


def endpoint(**changes: Any) -> EndpointFacts:
    return replace(ENDPOINT, **changes)


AWAKE = changed(
    endpoint=endpoint(running=1, desired=1, changed_at=NOW - timedelta(minutes=10)),
    jobs=JobsFacts(submitted=3, oldest_submitted=NOW - timedelta(minutes=1)),
    datapoints={"ApproximateBacklogSize": points(3), "InvocationsProcessed": points(12), "CPUUtilization": points(95)},
)
WAKING = changed(
    endpoint=endpoint(status="Updating", desired=1, changed_at=NOW - timedelta(minutes=4)),
    jobs=JobsFacts(submitted=3, oldest_submitted=NOW - timedelta(minutes=6)),
    datapoints={"ApproximateBacklogSize": points(3, minutes=6), "HasBacklogWithoutCapacity": points(1, minutes=6)},
)
JUST_DEPLOYED = changed(
    endpoint=endpoint(running=1, desired=1, changed_at=NOW - timedelta(minutes=1)),
    activities=(),
    alarms={name: replace(each, state="INSUFFICIENT_DATA") for name, each in ASLEEP.alarms.items()},
    datapoints={},
)
