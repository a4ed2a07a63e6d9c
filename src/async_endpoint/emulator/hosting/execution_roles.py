"""The checks of a model's execution role that SageMaker makes before it assumes the role.

The check simulates the role's own policies. A permission in a topic's or a bucket's policy does not count, and a
statement under a condition on the request (`s3:prefix`) grants nothing. Source: the developer guide, "Complete the
prerequisites" of asynchronous inference, and the messages that users of AWS have reported.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.model import primary_container
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.protocol.locations import LocationError, S3Location

_PRINCIPAL = "sagemaker.amazonaws.com"
_TRUST = f'its trust relationship policy allows the action "sts:AssumeRole" for the service principal "{_PRINCIPAL}"'
_NOT_THERE = "NoSuchEntity"
# In place of the names that SageMaker gives to the objects it writes.
_ANY_OBJECT = "00000000-0000-0000-0000-000000000000.out"

logger = logging.getLogger(__name__)


class Roles(Protocol):
    """Checks roles; `ExecutionRoles` does it by IAM."""

    def model_rejection(self, model: Mapping[str, Any]) -> str | None:
        """Returns why CreateModel must reject a model's role, in AWS's words; None if it need not. It may block."""

    def endpoint_rejection(
        self, model: Mapping[str, Any], output: OutputConfig, alarms: Sequence[str] = ()
    ) -> str | None:
        """Returns why an endpoint cannot start with a model's role, in AWS's words; None if it can. It may block.

        `alarms` are the names of the alarms that roll its deployment back.
        """


class AnyRole:
    """Accepts every role."""

    def model_rejection(self, model: Mapping[str, Any]) -> None:
        """Returns None."""

    def endpoint_rejection(self, model: Mapping[str, Any], output: OutputConfig, alarms: Sequence[str] = ()) -> None:
        """Returns None."""


@dataclass(frozen=True)
class _Need:
    """One permission that a role must have, and what AWS calls its resource in the rejection."""

    action: str
    resource: str
    shown: str


class ExecutionRoles:
    """Checks roles by the emulated IAM; thread-safe.

    A role that IAM does not know is accepted: programs that are tried here use ARNs of roles that were never created.
    So is one with an AWS managed policy, such as AmazonSageMakerFullAccess, whose text IAM does not have here.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def model_rejection(self, model: Mapping[str, Any]) -> str | None:
        """As `Roles.model_rejection`: the role must trust SageMaker, and may read the archive."""
        role = model.get("ExecutionRoleArn")
        if role is None or (known := self._role(role)) is None:
            return None
        if not _trusts_sagemaker(known["AssumeRolePolicyDocument"]):
            return f'The execution role ARN "{role}" is invalid. Please ensure that the role exists and that {_TRUST}.'
        url = primary_container(model).get("ModelDataUrl")
        if url is None or self._lacks(role, [_on_object("s3:GetObject", url)]) is None:
            return None
        return (
            f'Could not access model data at {url}. Please ensure that the role "{role}" exists and that {_TRUST}. '
            f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in '
            f"{self._clients.region}. If your Model uses multiple models or uncompressed models, please ensure that "
            'the role has "s3:ListBucket" permission.'
        )

    def endpoint_rejection(
        self, model: Mapping[str, Any], output: OutputConfig, alarms: Sequence[str] = ()
    ) -> str | None:
        """As `Roles.endpoint_rejection`: the role may write results and failures, publish to both topics, read alarms.

        Alarms: the developer guide, "Auto-rollback configuration and monitoring", requires cloudwatch:DescribeAlarms on
        each. SageMaker's message is not known, nor whether a creation is rejected, too; here it is.
        """
        role = model.get("ExecutionRoleArn")
        if role is None or (known := self._role(role)) is None:
            return None
        missing = None
        if _trusts_sagemaker(known["AssumeRolePolicyDocument"]):
            missing = self._lacks(role, [*_needs(output), *map(self._on_alarm, alarms)])
            if missing is None:
                return None
        asked = "" if missing is None else f', and has "{missing.action}" permissions for {missing.shown}'
        return f"The provided role '{role}' is invalid. Please ensure the role exists, that {_TRUST}{asked}."

    def _on_alarm(self, name: str) -> _Need:
        arn = f"arn:aws:cloudwatch:{self._clients.region}:{self._clients.account}:alarm:{name}"
        return _Need("cloudwatch:DescribeAlarms", arn, f'alarm "{name}"')

    def _role(self, arn: str) -> Mapping[str, Any] | None:
        """Returns the role as IAM describes it; None if IAM does not know the role or the text of a policy."""
        iam, name = self._clients.iam, arn.rpartition("/")[2]
        try:
            role = iam.get_role(RoleName=name)["Role"]
            for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                iam.get_policy(PolicyArn=policy["PolicyArn"])
        except ClientError as error:
            if error.response["Error"]["Code"] != _NOT_THERE:
                raise
            logger.info("role %s is not checked: %s", arn, error)
            return None
        return role

    def _lacks(self, role: str, needs: list[_Need]) -> _Need | None:
        """Returns the first permission that a role's policies do not grant."""
        # The emulated IAM finds a role by what follows `role/`, which for a role with a path is not its name.
        prefix, _, name = role.rpartition("/")
        source = f"{prefix.partition(':role')[0]}:role/{name}"
        for need in needs:
            result = self._clients.iam.simulate_principal_policy(
                PolicySourceArn=source, ActionNames=[need.action], ResourceArns=[need.resource]
            )
            if result["EvaluationResults"][0]["EvalDecision"] != "allowed":
                return need
        return None


def _needs(output: OutputConfig) -> Iterator[_Need]:
    """Yields the permissions that an output configuration needs."""
    for path in (output.output_path, output.failure_path):
        if path is not None:
            yield _on_object("s3:PutObject", f"{path.rstrip('/')}/{_ANY_OBJECT}", shown=path)
            bucket = S3Location.from_prefix_uri(path).bucket
            yield _Need("s3:ListBucket", f"arn:aws:s3:::{bucket}", f'bucket "{bucket}"')
    for topic in (output.success_topic, output.error_topic):
        if topic is not None:
            yield _Need("sns:Publish", topic, f'topic "{topic}"')


def _on_object(action: str, url: str, shown: str | None = None) -> _Need:
    try:
        place = S3Location.from_uri(url)
    except LocationError:
        return _Need(action, url, f'"{url}"')  # not a location in S3: no policy allows it
    return _Need(action, f"arn:aws:s3:::{place.bucket}/{place.key}", f'"{shown or url}"')


def _trusts_sagemaker(document: Any) -> bool:
    for statement in _listed(document.get("Statement", ())):
        principal = statement.get("Principal", {})
        services = _listed(principal.get("Service", ())) if isinstance(principal, Mapping) else [principal]
        actions = [action.lower() for action in _listed(statement.get("Action", ()))]
        if (
            statement.get("Effect") == "Allow"
            and {"*", _PRINCIPAL} & set(services)
            and {"*", "sts:*", "sts:assumerole"} & set(actions)
        ):
            return True
    return False


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
