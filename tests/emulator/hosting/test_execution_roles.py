"""The check of a model's role, against the policies that the emulated IAM holds."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.hosting.execution_roles import ExecutionRoles
from async_endpoint.emulator.hosting.output_config import OutputConfig
from tests.emulator.conftest import Running, end_of_stack
from tests.emulator.fakes import ACCOUNT, LIMIT, REGION, endpoint_config, fake_region, model

MODEL_DATA = "s3://models/receipts/model.tar.gz"
SUCCESS, ERROR = (f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}" for name in ("success", "error"))
OUTPUT = OutputConfig("s3://answers/results", "s3://answers/failures/", SUCCESS, ERROR)
EVERYTHING = {
    "s3:GetObject": "arn:aws:s3:::models/*",
    "s3:PutObject": "arn:aws:s3:::answers/*",
    "s3:ListBucket": "arn:aws:s3:::answers",
    "sns:Publish": f"arn:aws:sns:{REGION}:{ACCOUNT}:*",
}
MakeRole = Callable[..., str]


@pytest.fixture
def make_role(clients: AwsClients) -> MakeRole:
    """Makes a role of a policy's statements, as action and resource; answers its ARN."""

    def make(allowed: Any = EVERYTHING, *, principal: Any = None, path: str = "/") -> str:
        name = f"role-{uuid.uuid4().hex}"
        trust = {"Effect": "Allow", "Principal": principal or {"Service": "sagemaker.amazonaws.com"}}
        role = clients.iam.create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=policy([{**trust, "Action": "sts:AssumeRole"}])
        )["Role"]
        if isinstance(allowed, dict):
            allowed = [{"Effect": "Allow", "Action": act, "Resource": item} for act, item in allowed.items()]
        if allowed:
            clients.iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=policy(allowed))
        return role["Arn"]

    return make


def policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def of(role: str) -> dict[str, Any]:
    return {**model("receipts", MODEL_DATA), "ExecutionRoleArn": role}


def without(action: str) -> dict[str, str]:
    return {name: resource for name, resource in EVERYTHING.items() if name != action}


def test_a_role_with_all_permissions_is_accepted(clients: AwsClients, make_role: MakeRole) -> None:
    roles, role = ExecutionRoles(clients), make_role()
    assert roles.model_rejection(of(role)) is None
    assert roles.endpoint_rejection(of(role), OUTPUT) is None


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("s3:PutObject", '"s3:PutObject" permissions for "s3://answers/results"'),
        ("s3:ListBucket", '"s3:ListBucket" permissions for bucket "answers"'),
        ("sns:Publish", f'"sns:Publish" permissions for topic "{SUCCESS}"'),
    ],
)
def test_what_an_endpoints_role_lacks_is_named(
    clients: AwsClients, make_role: MakeRole, action: str, asked: str
) -> None:
    role = make_role(without(action))
    assert ExecutionRoles(clients).endpoint_rejection(of(role), OUTPUT) == (
        f"The provided role '{role}' is invalid. Please ensure the role exists, that its trust relationship policy "
        f'allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com", and has {asked}.'
    )


def test_each_of_two_topics_and_two_paths_is_looked_at(clients: AwsClients, make_role: MakeRole) -> None:
    roles = ExecutionRoles(clients)
    narrow = {"s3:ListBucket": "arn:aws:s3:::answers", "sns:Publish": SUCCESS}
    role = make_role({**narrow, "s3:PutObject": "arn:aws:s3:::answers/results/*"})
    assert '"s3:PutObject" permissions for "s3://answers/failures/"' in (
        roles.endpoint_rejection(of(role), OUTPUT) or ""
    )
    role = make_role({**narrow, "s3:PutObject": "arn:aws:s3:::answers/*"})
    assert f'"sns:Publish" permissions for topic "{ERROR}"' in (roles.endpoint_rejection(of(role), OUTPUT) or "")


def test_nothing_is_asked_for_what_an_endpoint_does_not_use(clients: AwsClients, make_role: MakeRole) -> None:
    role = make_role({"s3:GetObject": "arn:aws:s3:::models/*"})
    assert ExecutionRoles(clients).endpoint_rejection(of(role), OutputConfig(None, None, None, None)) is None


def test_a_permission_under_a_condition_on_the_prefix_grants_nothing(clients: AwsClients, make_role: MakeRole) -> None:
    listing = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::answers",
        "Condition": {"StringLike": {"s3:prefix": "results/*"}},
    }
    others = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in without("s3:ListBucket").items()]
    role = make_role([listing, *others])
    assert '"s3:ListBucket"' in (ExecutionRoles(clients).endpoint_rejection(of(role), OUTPUT) or "")


def test_a_denial_wins(clients: AwsClients, make_role: MakeRole) -> None:
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    role = make_role([allowed, {"Effect": "Deny", "Action": "sns:*", "Resource": ERROR}])
    assert f'topic "{ERROR}"' in (ExecutionRoles(clients).endpoint_rejection(of(role), OUTPUT) or "")


def test_the_topics_own_policy_does_not_count(clients: AwsClients, make_role: MakeRole) -> None:
    role = make_role(without("sns:Publish"))
    topic = clients.sns.create_topic(Name=f"open-{uuid.uuid4().hex}")["TopicArn"]
    opened = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    clients.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy([opened]))
    output = OutputConfig("s3://answers/results", None, topic, None)
    assert topic in (ExecutionRoles(clients).endpoint_rejection(of(role), output) or "")


def test_a_managed_policy_counts_and_so_does_a_role_with_a_path(clients: AwsClients, make_role: MakeRole) -> None:
    role = make_role({}, path="/service-role/")
    assert ExecutionRoles(clients).endpoint_rejection(of(role), OUTPUT) is not None
    statements = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in EVERYTHING.items()]
    arn = clients.iam.create_policy(PolicyName=f"p-{uuid.uuid4().hex}", PolicyDocument=policy(statements))["Policy"]
    clients.iam.attach_role_policy(RoleName=role.rpartition("/")[2], PolicyArn=arn["Arn"])
    assert ExecutionRoles(clients).endpoint_rejection(of(role), OUTPUT) is None
    assert ExecutionRoles(clients).model_rejection(of(role)) is None


def test_a_role_that_may_not_read_the_archive(clients: AwsClients, make_role: MakeRole) -> None:
    role = make_role(without("s3:GetObject"))
    assert ExecutionRoles(clients).model_rejection(of(role)) == (
        f'Could not access model data at {MODEL_DATA}. Please ensure that the role "{role}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
        f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in {REGION}. If your '
        'Model uses multiple models or uncompressed models, please ensure that the role has "s3:ListBucket" permission.'
    )


@pytest.mark.parametrize("principal", [{"Service": "lambda.amazonaws.com"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}])
def test_a_role_that_does_not_trust_sagemaker(clients: AwsClients, make_role: MakeRole, principal: object) -> None:
    role = make_role(principal=principal)
    trust = (
        'its trust relationship policy allows the action "sts:AssumeRole" for the service principal '
        '"sagemaker.amazonaws.com"'
    )
    roles = ExecutionRoles(clients)
    assert roles.model_rejection(of(role)) == (
        f'The execution role ARN "{role}" is invalid. Please ensure that the role exists and that {trust}.'
    )
    assert roles.endpoint_rejection(of(role), OUTPUT) == (
        f"The provided role '{role}' is invalid. Please ensure the role exists, that {trust}."
    )


@pytest.mark.parametrize("services", ["sagemaker.amazonaws.com", ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]])
def test_a_role_may_trust_others_too(clients: AwsClients, make_role: MakeRole, services: object) -> None:
    assert ExecutionRoles(clients).model_rejection(of(make_role(principal={"Service": services}))) is None


def test_a_role_that_was_never_made_is_any_role(clients: AwsClients) -> None:
    nobody = of(f"arn:aws:iam::{ACCOUNT}:role/never-made")
    assert ExecutionRoles(clients).model_rejection(nobody) is None
    assert ExecutionRoles(clients).endpoint_rejection(nobody, OUTPUT) is None


def test_an_endpoint_of_a_role_that_may_not_publish_fails_and_an_update_to_it_goes_back(
    tmp_path: Path, clients: AwsClients, make_role: MakeRole
) -> None:
    topics = {"NotificationConfig": {"SuccessTopic": SUCCESS, "ErrorTopic": ERROR}}
    with fake_region(tmp_path, clients=clients, roles=ExecutionRoles(clients)) as region:
        for name, allowed in (("good", EVERYTHING), ("bad", without("sns:Publish"))):
            region.sagemaker.call("CreateModel", {**of(make_role(allowed)), "ModelName": name})
            region.sagemaker.call("CreateEndpointConfig", endpoint_config(name, name, output=topics))
            region.sagemaker.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})
            assert region.endpoint(name).wait(LIMIT)
        described = region.sagemaker.call("DescribeEndpoint", {"EndpointName": "bad"})
        assert described["EndpointStatus"] == "Failed"
        assert f'"sns:Publish" permissions for topic "{SUCCESS}"' in described["FailureReason"]
        assert len(region.launches.made) == 1  # the good one's

        region.sagemaker.call("UpdateEndpoint", {"EndpointName": "good", "EndpointConfigName": "bad"})
        assert region.endpoint("good").wait(LIMIT)
        described = region.sagemaker.call("DescribeEndpoint", {"EndpointName": "good"})
        assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "good")
        assert '"sns:Publish"' in described["FailureReason"]

        with pytest.raises(ValidationException, match="Could not access model data"):
            region.sagemaker.call("CreateModel", of(make_role(without("s3:GetObject"))))


WATCHED = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:errors"


def test_a_role_reads_the_alarms_that_roll_a_deployment_back(clients: AwsClients, make_role: MakeRole) -> None:
    role = make_role({**EVERYTHING, "cloudwatch:DescribeAlarms": WATCHED})
    roles = ExecutionRoles(clients)
    assert roles.endpoint_rejection(of(role), OUTPUT, ["errors"]) is None
    asked = '"cloudwatch:DescribeAlarms" permissions for alarm "latency"'
    assert asked in (roles.endpoint_rejection(of(role), OUTPUT, ["errors", "latency"]) or "")
    assert asked.replace("latency", "errors") in (roles.endpoint_rejection(of(make_role()), OUTPUT, ["errors"]) or "")


def test_an_update_with_rollback_alarms_that_the_role_may_not_read_is_rejected(
    tmp_path: Path, clients: AwsClients, make_role: MakeRole
) -> None:
    guard = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 0,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    }
    with fake_region(tmp_path, clients=clients, roles=ExecutionRoles(clients)) as region:
        for name, allowed in (("plain", EVERYTHING), ("reads", {**EVERYTHING, "cloudwatch:DescribeAlarms": WATCHED})):
            region.sagemaker.call("CreateModel", {**of(make_role(allowed)), "ModelName": name})
            region.sagemaker.call("CreateEndpointConfig", endpoint_config(name, name))
        region.sagemaker.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "plain"})
        assert region.endpoint("e").wait(LIMIT)

        def update(config: str) -> dict[str, Any]:
            request = {"EndpointName": "e", "EndpointConfigName": config, "DeploymentConfig": guard}
            region.sagemaker.call("UpdateEndpoint", request)
            assert region.endpoint("e").wait(LIMIT)
            return dict(region.sagemaker.call("DescribeEndpoint", {"EndpointName": "e"}))

        region.sagemaker.call("CreateEndpointConfig", endpoint_config("again", "plain"))
        rejected = update("again")
        assert (rejected["EndpointStatus"], rejected["EndpointConfigName"]) == ("InService", "plain")
        assert '"cloudwatch:DescribeAlarms" permissions for alarm "errors"' in rejected["FailureReason"]
        assert update("reads")["EndpointConfigName"] == "reads"


def test_the_running_server_rejects_a_role_by_its_own_iam(running: Running, make_role: MakeRole) -> None:
    """Over HTTP: the check calls the same server as the client."""
    sagemaker = running.client("sagemaker")
    with pytest.raises(ClientError, match="Could not access model data at") as rejected:
        sagemaker.create_model(**of(make_role(without("s3:GetObject"))))
    assert rejected.value.response["Error"]["Code"] == "ValidationException"


def test_a_stack_whose_role_may_not_read_the_archive_is_not_created(running: Running) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"AssumeRolePolicyDocument": json.loads(policy([trust]))}
    served = {"ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "PrimaryContainer": of("-")["PrimaryContainer"]}
    resources = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": served},
    }
    status, reasons = end_of_stack(running, resources)
    assert status == "ROLLBACK_COMPLETE"
    assert any("Could not access model data" in reason for reason in reasons)
