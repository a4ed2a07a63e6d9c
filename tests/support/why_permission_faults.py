"""What takes permissions away from the parts of a deployed stage, each undone afterwards."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.why_stage import Deployed, Fault, client

_PUBLISH = {"Effect": "Deny", "Action": "sns:Publish", "Resource": "*"}


@contextmanager
def role_without_its_policy(deployed: Deployed) -> Iterator[None]:
    names = {"RoleName": deployed.named("ExecutionRole"), "PolicyArn": deployed.named("ExecutionPermissions")}
    client("iam").detach_role_policy(**names)
    try:
        yield
    finally:
        client("iam").attach_role_policy(**names)


@contextmanager
def policy_that_writes_nothing(deployed: Deployed) -> Iterator[None]:
    """A version of the role's policy without the statement about results."""
    iam, policy = client("iam"), {"PolicyArn": deployed.named("ExecutionPermissions")}
    before = iam.get_policy(**policy)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(**policy, VersionId=before)["PolicyVersion"]["Document"]
    rest = [each for each in document["Statement"] if "s3:PutObject" not in each["Action"]]
    changed = iam.create_policy_version(
        **policy, PolicyDocument=json.dumps({**document, "Statement": rest}), SetAsDefault=True
    )
    try:
        yield
    finally:
        # The emulated IAM has no SetDefaultPolicyVersion.
        iam.create_policy_version(**policy, PolicyDocument=json.dumps(document), SetAsDefault=True)
        iam.delete_policy_version(**policy, VersionId=changed["PolicyVersion"]["VersionId"])


@contextmanager
def role_that_may_not_publish(deployed: Deployed) -> Iterator[None]:
    names = {"RoleName": deployed.named("ExecutionRole"), "PolicyName": "why"}
    document = {"Version": "2012-10-17", "Statement": [_PUBLISH]}
    client("iam").put_role_policy(**names, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        client("iam").delete_role_policy(**names)


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


def function_that_no_rule_may_invoke(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        functions, name = client("lambda"), deployed.named(f"{kind}Function")
        (statement,) = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
        try:
            yield
        finally:
            functions.add_permission(
                FunctionName=name,
                StatementId=statement["Sid"],
                Action=statement["Action"],
                Principal=statement["Principal"]["Service"],
                SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            )

    return fault


def rule_without_target(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        events, rule = client("events"), deployed.named(kind)
        targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        events.remove_targets(Rule=rule, Ids=[each["Id"] for each in targets])
        try:
            yield
        finally:
            events.put_targets(Rule=rule, Targets=targets)

    return fault
