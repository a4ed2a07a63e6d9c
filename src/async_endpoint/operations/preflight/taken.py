"""Names that the stage's stacks will claim, and whether somebody else has them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import AWS_ERRORS, Check, Status, guarded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from async_endpoint.operations.preflight.assembly import Named
    from async_endpoint.operations.preflight.clients import Clients
    from async_endpoint.operations.preflight.stacks import StackState

LOG_GROUP = "log group"
ENDPOINT = "endpoint"
LOG_GROUP_TYPE = "AWS::Logs::LogGroup"
ENDPOINT_TYPE = "AWS::SageMaker::Endpoint"

# Of an endpoint's group, what follows is the endpoint's name.
_ENDPOINT_LOGS = "/aws/sagemaker/Endpoints/"
_RENAME = "set endpoint.name in config/STAGE.toml to another name"


def check_log_groups(clients: Clients, groups: Sequence[Named], stacks: Sequence[StackState], region: str) -> Check:
    """Ask CloudWatch Logs for the groups that templates name.

    SageMaker makes an endpoint's log group by itself, so that one is left behind by an endpoint that no stack made.
    """

    def asked() -> Check:
        there = [group for group in groups if _exists(clients, group.name)]
        foreign = [each for each in there if not _owned(LOG_GROUP_TYPE, each, stacks)]
        return judge_log_groups(groups, {each: _may_be_in_use(clients, each.name) for each in foreign}, region)

    return guarded(LOG_GROUP, "logs:DescribeLogGroups", asked)


def judge_log_groups(groups: Sequence[Named], foreign: Mapping[Named, bool], region: str) -> Check:
    """Decide by the groups that are there and that their stack does not own, with whether an endpoint may use them."""
    if not foreign:
        return Check(LOG_GROUP, Status.OK, f"Nothing is in the way of {', '.join(e.name for e in groups) or 'any'}.")
    names, stack = ", ".join(each.name for each in foreign), next(iter(foreign)).stack
    message = f"{names} is there already and not {stack}'s: its creation would fail (AlreadyExists)."
    look = " && ".join(
        f"aws logs describe-log-streams --log-group-name {each.name} --order-by LastEventTime --descending "
        f"--max-items 5 --region {region}"
        for each in foreign
    )
    if any(foreign.values()):
        return Check(LOG_GROUP, Status.ERROR, message, f"S{_RENAME[1:]}. What is logged there: {look}")
    # Behind the sign of a comment, and without a separator of commands: pasted as a whole, the line only looks.
    delete = ", ".join(f"aws logs delete-log-group --log-group-name {e.name} --region {region}" for e in foreign)
    fix = f"{look}   # what is logged there: {_RENAME}, or, if nobody needs these logs, delete them: {delete}"
    return Check(LOG_GROUP, Status.ERROR, message, fix)


def check_endpoints(clients: Clients, endpoints: Sequence[Named], stacks: Sequence[StackState], region: str) -> Check:
    """Ask SageMaker for the endpoints that templates name."""

    def asked() -> Check:
        found = {each: _endpoint_status(clients, each.name) for each in endpoints}
        return judge_endpoints(
            {each: status for each, status in found.items() if status is not None},
            [each for each in endpoints if _owned(ENDPOINT_TYPE, each, stacks)],
            region,
        )

    return guarded(ENDPOINT, "sagemaker:DescribeEndpoint", asked)


def judge_endpoints(there: dict[Named, str], owned: Sequence[Named], region: str) -> Check:
    """Decide by the endpoints that are there, with their statuses, and by those that their stacks own."""
    for each, status in there.items():
        describe = f"aws sagemaker describe-endpoint --endpoint-name {each.name} --region {region}"
        if each not in owned:
            message = f"Endpoint {each.name} is there already and not {each.stack}'s: its creation would fail."
            return Check(ENDPOINT, Status.ERROR, message, f"S{_RENAME[1:]}. What is there: {describe}")
        if status == "Failed":
            message = f"Endpoint {each.name} is Failed: SageMaker updates no such endpoint."
            return Check(ENDPOINT, Status.WARNING, message, f"{describe}   # the reason; then make destroy")
    if not there:
        return Check(ENDPOINT, Status.OK, "The endpoint is new.")
    return Check(ENDPOINT, Status.OK, " ".join(f"{each.name} is {status}." for each, status in there.items()))


def _owned(kind: str, named: Named, stacks: Sequence[StackState]) -> bool:
    return any(stack.name == named.stack and stack.owns(kind, named.name) for stack in stacks)


def _exists(clients: Clients, name: str) -> bool:
    # Those that begin alike come in alphabetical order, the shortest first.
    found = clients.logs.describe_log_groups(logGroupNamePrefix=name, limit=5)["logGroups"]
    return any(group["logGroupName"] == name for group in found)


def _may_be_in_use(clients: Clients, group: str) -> bool:
    """Whether an endpoint logs to a group, or it is not known that none does."""
    if not group.startswith(_ENDPOINT_LOGS):
        return False
    try:
        return _endpoint_status(clients, group.removeprefix(_ENDPOINT_LOGS)) is not None
    except AWS_ERRORS:
        return True


def _endpoint_status(clients: Clients, name: str) -> str | None:
    try:
        return str(clients.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
    except ClientError as error:
        if "Could not find" not in str(error):
            raise
        return None
