"""What goes wrong with the other parts of a deployed stage, each undone afterwards."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from async_endpoint.protocol import WAITS_FOR_ADMISSION, JobState, utc_timestamp
from tests.support.why_stage import Deployed, Fault, client, jobs_table, settle

_FUNCTION_SETTINGS = (
    "FunctionName", "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment",
    "TracingConfig", "Architectures", "LoggingConfig",
)  # fmt: skip


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
    with _archive_aside(deployed) as archive:
        client("s3").delete_object(**archive)
        yield


@contextmanager
def damaged_archive(deployed: Deployed) -> Iterator[None]:
    """What is in the place of the model's archive is none: the container of a new instance fails."""
    with _archive_aside(deployed) as archive:
        client("s3").put_object(**archive, Body=b"no archive")
        yield


@contextmanager
def _archive_aside(deployed: Deployed) -> Iterator[dict[str, str]]:
    """Yields bucket and key of the model's archive, and puts the archive back."""
    sagemaker, s3 = client("sagemaker"), client("s3")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=deployed.config)
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    bucket, _, key = model["PrimaryContainer"]["ModelDataUrl"].removeprefix("s3://").partition("/")
    s3.copy_object(Bucket=bucket, Key=f"{key}.aside", CopySource={"Bucket": bucket, "Key": key})
    try:
        yield {"Bucket": bucket, "Key": key}
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


@contextmanager
def job_that_stays_submitted(deployed: Deployed) -> Iterator[None]:
    """A job without an outcome whose time is over; the caller has the reconciler fail, which would end it."""
    before = utc_timestamp(datetime.now(UTC) - timedelta(hours=9))
    location = f"s3://{deployed.outputs['OutputBucketName']}/results/why.out"
    times = dict.fromkeys(("received_at", "submitted_at", "updated_at"), before)
    with job(state=JobState.SUBMITTED.value, output_location=location, **times)(deployed):
        yield


@contextmanager
def missing_function(deployed: Deployed) -> Iterator[None]:
    functions, name = client("lambda"), deployed.named("WatchdogFunction")
    found = functions.get_function(FunctionName=name)
    (allowed,) = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    with urllib.request.urlopen(found["Code"]["Location"], timeout=5) as response:  # noqa: S310 - the local AWS
        code = response.read()
    settings = {key: value for key, value in found["Configuration"].items() if key in _FUNCTION_SETTINGS}
    functions.delete_function(FunctionName=name)
    try:
        yield
    finally:
        layers = [each["Arn"] for each in found["Configuration"]["Layers"]]
        functions.create_function(**settings, Layers=layers, Code={"ZipFile": code})
        functions.add_permission(
            FunctionName=name,
            StatementId="schedule",
            Action=allowed["Action"],
            Principal=allowed["Principal"]["Service"],
            SourceArn=allowed["Condition"]["ArnLike"]["AWS:SourceArn"],
        )


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
