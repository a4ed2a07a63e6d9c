"""The check of the physical names: no resource outside the stage's stacks has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.endpoint_status import describe
from async_endpoint.operations.preflight.check import AWS_ERRORS, Check, Status, run_check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from async_endpoint.operations.preflight.assembly import PhysicalName
    from async_endpoint.operations.preflight.clients import Clients
    from async_endpoint.operations.preflight.stacks import StackState

LOG_GROUP = "log group"
ENDPOINT = "endpoint"
LOG_GROUP_TYPE = "AWS::Logs::LogGroup"
ENDPOINT_TYPE = "AWS::SageMaker::Endpoint"

# The endpoint's name follows.
_ENDPOINT_LOGS = "/aws/sagemaker/Endpoints/"
_RENAME = "set endpoint.name in config/STAGE.toml to another name"


def check_log_groups(
    clients: Clients, groups: Sequence[PhysicalName], stacks: Sequence[StackState], region: str
) -> Check:
    """Checks the log groups that templates name.

    SageMaker creates an endpoint's log group by itself, so an endpoint can leave one behind that no stack owns.
    """

    def ask() -> Check:
        existing = [group for group in groups if _exists(clients, group.name)]
        foreign = [each for each in existing if not _owned(LOG_GROUP_TYPE, each, stacks)]
        return judge_log_groups(groups, {each: _may_be_in_use(clients, each.name) for each in foreign}, region)

    return run_check(LOG_GROUP, "logs:DescribeLogGroups", ask)


def judge_log_groups(groups: Sequence[PhysicalName], foreign: Mapping[PhysicalName, bool], region: str) -> Check:
    """Returns the check for existing groups that their stack does not own, each with whether an endpoint may use it."""
    if not foreign:
        names = ", ".join(each.name for each in groups)
        message = f"No other log group has the name {names}." if names else "No stack names a log group."
        return Check(LOG_GROUP, Status.OK, message)
    names, stack = ", ".join(each.name for each in foreign), next(iter(foreign)).stack
    message = f"{names} exists already and does not belong to {stack}: its creation would fail (AlreadyExists)."
    look = " && ".join(
        f"aws logs describe-log-streams --log-group-name {each.name} --order-by LastEventTime --descending "
        f"--max-items 5 --region {region}"
        for each in foreign
    )
    if any(foreign.values()):
        return Check(LOG_GROUP, Status.ERROR, message, f"S{_RENAME[1:]}. To see what is logged there: {look}")
    # In a comment, and without a command separator: pasted as a whole, the line changes nothing.
    delete = ", ".join(f"aws logs delete-log-group --log-group-name {e.name} --region {region}" for e in foreign)
    fix = f"{look}   # shows what is logged there: {_RENAME}, or, if nobody needs these logs, delete them: {delete}"
    return Check(LOG_GROUP, Status.ERROR, message, fix)


def check_endpoints(
    clients: Clients, endpoints: Sequence[PhysicalName], stacks: Sequence[StackState], region: str
) -> Check:
    """Checks the endpoints that templates name."""

    def ask() -> Check:
        found = {each: describe(clients.sagemaker, each.name) for each in endpoints}
        return judge_endpoints(
            {each: state.status for each, state in found.items() if state is not None},
            [each for each in endpoints if _owned(ENDPOINT_TYPE, each, stacks)],
            region,
        )

    return run_check(ENDPOINT, "sagemaker:DescribeEndpoint", ask)


def judge_endpoints(existing: Mapping[PhysicalName, str], owned: Sequence[PhysicalName], region: str) -> Check:
    """Returns the check for the existing endpoints, with their statuses, and those that their stacks own."""
    for each, status in existing.items():
        command = f"aws sagemaker describe-endpoint --endpoint-name {each.name} --region {region}"
        if each not in owned:
            message = (
                f"Endpoint {each.name} exists already and does not belong to {each.stack}: its creation would fail."
            )
            return Check(ENDPOINT, Status.ERROR, message, f"S{_RENAME[1:]}. To see the endpoint: {command}")
        if status == "Failed":
            message = f"Endpoint {each.name} is Failed: SageMaker does not update it."
            return Check(ENDPOINT, Status.WARNING, message, f"{command}   # shows the reason; then make destroy")
    if not existing:
        return Check(ENDPOINT, Status.OK, "The endpoint is new.")
    return Check(ENDPOINT, Status.OK, " ".join(f"{each.name} is {status}." for each, status in existing.items()))


def _owned(kind: str, named: PhysicalName, stacks: Sequence[StackState]) -> bool:
    return any(stack.name == named.stack and stack.owns(kind, named.name) for stack in stacks)


def _exists(clients: Clients, name: str) -> bool:
    # Groups with the same prefix are in alphabetical order, the shortest first.
    found = clients.logs.describe_log_groups(logGroupNamePrefix=name, limit=5)["logGroups"]
    return any(group["logGroupName"] == name for group in found)


def _may_be_in_use(clients: Clients, group: str) -> bool:
    """Returns whether an endpoint may log to a group: True also if that is unknown."""
    if not group.startswith(_ENDPOINT_LOGS):
        return False
    try:
        return describe(clients.sagemaker, group.removeprefix(_ENDPOINT_LOGS)) is not None
    except AWS_ERRORS:
        return True
