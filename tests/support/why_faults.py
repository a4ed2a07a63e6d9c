"""Things that go wrong with a deployed stage, each undone afterwards, by plain calls of boto3."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import boto3

from async_endpoint.protocol import WAITS_FOR_ADMISSION, JobState, utc_timestamp

PREFIX = "async-endpoint-dev"
_ALARM_SETTINGS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm",
    "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics",
)  # fmt: skip
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_POLICY_SETTINGS = (
    "PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyType", "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
)  # fmt: skip


def client(service: str) -> Any:
    """A client of boto3, untyped: these calls are about their effect."""
    return cast("Any", boto3.client)(service)


def jobs_table(name: str) -> Any:
    """The jobs table, as untyped as the clients."""
    return cast("Any", boto3.resource)("dynamodb").Table(name)


@dataclass(frozen=True)
class Deployed:
    """What the stacks have deployed."""

    outputs: dict[str, str]
    resources: dict[str, str]  # physical ids by logical ids

    @classmethod
    def read(cls) -> "Deployed":
        outputs: dict[str, str] = {}
        resources: dict[str, str] = {}
        cloudformation = client("cloudformation")
        for kind in ("foundation", "endpoint", "workflow"):
            stack = cloudformation.describe_stacks(StackName=f"{PREFIX}-{kind}")["Stacks"][0]
            outputs |= {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
            listed = cloudformation.list_stack_resources(StackName=f"{PREFIX}-{kind}")["StackResourceSummaries"]
            resources |= {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}
        return cls(outputs, resources)

    @property
    def endpoint(self) -> str:
        return self.outputs["EndpointName"]

    @property
    def target(self) -> dict[str, str]:
        resource = f"endpoint/{self.endpoint}/variant/AllTraffic"
        return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": _DIMENSION}

    def named(self, start: str) -> str:
        """The physical id of the one resource whose logical id begins like this, before the CDK's hash."""
        (found,) = {physical for logical, physical in self.resources.items() if logical[:-8] == start}
        return found


Fault = Callable[[Deployed], AbstractContextManager[None]]


def _alarm(name: str) -> dict[str, Any]:
    (found,) = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return {key: found[key] for key in _ALARM_SETTINGS if found.get(key) not in (None, [])}


@contextmanager
def _alarm_restored(name: str) -> Iterator[dict[str, Any]]:
    before = _alarm(name)
    try:
        yield json.loads(json.dumps(before))
    finally:
        client("cloudwatch").put_metric_alarm(**before)


@contextmanager
def wake_alarm_of_another_endpoint(deployed: Deployed) -> Iterator[None]:
    with _alarm_restored(deployed.named("ScalingWakeAlarm")) as alarm:
        for query in alarm["Metrics"]:
            for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []):
                dimension["Value"] = dimension["Value"].replace(deployed.endpoint, "donut-async-other")
        client("cloudwatch").put_metric_alarm(**alarm)
        yield


@contextmanager
def queue_metric_with_a_variant(deployed: Deployed) -> Iterator[None]:
    with _alarm_restored(deployed.named("AlarmsStuckAtZero")) as alarm:
        alarm["Dimensions"].append({"Name": "VariantName", "Value": "AllTraffic"})
        client("cloudwatch").put_metric_alarm(**alarm)
        yield


def disabled_actions(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        names = [deployed.named(kind)]
        client("cloudwatch").disable_alarm_actions(AlarmNames=names)
        try:
            yield
        finally:
            client("cloudwatch").enable_alarm_actions(AlarmNames=names)

    return fault


@contextmanager
def deleted_alarm(deployed: Deployed) -> Iterator[None]:
    name = deployed.named("ScalingSleepAlarm")
    with _alarm_restored(name):
        client("cloudwatch").delete_alarms(AlarmNames=[name])
        yield


@contextmanager
def deleted_alarm_of_target_tracking(deployed: Deployed) -> Iterator[None]:
    (policy,) = client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", PolicyNames=["backlog-per-instance"]
    )["ScalingPolicies"]
    client("cloudwatch").delete_alarms(AlarmNames=[policy["Alarms"][0]["AlarmName"]])
    try:
        yield
    finally:
        _put_policies([policy], deployed)


@contextmanager
def alarm_without_action(deployed: Deployed) -> Iterator[None]:
    with _alarm_restored(deployed.named("ScalingWakeAlarm")) as alarm:
        alarm.pop("AlarmActions")
        client("cloudwatch").put_metric_alarm(**alarm)
        yield


def target_with(**settings: Any) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        scaling = client("application-autoscaling")
        (before,) = scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[deployed.target["ResourceId"]]
        )["ScalableTargets"]
        scaling.register_scalable_target(**deployed.target, **settings)
        try:
            yield
        finally:
            scaling.register_scalable_target(
                **deployed.target, **{name: before[name] for name in ("MinCapacity", "MaxCapacity", "SuspendedState")}
            )

    return fault


def _put_policies(policies: list[dict[str, Any]], deployed: Deployed) -> None:
    """Puts policies again, and has their alarms trigger the new ones."""
    scaling = client("application-autoscaling")
    for policy in policies:
        put = {name: policy[name] for name in _POLICY_SETTINGS if name in policy}
        arn = scaling.put_scaling_policy(**put)["PolicyARN"]
        for kind, name in (("ScalingWakeAlarm", "wake-from-zero"), ("ScalingSleepAlarm", "sleep-when-idle")):
            if policy["PolicyName"] == name:
                client("cloudwatch").put_metric_alarm(**_alarm(deployed.named(kind)) | {"AlarmActions": [arn]})


@contextmanager
def deleted_policy(deployed: Deployed) -> Iterator[None]:
    scaling = client("application-autoscaling")
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["wake-from-zero"])[
        "ScalingPolicies"
    ]
    scaling.delete_scaling_policy(PolicyName="wake-from-zero", **deployed.target)
    try:
        yield
    finally:
        _put_policies([policy], deployed)


@contextmanager
def deregistered_target(deployed: Deployed) -> Iterator[None]:
    scaling = client("application-autoscaling")
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    scaling.deregister_scalable_target(**deployed.target)
    try:
        yield
    finally:
        scaling.register_scalable_target(**deployed.target, MinCapacity=0, MaxCapacity=2)
        _put_policies(policies, deployed)


@contextmanager
def role_without_its_policy(deployed: Deployed) -> Iterator[None]:
    names = {"RoleName": deployed.named("ExecutionRole"), "PolicyArn": deployed.named("ExecutionPermissions")}
    client("iam").detach_role_policy(**names)
    try:
        yield
    finally:
        client("iam").attach_role_policy(**names)


def disabled_rule(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        name = deployed.named(kind)
        client("events").disable_rule(Name=name)
        try:
            yield
        finally:
            client("events").enable_rule(Name=name)

    return fault


def disabled_mapping(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        functions = client("lambda")
        name = deployed.named(f"{kind}Function")
        (uuid, *_) = [
            each["UUID"] for each in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        ]
        functions.update_event_source_mapping(UUID=uuid, Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=uuid, Enabled=True)

    return fault


@contextmanager
def throttled_function(deployed: Deployed) -> Iterator[None]:
    name = deployed.named("ResultsFunction")
    client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client("lambda").delete_function_concurrency(FunctionName=name)


@contextmanager
def silent_inbox(deployed: Deployed) -> Iterator[None]:
    def put(configuration: dict[str, Any]) -> None:
        client("s3").put_bucket_notification_configuration(
            Bucket=deployed.outputs["InputBucketName"], NotificationConfiguration=configuration
        )

    put({})
    try:
        yield
    finally:
        put({"EventBridgeConfiguration": {}})


@contextmanager
def missing_archive(deployed: Deployed) -> Iterator[None]:
    sagemaker, s3 = client("sagemaker"), client("s3")
    config = sagemaker.describe_endpoint(EndpointName=deployed.endpoint)["EndpointConfigName"]
    variant = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
    url = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]["ModelDataUrl"]
    bucket, _, key = url.removeprefix("s3://").partition("/")
    s3.copy_object(Bucket=bucket, Key=f"{key}.aside", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    try:
        yield
    finally:
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": f"{key}.aside"})


@contextmanager
def denying_bucket(deployed: Deployed) -> Iterator[None]:
    s3, bucket = client("s3"), deployed.outputs["OutputBucketName"]
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    policy["Statement"].append(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/results/*"}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=before)


def unsubscribed(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sns, topic = client("sns"), deployed.outputs[f"{kind}TopicArn"]
        queue = deployed.outputs["ResultsQueueUrl"].rpartition("/")[2]
        (own,) = (
            each
            for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
            if each["Endpoint"].endswith(f":{queue}")
        )
        sns.unsubscribe(SubscriptionArn=own["SubscriptionArn"])
        try:
            yield
        finally:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=own["Endpoint"])

    return fault


def dead_letter(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sqs, url = client("sqs"), deployed.outputs[f"{kind}DeadLettersUrl"]
        sqs.send_message(
            QueueUrl=url,
            MessageBody=json.dumps({"source": "aws.s3"}),
            MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}},
        )
        try:
            yield
        finally:
            sqs.purge_queue(QueueUrl=url)

    return fault


def job(**attributes: Any) -> Fault:
    """A job as the functions record it."""

    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        table = jobs_table(deployed.outputs["JobsTableName"])
        now = utc_timestamp(datetime.now(UTC))
        state = attributes["state"]
        item = {
            "job_id": "why-1",
            "updated_at": now,
            "received_at": now,
            "bucket": "b",
            "key": "inbox/a",
            "version": "1",
        }
        item |= {"ended_at": now} if JobState(state).is_final else {}
        table.put_item(Item=item | attributes)
        try:
            yield
        finally:
            table.delete_item(Key={"job_id": "why-1"})

    return fault


WAITING_FOR_ADMISSION = job(state=JobState.RECEIVED.value, claimed_until=WAITS_FOR_ADMISSION)


def logged(line: str) -> Fault:
    """A line in the endpoint's log, in a stream that is deleted afterwards."""

    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        logs, group = client("logs"), f"/aws/sagemaker/Endpoints/{deployed.endpoint}"
        stream = {"logGroupName": group, "logStreamName": "AllTraffic/i-why"}
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": line}])
        try:
            yield
        finally:
            logs.delete_log_stream(**stream)

    return fault


@contextmanager
def other_configuration(deployed: Deployed) -> Iterator[None]:
    sagemaker = client("sagemaker")
    own = sagemaker.describe_endpoint(EndpointName=deployed.endpoint)["EndpointConfigName"]
    described = sagemaker.describe_endpoint_config(EndpointConfigName=own)
    sagemaker.create_endpoint_config(
        EndpointConfigName="by-hand",
        ProductionVariants=described["ProductionVariants"],
        AsyncInferenceConfig=described["AsyncInferenceConfig"],
    )
    _serve(deployed, "by-hand")
    try:
        yield
    finally:
        _serve(deployed, own)
        sagemaker.delete_endpoint_config(EndpointConfigName="by-hand")


def _serve(deployed: Deployed, config: str) -> None:
    sagemaker = client("sagemaker")
    sagemaker.update_endpoint(
        EndpointName=deployed.endpoint, EndpointConfigName=config, RetainAllVariantProperties=True
    )
    settle(deployed)


def settle(deployed: Deployed, seconds: float = 60) -> None:
    """Waits until the endpoint is in service."""
    deadline = time.monotonic() + seconds
    while client("sagemaker").describe_endpoint(EndpointName=deployed.endpoint)["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline, "the endpoint did not settle"
        time.sleep(0.2)
