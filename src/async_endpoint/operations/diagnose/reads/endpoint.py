"""The endpoint, its configuration, its model and its log."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.diagnose.facts import ConfigFacts, EndpointFacts, ModelFacts
from async_endpoint.operations.diagnose.reads.logs import error_lines
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from datetime import datetime

    from async_endpoint.operations.diagnose.facts import StageNames
    from async_endpoint.operations.diagnose.reads.clients import Clients

# A model server's crashes, Python's tracebacks, and SageMaker's own errors in `data-log`. "Backend worker monitoring
# thread interrupted or backend worker process died" is none: TorchServe reports it when it just stops,
# https://github.com/pytorch/serve/issues/449.
ERRORS = re.compile(
    r"MemoryError|out of memory|OutOfMemory|SIGKILL|AccessDenied|Load model failed"
    r"|(?<!interrupted or backend w)(?<=[Ww])orker (?:process )?died"
)
"""Lines of the endpoint's log that report a crash or an error."""

_GONE = "Could not find"
_ANY_KEY = "why"


def read_endpoint(clients: Clients, names: StageNames) -> EndpointFacts | None:
    """Calls DescribeEndpoint."""
    if not names.endpoint:
        return None
    try:
        found = clients["sagemaker"].describe_endpoint(EndpointName=names.endpoint)
    except ClientError as error:
        if _GONE in error.response["Error"].get("Message", ""):
            return None
        raise
    variant = (found.get("ProductionVariants") or [{}])[0]
    pending = found.get("PendingDeploymentSummary", {}).get("StartTime")
    return EndpointFacts(
        status=found["EndpointStatus"],
        config=found.get("EndpointConfigName", ""),
        running=variant.get("CurrentInstanceCount", 0),
        desired=variant.get("DesiredInstanceCount", 0),
        changed_at=found["LastModifiedTime"].astimezone(UTC),
        pending_since=pending.astimezone(UTC) if pending else None,
        failure_reason=found.get("FailureReason"),
        variant=variant.get("VariantName", "AllTraffic"),
    )


def read_config(clients: Clients, endpoint: EndpointFacts | None) -> ConfigFacts | None:
    """Calls DescribeEndpointConfig; None if it is gone, which SageMaker allows."""
    if endpoint is None:
        return None
    try:
        found = clients["sagemaker"].describe_endpoint_config(EndpointConfigName=endpoint.config)
    except ClientError as error:
        if _GONE in error.response["Error"].get("Message", ""):
            return None
        raise
    variant = found["ProductionVariants"][0]
    settings = found.get("AsyncInferenceConfig", {})
    output = settings.get("OutputConfig", {})
    topics = output.get("NotificationConfig", {})
    return ConfigFacts(
        instance_type=variant.get("InstanceType", ""),
        model=variant["ModelName"],
        concurrency=settings.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance"),
        topics=tuple(topics[name] for name in ("SuccessTopic", "ErrorTopic") if topics.get(name)),
        output_paths=tuple(output[name] for name in ("S3OutputPath", "S3FailurePath") if output.get(name)),
    )


def read_model(clients: Clients, config: ConfigFacts | None) -> ModelFacts | None:
    """Calls DescribeModel; None if it is gone."""
    if config is None:
        return None
    try:
        found = clients["sagemaker"].describe_model(ModelName=config.model)
    except ClientError as error:
        if _GONE in error.response["Error"].get("Message", ""):
            return None
        raise
    container = found.get("PrimaryContainer") or (found.get("Containers") or [{}])[0]
    return ModelFacts(container.get("ModelDataUrl"), found.get("ExecutionRoleArn", ""))


def read_archive(clients: Clients, model: ModelFacts | None) -> bool | None:
    """Returns whether the model's archive is in S3; None if it is no single object.

    It lists the one key. That needs no right to read the weights; and to those who may not list, S3 says the same of an
    object that is missing and of one that is denied.
    """
    if model is None or not model.archive:
        return None
    location = S3Location.from_uri(model.archive)
    try:
        found = clients["s3"].list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1)
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchBucket":
            return False
        raise
    # Of the keys that begin like this, the archive's own is the first.
    return any(each["Key"] == location.key for each in found.get("Contents", ()))


def read_role_policies(clients: Clients, model: ModelFacts | None) -> frozenset[str] | None:
    """Returns the ARNs of the managed policies that the execution role has; None if there is no such role."""
    if model is None or not model.role:
        return frozenset()
    try:
        pages = (
            clients["iam"].get_paginator("list_attached_role_policies").paginate(RoleName=model.role.rpartition("/")[2])
        )
        return frozenset(each["PolicyArn"] for page in pages for each in page["AttachedPolicies"])
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchEntity":
            return None
        raise


def read_role_lacks(
    clients: Clients, names: StageNames, config: ConfigFacts | None, model: ModelFacts | None
) -> tuple[str, ...]:
    """Returns what the stack's own role needs and IAM's simulation does not allow it, as sentences.

    The simulation has all policies of the role and its boundary, and none of the bucket's, topic's or key's:
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html.
    """
    if config is None or model is None:
        return ()
    role = model.role.rpartition("/")[2]
    if role not in {each.physical_id for each in names.of_type("AWS::IAM::Role")}:  # a role of one's own, or none
        return ()
    partition = model.role.split(":")[1]
    inbox = names.outputs.get("InboxLocation")
    needs = {
        "s3:GetObject": _objects(partition, [model.archive, inbox and f"{inbox}{_ANY_KEY}"]),
        "s3:PutObject": _objects(partition, [f"{path.rstrip('/')}/{_ANY_KEY}" for path in config.output_paths]),
        "sns:Publish": list(config.topics),
    }
    lacks = []
    for action, resources in needs.items():
        for resource in resources:
            try:
                decision = _decision(clients, model.role, action, resource)
            except ClientError as error:
                if error.response["Error"].get("Code") == "NoSuchEntity":
                    return ()
                raise
            if decision != "allowed":
                lacks.append(f"Role {role} may not {action} on {resource}: {decision}.")
    return tuple(lacks)


def _decision(clients: Clients, role: str, action: str, resource: str) -> str:
    # Of several resources EvalDecision is the most restrictive one's:
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
    found = clients["iam"].simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
    )
    decision: str = found["EvaluationResults"][0]["EvalDecision"]
    return decision


def _objects(partition: str, urls: list[str | None]) -> list[str]:
    """Returns the ARNs of objects, each once."""
    found = dict.fromkeys(url.removeprefix("s3://") for url in urls if url)
    return [f"arn:{partition}:s3:::{path}" for path in found]


def read_endpoint_errors(clients: Clients, names: StageNames, since: datetime) -> tuple[str, ...]:
    """Returns lines of the endpoint's log that report an error, newest first."""
    return error_lines(clients, f"/aws/sagemaker/Endpoints/{names.endpoint}", since, ERRORS) if names.endpoint else ()
