"""What goes wrong with the other parts of a deployed stage, each undone afterwards."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from async_endpoint.protocol import WAITS_FOR_ADMISSION, JobState, utc_timestamp
from tests.support.why_stage import Deployed, Fault, client, jobs_table, settle

_TOPIC_SETTINGS = ("DisplayName", "KmsMasterKeyId", "Policy", "SignatureVersion", "TracingConfig")
_SUBSCRIPTION_SETTINGS = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
_QUEUE_SETTINGS = (
    "DelaySeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod", "Policy",
    "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
)  # fmt: skip


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


def function_with(kind: str, **variables: str | None) -> Fault:
    """A function with other environment variables; None removes one."""

    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        functions, name = client("lambda"), deployed.named(f"{kind}Function")
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        changed = {key: value for key, value in (before | variables).items() if value is not None}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    return fault


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


def missing_topic(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sns, topic = client("sns"), deployed.outputs[f"{kind}TopicArn"]
        attributes = _settable(sns.get_topic_attributes(TopicArn=topic)["Attributes"], _TOPIC_SETTINGS)
        subscribed = [
            (each, sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"])
            for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        ]
        sns.delete_topic(TopicArn=topic)
        try:
            yield
        finally:
            sns.create_topic(Name=topic.rpartition(":")[2], Attributes=attributes)
            for each, settings in subscribed:
                sns.subscribe(
                    TopicArn=topic,
                    Protocol=each["Protocol"],
                    Endpoint=each["Endpoint"],
                    Attributes=_settable(settings, _SUBSCRIPTION_SETTINGS),
                )

    return fault


def missing_queue(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sqs, url = client("sqs"), deployed.outputs[f"{kind}QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        sqs.delete_queue(QueueUrl=url)
        try:
            yield
        finally:
            sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=_settable(attributes, _QUEUE_SETTINGS))

    return fault


def _settable(attributes: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Returns the attributes with which a topic, a queue or a subscription can be created again."""
    return {name: attributes[name] for name in names if attributes.get(name)}


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
        item |= {"submitted_at": now} if state == JobState.SUBMITTED else {}
        table.put_item(Item=item | attributes)
        try:
            yield
        finally:
            table.delete_item(Key={"job_id": "why-1"})

    return fault


SUBMITTED = job(state=JobState.SUBMITTED.value)
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
