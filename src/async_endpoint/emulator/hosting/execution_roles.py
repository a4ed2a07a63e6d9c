"""What SageMaker checks of a model's execution role before it works in its name.

The check simulates the role's own policies, so that a permission in a topic's or a bucket's policy does not count, and
a statement under a condition on what the request carries (`s3:prefix`) grants nothing. Source: the developer guide,
"Complete the prerequisites" of asynchronous inference, and the sentences that users of AWS have reported.
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
# Stands for the names that SageMaker gives to the objects it writes.
_ANY_OBJECT = "00000000-0000-0000-0000-000000000000.out"

logger = logging.getLogger(__name__)


class Roles(Protocol):
    """Judges roles; `ExecutionRoles` is one."""

    def refuse_model(self, model: Mapping[str, Any]) -> str | None:
        """Why CreateModel must refuse a model's role, in AWS's words; None if it need not. It may block."""

    def refuse_endpoint(self, model: Mapping[str, Any], output: OutputConfig, alarms: Sequence[str] = ()) -> str | None:
        """Why an endpoint cannot come up with a model's role, in AWS's words; None if it can. It may block.

        `alarms` are the names of those that roll its deployment back.
        """


class AnyRole:
    """Roles of which nothing is asked."""

    def refuse_model(self, model: Mapping[str, Any]) -> None:
        """Every role will do."""

    def refuse_endpoint(self, model: Mapping[str, Any], output: OutputConfig, alarms: Sequence[str] = ()) -> None:
        """Every role will do."""


@dataclass(frozen=True)
class _Need:
    """One permission that a role must have, and what AWS calls its object in its refusal."""

    action: str
    resource: str
    shown: str


class ExecutionRoles:
    """Judges roles by what the emulated IAM holds; thread-safe.

    A role that IAM does not know is any role: programs that are tried here bring ARNs of roles that were never made.
    So is one with a policy of AWS's own, such as AmazonSageMakerFullAccess, whose text IAM does not have here.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._backends = clients

    def refuse_model(self, model: Mapping[str, Any]) -> str | None:
        """As `Roles.refuse_model`: the role must trust SageMaker, and may read the archive."""
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
            f"{self._backends.region}. If your Model uses multiple models or uncompressed models, please ensure that "
            'the role has "s3:ListBucket" permission.'
        )

    def refuse_endpoint(self, model: Mapping[str, Any], output: OutputConfig, alarms: Sequence[str] = ()) -> str | None:
        """As `Roles.refuse_endpoint`: the role may write results and failures, publish to both topics, read alarms.

        Alarms: the developer guide, "Auto-rollback configuration and monitoring", wants cloudwatch:DescribeAlarms on
        each. In which words SageMaker says so is not known, nor whether it also does at a creation; here it does.
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
        arn = f"arn:aws:cloudwatch:{self._backends.region}:{self._backends.account}:alarm:{name}"
        return _Need("cloudwatch:DescribeAlarms", arn, f'alarm "{name}"')

    def _role(self, arn: str) -> Mapping[str, Any] | None:
        """The role as IAM describes it; None where IAM does not know it, or not what all of its policies say."""
        iam, name = self._backends.iam, arn.rpartition("/")[2]
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
        """The first permission that a role's policies do not give."""
        # The emulated IAM finds a role by what follows `role/`, which for a role with a path is not its name.
        prefix, _, name = role.rpartition("/")
        source = f"{prefix.partition(':role')[0]}:role/{name}"
        for need in needs:
            answer = self._backends.iam.simulate_principal_policy(
                PolicySourceArn=source, ActionNames=[need.action], ResourceArns=[need.resource]
            )
            if answer["EvaluationResults"][0]["EvalDecision"] != "allowed":
                return need
        return None


def _needs(output: OutputConfig) -> Iterator[_Need]:
    """What an endpoint's role must be allowed to do with its output configuration."""
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
        return _Need(action, url, f'"{url}"')  # of no place in S3: nothing allows it
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
